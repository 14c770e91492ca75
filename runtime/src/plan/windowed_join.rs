//! Joins of sources whose keys have a window: rows match when their windows are the same too.

use datafusion::sql::sqlparser::ast::{self, BinaryOperator, Expr, Ident};

use super::{Error, join_key};
use crate::catalog::Definition;
use crate::types::schema::{WINDOWEND, WINDOWSTART};
use crate::types::storage::KeyWindow;

/// Adds the equality of the windows to the conditions of a SELECT's joins. `sources` are the relations of FROM in order, the first
/// one first; where one is not known (a subquery) nothing is added.
///
/// # Errors
/// When only one side has windows, or theirs can never be the same.
pub(super) fn apply(select: &mut ast::Select, sources: &[(Ident, Option<&Definition>)]) -> Result<(), Error> {
    let joins: Vec<_> = select.from.iter_mut().flat_map(|from| &mut from.joins).collect();
    let Some(((left, Some(first)), others)) = sources.split_first() else {
        return Ok(());
    };
    if joins.len() != others.len() {
        return Ok(());
    }
    for (join, (right, second)) in joins.into_iter().zip(others) {
        let (Some(second), Some(condition)) = (second, join_key::on_mut(&mut join.join_operator)) else {
            continue;
        };
        let bounds: &[&str] = match (first.storage.key_window, second.storage.key_window) {
            (None, None) => continue,
            (Some(KeyWindow::Time { size_ms: a }), Some(KeyWindow::Time { size_ms: b })) if a == b => &[WINDOWSTART],
            (Some(KeyWindow::Session), Some(KeyWindow::Session)) => &[WINDOWSTART, WINDOWEND],
            windows => return Err(mismatch((first, second), windows).at(right.span)),
        };
        for bound in bounds {
            let equal = Expr::BinaryOp {
                left: Box::new(super::rewrite::column(left, bound)),
                op: BinaryOperator::Eq,
                right: Box::new(super::rewrite::column(right, bound)),
            };
            *condition = Expr::BinaryOp {
                left: Box::new(Expr::Nested(Box::new(condition.clone()))),
                op: BinaryOperator::And,
                right: Box::new(equal),
            };
        }
    }
    Ok(())
}

fn mismatch(
    (left, right): (&Definition, &Definition),
    (left_window, right_window): (Option<KeyWindow>, Option<KeyWindow>),
) -> Error {
    let describe = |definition: &Definition, window: Option<KeyWindow>| match window {
        None => format!("the key of `{}` has no window", definition.name),
        Some(KeyWindow::Session) => format!("the key of `{}` has a session", definition.name),
        Some(KeyWindow::Time { size_ms }) => format!("the key of `{}` has a window of {size_ms} ms", definition.name),
    };
    Error::new(
        "join-windows",
        format!(
            "{}, {}: their rows can never have the same key",
            describe(left, left_window),
            describe(right, right_window)
        ),
    )
    .help("join sources with windows of one kind and size, or sources without windows")
}
