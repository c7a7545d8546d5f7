//! CPU time of fits and scores on simulated customers.
//!
//! ```text
//! speed new FILE CUSTOMERS DAYS            writes the customers: x, t_x, T and mean spend, by days
//! speed run FILE CUSTOMERS [FOLDER]        fits and scores them, Pareto/NBD fitted to the first CUSTOMERS;
//!                                          prints JSON, writes the scores of every pattern into FOLDER
//! speed likelihood FILE CUSTOMERS MODEL PARAMETERS...   log likelihood of the first CUSTOMERS
//! ```
//!
//! The customers are those of a BG/NBD and a gamma-gamma with the parameters of CDNOW, first seen on any day of the
//! data. Like the peers, the models get a file with one customer a line; equal histories are grouped here.
#![allow(clippy::print_stdout, reason = "a program")]

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use appraise_clv::{BgNbd, GammaGamma, History, ParetoNbd, Patterns, PurchaseModel, Spend, Spends, maximise};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;
use serde_json::{Map, Value, json};

/// The parameters (r, alpha, a, b) of CDNOW, in days.
const PURCHASES: [f64; 4] = [0.243, 4.414 * 7.0, 0.793, 2.426];

/// The parameters (p, q, v) of CDNOW.
const SPEND: [f64; 3] = [6.25, 3.74, 15.44];

/// Days ahead for which purchases are expected.
const HORIZON: f64 = 365.0;

/// What goes wrong ends the program.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// A customer as the models see them.
#[derive(Clone, Copy)]
struct Customer {
    history: History,
    /// Mean spend of a repeat purchase; 0 when there is none.
    mean: f64,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["new", file, customers, days] => write_customers(file, customers.parse()?, days.parse()?),
        ["run", file, few] => run(&read_customers(file)?, few.parse()?, None),
        ["run", file, few, folder] => run(&read_customers(file)?, few.parse()?, Some(Path::new(folder))),
        ["likelihood", file, customers, model, ref parameters @ ..] => {
            let customers = first(&read_customers(file)?, customers.parse()?).to_vec();
            let parameters = parameters.iter().map(|number| number.parse()).collect::<Result<Vec<f64>, _>>()?;
            println!("{}", likelihood(&customers, model, &parameters)?);
            Ok(())
        }
        _ => Err("usage: speed new FILE CUSTOMERS DAYS | run FILE CUSTOMERS [FOLDER] | \
                  likelihood FILE CUSTOMERS MODEL PARAMETERS..."
            .into()),
    }
}

/// Fits and scores, and prints what that took and found.
fn run(customers: &[Customer], few: usize, folder: Option<&Path>) -> Outcome<()> {
    let (mut cpu, mut fits) = (Map::new(), Map::new());
    let patterns = timed(&mut cpu, "group".into(), || patterns_of(customers))?;
    let few_patterns = timed(&mut cpu, "group_few".into(), || patterns_of(first(customers, few)))?;
    let spends = timed(&mut cpu, "group_spends".into(), || spends_of(customers))?;
    fits.insert(BgNbd::NAME.into(), fit_and_score::<BgNbd>(&patterns, &patterns, folder, &mut cpu)?);
    fits.insert(ParetoNbd::NAME.into(), fit_and_score::<ParetoNbd>(&few_patterns, &patterns, folder, &mut cpu)?);
    let fit = timed(&mut cpu, format!("{}_fit", GammaGamma::NAME), || GammaGamma::fit(&spends))??;
    fits.insert(GammaGamma::NAME.into(), fit_json(&GammaGamma::PARAMETERS, &fit.parameters, fit.log_likelihood));
    let report = json!({
        "customers": customers.len(),
        "patterns": patterns.histories().len(),
        "horizon": HORIZON,
        "cpu": cpu,
        "fits": fits,
    });
    println!("{report}");
    Ok(())
}

/// Fits a model to `patterns` and scores `all`; returns the fit.
fn fit_and_score<M: PurchaseModel>(
    patterns: &Patterns,
    all: &Patterns,
    folder: Option<&Path>,
    cpu: &mut Map<String, Value>,
) -> Outcome<Value> {
    let fit = timed(cpu, format!("{}_fit", M::NAME), || maximise::<M>(patterns))??;
    let model = M::from_parameters(fit.parameters)?;
    let scores = timed(cpu, format!("{}_score", M::NAME), || {
        let score = |history: &History| {
            let mut expected = [0.0];
            (model.p_alive_and_expected_at(history, &[HORIZON], &mut expected), expected[0])
        };
        all.histories().iter().map(score).collect::<Vec<_>>()
    })?;
    if let Some(folder) = folder {
        let mut text = String::from("x,t_x,T,p_alive,expected\n");
        for (History { x, t_x, t }, (p_alive, expected)) in all.histories().iter().zip(&scores) {
            writeln!(text, "{x},{t_x},{t},{p_alive:e},{expected:e}")?;
        }
        std::fs::write(folder.join(format!("{}.csv", M::NAME)), text)?;
    }
    Ok(fit_json(&M::PARAMETERS, &fit.parameters, fit.log_likelihood))
}

fn fit_json(names: &[&str], parameters: &[f64], log_likelihood: f64) -> Value {
    let parameters: Map<String, Value> =
        names.iter().zip(parameters).map(|(name, value)| ((*name).into(), json!(value))).collect();
    json!({ "parameters": parameters, "log_likelihood": log_likelihood })
}

/// The log likelihood of customers under a model named as in the JSON.
fn likelihood(customers: &[Customer], model: &str, parameters: &[f64]) -> Outcome<f64> {
    let logarithms: Vec<f64> = parameters.iter().map(|value| libm::log(*value)).collect();
    let four = || <[f64; 4]>::try_from(&logarithms[..]);
    Ok(match model {
        BgNbd::NAME => BgNbd::evaluate(&four()?, &patterns_of(customers)).value,
        ParetoNbd::NAME => ParetoNbd::evaluate(&four()?, &patterns_of(customers)).value,
        GammaGamma::NAME => GammaGamma::evaluate(&logarithms[..].try_into()?, &spends_of(customers)).value,
        _ => return Err(format!("no model {model}").into()),
    })
}

fn patterns_of(customers: &[Customer]) -> Patterns {
    Patterns::new(customers.iter().map(|customer| (customer.history, 1.0)))
}

fn spends_of(customers: &[Customer]) -> Spends {
    Spends::new(customers.iter().map(|customer| (Spend { x: customer.history.x, m: customer.mean }, 1.0)))
}

/// The first `count` customers, or all there are.
fn first(customers: &[Customer], count: usize) -> &[Customer] {
    &customers[..count.min(customers.len())]
}

/// Runs `work` and notes its CPU seconds under `name`.
fn timed<T>(cpu: &mut Map<String, Value>, name: String, work: impl FnOnce() -> T) -> Outcome<T> {
    let before = cpu_seconds()?;
    let result = work();
    cpu.insert(name, json!(cpu_seconds()? - before));
    Ok(result)
}

/// CPU seconds that all threads of this program have used so far. Only Linux tells.
fn cpu_seconds() -> Outcome<f64> {
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().unwrap_or_default().parse::<f64>()?;
    }
    Ok(nanoseconds * 1e-9)
}

fn read_customers(file: &str) -> Outcome<Vec<Customer>> {
    let parse = |line: &str| -> Outcome<Customer> {
        let numbers = line.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [x, t_x, t, mean] = numbers[..] else { return Err(format!("not four numbers: {line}").into()) };
        Ok(Customer { history: History { x, t_x, t }, mean })
    };
    std::fs::read_to_string(file)?.lines().skip(1).map(parse).collect()
}

fn write_customers(file: &str, customers: u32, days: u32) -> Outcome<()> {
    let mut random = Pcg64::new(1, 1);
    let mut output = BufWriter::new(std::fs::File::create(file)?);
    writeln!(output, "x,t_x,T,mean_spend")?;
    for _ in 0..customers {
        let History { x, t_x, t } = history(f64::from(days), &mut random);
        writeln!(output, "{x},{t_x},{t},{}", mean_spend(x, &mut random))?;
    }
    Ok(output.flush()?)
}

/// A customer's history of a BG/NBD, counted by days.
fn history(days: f64, random: &mut Pcg64) -> History {
    let [r, alpha, a, b] = PURCHASES;
    let rate = gamma(r, random) / alpha;
    let (out, stay) = (gamma(a, random), gamma(b, random));
    let end = (uniform(random) * days).floor();
    let (mut x, mut t_x, mut now) = (0.0, 0.0, uniform(random));
    loop {
        now += -libm::log(uniform(random)) / rate;
        let day = now.floor();
        if day > end {
            return History { x, t_x, t: end };
        }
        if day > t_x {
            (x, t_x) = (x + 1.0, day);
        }
        if uniform(random) < out / (out + stay) {
            return History { x, t_x, t: end };
        }
    }
}

/// Mean spend of `x` purchases of a gamma-gamma, their total in whole cents.
fn mean_spend(x: f64, random: &mut Pcg64) -> f64 {
    if x == 0.0 {
        return 0.0;
    }
    let [p, q, v] = SPEND;
    let total = gamma(p * x, random) * v / gamma(q, random);
    (total * 100.0).round().max(1.0) / 100.0 / x
}

/// A gamma number with scale 1 (Marsaglia & Tsang 2000).
fn gamma(shape: f64, random: &mut Pcg64) -> f64 {
    if shape < 1.0 {
        return gamma(shape + 1.0, random) * libm::pow(uniform(random), 1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    loop {
        let angle = libm::cos(std::f64::consts::TAU * uniform(random));
        let normal = (-2.0 * libm::log(uniform(random))).sqrt() * angle;
        let root = 1.0 + normal / (9.0 * d).sqrt();
        let v = root * root * root;
        if v > 0.0 && libm::log(uniform(random)) < 0.5 * normal * normal + d - d * v + d * libm::log(v) {
            return d * v;
        }
    }
}

/// A uniform number in (0, 1).
fn uniform(random: &mut Pcg64) -> f64 {
    ((random.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}
