//! The table of functions: what a name stands for, and why some names are refused.

use crate::tree::{DatePart, Operation, Side};

/// A function of the subset.
pub(crate) struct Function {
    /// Name in capitals; calls may be in any case.
    pub(crate) name: &'static str,
    pub(crate) operation: Operation,
    /// Fewest and most arguments.
    pub(crate) arguments: (usize, usize),
}

const fn function(name: &'static str, operation: Operation, fewest: usize, most: usize) -> Function {
    Function { name, operation, arguments: (fewest, most) }
}

const MANY: usize = usize::MAX;

/// Every function that can be called by name. `CASE`, `CAST`, `NULLIF` and `EXTRACT` have rules of their own.
pub(crate) const FUNCTIONS: &[Function] = &[
    function("ABS", Operation::Abs, 1, 1),
    function("CEIL", Operation::Ceil, 1, 1),
    function("CEILING", Operation::Ceil, 1, 1),
    function("COALESCE", Operation::Coalesce, 1, MANY),
    function("CONCAT", Operation::Concat, 1, MANY),
    function("DAY", Operation::DatePart(DatePart::Day), 1, 1),
    function("DAYS_BETWEEN", Operation::DaysBetween, 2, 2),
    function("ENDS_WITH", Operation::EndsWith, 2, 2),
    function("FLOOR", Operation::Floor, 1, 1),
    function("GREATEST", Operation::Greatest, 1, MANY),
    function("LEAST", Operation::Least, 1, MANY),
    function("LENGTH", Operation::Length, 1, 1),
    function("LOWER", Operation::Lower, 1, 1),
    function("LTRIM", Operation::Trim(Side::Left), 1, 2),
    function("MONTH", Operation::DatePart(DatePart::Month), 1, 1),
    function("QUARTER", Operation::DatePart(DatePart::Quarter), 1, 1),
    function("REPLACE", Operation::Replace, 3, 3),
    function("ROUND", Operation::Round, 1, 2),
    function("RTRIM", Operation::Trim(Side::Right), 1, 2),
    function("STARTS_WITH", Operation::StartsWith, 2, 2),
    function("SUBSTR", Operation::Substring, 2, 3),
    function("SUBSTRING", Operation::Substring, 2, 3),
    function("TRIM", Operation::Trim(Side::Both), 1, 2),
    function("UPPER", Operation::Upper, 1, 1),
    function("YEAR", Operation::DatePart(DatePart::Year), 1, 1),
];

/// Callable names that are not in [`FUNCTIONS`], for suggestions.
pub(crate) const SPECIAL: &[&str] = &["NULLIF", "EXTRACT", "CAST", "TRY_CAST"];

const CLOCKS: &[&str] = &[
    "CLOCK_TIMESTAMP",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURDATE",
    "GETDATE",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "NOW",
    "SYSDATE",
    "TODAY",
    "TRANSACTION_TIMESTAMP",
];

const CHANCE: &[&str] = &["GEN_RANDOM_UUID", "GENERATE_UUID", "NEWID", "RAND", "RANDOM", "SETSEED", "UUID"];

const AGGREGATES: &[&str] = &[
    "ANY_VALUE",
    "APPROX_COUNT_DISTINCT",
    "ARRAY_AGG",
    "AVG",
    "BOOL_AND",
    "BOOL_OR",
    "CORR",
    "COUNT",
    "FIRST",
    "GROUP_CONCAT",
    "LAST",
    "LIST",
    "MAX",
    "MEAN",
    "MEDIAN",
    "MIN",
    "MODE",
    "PERCENTILE_CONT",
    "QUANTILE",
    "STDDEV",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "STRING_AGG",
    "SUM",
    "VARIANCE",
    "VAR_POP",
    "VAR_SAMP",
];

const WINDOWS: &[&str] = &[
    "CUME_DIST",
    "DENSE_RANK",
    "FIRST_VALUE",
    "LAG",
    "LAST_VALUE",
    "LEAD",
    "NTH_VALUE",
    "NTILE",
    "PERCENT_RANK",
    "RANK",
    "ROW_NUMBER",
];

/// Hint that goes with every refusal of what reads more than one row.
pub(crate) const ONE_ROW: &str =
    "an expression sees one row at a time; totals and ranks over rows are features of the pipeline";

/// The function called `name` in any case.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// Why a known function is refused, and a hint; `None` where the name is not known at all.
pub(crate) fn refusal(name: &str) -> Option<(String, &'static str)> {
    let listed = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let refused = |reason: &str, hint| Some((format!("`{name}` {reason}"), hint));
    if listed(CLOCKS) {
        return refused(
            "reads the clock, which would change the result from run to run",
            "compare with a date literal such as DATE '2024-12-31'",
        );
    }
    if listed(CHANCE) {
        return refused("is random, which would change the result from run to run", "use a column of the data");
    }
    if listed(AGGREGATES) {
        let hint = match name.to_ascii_uppercase().as_str() {
            "MAX" => "for the larger of several values of one row, use GREATEST",
            "MIN" => "for the smaller of several values of one row, use LEAST",
            _ => ONE_ROW,
        };
        return refused("is an aggregate over rows", hint);
    }
    if listed(WINDOWS) {
        return refused("is a window function over rows", ONE_ROW);
    }
    None
}

/// The callable name most like `name`.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let names = FUNCTIONS.iter().map(|function| function.name).chain(SPECIAL.iter().copied());
    closest(&name.to_ascii_uppercase(), names)
}

/// The candidate most like `name`, if any is like it enough to be meant.
pub(crate) fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_function_is_both_offered_and_refused() {
        for function in FUNCTIONS {
            assert!(refusal(function.name).is_none(), "{}", function.name);
        }
    }

    #[test]
    fn a_misspelt_function_is_recognised() {
        assert_eq!(nearest("lenght"), Some("LENGTH"));
        assert_eq!(nearest("COALESC"), Some("COALESCE"));
        assert_eq!(nearest("xyzzy"), None);
    }

    #[test]
    fn the_page_for_users_names_every_function() {
        let page = include_str!("../../../docs/expressions.md");
        for name in FUNCTIONS.iter().map(|function| function.name).chain(SPECIAL.iter().copied()) {
            assert!(page.contains(&format!("`{name}")), "docs/expressions.md does not mention {name}");
        }
    }
}
