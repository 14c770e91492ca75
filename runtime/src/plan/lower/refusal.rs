//! Nodes of a logical plan that cannot be streamed: why, and what to write instead.

use datafusion::logical_expr::LogicalPlan;

use crate::plan::Error;

/// Why a node cannot be streamed, and what to write instead.
pub(super) fn refusal(plan: &LogicalPlan) -> Error {
    let (message, help) = match plan {
        LogicalPlan::Sort(_) => (
            "ORDER BY is not possible on a stream: it has no last row",
            "add LIMIT n for the first n rows, or leave ORDER BY out; rows come in the order of their arrival",
        ),
        LogicalPlan::Join(_) => ("joins are not supported yet", "read the streams one by one"),
        LogicalPlan::Subquery(_) => (
            "subqueries inside of expressions are not supported yet",
            "use a subquery in FROM",
        ),
        LogicalPlan::Unnest(_) => (
            "UNNEST is not possible here",
            "write EXPLODE(array) in the SELECT list, or UNNEST(array) in FROM",
        ),
        other => {
            return Error::new(
                "not-supported",
                format!("`{}` is not supported on streams", other.display()),
            );
        }
    };
    Error::new("not-supported", message).help(help)
}
