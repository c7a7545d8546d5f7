//! The segments of the grid of R and F scores, as ordinary rules.

/// Number of scores that the grid is made for.
pub(crate) const BINS: u8 = 5;

/// Names and rules: ten segments that take every pair of scores once, then customers who bought nothing.
pub(crate) const RULES: [(&str, &str); 12] = [
    ("champions", "r_score = 5 AND f_score >= 4"),
    ("loyal", "r_score BETWEEN 3 AND 4 AND f_score >= 4"),
    ("potential_loyalist", "r_score >= 4 AND f_score BETWEEN 2 AND 3"),
    ("new", "r_score = 5 AND f_score = 1"),
    ("promising", "r_score = 4 AND f_score = 1"),
    ("need_attention", "r_score = 3 AND f_score = 3"),
    ("about_to_sleep", "r_score = 3 AND f_score <= 2"),
    ("at_risk", "r_score <= 2 AND f_score BETWEEN 3 AND 4"),
    ("cant_lose", "r_score <= 2 AND f_score = 5"),
    ("hibernating", "r_score <= 2 AND f_score <= 2"),
    ("refund_only", "orders = 0 AND refund_count > 0"),
    ("prospect", "orders = 0"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `r_score = 5 AND f_score BETWEEN 2 AND 3` without the expression engine.
    fn takes(rule: &str, r: i64, f: i64) -> bool {
        let rule = rule.replace(" BETWEEN ", " B ");
        let words: Vec<&str> = rule.split(' ').collect();
        let mut at = 0;
        let mut all = true;
        while at < words.len() {
            let value = if words[at] == "r_score" { r } else { f };
            let low: i64 = words[at + 2].parse().unwrap();
            let (met, used) = match words[at + 1] {
                "=" => (value == low, 3),
                ">=" => (value >= low, 3),
                "<=" => (value <= low, 3),
                "B" => ((low..=words[at + 4].parse().unwrap()).contains(&value), 5),
                other => panic!("{other}"),
            };
            all &= met;
            at += used + 1;
        }
        all
    }

    #[test]
    fn every_cell_of_the_grid_belongs_to_one_segment() {
        // Rows are R 1 to 5, columns F 1 to 5.
        let expected = [
            ["hibernating", "hibernating", "at_risk", "at_risk", "cant_lose"],
            ["hibernating", "hibernating", "at_risk", "at_risk", "cant_lose"],
            ["about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"],
            ["promising", "potential_loyalist", "potential_loyalist", "loyal", "loyal"],
            ["new", "potential_loyalist", "potential_loyalist", "champions", "champions"],
        ];
        for (r, row) in (1..).zip(expected) {
            for (f, segment) in (1..).zip(row) {
                let found: Vec<&str> =
                    RULES[..10].iter().filter(|(_, rule)| takes(rule, r, f)).map(|(name, _)| *name).collect();
                assert_eq!(found, [segment], "R{r} F{f}");
            }
        }
    }
}
