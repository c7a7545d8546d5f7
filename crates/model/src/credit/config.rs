//! What a pipeline asks of the probability of default.

use appraise_schema::Share;

use crate::error::ModelError;

/// What of a customer may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exposure {
    /// Open invoices, less their deposits.
    #[default]
    Outstanding,
    /// The credit limit, where it is higher: a customer may use all of it before the default.
    CreditLimit,
}

impl Exposure {
    /// Its name in pipelines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Outstanding => "outstanding",
            Self::CreditLimit => "credit_limit",
        }
    }
}

/// A grade of customers by their probability of default.
#[derive(Debug, Clone, PartialEq)]
pub struct Grade {
    /// Its name.
    pub name: String,
    /// The largest probability that has it.
    pub up_to: Share,
}

/// Parameters of the probability of default.
#[derive(Debug, Clone, PartialEq)]
pub struct CreditConfig {
    /// Share of an unpaid invoice that is lost.
    pub loss_given_default: Share,
    /// What may be lost.
    pub exposure: Exposure,
    /// Text columns of `customer_features` that make groups of customers, each within those before it; may be empty.
    pub group_by: Vec<String>,
    /// The grades, from the best; the bounds rise to 100 %.
    pub grades: Vec<Grade>,
}

impl CreditConfig {
    /// Checks what the types can't say.
    ///
    /// # Errors
    /// [`ModelError::Parameter`] for the first thing that is wrong.
    pub fn check(&self) -> Result<(), ModelError> {
        let wrong = |parameter: &'static str, value: String, expected: &str| {
            Err(ModelError::Parameter { parameter, value, expected: expected.to_owned() })
        };
        if self.loss_given_default.fraction() <= 0.0 {
            let value = self.loss_given_default.to_string();
            return wrong("credit.loss_given_default", value, "a share above 0%, up to 100%");
        }
        for (position, grade) in self.grades.iter().enumerate() {
            let before = &self.grades[..position];
            if grade.name.trim().is_empty() || before.iter().any(|other| other.name == grade.name) {
                return wrong("credit.grades", grade.name.clone(), "names that are not blank, each once");
            }
            if before.last().is_some_and(|other| other.up_to >= grade.up_to) {
                return wrong("credit.grades", format!("{}: {}", grade.name, grade.up_to), "bounds that rise");
            }
        }
        match self.grades.last() {
            Some(last) if last.up_to.fraction() >= 1.0 => Ok(()),
            last => {
                let value = last.map_or_else(|| "empty".to_owned(), |last| format!("{}: {}", last.name, last.up_to));
                wrong("credit.grades", value, "a last grade up to 100%")
            }
        }
    }
}
