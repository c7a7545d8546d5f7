//! Dates that are run one after another, long after they were.

use appraise_schema::AsOf;

use crate::spec::Loaded;

/// The column that says when a row was delivered.
const LOADED_AT: &str = "loaded_at";

/// The date after `date`; `None` on the last day of the year 9999.
#[must_use]
pub fn day_after(date: AsOf) -> Option<AsOf> {
    date.date().succ_opt()?.to_string().parse().ok()
}

impl Loaded {
    /// The pipeline with what was known on the morning after `as_of`: no delivery of a later day counts, where a source says when
    /// rows were delivered. A `known_by` of the file stays where it is earlier.
    #[must_use]
    pub fn known_the_morning_after(mut self, as_of: AsOf) -> Self {
        let pipeline = &mut self.pipeline;
        if pipeline.sources.values().any(|source| source.maps(LOADED_AT)) {
            let morning = day_after(as_of).unwrap_or(as_of);
            pipeline.known_by = Some(pipeline.known_by.map_or(morning, |known_by| known_by.min(morning)));
        }
        self
    }
}
