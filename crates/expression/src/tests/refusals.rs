//! What is refused, where and with what hint.

use super::{sample, types};
use crate::{ExpressionError, Parsed};

fn refusal(text: &str) -> ExpressionError {
    let bound = Parsed::parse(text).and_then(|parsed| parsed.bind(&types(&sample())));
    bound.err().unwrap_or_else(|| panic!("`{text}` was accepted"))
}

#[test]
fn each_refusal_names_its_reason_and_place() {
    let cases = [
        ("a + NOW()", 5, "`NOW` reads the clock"),
        ("day > CURRENT_DATE", 7, "`CURRENT_DATE` reads the clock"),
        ("current_timestamp", 1, "reads the clock"),
        ("TODAY()", 1, "reads the clock"),
        ("RANDOM()", 1, "is random"),
        ("UUID()", 1, "is random"),
        ("a / SUM(a)", 5, "`SUM` is an aggregate over rows"),
        ("COUNT(*)", 1, "is an aggregate"),
        ("MAX(a)", 1, "is an aggregate"),
        ("ROW_NUMBER() OVER (ORDER BY a)", 1, "is a window function"),
        ("ABS(a) OVER ()", 1, "OVER clause"),
        ("SUM(a) OVER (PARTITION BY b)", 1, "aggregate"),
        ("a IN (SELECT 1)", 1, "subqueries"),
        ("(SELECT 1)", 2, "subqueries"),
        ("EXISTS (SELECT 1)", 9, "subqueries"),
        ("*", 1, ""),
        ("LENGTH(*)", 1, "does not take the argument `*`"),
        ("a = $1", 5, "parameter `$1`"),
        ("a = ?", 5, "parameter `?`"),
        ("CAST(a AS DECIMAL(50,2))", 6, "DECIMAL(50,2) is not a type"),
        ("CAST(a AS DECIMAL(2,3))", 6, "DECIMAL(2,3) is not a type"),
        ("CAST(a AS DECIMAL(5,-1))", 6, "DECIMAL(5,-1) is not a type"),
        ("CAST(a AS DECIMAL)", 6, "DECIMAL lacks its digits"),
        ("CAST(a AS BLOB)", 6, "CAST does not know the type BLOB"),
        ("lenght(t)", 1, "unknown function `lenght`"),
        ("SUBSTRING(t)", 1, ""),
        ("REPLACE(t, 'a')", 1, "`REPLACE` takes 3 arguments, found 2"),
        ("prise * 2", 1, "unknown column `prise`"),
        ("A + 1", 1, "unknown column `A`"),
        ("t + 1", 1, "`+` takes numbers, found TEXT"),
        ("a = t", 1, "`=` does not mix INTEGER and TEXT"),
        ("a AND yes", 1, "AND takes BOOLEAN, found INTEGER"),
        ("day > 'yesterday'", 1, "`yesterday` is compared with a DATE"),
        ("day > 5", 1, "`>` does not mix DATE and INTEGER"),
        ("CASE WHEN yes THEN 1 ELSE 'x' END", 1, "CASE does not mix INTEGER and TEXT"),
        ("CAST(day AS INTEGER)", 6, "DATE cannot be cast to INTEGER"),
        ("LOWER(a)", 1, "LOWER takes TEXT, found INTEGER"),
        ("t LIKE t", 1, "LIKE takes its pattern as a literal"),
        ("t LIKE 'a!' ESCAPE '!'", 1, "ends in its escape character"),
        ("ROUND(x, a)", 1, "ROUND takes its number of digits"),
        ("EXTRACT(HOUR FROM at)", 19, "EXTRACT does not know `HOUR`"),
        ("DATE '2023-02-29'", 6, "`2023-02-29` is not a DATE"),
        ("a.b", 1, "qualified name"),
        ("a ~ 'x'", 1, "operator `~`"),
        ("a +", 1, ""),
        ("a b", 3, "expected the end of the expression, found `b`"),
        ("a; DROP TABLE x", 2, "expected the end"),
        ("", 1, "the expression is empty"),
        ("  -- only a comment", 1, "the expression is empty"),
        ("'open", 1, "unterminated string literal"),
        ("0.12345678901234567890 * 0.12345678901234567890", 1, "the product has 40 digits"),
        ("1234567890123456789012345678901234567890", 1, "has more than 38 digits"),
        ("INTERVAL '1' DAY", 10, "intervals"),
        ("COALESCE()", 1, "`COALESCE` takes at least 1 argument, found 0"),
    ];
    for (text, column, message) in cases {
        let error = refusal(text);
        assert!(error.message.contains(message), "`{text}`: {}", error.message);
        if !message.is_empty() {
            assert_eq!((error.line, error.column), (1, column), "`{text}`: {}", error.message);
        }
    }
}

#[test]
fn hints_say_what_to_write_instead() {
    let hint = |text| refusal(text).hint.unwrap_or_default();
    assert_eq!(hint("lenght(t)"), "did you mean `LENGTH`?");
    assert_eq!(hint("prise * 2"), "did you mean `price`?");
    assert_eq!(hint("A + 1"), "did you mean `a`?");
    assert!(hint("MAX(a)").contains("GREATEST"));
    assert!(hint("t + 1").contains("CAST"));
}

#[test]
fn lines_are_counted() {
    let error = refusal("a +\n  NOW()");
    assert_eq!((error.line, error.column), (2, 3));
}

#[test]
fn size_is_bounded_before_the_parser_sees_it() {
    let sum = vec!["a"; 5_000].join("+");
    assert!(refusal(&sum).message.contains("1024 words and signs"));
    let deep = format!("{}a{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(refusal(&deep).message.contains("32 deep"));
    assert!(refusal(&"x".repeat(20_000)).message.contains("20000 bytes"));
    let negations = format!("{}a", "- ".repeat(1_000));
    assert!(!refusal(&negations).message.is_empty());
    let nots = format!("{} yes", "NOT ".repeat(1_000));
    assert!(!refusal(&nots).message.is_empty());
    let cases = format!("{}1{}", "CASE WHEN yes THEN ".repeat(200), " END".repeat(200));
    assert!(!refusal(&cases).message.is_empty());
}

#[test]
fn written_out_forms_count_towards_the_size() {
    let nested = (0..12).fold("a".to_owned(), |text, _| format!("NULLIF({text}, 1)"));
    assert!(refusal(&nested).message.contains("256 operands and operators"));
    let sum = vec!["a"; 128].join(" + ");
    assert!(Parsed::parse(&sum).is_ok());
    let longer = vec!["a"; 130].join(" + ");
    assert!(refusal(&longer).message.contains("256 operands and operators"));
}

#[test]
fn the_longest_sum_that_is_allowed_is_computed() {
    let sum = vec!["a"; 128].join(" + ");
    assert_eq!(super::first(&sum), "256000000");
    let doubles = vec!["x"; 128].join(" + ");
    assert_eq!(super::first(&doubles), "320.0");
    let texts = vec!["t = 'x'"; 64].join(" OR ");
    assert_eq!(super::first(&texts), "false");
}
