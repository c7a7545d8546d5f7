//! What can be wrong with data, weights or parameters.

/// Why there is no result. Indicators and rows are counted from 0, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is nothing to weigh.
    #[error("there are no indicators")]
    NoIndicators,
    /// Columns or weights that are not as many as the indicators.
    #[error("{found} {what} were given for {expected} indicators")]
    Indicators {
        /// What was given, in the plural.
        what: &'static str,
        /// How many indicators there are.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// Columns of one batch that differ in length.
    #[error("indicator {indicator} has {found} rows where the first one has {expected}")]
    Rows {
        /// The indicator.
        indicator: usize,
        /// Rows of the first indicator.
        expected: usize,
        /// Rows of this one.
        found: usize,
    },
    /// A second pass over other rows than the first one.
    #[error("the second pass had {second} rows, the first one {first}")]
    Passes {
        /// Rows of the first pass.
        first: u64,
        /// Rows of the second pass.
        second: u64,
    },
    /// Lists that are to be compared row by row, but differ in length.
    #[error("{first} rows can't be compared with {second}")]
    Lists {
        /// Rows of the first list.
        first: usize,
        /// Rows of the second list.
        second: usize,
    },
    /// Fewer rows than what is asked for needs.
    #[error("{what} needs {needed} rows or more, not {rows}")]
    TooFewRows {
        /// What was asked for.
        what: &'static str,
        /// The least number of rows.
        needed: u64,
        /// How many there are.
        rows: u64,
    },
    /// A value outside the domain of a method.
    #[error("{what} needs {needed}: indicator {indicator} has {value}")]
    Value {
        /// What was asked for.
        what: &'static str,
        /// What values have to be.
        needed: &'static str,
        /// The indicator.
        indicator: usize,
        /// The value.
        value: f64,
    },
    /// A weight that is none.
    #[error("weight {indicator} is {value}: weights are finite numbers from 0")]
    Weight {
        /// The indicator.
        indicator: usize,
        /// The weight.
        value: f64,
    },
    /// Weights, or products of weights, that are 0 all of them.
    #[error("all {what} are 0")]
    AllZero {
        /// What is 0, in the plural.
        what: &'static str,
    },
    /// A parameter outside its domain.
    #[error("{parameter} is {value}: it must be {needed}")]
    Parameter {
        /// The parameter.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// What it has to be.
        needed: &'static str,
    },
    /// Game theory would count one of the two sets of weights negatively.
    #[error(
        "game theory has no combination of these weights: the share of the subjective ones would be {subjective:.4}, that \
         of the objective ones {objective:.4}"
    )]
    NegativeShare {
        /// Share of the subjective weights; the sizes of both sum to 1.
        subjective: f64,
        /// Share of the objective weights.
        objective: f64,
    },
    /// More clusters than there are rows that differ.
    #[error("{clusters} clusters were asked for, but only {distinct} rows differ")]
    TooFewDistinct {
        /// Clusters asked for.
        clusters: usize,
        /// Rows that differ, as far as they were counted.
        distinct: usize,
    },
}

/// Why a matrix of judgements gives no weights. Rows and columns are counted from 1, as a reader does.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AhpError {
    /// The matrix is empty, or has rows of other lengths than its height.
    #[error("row {row} of the judgements has {found} numbers where there are {expected} rows")]
    NotSquare {
        /// The row.
        row: usize,
        /// How many rows there are.
        expected: usize,
        /// Numbers in this row.
        found: usize,
    },
    /// There are no judgements.
    #[error("there are no judgements")]
    Empty,
    /// A judgement that is not a number from 1e-6 to 1e6.
    #[error("the judgement in row {row}, column {column} is {value}: judgements are numbers from 0.000001 to 1000000")]
    Judgement {
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A criterion that is not as important as itself.
    #[error("the judgement in row {row}, column {row} is {value}: the diagonal is 1")]
    Diagonal {
        /// The row, which is the column too.
        row: usize,
        /// The value.
        value: f64,
    },
    /// Two judgements of the same pair that contradict each other.
    #[error(
        "the judgements in row {row}, column {column} ({value}) and row {column}, column {row} ({mirrored}) are not \
         reciprocal: their product must be 1, give or take 5 %"
    )]
    NotReciprocal {
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// The value there.
        value: f64,
        /// The value on the other side of the diagonal.
        mirrored: f64,
    },
    /// More criteria than the table of random indices knows.
    #[error("{criteria} criteria are more than the {most} of the table {table}")]
    TooManyCriteria {
        /// How many there are.
        criteria: usize,
        /// The most that the table knows.
        most: usize,
        /// The table's name.
        table: &'static str,
    },
    /// Judgements that contradict each other more than is acceptable.
    #[error("the judgements contradict each other: their consistency ratio is {ratio:.4}, above 0.1")]
    Inconsistent {
        /// The consistency ratio.
        ratio: f64,
    },
    /// The search for the eigenvector did not settle.
    #[error("the eigenvector of the judgements did not settle within {iterations} iterations")]
    NotConverged {
        /// How many there were.
        iterations: usize,
    },
}
