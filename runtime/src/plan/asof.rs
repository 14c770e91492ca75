//! `ASOF JOIN right [WITHIN n] MATCH_CONDITION (left.ROWTIME >= right.ROWTIME) ON ...`: each left row with the right row of its key that
//! was there last at its time. DataFusion's planner has no such join, so it goes as a LEFT JOIN with a marker in its condition.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, JoinConstraint, JoinOperator};

use super::Error;
use super::marker::Marker;
use crate::sql::ast::SelectClauses;
use crate::types::schema::ROWTIME;

const ASOF: Marker = Marker {
    name: "asof@",
    numbers: 1,
    returns: DataType::Boolean,
};

/// Rewrites the ASOF joins of a SELECT.
pub(super) fn apply(select: &mut ast::Select, clauses: &SelectClauses) -> Result<(), Error> {
    let joins = select.from.iter_mut().flat_map(|from| &mut from.joins);
    for (number, join) in joins.enumerate() {
        let JoinOperator::AsOf {
            match_condition,
            constraint: JoinConstraint::On(on),
        } = &join.join_operator
        else {
            if matches!(join.join_operator, JoinOperator::AsOf { .. }) {
                return Err(Error::new(
                    "asof-join",
                    "ASOF JOIN needs ON, by which the rows of a key are brought together",
                )
                .help(
                    "write ASOF JOIN right MATCH_CONDITION (left.ROWTIME >= right.ROWTIME) ON left.key = right.key",
                ));
            }
            continue;
        };
        check_times(match_condition)?;
        let within = clauses.within.get(&number);
        let retention_ms = within.map_or(i64::MAX, |within| within.before.ms);
        let condition = ast::Expr::BinaryOp {
            left: Box::new(ast::Expr::Nested(Box::new(on.clone()))),
            op: BinaryOperator::And,
            right: Box::new(ASOF.call(&[retention_ms])),
        };
        join.join_operator = JoinOperator::LeftOuter(JoinConstraint::On(condition));
    }
    Ok(())
}

/// Both sides are compared by their event times, the left one being the later.
fn check_times(condition: &ast::Expr) -> Result<(), Error> {
    let is_time = |expr: &ast::Expr| matches!(expr, ast::Expr::CompoundIdentifier(parts) if parts.last().is_some_and(|name| name.value == ROWTIME));
    match condition {
        ast::Expr::Nested(inner) => check_times(inner),
        ast::Expr::BinaryOp {
            left,
            op: BinaryOperator::GtEq,
            right,
        } if is_time(left) && is_time(right) => Ok(()),
        _ => Err(Error::new(
            "asof-join",
            format!("MATCH_CONDITION compares the event times of both sides, not `{condition}`"),
        )
        .help("write MATCH_CONDITION (left.ROWTIME >= right.ROWTIME); the column that is the event time is named by WITH (TIMESTAMP = ...)")),
    }
}

/// The function of that name, where it is ours.
pub(crate) fn asof_function(name: &str) -> Option<Arc<ScalarUDF>> {
    (name == ASOF.name).then(|| ASOF.function())
}

/// How much older than the left row the right one may be, where an expression says that a join is such a one.
pub(crate) fn as_asof(expr: &Expr) -> Option<i64> {
    ASOF.numbers_of(expr)?.first().copied()
}
