
use appraise_expression::Parsed;
use appraise_ingest::*;
use appraise_schema::*;
struct C(u64, i128, u64);
impl EventSink for C { type Error = std::convert::Infallible; fn accept(&mut self, b: EventBatch) -> Result<(), Self::Error> { self.0 += b.len() as u64; for (i, a) in b.amount.iter().enumerate() { if b.refund.as_ref().is_some_and(|r| r[i]) { self.2 += 1 } else { self.1 += *a as i128 } } Ok(()) } }
fn cfg(path: String, cols: &[(&str, &str)], scale: u8) -> TransactionsConfig {
  TransactionsConfig { paths: vec![path], columns: cols.iter().map(|(a, b)| (a.to_string(), Parsed::parse(b).unwrap())).collect(), filter: None,
   source_zone: chrono_tz::Tz::Europe__London, zone: chrono_tz::Tz::Europe__London, money: Money::new("GBP", scale).unwrap(), as_of: "2011-12-09".parse().unwrap(), checks: vec![], tolerate: Share::from_fraction(1.0).unwrap() }
}
fn go(c: &TransactionsConfig) -> Result<(ReadReport, Vec<C>), IngestError> {
  let i = discover(&c.paths)?; let p = ReadPlan::new(&i, c)?; read(&p, ReadOptions::new(2), |_| C(0, 0, 0), &NoProgress, &std::sync::atomic::AtomicBool::new(false)) }
fn show(c: &TransactionsConfig) { match go(c) { Ok((r, s)) => { println!("{:?}", r.accounting); println!("used {} gross {} refunds {}", s.iter().map(|s| s.0).sum::<u64>(), s.iter().map(|s| s.1).sum::<i128>(), s.iter().map(|s| s.2).sum::<u64>()); }, Err(e) => println!("ERR {e} / {:?}", e.hint()) } }
#[test] fn retail() {
  let mut c = cfg("/work/shared/data/online-retail/*.parquet".into(), &[("customer_id", "CustomerID"), ("order_id", "InvoiceNo"), ("time", "InvoiceDate"), ("amount", "Quantity * UnitPrice"), ("refund", "InvoiceNo LIKE 'C%'")], 3);
  c.filter = Some(Parsed::parse("UnitPrice > 0").unwrap()); show(&c);
  let mut c = cfg("/work/shared/data/graves-art-sales/graves_sales.parquet".into(), &[("customer_id", "purchaser"), ("transaction_id", "row_id"), ("time", "sale_date"), ("amount", "price_pence"), ("category", "artist")], 0);
  c.filter = Some(Parsed::parse("outcome = 'sold'").unwrap()); c.as_of = "1913-12-31".parse().unwrap();
  c.checks = vec![Check { kind: CheckKind::NotBlank { column: "customer_id".into() }, severity: Severity::Error, tolerate: None }, Check { kind: CheckKind::TimeRange { min: Some(-98615), max: None }, severity: Severity::Error, tolerate: None }, Check { kind: CheckKind::AmountRange { min: Some(1), max: None }, severity: Severity::Error, tolerate: None }];
  show(&c);
}
#[test] fn odd() {
  let mut files = vec![]; for d in ["/work/shared/data/parquet-testing", "/work/shared/data/parquet-testing/bad_data", "/work/shared/data/parquet-testing/data"] { if let Ok(r) = std::fs::read_dir(d) { for e in r { let p = e.unwrap().path(); if p.is_file() { files.push(p) } } } }
  files.sort(); 
  for f in files { let c = cfg(f.display().to_string(), &[("customer_id", "1"), ("time", "CAST('2010-01-01' AS DATE)"), ("amount", "1")], 2);
    let i = match discover(&c.paths) { Ok(i) => i, Err(e) => { println!("{e}"); continue } };
    for n in i[0].schema.fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>() { for role in ["customer_id", "time", "amount"] { let mut c = c.clone(); c.columns.insert(role.into(), Parsed::column(&n));
      match go(&c) { Ok((r, _)) => println!("OK {} {n} {role} {:?}", f.file_name().unwrap().display(), r.accounting.buckets), Err(e) => println!("ERR {}", e.to_string().chars().take(300).collect::<String>()) } } } }
}
