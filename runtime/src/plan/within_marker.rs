//! WITHIN of a stream join while DataFusion plans: a marker in the join's condition that carries the bounds. Lowering takes it out again.

use std::sync::Arc;

use super::marker::Marker;
use crate::sql::ast::SelectClauses;
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion::sql::sqlparser::ast::{self, BinaryOperator};

const WITHIN: Marker = Marker {
    name: "within@",
    numbers: 3,
    returns: DataType::Boolean,
};

/// How far apart the rows of a stream join may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Within {
    /// How much earlier the right row may be than the left one, milliseconds.
    pub(crate) before: i64,
    /// How much later, milliseconds.
    pub(crate) after: i64,
    /// How long after that late rows still count, milliseconds, where GRACE PERIOD is said.
    pub(crate) grace: Option<i64>,
}

/// Puts the WITHIN clauses of a SELECT into the conditions of its joins.
pub(super) fn apply(select: &mut ast::Select, clauses: &SelectClauses) {
    let joins = select.from.iter_mut().flat_map(|from| &mut from.joins);
    for (number, join) in joins.enumerate() {
        let Some(within) = clauses.within.get(&number) else {
            continue;
        };
        let Some(condition) = super::join_key::on_mut(&mut join.join_operator) else {
            continue;
        };
        let marker = call(Within {
            before: within.before.ms,
            after: within.after.ms,
            grace: within.grace.map(|grace| grace.ms),
        });
        *condition = ast::Expr::BinaryOp {
            left: Box::new(ast::Expr::Nested(Box::new(condition.clone()))),
            op: BinaryOperator::And,
            right: Box::new(marker),
        };
    }
}

/// The call that carries the bounds.
fn call(within: Within) -> ast::Expr {
    WITHIN.call(&[within.before, within.after, within.grace.unwrap_or(-1)])
}

/// The function of that name, where it is ours.
pub(crate) fn within_function(name: &str) -> Option<Arc<ScalarUDF>> {
    (name == WITHIN.name).then(|| WITHIN.function())
}

/// The bounds that an expression carries.
pub(crate) fn as_within(expr: &Expr) -> Option<Within> {
    let [before, after, grace] = WITHIN.numbers_of(expr)?[..] else {
        return None;
    };
    Some(Within {
        before,
        after,
        grace: (grace >= 0).then_some(grace),
    })
}
