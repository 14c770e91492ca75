//! Joins of windowed sources: the window is a part of the key, so rows join within the same window only (ksqlDB:
//! `JoinNode.validateKeyFormats` and the windowed keys of Kafka Streams).

use datafusion::sql::sqlparser::ast::{self, BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator};

use super::Error;
use super::rewrite::column;
use crate::catalog::Definition;
use crate::types::schema::{WINDOWEND, WINDOWSTART};
use crate::types::storage::KeyWindow;

/// A source in FROM: how its columns are called, and its definition.
pub(super) type Side<'a> = (&'a Ident, &'a Definition);

/// Adds the windows to the conditions of joins of windowed sources. `sides` are the sources in the order of FROM; `None` where one is
/// no stream or table.
///
/// # Errors
/// Where windowed and other sources, or windows of different kinds, are joined.
pub(super) fn apply(select: &mut ast::Select, sides: &[Option<Side<'_>>]) -> Result<(), Error> {
    let Some(Some(left)) = sides.first() else {
        return Ok(());
    };
    let joins = select.from.iter_mut().flat_map(|from| &mut from.joins);
    for (join, right) in joins.zip(sides.iter().skip(1)) {
        let Some(right) = right else { continue };
        let bounds: &[&str] = match (left.1.storage.key_window, right.1.storage.key_window) {
            (None, None) => continue,
            (Some(KeyWindow::Time { .. }), Some(KeyWindow::Time { .. })) => &[WINDOWSTART],
            (Some(KeyWindow::Session), Some(KeyWindow::Session)) => &[WINDOWSTART, WINDOWEND],
            (Some(_), Some(_)) => {
                return Err(Error::new(
                    "join-windows",
                    format!(
                        "`{}` and `{}` have windows of different kinds, so none of their rows can be of one window",
                        left.1.name, right.1.name
                    ),
                )
                .help("join sessions with sessions, and tumbling or hopping windows with such"));
            }
            (of_left, _) => {
                let (windowed, other) = if of_left.is_some() {
                    (left, right)
                } else {
                    (right, left)
                };
                return Err(Error::new(
                    "join-windows",
                    format!(
                        "`{}` has a row for each window and `{}` has no windows, so they cannot be joined",
                        windowed.1.name, other.1.name
                    ),
                )
                .help("group the windowed one again without a window first"));
            }
        };
        let (JoinOperator::Join(JoinConstraint::On(on))
        | JoinOperator::Inner(JoinConstraint::On(on))
        | JoinOperator::Left(JoinConstraint::On(on))
        | JoinOperator::LeftOuter(JoinConstraint::On(on))
        | JoinOperator::Right(JoinConstraint::On(on))
        | JoinOperator::RightOuter(JoinConstraint::On(on))) = &mut join.join_operator
        else {
            return Err(Error::new(
                "join-windows",
                "windowed sources can be joined by INNER, LEFT and RIGHT JOIN with ON only",
            )
            .help("write INNER JOIN ... ON left.column = right.column"));
        };
        for bound in bounds {
            *on = Expr::BinaryOp {
                left: Box::new(Expr::Nested(Box::new(on.clone()))),
                op: BinaryOperator::And,
                right: Box::new(Expr::BinaryOp {
                    left: Box::new(column(left.0, bound)),
                    op: BinaryOperator::Eq,
                    right: Box::new(column(right.0, bound)),
                }),
            };
        }
    }
    Ok(())
}

/// The source whose window a row of the result has: the one that every row has a part of.
pub(super) fn leading<'a>(select: &ast::Select, sides: &[Option<Side<'a>>]) -> Option<Side<'a>> {
    let joins = select.from.iter().flat_map(|from| &from.joins);
    let right = joins
        .zip(sides.iter().skip(1))
        .filter(|(join, _)| matches!(join.join_operator, JoinOperator::Right(_) | JoinOperator::RightOuter(_)));
    right.map(|(_, side)| *side).last().or(sides.first().copied()).flatten()
}
