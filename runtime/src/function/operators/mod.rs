//! Operators and constructors whose results in ksqlDB differ from DataFusion's.
//!
//! | what | ksqlDB | by |
//! |---|---|---|
//! | `+ - * / %` of DECIMAL | types and digits of [`arithmetic`] | [`expr_planner`] |
//! | `+` of STRING | concatenation, in which NULL is the text `null` | [`expr_planner`] |
//! | <code>\|\|</code> | CONCAT, which leaves NULL out | [`expr_planner`] |
//! | arithmetic in a lambda with NULL | an error of the row | [`expr_planner`] |
//! | `= <> < ...` with NULL | false | [`semantics`] |
//! | comparison of types that do not compare | an error when planned | [`expr_planner`], [`semantics`] |
//! | comparison of a time type, ROWTIME, WINDOWSTART or WINDOWEND with a text | the text is a date or time | the same |
//! | `=` of arrays, maps and structs | by their parts, entries of maps in any order | the same |
//! | `LIKE` | no escape character unless `ESCAPE` names one | [`semantics`] |
//! | `IN`, `ARRAY[...]`, `MAP(...)` | literals take the common type of the others | [`coerce`] |
//! | `CAST` | `function::cast` | [`semantics`] |
//! | `m['k']` | NULL where there is no such key | [`expr_planner`] |
//! | `5` | INTEGER where it fits | [`literals`] |
//!
//! Operators on INTEGER, BIGINT and DOUBLE, and `a[1]`, `a[-1]`, are DataFusion's own: they agree.

mod arithmetic;
mod coerce;
mod compare;
mod equality;
mod expr_planner;
mod internal;
mod like_pattern;
mod literals;
mod map_access;
mod semantics;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub use equality::NESTED_EQUAL;
pub use expr_planner::KsqlExprPlanner;
pub use literals::type_integer_literals;
pub use semantics::KsqlSemantics;

/// Functions that SQL text is turned into before it is planned: `map(keys, values)`, `ww_cast(value, 'type')` and
/// `ww_try_cast(value, 'type')`.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        map_access::map_of(),
        super::cast::text_cast_udf(),
        super::cast::text_try_cast_udf(),
    ]
}
