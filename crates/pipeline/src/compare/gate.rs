//! The gate of a night: its values against those of the newest date before.

use appraise_export::{Base, newest_before};
use appraise_model::compare::{Compared, Numbers, Psi, Totals};
use appraise_schema::TableContract;

use super::{SEGMENT, VALUES, rows, values_contract};
use crate::batch_store::BatchStore;
use crate::error::RunError;
use crate::session::Session;
use crate::spec::resolved::CompareGate;

/// The gate, as the pipeline file and the records name it.
const GATE: &str = "gates.compare";

/// Stops the run when its values, the rows of `values` of `contract`, are too far from those of the newest published date before.
///
/// # Errors
/// [`RunError::Gate`] then; when a snapshot can't be read.
pub(crate) fn judge(
    session: &mut Session<'_>,
    gate: &CompareGate,
    contract: &TableContract,
    values: &BatchStore,
) -> Result<(), RunError> {
    let base = newest_before(&session.publisher.layout, session.options.as_of)?;
    let Some(base) = base.filter(|base| base.manifest.table(VALUES).is_some()) else {
        session.note_gate(GATE, &[], "no earlier date is published with values: there is nothing to compare with");
        return Ok(());
    };
    let base_contract = values_contract(&base)?;
    let compared = Compared::new(&base_contract, contract);
    let (mut failures, mut figures) = (Vec::new(), Vec::new());
    if let Some(most) = gate.max_psi {
        let mut indices = Vec::new();
        for column in &compared.numbers {
            session.options.check_cancelled()?;
            let only = |name: &str| name == column;
            let of_base: Numbers = Numbers::read(column, &base_contract, rows(&base, VALUES, only)?)?;
            let of_new: Numbers = Numbers::read(column, contract, values.narrowed(only)?)?;
            indices.extend(Psi::of(column, &of_base, &of_new).psi.map(|psi| (psi, column)));
        }
        let above = indices.iter().filter(|(psi, _)| *psi > most);
        failures.extend(above.map(|(psi, column)| {
            format!("the distribution of `{column}` moved by a PSI of {psi:.3}, allowed are {most}")
        }));
        let greatest = indices.iter().max_by(|a, b| a.0.total_cmp(&b.0));
        figures.extend(greatest.map(|(psi, column)| format!("greatest PSI {psi:.3}, of `{column}`")));
    }
    if let Some(most) = gate.max_segment_shift {
        let classes = compared.classes.into_iter().filter(|name| name == SEGMENT).collect();
        let segments = Compared { classes, money: Vec::new(), scores: Vec::new(), numbers: Vec::new() };
        let (mut of_base, mut of_new) = (Totals::new(&segments), Totals::new(&segments));
        let only = |name: &str| name == SEGMENT;
        rows(&base, VALUES, only)?.try_for_each(|batch| Ok::<_, RunError>(of_base.observe(&segments, &batch?)?))?;
        values.narrowed(only)?.try_for_each(|batch| Ok::<_, RunError>(of_new.observe(&segments, &batch?)?))?;
        match of_base.greatest_shift(&of_new, &segments, SEGMENT) {
            Some((segment, shift)) => {
                let segment = segment.unwrap_or_default();
                let told = format!("the share of segment `{segment}` went by {:.1} points", 100.0 * shift);
                if shift.abs() > most.fraction() {
                    failures.push(format!("{told}, allowed are {}", 100.0 * most.fraction()));
                }
                figures.push(told);
            }
            None => figures.push("there are no segments to compare".to_owned()),
        }
    }
    let Base { as_of, content_id } = base.as_base();
    session.note_gate(GATE, &failures, &format!("against {as_of}@{content_id}: {}", figures.join("; ")));
    if failures.is_empty() { Ok(()) } else { Err(RunError::Gate { gate: GATE, failures: failures.join("; ") }) }
}
