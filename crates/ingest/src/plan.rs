//! What a read will do: the files, the drift between them, and the mapping of each.

use std::collections::BTreeSet;

use appraise_schema::event::Form;
use appraise_schema::source::ColumnRole;
use appraise_schema::{KeyType, SourceKind};

use crate::columns::id;
use crate::config::{CheckKind, SourceConfig};
use crate::discover::InputFile;
use crate::drift::{DriftLine, drift};
use crate::error::IngestError;
use crate::mapping::{FileMapping, WHERE, Wanted};
use crate::reasons::{RowRule, compile};

/// Columns of lots that are not known before the lot has closed.
const KNOWN_AT_CLOSE: [&str; 3] = ["hammer", "commission", "outcome"];
/// When a lot closes.
const CLOSES_AT: &str = "closes_at";
/// When a row was delivered.
const LOADED_AT: &str = "loaded_at";
/// The currency of a row's amounts.
pub(crate) const CURRENCY: &str = "currency";
/// The amounts that are in that currency.
const CONVERTED: [&str; 3] = ["amount", "margin", "cost"];
/// Whether a transaction is a refund.
const REFUND: &str = "refund";

/// Where the columns that decide a row's fate stand among the wanted ones.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) key: Option<usize>,
    pub(crate) identity: Option<usize>,
    pub(crate) time: Option<usize>,
    pub(crate) amount: Option<usize>,
    pub(crate) refund: Option<usize>,
    pub(crate) loaded_at: Option<usize>,
    /// The currency, where amounts are converted.
    pub(crate) currency: Option<usize>,
    /// The amounts that are converted.
    pub(crate) converted: Vec<usize>,
    /// Times that read as NULL while they lie after `as_of`.
    pub(crate) known_times: Vec<usize>,
    pub(crate) closes_at: Option<usize>,
    /// Columns that read as NULL until `closes_at`.
    pub(crate) known_at_close: Vec<usize>,
    /// Columns whose values make the content of a row, by name.
    pub(crate) digested: Vec<usize>,
}

impl Places {
    fn new(wanted: &[Wanted<'_>], config: &SourceConfig) -> Self {
        let kind = config.kind;
        let find = |name: &str| position(wanted, name);
        let all = |names: &[&str]| names.iter().filter_map(|name| find(name)).collect();
        let converts = converts(config);
        let mut digested: Vec<usize> = (0..wanted.len())
            .filter(|&place| {
                let name = wanted[place].name;
                name != WHERE && name != LOADED_AT && Some(name) != kind.identity()
            })
            .collect();
        digested.sort_by_key(|&place| wanted[place].name);
        Self {
            key: find(kind.key()),
            identity: kind.identity().and_then(find),
            time: kind.time().and_then(find),
            amount: kind.amount().and_then(find),
            refund: find(REFUND),
            loaded_at: find(LOADED_AT),
            currency: find(CURRENCY).filter(|_| converts),
            converted: if converts { all(&CONVERTED) } else { Vec::new() },
            known_times: (0..wanted.len()).filter(|&place| wanted[place].role == ColumnRole::KnownTime).collect(),
            closes_at: find(CLOSES_AT),
            known_at_close: all(&KNOWN_AT_CLOSE),
            digested,
        }
    }
}

/// One column of the event batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Output {
    /// Position among the wanted columns; meaningless for forms that belong to no column.
    pub(crate) column: usize,
    pub(crate) form: Form,
}

/// Files whose columns fit the mapping, ready to be read.
#[derive(Debug)]
pub struct ReadPlan<'a> {
    pub(crate) inputs: &'a [InputFile],
    pub(crate) config: &'a SourceConfig,
    pub(crate) wanted: Vec<Wanted<'a>>,
    pub(crate) mappings: Vec<FileMapping>,
    pub(crate) rules: Vec<RowRule>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) places: Places,
    key_type: Option<KeyType>,
    drift: Vec<DriftLine>,
}

impl<'a> ReadPlan<'a> {
    /// Binds the mapping to every file and compares their columns.
    ///
    /// # Errors
    /// When a required or wanted column is not mapped, a file lacks a needed column or has it in a type that can't be
    /// used, a check or a wanted form does not fit its column, or ids are integers in one file and text in another.
    pub fn new(inputs: &'a [InputFile], config: &'a SourceConfig) -> Result<Self, IngestError> {
        let wanted = wanted(config)?;
        let rules = compile(&wanted, config)?;
        let outputs = outputs(&wanted, config)?;
        let places = Places::new(&wanted, config);
        let mappings =
            inputs.iter().map(|file| FileMapping::new(file, &wanted)).collect::<Result<Vec<_>, IngestError>>()?;
        for position in (0..wanted.len()).filter(|&position| wanted[position].role == ColumnRole::Id) {
            check_ids(wanted[position].name, position, inputs, &mappings)?;
        }
        let needed: BTreeSet<&str> =
            wanted.iter().flat_map(|column| column.parsed.columns()).map(String::as_str).collect();
        let drift = drift(inputs, |column| needed.contains(column));
        let mut plan = Self { inputs, config, wanted, mappings, rules, outputs, places, key_type: None, drift };
        plan.key_type = plan.id_type(config.kind.key());
        Ok(plan)
    }

    /// The plan with the customer keys of the whole run, which those of this source must share.
    ///
    /// # Errors
    /// When the source's keys are of the other type.
    pub fn with_key_type(mut self, key_type: KeyType) -> Result<Self, IngestError> {
        if self.key_type.is_some_and(|own| own != key_type) {
            let canonical = self.config.kind.key();
            let types = self.mappings.first().zip(self.position(canonical));
            let expected = match key_type {
                KeyType::Integer => "an integer",
                KeyType::Text => "a text",
            };
            return Err(IngestError::TypeConflict {
                canonical: canonical.to_owned(),
                path: self.inputs.first().map(|file| file.path.clone()).unwrap_or_default(),
                found: types.map(|(mapping, position)| mapping.types[position].to_string()).unwrap_or_default(),
                expected: format!("the customer key is {expected} in the run's other sources"),
            });
        }
        self.key_type = Some(key_type);
        Ok(self)
    }

    /// The type of customer keys; `None` for lots whose consignor is not mapped, unless it was given.
    #[must_use]
    pub fn key_type(&self) -> Option<KeyType> {
        self.key_type
    }

    /// Whether the ids of a canonical column are integers or text; `None` when the plan does not read it, or it holds no
    /// ids. The same id as an integer and as a text has two identities: sources that share an id must agree.
    #[must_use]
    pub fn id_type(&self, column: &str) -> Option<KeyType> {
        let position = self.position(column).filter(|&position| self.wanted[position].role == ColumnRole::Id)?;
        let integer = id::is_integer(&self.mappings.first()?.types[position])?;
        Some(if integer { KeyType::Integer } else { KeyType::Text })
    }

    /// How files differ from the first.
    #[must_use]
    pub fn drift(&self) -> &[DriftLine] {
        &self.drift
    }

    /// Names of the columns that are decoded from file number `file`, in the file's order.
    #[must_use]
    pub fn columns(&self, file: usize) -> Vec<&str> {
        self.mappings.get(file).map_or(Vec::new(), FileMapping::decoded)
    }

    /// All that decides what the rows of a file become but the file, the date and the exchange rates: where these texts
    /// are equal, so are the rows.
    #[must_use]
    pub fn signature(&self) -> String {
        let wanted = self.wanted.iter().map(|want| (want.name, want.role, want.required, want.parsed.text()));
        let wanted: Vec<_> = wanted.collect();
        let zones = (self.config.source_zone.name(), self.config.zone.name());
        let money = (self.config.money.unit(), self.config.money.scale());
        let known_by = self.config.known_by.is_some();
        format!(
            "{:?}",
            (wanted, &self.rules, &self.outputs, zones, money, known_by, self.key_type, converts(self.config))
        )
    }

    /// Rows of all files, by their footers.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.inputs.iter().map(|file| file.rows).sum()
    }

    /// Position of a wanted column.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        position(&self.wanted, name)
    }
}

/// Position of a wanted column.
pub(crate) fn position(wanted: &[Wanted<'_>], name: &str) -> Option<usize> {
    wanted.iter().position(|column| column.name == name)
}

/// The columns that a run needs, in the order in which their rules apply; the filter comes first.
fn wanted(config: &SourceConfig) -> Result<Vec<Wanted<'_>>, IngestError> {
    let unknown = config.columns.keys().find(|name| config.kind.column(name).is_none());
    let double = config.attributes.iter().map(|(name, _)| name).find(|name| config.kind.column(name).is_some());
    if let Some(name) = unknown.or(double) {
        return Err(IngestError::Misfit {
            canonical: name.clone(),
            reason: format!("{} have no such column to map", config.kind.name()),
        });
    }
    let needed = needed(config);
    let digested = config.layout.position("", Form::Content).is_some();
    let filter = config.filter.iter();
    let mut wanted: Vec<_> = filter.map(|parsed| Wanted::new(WHERE, ColumnRole::Flag, parsed)).collect();
    for column in config.kind.columns() {
        match config.columns.get(column.name) {
            Some(parsed) if needed.contains(column.name) || digested && column.name != LOADED_AT => {
                let mut want = Wanted::new(column.name, column.role, parsed);
                want.required = column.required || converts(config) && column.name == CURRENCY;
                wanted.push(want);
            }
            None if column.required => return Err(IngestError::NotMapped { canonical: column.name.to_owned() }),
            _ => {}
        }
    }
    let attributes = config.attributes.iter().filter(|(name, _)| digested || needed.contains(name.as_str()));
    wanted.extend(attributes.map(|(name, parsed)| Wanted::new(name, ColumnRole::Text, parsed)));
    Ok(wanted)
}

/// Whether amounts are converted.
pub(crate) fn converts(config: &SourceConfig) -> bool {
    config.exchange_rates.is_some() && config.columns.contains_key(CURRENCY)
}

/// Names of the columns that a run needs beside the content of its rows.
fn needed(config: &SourceConfig) -> BTreeSet<&str> {
    let required = config.kind.columns().iter().filter(|column| column.required).map(|column| column.name);
    let checked = config.checks.iter().filter_map(|check| match &check.kind {
        CheckKind::NotBlank { column }
        | CheckKind::AcceptedValues { column, .. }
        | CheckKind::TimeRange { column, .. }
        | CheckKind::AmountRange { column, .. } => Some(column.as_str()),
        CheckKind::Rows { .. } | CheckKind::Freshness { .. } => None,
    });
    let laid_out = config.layout.fields.iter().map(|field| field.name.as_str());
    let mut needed: BTreeSet<&str> = required.chain(checked).chain(laid_out).collect();
    // The key and the time decide the row's fate wherever they are mapped.
    needed.extend([config.kind.key()].into_iter().chain(config.kind.time()));
    if config.kind == SourceKind::Transactions {
        needed.insert(REFUND);
    }
    if converts(config) {
        needed.insert(CURRENCY);
    }
    if config.known_by.is_some() {
        needed.insert(LOADED_AT);
    }
    if KNOWN_AT_CLOSE.iter().any(|name| needed.contains(name)) {
        needed.insert(CLOSES_AT);
    }
    if config.layout.position("", Form::Withdrawn).is_some() {
        needed.extend([LOADED_AT].into_iter().chain(config.kind.identity()));
    }
    needed
}

/// Where each column of the layout comes from.
fn outputs(wanted: &[Wanted<'_>], config: &SourceConfig) -> Result<Vec<Output>, IngestError> {
    let output = |field: &appraise_schema::event::Field| {
        if matches!(field.form, Form::Content | Form::Withdrawn) {
            return Ok(Output { column: usize::MAX, form: field.form });
        }
        let column =
            position(wanted, &field.name).ok_or_else(|| IngestError::NotMapped { canonical: field.name.clone() })?;
        let fits = match wanted[column].role {
            ColumnRole::Id | ColumnRole::Text => matches!(field.form, Form::Id | Form::Symbol),
            ColumnRole::Time | ColumnRole::KnownTime => matches!(field.form, Form::Day | Form::Instant),
            ColumnRole::Amount => field.form == Form::Money,
            ColumnRole::Number => field.form == Form::Number,
            ColumnRole::Flag => field.form == Form::Flag,
        };
        if fits {
            return Ok(Output { column, form: field.form });
        }
        let reason = format!("it can't be handed on as {:?}", field.form);
        Err(IngestError::Misfit { canonical: field.name.clone(), reason })
    };
    config.layout.fields.iter().map(output).collect()
}

/// Integer or text: one for all files.
fn check_ids(
    canonical: &str,
    position: usize,
    inputs: &[InputFile],
    mappings: &[FileMapping],
) -> Result<(), IngestError> {
    let mut files = inputs.iter().zip(mappings).map(|(file, mapping)| (file, &mapping.types[position]));
    let Some((first, first_type)) = files.next() else { return Ok(()) };
    match files.find(|(_, other)| id::is_integer(other) != id::is_integer(first_type)) {
        None => Ok(()),
        Some((file, found)) => Err(IngestError::TypeConflict {
            canonical: canonical.to_owned(),
            path: file.path.clone(),
            found: found.to_string(),
            expected: format!("{first_type} in `{}`", first.path.display()),
        }),
    }
}
