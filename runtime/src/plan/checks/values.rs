//! Constructors and clauses that would plan, but have no type or no meaning.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned, Value, visit_expressions,
};

use super::super::Error;
use super::reading::called;
use crate::sql::ast::SelectClauses;

/// Checks all expressions of a SELECT.
pub(super) fn check(select: &ast::Select) -> Result<(), Error> {
    let flow = visit_expressions(select, |expr| {
        let checked = match expr {
            Expr::Case {
                conditions,
                else_result,
                ..
            } => check_case(expr, conditions, else_result.as_deref()),
            Expr::Function(call) => check_struct(call),
            _ => Ok(()),
        };
        match checked {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    });
    match flow {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

pub(super) fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => value.value == Value::Null,
        Expr::Nested(inner) => is_null(inner),
        _ => false,
    }
}

fn check_case(case: &Expr, conditions: &[ast::CaseWhen], otherwise: Option<&Expr>) -> Result<(), Error> {
    let has_type = conditions.iter().any(|branch| !is_null(&branch.result)) || otherwise.is_some_and(|e| !is_null(e));
    if has_type {
        return Ok(());
    }
    Err(
        Error::new("case-without-type", "all branches of CASE are NULL, so it has no type")
            .at(case.span())
            .help("cast one of them: CAST(NULL AS INT)"),
    )
}

/// `STRUCT(a := x, a := y)`, which is `named_struct('A', x, 'A', y)` here.
fn check_struct(call: &Function) -> Result<(), Error> {
    if called(call).is_none_or(|name| name.value != "named_struct") {
        return Ok(());
    }
    let FunctionArguments::List(list) = &call.args else {
        return Ok(());
    };
    let mut seen = BTreeSet::new();
    for pair in list.args.chunks(2) {
        let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(name)))) = pair.first() else {
            continue;
        };
        let Value::SingleQuotedString(text) = &name.value else {
            continue;
        };
        if !seen.insert(text) {
            return Err(
                Error::new("duplicate-field", format!("the field `{text}` is in STRUCT twice"))
                    .at(pair.last().map_or(name.span, Spanned::span))
                    .help("give one of them another name"),
            );
        }
    }
    Ok(())
}

/// NULL alone takes the key away; beside other expressions it would be a key that groups nothing.
pub(super) fn check_partition_by(clauses: &SelectClauses) -> Result<(), Error> {
    let Some(null) = clauses.partition_by.iter().find(|expr| is_null(expr)) else {
        return Ok(());
    };
    if clauses.partition_by.len() == 1 {
        return Ok(());
    }
    Err(Error::new(
        "partition-by-null",
        "PARTITION BY with several expressions cannot have NULL among them",
    )
    .at(null.span())
    .help("leave NULL out; PARTITION BY NULL alone gives rows without a key"))
}
