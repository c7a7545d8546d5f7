//! `appraise backtest`.

use std::fmt::Write as _;
use std::path::PathBuf;

use appraise_pipeline::backtest::{Backtest as Report, BacktestOptions, Quality};
use appraise_pipeline::clock::SystemClock;
use appraise_pipeline::{backtest, backtest_tables};
use appraise_schema::Horizon;
use clap::Args;

use crate::exit::{DONE, Failure};
use crate::options::{NightOptions, aside, check_free};
use crate::output;
use crate::progress::Bars;
use crate::signals::Stop;

/// Judges lifetime values: what they foretold some time ago against what came since.
///
/// Customers are valued as of a date before `--as-of` with what was known then, and watched until `--as-of`. Nothing is
/// published. Sources whose path names the date are read as of `--as-of`, without what happened after the cut.
#[derive(Debug, Args)]
pub(crate) struct Backtest {
    #[command(flatten)]
    night: NightOptions,
    /// How long before the date the cut is; may be given several times, for several cuts.
    #[arg(long, value_name = "SPAN", default_value = "26w")]
    holdout: Vec<Horizon>,
    /// Dates within the holdout at which purchases are counted; each reads the inputs again.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=52))]
    steps: u32,
    /// Prints the judgement as one line of JSON for each cut.
    #[arg(long)]
    json: bool,
    /// Writes the judgement as Parquet tables, with a dictionary, to this folder, which must not be there or be empty. They
    /// appear together, once every cut is judged.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Backtest {
    /// Judges, prints, gives the exit code.
    pub(crate) fn run(&self, bars: &Bars) -> Result<u8, Failure> {
        let NightOptions { as_of, threads, memory, .. } = &self.night;
        threads.apply();
        check_free(self.out.as_deref())?;
        let clock = SystemClock::start();
        let loaded = self.night.load()?;
        let stop = Stop::listen()?;
        let options = aside(*as_of, threads, memory, &stop);
        let mut reports = Vec::new();
        for holdout in &self.holdout {
            let asked = BacktestOptions::new(*holdout, self.steps);
            let report = backtest(&loaded, &options, &asked, &clock, bars)?;
            if self.json {
                output::json_line(&report)?;
            } else {
                output::stdout(&text(&report))?;
            }
            reports.push(report);
        }
        if let Some(folder) = &self.out {
            backtest_tables::write(folder, &reports, &loaded.pipeline.money)?;
        }
        bars.finish();
        Ok(DONE)
    }
}

fn text(report: &Report) -> String {
    let Report { cut, until, holdout_days, customers, model, .. } = report;
    let mut text =
        format!("{customers} buyers valued by {model} as of {cut}, watched for {holdout_days} days until {until}\n");
    qualities(&mut text, "purchases", &report.purchases);
    qualities(&mut text, "revenue", &report.revenue);
    text.push_str("\nfrequency  customers   foretold     actual   (purchases of a customer)\n");
    for row in &report.by_frequency {
        let _ =
            writeln!(text, "{:>9} {:>10} {:>10.3} {:>10.3}", row.frequency, row.customers, row.predicted, row.actual);
    }
    text.push_str("\ndecile  customers        foretold          actual  lift   (revenue)\n");
    for row in &report.deciles {
        let lift = shown(row.lift, 2);
        let _ = writeln!(
            text,
            "{:>6} {:>10} {:>15.2} {:>15.2} {lift:>5}",
            row.decile, row.customers, row.predicted, row.actual
        );
    }
    text.push_str("\nuntil         foretold     actual   (purchases of all)\n");
    for row in &report.tracking {
        let _ = writeln!(text, "{} {:>11.1} {:>10.0}", row.until, row.predicted, row.actual);
    }
    text.trim_end().to_owned()
}

fn qualities(text: &mut String, of: &str, qualities: &[Quality]) {
    let _ = writeln!(text, "\n{of:<18}    foretold      actual    bias       mae      rmse spearman   gini  top 10%");
    for quality in qualities {
        let Quality { forecast, predicted, actual, bias, mae, rmse, spearman, gini, top_decile_lift } = quality;
        let bias = bias.map_or("-".to_owned(), |bias| format!("{:.1}%", 100.0 * bias));
        let (spearman, gini, lift) = (shown(*spearman, 3), shown(*gini, 3), shown(*top_decile_lift, 2));
        let _ = writeln!(
            text,
            "{forecast:<18} {predicted:>11.1} {actual:>11.1} {bias:>7} {mae:>9.3} {rmse:>9.3} {spearman:>8} {gini:>6} {lift:>8}"
        );
    }
}

fn shown(value: Option<f64>, places: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.places$}"))
}
