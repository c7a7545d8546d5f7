//! Function calls: the name, the clauses that may not be there, the number of arguments.

use sqlparser::ast::{Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments};

use crate::allow::{Checked, Scope};
use crate::error::ExpressionError;
use crate::functions::{self, ONE_ROW};
use crate::tree::{Comparison, Node, Operation};

/// The node of a call.
pub(crate) fn function(scope: Scope, function: &Function) -> Checked {
    let name = function.name.to_string();
    let arguments = match functions::find(&name) {
        Some(known) => {
            let arguments = plain_arguments(scope, &name, function)?;
            check_count(scope, &name, arguments.len(), known.arguments)?;
            return scope.operation(known.operation, arguments);
        }
        None if name.eq_ignore_ascii_case("NULLIF") => plain_arguments(scope, &name, function)?,
        None => return Err(unknown(scope, &name)),
    };
    check_count(scope, &name, arguments.len(), (2, 2))?;
    null_if(scope, arguments)
}

/// NULLIF(a, b) is CASE WHEN a = b THEN NULL ELSE a END.
fn null_if(scope: Scope, arguments: Vec<Node>) -> Checked {
    let value = arguments.first().cloned().map(Box::new);
    let equal = scope.operation(Operation::Compare(Comparison::Equal), arguments)?;
    scope.searched_case(vec![(equal, scope.null()?)], value)
}

fn unknown(scope: Scope, name: &str) -> ExpressionError {
    if let Some((message, hint)) = functions::refusal(name) {
        return scope.refuse(message).hinted(hint);
    }
    let error = scope.refuse(format!("unknown function `{name}`"));
    match functions::nearest(name) {
        Some(near) => error.hinted(format!("did you mean `{near}`?")),
        None => error,
    }
}

fn check_count(scope: Scope, name: &str, found: usize, allowed: (usize, usize)) -> Result<(), ExpressionError> {
    let (fewest, most) = allowed;
    if (fewest..=most).contains(&found) {
        return Ok(());
    }
    let wanted = match allowed {
        (1, 1) => "1 argument".to_owned(),
        (fewest, usize::MAX) => format!("at least {fewest} argument"),
        (fewest, most) if fewest == most => format!("{fewest} arguments"),
        (fewest, most) => format!("{fewest} to {most} arguments"),
    };
    Err(scope.refuse(format!("`{name}` takes {wanted}, found {found}")))
}

fn plain_arguments(scope: Scope, name: &str, function: &Function) -> Result<Vec<Node>, ExpressionError> {
    if function.over.is_some() {
        return Err(scope.refuse(format!("`{name}` has an OVER clause, which reads other rows")).hinted(ONE_ROW));
    }
    let odd = !matches!(function.parameters, FunctionArguments::None)
        || function.filter.is_some()
        || function.null_treatment.is_some()
        || !function.within_group.is_empty()
        || function.uses_odbc_syntax;
    match &function.args {
        FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses })
            if !odd && clauses.is_empty() =>
        {
            args.iter().map(|argument| plain_argument(scope, name, argument)).collect()
        }
        FunctionArguments::Subquery(_) => Err(scope.refuse("subqueries are not part of the subset").hinted(ONE_ROW)),
        _ => Err(scope.refuse(format!("`{name}` takes plain arguments only"))),
    }
}

fn plain_argument(scope: Scope, name: &str, argument: &FunctionArg) -> Checked {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => scope.node(expression),
        _ => Err(scope.refuse(format!("`{name}` does not take the argument `{argument}`"))),
    }
}
