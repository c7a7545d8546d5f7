//! Values of expressions, checked against hand-computed answers.

use std::sync::Arc;

use super::{batch, check, evaluate, first, row, sample, types};
use crate::{EvaluationError, Parsed, SqlType};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Int64Array, LargeStringArray, RecordBatch,
    StringArray, StringViewArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use arrow::datatypes::Int32Type;

#[test]
fn products_never_wrap() {
    check(&[
        ("a * b", "6000000000000"),
        ("big * big", "85070591730234615847396907784232501249"),
        ("big * big * big", "fault"),
        ("big + big", "18446744073709551614"),
        ("-big - big", "-18446744073709551614"),
        ("price * rate", "0.3825"),
        ("price * 0.15", "0.3825"),
        ("price + 1", "3.55"),
        ("a - price", "1999997.45"),
        ("0.1 + 0.2 = 0.3", "true"),
        ("big * big * 1", "85070591730234615847396907784232501249"),
        ("big * big * 10", "fault"),
    ]);
}

#[test]
fn division_and_remainder() {
    check(&[
        ("7 / 2", "3.5"),
        ("0.3 / 0.1", "3.0"),
        ("1 / 0", "NULL"),
        ("x / 0", "NULL"),
        ("x / 2", "1.25"),
        ("-7 % 3", "-1"),
        ("7 % -3", "1"),
        ("7.5 % 2", "1.5"),
        ("-7.5e0 % 2", "-1.5"),
        ("7 % 0", "NULL"),
        ("x % 0", "NULL"),
    ]);
}

#[test]
fn rounding_is_half_to_even() {
    check(&[
        ("ROUND(2.5)", "2"),
        ("ROUND(3.5)", "4"),
        ("ROUND(-2.5)", "-2"),
        ("ROUND(2.345, 2)", "2.34"),
        ("ROUND(1250, -2)", "1200"),
        ("ROUND(x)", "2.0"),
        ("ROUND(x + 1)", "4.0"),
        ("ROUND(0.125e0, 2)", "0.12"),
        ("ROUND(1250e0, -2)", "1200.0"),
        ("FLOOR(-2.1)", "-3"),
        ("CEIL(-2.1)", "-2"),
        ("CEILING(2.1)", "3"),
        ("FLOOR(x)", "2.0"),
        ("ABS(-price)", "2.55"),
        ("ABS(-x)", "2.5"),
        ("-x", "-2.5"),
    ]);
}

#[test]
fn three_valued_logic_follows_its_tables() {
    let values = ["TRUE", "FALSE", "NULL"];
    let and = [["true", "false", "NULL"], ["false", "false", "false"], ["NULL", "false", "NULL"]];
    let or = [["true", "true", "true"], ["true", "false", "NULL"], ["true", "NULL", "NULL"]];
    for (i, left) in values.iter().enumerate() {
        for (j, right) in values.iter().enumerate() {
            assert_eq!(first(&format!("{left} AND {right}")), and[i][j], "{left} AND {right}");
            assert_eq!(first(&format!("{left} OR {right}")), or[i][j], "{left} OR {right}");
        }
    }
    check(&[
        ("NOT TRUE", "false"),
        ("NOT NULL", "NULL"),
        ("NULL IS TRUE", "false"),
        ("NULL IS NOT TRUE", "true"),
        ("FALSE IS FALSE", "true"),
        ("NULL IS NOT FALSE", "true"),
        ("yes IS NOT NULL", "true"),
        ("NULL = NULL", "NULL"),
        ("NULL IS NOT DISTINCT FROM NULL", "true"),
        ("1 IS DISTINCT FROM NULL", "true"),
        ("t IS DISTINCT FROM 'x'", "true"),
        ("1 IN (1, NULL)", "true"),
        ("2 IN (1, NULL)", "NULL"),
        ("2 IN (1, 2.0)", "true"),
        ("2 NOT IN (1, NULL)", "NULL"),
        ("2 NOT IN (1, 3)", "true"),
        ("t IN ('x', 'Hällo 100%')", "true"),
        ("t IN ('x', NULL)", "NULL"),
        ("2 BETWEEN 1 AND 2", "true"),
        ("2 NOT BETWEEN 3 AND NULL", "true"),
    ]);
}

#[test]
fn three_valued_logic_of_columns_is_that_of_literals() {
    let values = [Some(true), Some(false), None];
    let pairs: Vec<_> = values.iter().flat_map(|left| values.map(|right| (*left, right))).collect();
    let sides = batch(vec![
        ("l", Arc::new(pairs.iter().map(|pair| pair.0).collect::<BooleanArray>()) as ArrayRef),
        ("r", Arc::new(pairs.iter().map(|pair| pair.1).collect::<BooleanArray>())),
    ]);
    let name = |side: Option<bool>| side.map_or("NULL".to_owned(), |side| side.to_string());
    for sign in ["AND", "OR", "=", "IS DISTINCT FROM"] {
        let result = evaluate(&format!("l {sign} r"), &sides);
        for (at, (left, right)) in pairs.iter().enumerate() {
            let literal = format!("{} {sign} {}", name(*left), name(*right));
            assert_eq!(row(&result, at), first(&literal), "{literal}");
        }
    }
}

#[test]
fn null_rows_stay_null() {
    let all = [
        "a * b",
        "price * rate",
        "x / 2",
        "x % 2",
        "a / b",
        "ROUND(price, 1)",
        "LOWER(t)",
        "t || 'x'",
        "LENGTH(t)",
        "t LIKE 'a%'",
        "a > 1",
        "t = 'x'",
        "NOT yes",
        "YEAR(day)",
        "days_between(day, at)",
        "CAST(t AS INTEGER)",
        "CAST(price AS DOUBLE)",
        "SUBSTRING(t, 1, 2)",
        "a BETWEEN 1 AND 2",
        "GREATEST(a, b)",
        "NULLIF(a, b)",
        "CASE WHEN yes THEN 1 END",
        "COALESCE(a, b)",
        "a IN (1)",
        "\"Unit Price\"",
        "-x",
        "at >= '2024-01-01'",
    ];
    for text in all {
        assert_eq!(row(&evaluate(text, &sample()), 1), "NULL", "{text}");
    }
}

#[test]
fn untaken_branches_cannot_fail_the_row() {
    check(&[
        ("CASE WHEN yes THEN 1 ELSE big * big * big END", "1"),
        ("CASE WHEN NOT yes THEN big * big * big ELSE 2 END", "2"),
        ("CASE WHEN yes THEN big * big * big ELSE 2 END", "fault"),
        ("CASE WHEN yes THEN 'a' WHEN big * big * big > 0 THEN 'b' END", "a"),
        ("CASE WHEN NOT yes THEN 'a' WHEN big * big * big > 0 THEN 'b' END", "fault"),
        ("CASE a WHEN 2000000 THEN 'two' ELSE 'other' END", "two"),
        ("CASE WHEN NULL THEN 1 ELSE 2.50 END", "2.50"),
        ("COALESCE(1, big * big * big)", "1"),
        ("COALESCE(NULL, big * big * big)", "fault"),
        ("COALESCE(big * big * big, 1)", "fault"),
        ("COALESCE(CAST(t AS INTEGER), 0)", "fault"),
        ("COALESCE(TRY_CAST(t AS INTEGER), 0)", "0"),
        ("COALESCE(NULL, NULL, 'x')", "x"),
        ("NULLIF(a, 2000000)", "NULL"),
        ("NULLIF(t, 'x')", "Hällo 100%"),
    ]);
}

#[test]
fn greatest_and_least_pass_over_null() {
    check(&[
        ("GREATEST(1, 2.5, NULL)", "2.5"),
        ("LEAST(1, 2.5, NULL)", "1.0"),
        ("GREATEST(NULL, 'b', 'a')", "b"),
        ("LEAST(x, 1)", "1.0"),
        ("GREATEST(day, DATE '0001-01-01')", "1969-12-31"),
        ("GREATEST(NULL, NULL)", "NULL"),
    ]);
}

#[test]
fn casts_are_exact_or_fail() {
    check(&[
        ("CAST(2.5 AS INTEGER)", "2"),
        ("2.35::DECIMAL(5,1)", "2.4"),
        ("CAST(123.45 AS DECIMAL(4,2))", "fault"),
        ("TRY_CAST(123.45 AS DECIMAL(4,2))", "NULL"),
        ("CAST(big * 2 AS BIGINT)", "fault"),
        ("CAST(2.675e0 AS DECIMAL(5,2))", "2.68"),
        ("CAST('12.50' AS DECIMAL(9,2))", "12.50"),
        ("CAST('12.500' AS DECIMAL(9,2))", "12.50"),
        ("CAST('12.505' AS DECIMAL(9,2))", "fault"),
        ("CAST(' 12 ' AS INTEGER)", "12"),
        ("CAST('12.5' AS INTEGER)", "fault"),
        ("CAST('1e3' AS INTEGER)", "fault"),
        ("CAST('1e3' AS DOUBLE)", "1000.0"),
        ("CAST('nan' AS DOUBLE)", "fault"),
        ("CAST(NULL AS DATE)", "NULL"),
        ("CAST('2024-02-29' AS DATE)", "2024-02-29"),
        ("CAST('2023-02-29' AS DATE)", "fault"),
        ("TRY_CAST('2023-02-29' AS DATE)", "NULL"),
        ("CAST('0001-01-01' AS DATE)", "0001-01-01"),
        ("CAST('9999-12-31 23:59:59.999999' AS TIMESTAMP)", "9999-12-31 23:59:59.999999"),
        ("CAST('2024-01-01 00:00:00Z' AS TIMESTAMP)", "fault"),
        ("CAST(at AS DATE)", "1969-12-31"),
        ("CAST(day AS TIMESTAMP)", "1969-12-31 00:00:00"),
        ("CAST(price AS TEXT)", "2.55"),
        ("CAST(x AS VARCHAR)", "2.5"),
        ("CAST(2e0 AS TEXT)", "2.0"),
        ("CAST(yes AS INTEGER)", "1"),
        ("CAST(yes AS TEXT)", "true"),
        ("CAST('F' AS BOOLEAN)", "false"),
        ("CAST('no' AS BOOLEAN)", "fault"),
        ("CAST(day AS TEXT)", "1969-12-31"),
        ("CAST(at AS TEXT)", "1969-12-31 23:59:59.999999"),
        ("CAST(big * big AS DOUBLE)", "8.507059173023462e37"),
    ]);
}

#[test]
fn texts() {
    check(&[
        ("LOWER(t)", "hällo 100%"),
        ("UPPER(t)", "HÄLLO 100%"),
        ("LENGTH(t)", "10"),
        ("TRIM('  x ')", "x"),
        ("TRIM(BOTH 'x' FROM 'xxyx')", "y"),
        ("LTRIM('  x ') || '.'", "x ."),
        ("RTRIM('xyy', 'y')", "x"),
        ("SUBSTRING(t, 2, 3)", "äll"),
        ("SUBSTR(t, 8)", "00%"),
        ("SUBSTRING(t FROM 2 FOR 3)", "äll"),
        ("SUBSTRING(t, 0, 3)", "Hä"),
        ("SUBSTRING(t, -5, 3)", ""),
        ("SUBSTRING(t, 2, -1)", ""),
        ("SUBSTRING(t, big, big)", ""),
        ("SUBSTRING(t, -99999999999999999999, 3)", ""),
        ("SUBSTRING(t, 1, LENGTH(t) - 5)", "Hällo"),
        ("REPLACE(t, 'l', 'L')", "HäLLo 100%"),
        ("REPLACE('a.c', '.', '$1')", "a$1c"),
        ("CONCAT('a', NULL, 'b')", "ab"),
        ("'a' || NULL", "NULL"),
        ("STARTS_WITH(t, 'Hä')", "true"),
        ("ENDS_WITH(t, '%')", "true"),
        ("'it''s'", "it's"),
        ("t > 'A'", "true"),
        ("'Z' < 'a'", "true"),
    ]);
}

#[test]
fn like_patterns() {
    check(&[
        ("t LIKE 'H%'", "true"),
        ("t LIKE '%100!%' ESCAPE '!'", "true"),
        ("t LIKE 'H_llo%'", "true"),
        ("t LIKE 'h%'", "false"),
        ("t ILIKE 'HÄLLO%'", "true"),
        ("t NOT LIKE '%x%'", "true"),
        ("'a.c' LIKE 'a_c'", "true"),
        ("'abc' LIKE 'a.c'", "false"),
        ("'a\nb' LIKE 'a_b'", "true"),
        ("'ab\n' LIKE 'a_'", "false"),
        ("'' LIKE ''", "true"),
        ("'' LIKE '%'", "true"),
        ("'x' LIKE ''", "false"),
        ("t LIKE NULL", "NULL"),
        ("'a<b>' LIKE '_<b_'", "true"),
    ]);
}

#[test]
fn dates_before_1970_and_at_both_ends_of_the_calendar() {
    check(&[
        ("YEAR(day)", "1969"),
        ("MONTH(day)", "12"),
        ("DAY(at)", "31"),
        ("QUARTER(DATE '2024-05-01')", "2"),
        ("EXTRACT(YEAR FROM DATE '0001-01-01')", "1"),
        ("YEAR(DATE '9999-12-31')", "9999"),
        ("days_between(DATE '0001-01-01', DATE '9999-12-31')", "3652058"),
        ("days_between(day, '1970-01-01')", "1"),
        ("days_between(at, '1969-12-30 23:00:00')", "-1"),
        ("day < '1970-01-01'", "true"),
        ("at >= '1969-12-31'", "true"),
        ("at = TIMESTAMP '1969-12-31 23:59:59.999999'", "true"),
        ("at > day", "true"),
        ("day BETWEEN '1969-12-31' AND '1970-01-01'", "true"),
        ("day IN ('1969-12-31')", "true"),
        ("COALESCE(NULL, day, '2024-01-01')", "1969-12-31"),
        ("DATE '0001-01-01' < DATE '9999-12-31'", "true"),
        ("TIMESTAMP '0001-01-01 00:00:00' < '9999-12-31 00:00:00'", "true"),
    ]);
}

#[test]
fn doubles_that_are_no_numbers() {
    let values =
        batch(vec![("d", Arc::new(arrow::array::Float64Array::from(vec![f64::NAN, f64::INFINITY, -0.0])) as ArrayRef)]);
    let column = |text: &str| (0..3).map(|at| row(&evaluate(text, &values), at)).collect::<Vec<_>>();
    assert_eq!(column("d = d"), ["true", "true", "true"]);
    assert_eq!(column("d > 1e300"), ["true", "true", "false"]);
    assert_eq!(column("d = 0"), ["false", "false", "true"]);
    assert_eq!(column("CAST(d AS DECIMAL(9,2))"), ["fault", "fault", "0.00"]);
    assert_eq!(column("d + 1"), ["NaN", "inf", "1.0"]);
}

#[test]
fn every_arrow_form_of_a_column_is_read() {
    let second = 1_000_000_000;
    let values = batch(vec![
        ("large", Arc::new(LargeStringArray::from(vec!["a"])) as ArrayRef),
        ("view", Arc::new(StringViewArray::from(vec!["a"]))),
        ("whole", Arc::new(UInt64Array::from(vec![u64::MAX]))),
        ("s", Arc::new(TimestampSecondArray::from(vec![-1]))),
        ("too_far", Arc::new(TimestampSecondArray::from(vec![i64::MAX]))),
        ("ns", Arc::new(TimestampNanosecondArray::from(vec![-second - 1]).with_timezone("+02:00"))),
    ]);
    let value = |text: &str| row(&evaluate(text, &values), 0);
    assert_eq!(value("large || view"), "aa");
    assert_eq!(value("whole + 1"), "18446744073709551616");
    assert_eq!(value("s"), "1969-12-31 23:59:59");
    assert_eq!(value("too_far"), "fault");
    assert_eq!(value("ns"), "1969-12-31 23:59:58.999999");
    assert_eq!(value("ns < '1970-01-01T00:00:00Z'"), "true");
    let types = types(&values);
    let of = |text: &str| Parsed::parse(text).unwrap().bind(&types).unwrap().sql_type();
    assert_eq!(of("ns"), SqlType::Timestamp { utc: true });
    assert_eq!(of("whole"), SqlType::Decimal { precision: 20, scale: 0 });
    assert!(Parsed::parse("ns = s").unwrap().bind(&types).is_err());
}

#[test]
fn dictionaries_are_computed_by_distinct_value() {
    let words: DictionaryArray<Int32Type> =
        vec![Some("sold"), None, Some("12"), Some("sold"), Some("x"), Some("sold"), None].into_iter().collect();
    let numbers = Int64Array::from(vec![1, 2, 3, 4, 5, 6, 7]);
    let values = batch(vec![("word", Arc::new(words) as ArrayRef), ("n", Arc::new(numbers))]);
    let column = |text: &str| (0..7).map(|at| row(&evaluate(text, &values), at)).collect::<Vec<_>>();
    assert_eq!(column("word = 'sold'"), ["true", "NULL", "false", "true", "false", "true", "NULL"]);
    assert_eq!(column("word IS NULL"), ["false", "true", "false", "false", "false", "false", "true"]);
    assert_eq!(column("CAST(word AS INTEGER)"), ["fault", "NULL", "12", "fault", "fault", "fault", "NULL"]);
    assert_eq!(column("CASE WHEN word = 'sold' THEN n ELSE -n END"), ["1", "-2", "-3", "4", "-5", "6", "-7"]);
    assert_eq!(column("word LIKE 's%' AND n > 1"), ["false", "NULL", "false", "true", "false", "true", "NULL"]);
    assert_eq!(column("word"), ["sold", "NULL", "12", "sold", "x", "sold", "NULL"]);
}

#[test]
fn empty_batches_give_empty_columns() {
    let empty = sample().slice(0, 0);
    for text in
        ["a * b", "LOWER(t)", "LOWER('A')", "1", "t = 'x' OR yes", "CASE WHEN yes THEN t END", "CAST(t AS DATE)"]
    {
        assert_eq!(evaluate(text, &empty).values.len(), 0, "{text}");
    }
}

#[test]
fn slices_are_read_from_their_offset() {
    let slice = sample().slice(1, 1);
    for text in ["a", "price + 1", "LOWER(t)", "x", "day", "at", "NOT yes"] {
        assert_eq!(row(&evaluate(text, &slice), 0), "NULL", "{text}");
    }
}

#[test]
fn literals_alone_fill_all_rows() {
    let result = evaluate("UPPER('a') || 'b'", &sample());
    assert_eq!([row(&result, 0), row(&result, 1)], ["Ab", "Ab"]);
}

#[test]
fn a_text_that_is_a_column_name_is_that_column() {
    let values = batch(vec![
        ("a-b", Arc::new(Int64Array::from(vec![7])) as ArrayRef),
        ("a", Arc::new(Int64Array::from(vec![5]))),
        ("b", Arc::new(Int64Array::from(vec![3]))),
    ]);
    assert_eq!(row(&evaluate("a-b", &values), 0), "7");
    assert_eq!(row(&evaluate("a - b", &values), 0), "2");
    assert_eq!(row(&evaluate("\"a-b\" + 1", &values), 0), "8");
    let direct = Parsed::column("a-b");
    assert_eq!(direct.plain_column(), Some("a-b"));
    let direct = direct.bind(&types(&values)).unwrap();
    assert_eq!(row(&direct.evaluate(&values).unwrap(), 0), "7");
    assert_eq!(Parsed::parse("a").unwrap().plain_column(), Some("a"));
    assert_eq!(Parsed::parse("a + 0").unwrap().plain_column(), None);
    assert_eq!(Parsed::parse("\"Unit Price\"").unwrap().plain_column(), Some("Unit Price"));
}

#[test]
fn columns_may_be_called_like_words_of_sql() {
    let words = [
        "time",
        "date",
        "timestamp",
        "year",
        "month",
        "day",
        "kind",
        "status",
        "category",
        "value",
        "level",
        "first",
        "last",
        "left",
        "right",
        "position",
        "replace",
        "quarter",
        "count",
        "sum",
        "max",
        "rank",
        "now",
        "text",
        "name",
        "type",
        "number",
        "key",
        "user",
        "segment",
        "floor",
        "length",
    ];
    for word in words {
        let values = batch(vec![(word, Arc::new(Int64Array::from(vec![7])) as ArrayRef)]);
        assert_eq!(row(&evaluate(&format!("{word} + 1"), &values), 0), "8", "{word}");
        assert_eq!(row(&evaluate(&format!("2 * {word} > 3"), &values), 0), "true", "{word}");
        assert_eq!(row(&evaluate(&format!("COALESCE({word}, 0)"), &values), 0), "7", "{word}");
    }
    check(&[("COALESCE(NOT yes, TRUE)", "false"), ("price / NULLIF(a, 0)", "1.275e-6"), ("  a\n+ -1 ", "1999999")]);
}

#[test]
fn a_batch_of_another_shape_is_refused() {
    let bound = Parsed::parse("a + 1").unwrap().bind(&[("a".to_owned(), SqlType::Integer)]).unwrap();
    let other = batch(vec![("b", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    assert!(matches!(bound.evaluate(&other), Err(EvaluationError::MissingColumn { .. })));
    let text = batch(vec![("a", Arc::new(StringArray::from(vec!["1"])) as ArrayRef)]);
    assert!(matches!(bound.evaluate(&text), Err(EvaluationError::ColumnType { .. })));
}

#[test]
fn decimals_beyond_38_digits_in_a_column_fail_their_row() {
    let out_of_range = Decimal128Array::from(vec![i128::MIN, 5]).with_precision_and_scale(38, 0).unwrap();
    let values: RecordBatch = batch(vec![("m", Arc::new(out_of_range) as ArrayRef)]);
    let result = evaluate("-m", &values);
    assert_eq!([row(&result, 0), row(&result, 1)], ["fault", "-5"]);
    assert_eq!(result.faults, Some(BooleanArray::from(vec![true, false])));
}

#[test]
fn results_have_one_arrow_type_for_each_sql_type() {
    for text in ["a", "price", "price * rate", "x", "t", "yes", "day", "at", "a > 1", "LENGTH(t)", "NULL"] {
        let values = sample();
        let bound = Parsed::parse(text).unwrap().bind(&types(&values)).unwrap();
        let found = bound.evaluate(&values).unwrap().values.data_type().clone();
        assert_eq!(SqlType::of(&found).map(|t| t.name().replace("DECIMAL(38,0)", "INTEGER")), {
            let scale = |t: SqlType| match t {
                SqlType::Decimal { scale, .. } => SqlType::Decimal { precision: 38, scale }.name(),
                other => other.name(),
            };
            Some(scale(bound.sql_type()))
        });
    }
    let far = batch(vec![("d", Arc::new(Date32Array::from(vec![i32::MAX])) as ArrayRef)]);
    assert_eq!(row(&evaluate("CAST(d AS TIMESTAMP)", &far), 0), "fault");
}
