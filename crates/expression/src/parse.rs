//! From text to the allow-listed tree: size limits first, then the SQL parser, then the allow-list.

use std::collections::BTreeSet;

use sqlparser::dialect::Dialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::allow;
use crate::bind;
use crate::error::{ExpressionError, Position};
use crate::evaluate::Bound;
use crate::sql_type::SqlType;
use crate::tree::{Kind, Node};

/// Longest text, in bytes.
const MAX_BYTES: usize = 16 * 1024;
/// Most tokens, white space not counted: what keeps long sums away from the recursive parser.
const MAX_TOKENS: usize = 1_024;
/// Deepest nesting of brackets.
const MAX_NESTING: usize = 32;

/// The lexical rules of the subset: double quotes name columns, single quotes hold text, nothing else is
/// special. Every optional feature of the parser stays off.
#[derive(Debug)]
struct RowWise;

impl Dialect for RowWise {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }
}

/// An expression whose syntax, size and functions have been checked; it knows no column types yet.
#[derive(Debug, Clone)]
pub struct Parsed {
    text: String,
    columns: BTreeSet<String>,
    tree: Node,
}

impl Parsed {
    /// Parses `text`.
    ///
    /// # Errors
    /// When the text is too long or too deep, is not SQL, or uses what the subset does not have.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let tree = allow::check(&parse_sql(text)?)?;
        Ok(Self::of(text, tree))
    }

    /// The column `name` itself, whatever characters the name has.
    #[must_use]
    pub fn column(name: &str) -> Self {
        Self::of(name, Node { kind: Kind::Column(name.to_owned()), at: Position::START, size: 1 })
    }

    fn of(text: &str, tree: Node) -> Self {
        let mut columns = BTreeSet::new();
        collect_columns(&tree, &mut columns);
        Self { text: text.to_owned(), columns, tree }
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The tree.
    pub(crate) fn tree(&self) -> &Node {
        &self.tree
    }

    /// The columns the expression reads.
    #[must_use]
    pub fn columns(&self) -> &BTreeSet<String> {
        &self.columns
    }

    /// The column's name when the expression is nothing but a column, which needs no evaluation.
    #[must_use]
    pub fn plain_column(&self) -> Option<&str> {
        match &self.tree.kind {
            Kind::Column(name) => Some(name),
            _ => None,
        }
    }

    /// Checks the expression against the columns of a source. A text that equals the name of one of
    /// `columns` is that column, whatever it would be as SQL.
    ///
    /// # Errors
    /// When a column is unknown or an operation does not take the types of its operands.
    pub fn bind(&self, columns: &[(String, SqlType)]) -> Result<Bound, ExpressionError> {
        let name = self.text.trim();
        let tree = if columns.iter().any(|(column, _)| column == name) {
            bind::bind(&Self::column(name).tree, columns)?
        } else {
            bind::bind(&self.tree, columns)?
        };
        Ok(Bound::new(self.text.clone(), tree))
    }
}

/// Adds the columns that `node` reads.
pub(crate) fn collect_columns(node: &Node, columns: &mut BTreeSet<String>) {
    match &node.kind {
        Kind::Column(name) => {
            columns.insert(name.clone());
        }
        Kind::Literal(_) => {}
        Kind::Operation(_, operands) => operands.iter().for_each(|operand| collect_columns(operand, columns)),
        Kind::Case(branches, otherwise) => {
            for (condition, result) in branches {
                collect_columns(condition, columns);
                collect_columns(result, columns);
            }
            if let Some(otherwise) = otherwise {
                collect_columns(otherwise, columns);
            }
        }
        Kind::Cast { value, .. } => collect_columns(value, columns),
    }
}

fn parse_sql(text: &str) -> Result<sqlparser::ast::Expr, ExpressionError> {
    if text.len() > MAX_BYTES {
        let message = format!("the expression has {} bytes, at most {MAX_BYTES} are taken", text.len());
        return Err(ExpressionError::at(Position::START, message));
    }
    let tokens = Tokenizer::new(&RowWise, text)
        .tokenize_with_location()
        .map_err(|error| ExpressionError::at(position(error.location), lower_first(&error.message)))?;
    check_size(&tokens)?;
    let mut parser = Parser::new(&RowWise).with_tokens_with_locations(tokens);
    let expression = parser.parse_expr().map_err(|error| syntax_error(&error))?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        let message = format!("expected the end of the expression, found `{}`", next.token);
        return Err(ExpressionError::at(position(next.span.start), message));
    }
    Ok(expression)
}

fn check_size(tokens: &[TokenWithSpan]) -> Result<(), ExpressionError> {
    let (mut count, mut nesting) = (0, 0_usize);
    for token in tokens {
        match token.token {
            Token::Whitespace(_) => continue,
            Token::LParen | Token::LBracket | Token::LBrace => nesting += 1,
            Token::RParen | Token::RBracket | Token::RBrace => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        count += 1;
        let message = if count > MAX_TOKENS {
            format!("the expression has more than {MAX_TOKENS} words and signs")
        } else if nesting > MAX_NESTING {
            format!("brackets are nested more than {MAX_NESTING} deep")
        } else {
            continue;
        };
        return Err(ExpressionError::at(position(token.span.start), message).hinted("compute it in two columns"));
    }
    if count == 0 {
        return Err(ExpressionError::at(Position::START, "the expression is empty"));
    }
    Ok(())
}

/// The parser ends its messages with the place, as in `... at Line: 1, Column: 5`.
fn syntax_error(error: &ParserError) -> ExpressionError {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.as_str(),
        ParserError::RecursionLimitExceeded => "the expression is nested too deeply",
    };
    let (message, place) = message.rsplit_once(" at Line: ").unwrap_or((message, "1, Column: 1"));
    let mut numbers = place.split(", Column: ").map(|number| number.trim().parse().unwrap_or(1));
    let at = Position { line: numbers.next().unwrap_or(1), column: numbers.next().unwrap_or(1) };
    ExpressionError::at(at, lower_first(message)).hinted("column names with spaces or signs are written \"like this\"")
}

fn lower_first(message: &str) -> String {
    let mut characters = message.chars();
    let first = characters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

/// The parser counts from 1 and uses 0 for places it does not know.
pub(crate) fn position(at: Location) -> Position {
    let from_one = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    Position { line: from_one(at.line), column: from_one(at.column) }
}
