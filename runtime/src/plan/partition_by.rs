//! PARTITION BY: which columns of the result are its key.

use datafusion::sql::sqlparser::ast::{self, Expr, SelectItem};

use super::Error;
use super::alias::Aliases;
use super::rewrite::quoted;
use crate::sql::ast::SelectClauses;

/// Where in the projection the expressions of PARTITION BY stand. Where `*` is selected, the ones that are not there are put in
/// front of it, since the key is always a column of the result (ksqlDB: `UserRepartitionNode`).
pub(super) fn positions(
    clauses: &SelectClauses,
    select: &mut ast::Select,
    selects_all: bool,
    aliases: &mut Aliases,
) -> Result<Vec<usize>, Error> {
    let wanted: Vec<&Expr> = clauses.partition_by.iter().filter(|expr| !is_null(expr)).collect();
    if selects_all {
        let missing: Vec<SelectItem> = wanted
            .iter()
            .filter(|expr| position(select, expr).is_none())
            .map(|expr| SelectItem::ExprWithAlias {
                expr: (**expr).clone(),
                alias: quoted(aliases.name_of(expr)),
            })
            .collect();
        select.projection.splice(0..0, missing);
    }
    let positions = wanted.into_iter().map(|wanted| {
        position(select, wanted).ok_or_else(|| {
            Error::new(
                "key-not-selected",
                format!("the PARTITION BY expression `{wanted}` is not selected"),
            )
            .help(format!(
                "the key is a column of the result: add `{wanted}` to the SELECT list"
            ))
        })
    });
    positions.collect()
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == ast::Value::Null)
}

fn position(select: &ast::Select, wanted: &Expr) -> Option<usize> {
    select.projection.iter().position(|item| match item {
        SelectItem::ExprWithAlias { expr, .. } => same_expression(expr, wanted),
        _ => false,
    })
}

/// Equal, where a column may be written with or without its relation.
fn same_expression(a: &Expr, b: &Expr) -> bool {
    if let (Expr::CompoundIdentifier(a), Expr::CompoundIdentifier(b)) = (a, b) {
        return a
            .iter()
            .map(|ident| &ident.value)
            .eq(b.iter().map(|ident| &ident.value));
    }
    let last = |expr: &Expr| match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|ident| ident.value.clone()),
        _ => None,
    };
    match (last(a), last(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a == b,
        _ => false,
    }
}
