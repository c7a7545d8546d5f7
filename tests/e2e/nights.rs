//! Nights that keep a ledger publish what full runs would, whatever arrives, in whatever order, and whatever happens to them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::determinism::digests;
use crate::program::{Said, appraise, repository, run, say};

const HOUSE: &str = "pipelines/auction_house.yaml";
/// Where the house's pipeline says how customers are valued: all before it is kept.
const MODELS: &str = "# -- how customers are valued";
const LAST_DAY: &str = "2024-12-31";
/// 2024-12-31 in days since 1970-01-01.
const LAST: i32 = 20_088;
/// Sources whose files add up, with the column of time.
const APPENDED: [(&str, &str); 4] =
    [("sales", "hammer_at"), ("interactions", "happened_at"), ("lots", "closes_at"), ("bids", "bid_at")];

/// A source of numbers without chance: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

fn date(day: i32) -> String {
    appraise_schema::as_of::date_of(day).unwrap().to_string()
}

/// A house whose dumps arrive day by day.
struct House {
    place: TempDir,
    /// By source, then by day: the rows of that day; those before the first night under the day before it.
    rows: BTreeMap<&'static str, BTreeMap<i32, RecordBatch>>,
}

impl House {
    fn new(customers: &str, nights: i32, models: &str) -> Self {
        let place = tempdir().unwrap();
        let whole = place.path().join("whole");
        let folder = whole.to_str().unwrap();
        say(&["generate", folder, "--customers", customers, "--seed", "17", "--dirt"]).expect(0);
        let text = fs::read_to_string(repository().join(HOUSE)).unwrap();
        let sources = text.split(MODELS).next().unwrap().replace("../data/auction_house", "dumps");
        let text = format!("{sources}\n{models}export: {{ path: out }}\nledger: true\n");
        fs::write(place.path().join("nights.yaml"), text).unwrap();
        let dumps = place.path().join("dumps");
        fs::create_dir(&dumps).unwrap();
        fs::rename(whole.join("reference"), dumps.join("reference")).unwrap();
        for full in ["customers", "invoices"] {
            fs::create_dir(dumps.join(full)).unwrap();
            let from = whole.join(full).join(format!("dt={LAST_DAY}"));
            for day in LAST - nights..=LAST {
                let to = dumps.join(full).join(format!("dt={}", date(day)));
                fs::create_dir(&to).unwrap();
                for file in fs::read_dir(&from).unwrap().map(|file| file.unwrap().path()) {
                    fs::hard_link(&file, to.join(file.file_name().unwrap())).unwrap();
                }
            }
        }
        let by_day = |(source, time): (&'static str, &str)| (source, by_day(&whole.join(source), time, LAST - nights));
        let rows = APPENDED.into_iter().map(by_day).collect();
        Self { place, rows }
    }

    fn pipeline(&self) -> PathBuf {
        self.place.path().join("nights.yaml")
    }

    fn file(&self, source: &str, name: &str) -> PathBuf {
        let folder = self.place.path().join("dumps").join(source).join("dt=any");
        fs::create_dir_all(&folder).unwrap();
        folder.join(format!("{name}.parquet"))
    }

    /// Delivers the rows of `days`, those that are there.
    fn deliver(&self, source: &str, days: impl IntoIterator<Item = i32>, name: &str) -> PathBuf {
        let rows = &self.rows[source];
        let batches: Vec<_> = days.into_iter().filter_map(|day| rows.get(&day)).collect();
        let path = self.file(source, name);
        let schema = rows.values().next().unwrap().schema();
        write(&concat_batches(&schema, batches).unwrap(), &path);
        path
    }

    /// Values `day`, with the ledger.
    fn night(&self, day: i32, more: &[&str]) -> Said {
        run(self.pipeline().to_str().unwrap(), &date(day), &self.place.path().join("out"), more)
    }

    /// Fails the test unless what `night` published is what a run of all dumps publishes.
    fn check(&self, day: i32, night: &Value) {
        let place = tempdir().unwrap();
        let full = run(self.pipeline().to_str().unwrap(), &date(day), place.path(), &["--set", "ledger=false"]);
        let full = full.expect(0).summary();
        assert_eq!(night["sources"], full["sources"], "the books as of {}; {}", date(day), self.ledger(night));
        assert_eq!(digests(night), digests(&full), "as of {}; {}", date(day), self.ledger(night));
    }

    /// What the ledger did in a run.
    fn ledger(&self, summary: &Value) -> Value {
        let record = self.place.path().join("out/runs").join(summary["run_id"].as_str().unwrap()).join("run.json");
        serde_json::from_slice::<Value>(&fs::read(record).unwrap()).unwrap()["ledger"].clone()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let pattern = self.place.path().join("out/.ledger/auction_house/*.rows");
        glob::glob(pattern.to_str().unwrap()).unwrap().map(|path| path.unwrap()).collect()
    }
}

/// The rows of a folder by the local day of `time`; all days up to `first` count as that one.
fn by_day(folder: &Path, time: &str, first: i32) -> BTreeMap<i32, RecordBatch> {
    let mut batches = Vec::new();
    for path in glob::glob(&format!("{}/**/*.parquet", folder.display())).unwrap() {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path.unwrap()).unwrap()).unwrap();
        batches.extend(reader.build().unwrap().map(Result::unwrap));
    }
    // The files of a dirty house differ in the order of their columns, and some have more.
    let names: Vec<String> = batches[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    let alike = |batch: &RecordBatch| {
        let column = |name: &String| {
            let wanted = batches[0].column_by_name(name).unwrap().data_type();
            let missing = || new_null_array(wanted, batch.num_rows());
            batch.column_by_name(name).map_or_else(missing, |column| cast(column, wanted).unwrap())
        };
        RecordBatch::try_from_iter_with_nullable(names.iter().map(|name| (name, column(name), true)))
    };
    let batches: Vec<RecordBatch> = batches.iter().map(|batch| alike(batch).unwrap()).collect();
    let all = concat_batches(&batches[0].schema(), &batches).unwrap();
    let times = all.column_by_name(time).unwrap();
    let per_day = match times.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => 86_400_000_000,
        DataType::Timestamp(TimeUnit::Millisecond, _) => 86_400_000,
        other => panic!("{time} is {other}"),
    };
    let ticks = cast(times, &DataType::Int64).unwrap();
    let ticks = ticks.as_primitive::<Int64Type>();
    // A row without a time comes with the first delivery.
    let day = |row: usize| {
        if ticks.is_null(row) { first } else { i32::try_from(ticks.value(row).div_euclid(per_day)).unwrap().max(first) }
    };
    let mut found: Vec<i32> = (0..all.num_rows()).map(day).collect();
    let of = |wanted: i32| (0..all.num_rows()).map(|row| Some(day(row) == wanted)).collect::<BooleanArray>();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|day| (day, filter_record_batch(&all, &of(day)).unwrap())).collect()
}

fn write(rows: &RecordBatch, path: &Path) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
}

#[test]
fn sixty_nights_are_sixty_full_runs() {
    const NIGHTS: i32 = 60;
    let house = House::new("300", NIGHTS, "model: { rfm: { bins: 5 } }\n");
    let first = LAST - NIGHTS;
    let mut dice = Dice(60);
    // What arrives each night; most of it on its day, some of it late, and in no order of days.
    let mut arrivals: BTreeMap<i32, Vec<(&str, i32)>> = BTreeMap::new();
    for (source, _) in APPENDED {
        house.deliver(source, [first], "base");
        for day in first + 1..=LAST {
            let late = if dice.one_in(4) { i32::try_from(dice.below(9)).unwrap() } else { 0 };
            arrivals.entry((day + late).min(LAST)).or_default().push((source, day));
        }
    }
    let mut there: Vec<(&str, i32, PathBuf)> = Vec::new();
    let (mut kept, mut gone, mut read) = (0, 0, 0);
    for day in first + 1..=LAST {
        for (source, of) in arrivals.remove(&day).unwrap_or_default() {
            // Some dumps reach days ahead: what they say of tomorrow does not count yet.
            let until = if dice.one_in(9) { of + 2 } else { of };
            there.push((source, of, house.deliver(source, of..=until, &format!("{of}"))));
        }
        if dice.one_in(3) && !there.is_empty() {
            let one = usize::try_from(dice.below(there.len() as u64)).unwrap();
            let (source, of, path) = there[one].clone();
            match dice.below(4) {
                // Delivered once more, under another name.
                0 => drop(house.deliver(source, [of], &format!("{of}-again-{day}"))),
                // Corrected: the rows of another day, too.
                1 => drop(house.deliver(source, [of, first + 1], &format!("{of}"))),
                // Withdrawn; what stood twice counts once again.
                2 => {
                    fs::remove_file(path).unwrap();
                    there.remove(one);
                }
                // Moved.
                _ => fs::rename(&path, path.with_extension("moved.parquet")).unwrap_or_default(),
            }
            there.retain(|(_, _, path)| path.exists());
        }
        let more: &[&str] =
            if dice.one_in(2) { &["--threads", "1"] } else { &["--threads", "2", "--batch-rows", "997"] };
        let night = house.night(day, more).expect(0).summary();
        house.check(day, &night);
        let ledger = house.ledger(&night);
        kept += ledger["files_known"].as_u64().unwrap();
        gone += ledger["files_gone"].as_u64().unwrap();
        read += ledger["files_read"].as_u64().unwrap();
    }
    assert!(gone > 5 && kept > 8 * read, "{kept} dumps were known, {read} read, {gone} gone");
    assert!(house.segments().len() <= 4 * 8, "{:?}", house.segments());
    // Another date of the same dumps, and another mapping of one source, are right, too.
    for (day, more) in [(LAST - 31, None), (LAST, Some("sources.bids.columns.amount=bid_amount * 2")), (LAST, None)] {
        let more = more.map(|more| ["--set", more]);
        let night = house.night(day, more.as_ref().map_or(&[], |more| more.as_slice())).expect(0).summary();
        if more.is_none() {
            house.check(day, &night);
        }
    }
}

#[test]
fn a_night_may_die_at_any_moment() {
    const NIGHTS: i32 = 24;
    let house = House::new("300", NIGHTS, "model: { rfm: { bins: 5 } }\n");
    let first = LAST - NIGHTS;
    for (source, _) in APPENDED {
        house.deliver(source, [first], "base");
    }
    let mut whole = house.night(first, &[]).expect(0).summary()["wall_s"].as_f64().unwrap();
    let mut killed = 0;
    for day in first + 1..=LAST {
        for (source, _) in APPENDED {
            house.deliver(source, [day], &format!("{day}"));
        }
        for attempt in 0..4 {
            let mut command = appraise();
            command
                .arg("run")
                .arg(house.pipeline())
                .args(["--as-of", &date(day), "--output"])
                .arg(house.place.path().join("out"));
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let share = (f64::from((day - first) * 4 + attempt) * 0.618_033_988_75).fract();
            std::thread::sleep(Duration::from_secs_f64(share * whole));
            child.kill().unwrap();
            killed += u32::from(!child.wait().unwrap().success());
        }
        let night = house.night(day, &[]).expect(0).summary();
        whole = night["wall_s"].as_f64().unwrap().max(whole / 2.0);
        house.check(day, &night);
    }
    assert!(killed > 24, "only {killed} runs were killed before they ended");
    // What dead runs have left is gone with the next commit.
    let head = house.place.path().join("out/.ledger/auction_house/LEDGER.json");
    let head = fs::read_to_string(head).unwrap();
    let named = |path: &PathBuf| head.contains(path.file_name().unwrap().to_str().unwrap());
    assert!(house.segments().iter().all(named), "{:?}", house.segments());
}

#[test]
fn a_ledger_that_is_damaged_or_cannot_be_written_costs_time_and_nothing_else() {
    let house = House::new("300", 8, "model: { rfm: { bins: 5 } }\n");
    for (source, _) in APPENDED {
        house.deliver(source, [LAST - 8], "base");
    }
    house.night(LAST - 8, &[]).expect(0);
    let arrive =
        |day: i32| APPENDED.iter().for_each(|(source, _)| drop(house.deliver(source, [day], &format!("{day}"))));

    // A byte of the rows is another one: found while they are read, and mended by running again.
    arrive(LAST - 7);
    let damaged = house.segments().into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, &bytes).unwrap();
    let said = house.night(LAST - 7, &[]).expect(7);
    assert_eq!(said.summary()["retryable"], true);
    assert!(said.summary()["hint"].as_str().unwrap().contains("run again"), "{}", said.stdout);
    house.check(LAST - 7, &house.night(LAST - 7, &[]).expect(0).summary());

    // A segment is cut off, or gone; the head is no JSON: found when they are opened.
    for (day, spoil) in [
        (LAST - 6, (|path: &Path| fs::write(path, &fs::read(path).unwrap()[..100]).unwrap()) as fn(&Path)),
        (LAST - 5, |path: &Path| fs::remove_file(path).unwrap()),
        (LAST - 4, |path: &Path| fs::write(path.with_file_name("LEDGER.json"), "{").unwrap()),
        (LAST - 3, without_segments),
    ] {
        arrive(day);
        spoil(&house.segments()[0]);
        house.check(day, &house.night(day, &[]).expect(0).summary());
    }

    // No file may be larger than 150 KiB: the tables of the night are smaller, what would be kept is not.
    arrive(LAST - 2);
    let shell = "trap '' XFSZ; ulimit -f 150; exec \"$@\"";
    let mut limited = Command::new("bash");
    limited.current_dir(repository()).args(["-c", shell, "bash", env!("CARGO_BIN_EXE_appraise"), "run"]);
    limited.arg(house.pipeline()).args(["--as-of", &date(LAST - 2), "--full", "--output"]);
    let said = Said::of(&limited.arg(house.place.path().join("out")).output().unwrap()).expect(0);
    assert!(said.stderr.contains("are not kept"), "{}", said.stderr);
    let run = said.summary()["run_id"].as_str().unwrap().to_owned();
    let left = house.segments().into_iter().filter(|path| path.display().to_string().contains(&run)).count();
    assert_eq!(left, 0, "what could not be written is removed");
    house.check(LAST - 2, &said.summary());
    house.check(LAST - 1, &house.night(LAST - 1, &[]).expect(0).summary());

    // The program itself says so.
    let root = house.place.path().join("out");
    let verify = |more: &[&str]| {
        let pipeline = house.pipeline();
        let arguments = ["verify", "--pipeline", pipeline.to_str().unwrap(), "--against-full"];
        say(&[&arguments, more].concat())
    };
    assert_eq!(root, house.pipeline().with_file_name("out"));
    assert!(verify(&[]).expect(0).stdout.contains("those of a full run"));
    let said = verify(&["--set", "features.purchase_period=week"]).expect(5);
    assert!(said.stderr.contains("the pipeline is no longer"), "{}", said.stderr);
    // With --full all dumps are read, and kept anew.
    let full = house.night(LAST, &["--full"]).expect(0).summary();
    let ledger = house.ledger(&full);
    assert_eq!((&ledger["files_known"], &ledger["files_added"]), (&0.into(), &ledger["files_read"]));
    house.check(LAST, &full);
}

/// The head names dumps whose rows are in no segment.
fn without_segments(segment: &Path) {
    let path = segment.with_file_name("LEDGER.json");
    let mut head: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for source in head["sources"].as_object_mut().unwrap().values_mut() {
        source["segments"] = Value::Array(Vec::new());
    }
    fs::write(&path, head.to_string()).unwrap();
}

#[test]
fn two_nights_at_once_are_both_right() {
    let house = House::new("300", 6, "model: { rfm: { bins: 5 } }\n");
    for (source, _) in APPENDED {
        house.deliver(source, [LAST - 6], "base");
    }
    house.night(LAST - 6, &[]).expect(0);
    for day in LAST - 5..=LAST {
        for (source, _) in APPENDED {
            house.deliver(source, [day], &format!("{day}"));
        }
        std::thread::scope(|scope| {
            let house = &house;
            let start = |day: i32| scope.spawn(move || house.night(day, &[]).expect(0).summary());
            for (day, night) in [day - 1, day, day].map(|day| (day, start(day))) {
                house.check(day, &night.join().unwrap());
            }
        });
        house.check(day, &house.night(day, &["--no-current"]).expect(0).summary());
    }
}
