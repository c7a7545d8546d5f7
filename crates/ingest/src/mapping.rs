//! How the columns of one file become ours: which are decoded, in which arrow type, and what is computed.

use std::collections::BTreeSet;
use std::sync::Arc;

use appraise_expression::{Bound, Parsed, SqlType};
use appraise_schema::source::ColumnRole;
use arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit};
use parquet::basic::{Encoding, Type as PhysicalType};

use crate::columns::{amount, id, time};
use crate::discover::InputFile;
use crate::error::IngestError;

/// Stands for the filter among the canonical columns.
pub(crate) const WHERE: &str = "where";

/// A canonical column or attribute that a run needs.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) role: ColumnRole,
    /// Whether a row without it can't be used.
    pub(crate) required: bool,
    pub(crate) parsed: &'a Parsed,
}

impl<'a> Wanted<'a> {
    /// A column that may be NULL.
    pub(crate) fn new(name: &'a str, role: ColumnRole, parsed: &'a Parsed) -> Self {
        Self { name, role, required: false, parsed }
    }
}

/// Where the values of a canonical column come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A decoded column as it is, by its position.
    Direct(usize),
    /// An expression.
    Computed {
        bound: Bound,
        /// Positions of the decoded columns that it reads.
        inputs: Vec<usize>,
        /// Whether it reads one dictionary only, so that each distinct value is computed once.
        lookup: bool,
    },
}

/// The mapping of one file.
#[derive(Debug)]
pub(crate) struct FileMapping {
    /// The file's schema with the types that columns are decoded to.
    pub(crate) schema: SchemaRef,
    /// Root columns to decode, ascending: these are the first columns of a batch.
    pub(crate) roots: Vec<usize>,
    /// Columns that folders give, behind the decoded ones.
    pub(crate) partitions: Vec<(String, Option<String>)>,
    /// Where the values of each wanted column come from.
    pub(crate) sources: Vec<Source>,
    /// The type of each wanted column.
    pub(crate) types: Vec<DataType>,
}

/// A wanted column before positions are known.
#[derive(Debug)]
enum Draft {
    /// A plain column, by name.
    Direct { name: String, text: bool },
    /// An expression.
    Computed(Bound),
}

struct Columns<'a> {
    file: &'a InputFile,
    /// Type by name; columns of the file hide those of its folders.
    types: Vec<(String, DataType)>,
}

impl FileMapping {
    /// Binds `wanted` to the columns of `file`.
    pub(crate) fn new(file: &InputFile, wanted: &[Wanted<'_>]) -> Result<Self, IngestError> {
        let columns = Columns::new(file);
        let mut needed = BTreeSet::new();
        let mut drafts = Vec::with_capacity(wanted.len());
        let mut types = Vec::with_capacity(wanted.len());
        for column in wanted {
            let (data_type, bound) = columns.bind(column)?;
            columns.check_role(column, &data_type)?;
            types.push(data_type);
            drafts.push(if let Some(bound) = bound {
                needed.extend(bound.columns().iter().cloned());
                Draft::Computed(bound)
            } else {
                let name = columns.plain(column.parsed).unwrap_or_default().to_owned();
                needed.insert(name.clone());
                Draft::Direct { name, text: column.role == ColumnRole::Text }
            });
        }
        Ok(columns.finish(&needed, drafts, types))
    }

    /// Names of the decoded columns, in the file's order.
    pub(crate) fn decoded(&self) -> Vec<&str> {
        self.roots.iter().map(|&root| self.schema.field(root).name().as_str()).collect()
    }
}

impl<'a> Columns<'a> {
    fn new(file: &'a InputFile) -> Self {
        let own = file.schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone()));
        let mut types: Vec<_> = own.collect();
        for (name, _) in &file.partitions {
            if file.schema.index_of(name).is_err() {
                types.push((name.clone(), dictionary()));
            }
        }
        Self { file, types }
    }

    fn type_of(&self, name: &str) -> Option<&DataType> {
        self.types.iter().find(|(column, _)| column == name).map(|(_, data_type)| data_type)
    }

    /// The column that an expression is, when it is nothing else.
    fn plain<'p>(&self, parsed: &'p Parsed) -> Option<&'p str> {
        let whole = Some(parsed.text()).filter(|text| self.type_of(text).is_some());
        whole.or(parsed.plain_column())
    }

    fn error(&self, column: &Wanted<'_>, reason: String, hint: Option<String>) -> IngestError {
        IngestError::Column { canonical: column.name.to_owned(), path: self.file.path.clone(), reason, hint }
    }

    /// The type of a canonical column, and its expression unless it is a plain column.
    fn bind(&self, column: &Wanted<'_>) -> Result<(DataType, Option<Bound>), IngestError> {
        if let Some(name) = self.plain(column.parsed) {
            self.check_column(column, name)?;
            let data_type = self.type_of(name).cloned().unwrap_or(DataType::Null);
            return Ok((data_type, None));
        }
        for name in column.parsed.columns() {
            self.check_column(column, name)?;
        }
        let readable = |(name, data_type): &(String, DataType)| Some((name.clone(), SqlType::of(data_type)?));
        let sql_types: Vec<_> = self.types.iter().filter_map(readable).collect();
        let bound = column
            .parsed
            .bind(&sql_types)
            .map_err(|error| self.error(column, format!("{error} (`{}`)", column.parsed.text()), error.hint.clone()))?;
        Ok((arrow_of(bound.sql_type()), Some(bound)))
    }

    fn check_column(&self, column: &Wanted<'_>, name: &str) -> Result<(), IngestError> {
        let found = self.types.iter().filter(|(other, _)| other == name).count();
        if found == 0 {
            let hint = self.nearest(name).map(|nearest| format!("did you mean `{nearest}`?"));
            return Err(self.error(column, format!("it has no column `{name}`"), hint));
        }
        if found > 1 {
            return Err(self.error(column, format!("it has {found} columns named `{name}`"), None));
        }
        if self.physical_type(name) == Some(PhysicalType::INT96) {
            let hint = "write the column as a TIMESTAMP (Spark: spark.sql.parquet.outputTimestampType = \
                        TIMESTAMP_MICROS); INT96 is deprecated and says nothing of the zone";
            return Err(self.error(column, format!("`{name}` is stored as INT96"), Some(hint.to_owned())));
        }
        if self.type_of(name).is_some_and(DataType::is_nested) {
            return Err(self.error(column, format!("`{name}` is nested"), None));
        }
        Ok(())
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        let distance = |other: &str| strsim::osa_distance(&name.to_lowercase(), &other.to_lowercase());
        let (nearest, far) =
            self.types.iter().map(|(other, _)| (other, distance(other))).min_by_key(|(_, far)| *far)?;
        (far <= name.len().max(nearest.len()) / 3).then_some(nearest)
    }

    fn physical_type(&self, name: &str) -> Option<PhysicalType> {
        let root = self.file.schema.index_of(name).ok()?;
        let descriptor = self.file.metadata.file_metadata().schema_descr();
        let leaf = (0..descriptor.num_columns()).find(|&leaf| descriptor.get_column_root_idx(leaf) == root)?;
        Some(descriptor.column(leaf).physical_type())
    }

    fn check_role(&self, column: &Wanted<'_>, data_type: &DataType) -> Result<(), IngestError> {
        let (fits, expected) = match column.role {
            ColumnRole::Id | ColumnRole::Text => (id::is_integer(data_type).is_some(), "an integer or a text"),
            ColumnRole::Time | ColumnRole::KnownTime => (time::accepts(data_type), "a date or a timestamp"),
            ColumnRole::Amount | ColumnRole::Number => {
                (amount::accepts(data_type), "a number: an integer, a decimal or a float")
            }
            ColumnRole::Flag => (*data_type == DataType::Boolean, "a yes or no"),
        };
        if fits {
            return Ok(());
        }
        let text = column.parsed.text();
        let hint = match (column.role, data_type) {
            (ColumnRole::Id, other) if other.is_floating() => {
                format!("a float can't tell all ids apart; write `CAST({text} AS BIGINT)` if they are whole numbers")
            }
            (_, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)) => {
                "write the column as STRING (UTF-8)".to_owned()
            }
            (ColumnRole::Time | ColumnRole::KnownTime, other) if id::is_integer(other) == Some(false) => {
                format!("write `CAST({text} AS DATE)` or `CAST({text} AS TIMESTAMP)`")
            }
            (ColumnRole::Amount, other) if id::is_integer(other) == Some(false) => {
                format!("write `CAST({text} AS DECIMAL(18, 2))`")
            }
            (ColumnRole::Number, other) if id::is_integer(other) == Some(false) => {
                format!("write `CAST({text} AS DOUBLE)`")
            }
            _ => format!("map it with a SQL expression that gives {expected}"),
        };
        Err(self.error(column, format!("`{text}` is {data_type}, not {expected}"), Some(hint)))
    }

    /// Chooses decoded types and positions.
    fn finish(&self, needed: &BTreeSet<String>, drafts: Vec<Draft>, types: Vec<DataType>) -> FileMapping {
        let roots: BTreeSet<usize> = needed.iter().filter_map(|name| self.file.schema.index_of(name).ok()).collect();
        let roots: Vec<usize> = roots.into_iter().collect();
        let by_value = by_value(&drafts);
        let mut fields: Vec<_> = self.file.schema.fields().iter().cloned().collect();
        for &root in &roots {
            let lookup = by_value.contains(fields[root].name().as_str()) && self.is_dictionary(root);
            let decoded = self.decoded_type(root, lookup);
            fields[root] = Arc::new(fields[root].as_ref().clone().with_data_type(decoded));
        }
        let owned = |name: &String| self.file.schema.index_of(name).is_err();
        let partitions: Vec<_> =
            self.file.partitions.iter().filter(|(name, _)| needed.contains(name) && owned(name)).cloned().collect();
        let mut names: Vec<&str> = roots.iter().map(|&root| fields[root].name().as_str()).collect();
        names.extend(partitions.iter().map(|(name, _)| name.as_str()));
        let position = |name: &str| names.iter().position(|other| *other == name).unwrap_or_default();
        let is_lookup = |name: &str| match self.file.schema.index_of(name) {
            Ok(root) => matches!(fields[root].data_type(), DataType::Dictionary(_, _)),
            Err(_) => true,
        };
        let source = |draft| match draft {
            Draft::Direct { name, .. } => Source::Direct(position(&name)),
            Draft::Computed(bound) => {
                let inputs: Vec<usize> = bound.columns().iter().map(|name| position(name)).collect();
                let lookup = inputs.len() == 1 && bound.columns().iter().all(|name| is_lookup(name));
                Source::Computed { bound, inputs, lookup }
            }
        };
        let sources = drafts.into_iter().map(source).collect();
        let schema = Schema::new_with_metadata(fields, self.file.schema.metadata().clone());
        FileMapping { schema: Arc::new(schema), roots, partitions, sources, types }
    }

    fn decoded_type(&self, root: usize, lookup: bool) -> DataType {
        let field = self.file.schema.field(root);
        let narrow = self.physical_type(field.name()).is_some_and(|physical| physical != PhysicalType::BYTE_ARRAY);
        match field.data_type() {
            text if id::is_integer(text) == Some(false) && lookup => dictionary(),
            text if id::is_integer(text) == Some(false) => DataType::Utf8View,
            DataType::Decimal128(precision, scale) if *precision <= 18 && narrow => {
                DataType::Decimal64(*precision, *scale)
            }
            other => other.clone(),
        }
    }

    /// Whether the text column at `root` is dictionary-encoded in every page of the file.
    fn is_dictionary(&self, root: usize) -> bool {
        let descriptor = self.file.metadata.file_metadata().schema_descr();
        let Some(leaf) = (0..descriptor.num_columns()).find(|&leaf| descriptor.get_column_root_idx(leaf) == root)
        else {
            return false;
        };
        let text = id::is_integer(self.file.schema.field(root).data_type()) == Some(false);
        text && self.file.metadata.row_groups().iter().all(|group| {
            let Some(chunk) = group.columns().get(leaf) else { return false };
            let coded = |encoding| matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
            let pages = chunk.page_encoding_stats_mask().copied();
            match (pages, chunk.page_encoding_stats()) {
                (Some(mask), _) => mask.encodings().all(coded),
                (None, Some(stats)) => stats
                    .iter()
                    .filter(|page| page.page_type != parquet::basic::PageType::DICTIONARY_PAGE)
                    .all(|page| coded(page.encoding)),
                (None, None) => chunk.encodings().any(coded),
            }
        })
    }
}

/// Columns of which every distinct value needs to be looked at once only: those that are texts, or read by expressions
/// that read nothing else.
fn by_value(drafts: &[Draft]) -> BTreeSet<&str> {
    let (mut once, mut together) = (BTreeSet::new(), BTreeSet::new());
    for draft in drafts {
        match draft {
            Draft::Direct { name, text: true } => {
                once.insert(name.as_str());
            }
            Draft::Direct { .. } => {}
            Draft::Computed(bound) => {
                let names = bound.columns().iter().map(String::as_str);
                if bound.columns().len() == 1 { once.extend(names) } else { together.extend(names) }
            }
        }
    }
    once.into_iter().filter(|name| !together.contains(name)).collect()
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The arrow type of evaluated expressions.
fn arrow_of(sql_type: SqlType) -> DataType {
    match sql_type {
        SqlType::Boolean => DataType::Boolean,
        SqlType::Integer => DataType::Int64,
        SqlType::Decimal { scale, .. } => DataType::Decimal128(38, scale.cast_signed()),
        SqlType::Double => DataType::Float64,
        SqlType::Text => DataType::Utf8,
        SqlType::Date => DataType::Date32,
        SqlType::Timestamp { utc } => DataType::Timestamp(TimeUnit::Microsecond, utc.then(|| "UTC".into())),
    }
}
