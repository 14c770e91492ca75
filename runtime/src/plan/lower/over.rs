//! Calls with `OVER`: which functions, orders and frames a stream can have.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction, WindowFunctionDefinition};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, Window, WindowFrame, WindowFrameBound, WindowFrameUnits,
};

use super::{Lowering, Relation, arrow_schema, label};
use crate::operator::Expression;
use crate::operator::aggregate::AggregateCall;
use crate::operator::over::{Frame, FrameAggregate, OverCall, OverFunction, Pick};
use crate::plan::row_time::{is_row_time, unaliased};
use crate::plan::{Error, NodeId, NodeKind};
use crate::types::limits::OVER_ROWS_MAX;
use crate::types::storage::SourceKind;

impl Lowering {
    pub(super) fn over(&mut self, window: &Window) -> Result<Relation, Error> {
        let mut calls = Vec::with_capacity(window.window_expr.len());
        for expr in &window.window_expr {
            let Expr::WindowFunction(call) = unaliased(expr) else {
                return Err(Error::new("internal", format!("`{expr}` has no OVER")));
            };
            calls.push((&**call, label(expr)));
        }
        let input = self.node(&window.input)?;
        let Some((first, _)) = calls.first() else {
            return Ok(input);
        };
        let params = &first.params;
        let same = |(call, _): &(&WindowFunction, String)| {
            call.params.partition_by == params.partition_by && call.params.order_by == params.order_by
        };
        if !calls.iter().all(same) {
            return Err(Error::new(
                "internal",
                "calls with different OVER clauses came in one node",
            ));
        }
        if input.kind == SourceKind::Table {
            return Err(refused_over_table());
        }
        let ordered = match params.order_by.as_slice() {
            [] => false,
            [by] if by.asc && is_row_time(&by.expr, &window.input) => true,
            _ => return Err(refused_order()),
        };
        let own = window.input.schema();
        let mut parts = vec![params.partition_by.clone()];
        for (call, _) in &calls {
            parts.push(call.params.args.clone());
            parts.push(call.params.filter.iter().map(|filter| (**filter).clone()).collect());
        }
        let (node, schema, parts) = self.with_stream_functions(input.node, own, parts)?;
        let keys = self.expressions(&parts[0], &schema)?;
        let mut planned = Vec::with_capacity(calls.len());
        for (number, (call, label)) in calls.iter().enumerate() {
            let exprs = &parts[1 + 2 * number];
            let args = self.expressions(exprs, &schema)?;
            let returns = window.window_expr[number].get_type(own)?;
            let (function, frame, args) = function(call, exprs, args, returns.clone(), label)?;
            planned.push(OverCall {
                label: label.clone(),
                function,
                frame,
                args,
                filter: match parts[2 + 2 * number].first() {
                    Some(filter) => Some(self.expression(filter, &schema)?),
                    None => None,
                },
                returns,
            });
        }
        let node = self.gather_in_order(node, &keys);
        let kind = NodeKind::Over {
            keys,
            calls: planned,
            ordered,
        };
        let given = schema.fields().len() - own.fields().len();
        let node = self.append(node, kind, &arrow_schema(&window.schema), given);
        Ok(Relation { node, ..input })
    }

    /// An exchange, unless the rows were sent by these keys for calls with another order just before.
    fn gather_in_order(&mut self, node: NodeId, keys: &[Expression]) -> NodeId {
        let labels = |keys: &[Expression]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        if let NodeKind::Over { keys: before, .. } = &self.dataflow.nodes[node].kind
            && (self.over_in_one_shard || labels(before) == labels(keys))
        {
            return node;
        }
        let keys = if self.over_in_one_shard { vec![] } else { keys.to_vec() };
        self.gather_keys(node, keys)
    }
}

/// True where calls with different keys follow on each other. An exchange keeps the order of rows of its own key only, so
/// such calls run in one shard, where all rows keep the order in which they came.
pub(super) fn mixes_keys(plan: &LogicalPlan) -> Result<bool, Error> {
    let mut found: Vec<Vec<Expr>> = Vec::new();
    plan.apply(|node| {
        if let LogicalPlan::Window(window) = node
            && let Some(Expr::WindowFunction(call)) = window.window_expr.first().map(unaliased)
            && !found.contains(&call.params.partition_by)
        {
            found.push(call.params.partition_by.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found.len() > 1)
}

/// A function with its frame, and the arguments that are evaluated for each row.
fn function(
    call: &WindowFunction,
    exprs: &[Expr],
    mut args: Vec<Expression>,
    returns: DataType,
    label: &str,
) -> Result<(OverFunction, Frame, Vec<Expression>), Error> {
    let ignore_nulls = call.params.null_treatment == Some(NullTreatment::IgnoreNulls);
    let whole = Frame::Rows { start: None, end: 0 };
    let udwf = match &call.fun {
        WindowFunctionDefinition::AggregateUDF(function) => {
            let frame = frame(call)?;
            let mut aggregate = AggregateCall::new(Arc::clone(function), args, returns, label.to_owned())?;
            if ignore_nulls {
                aggregate = aggregate.ignoring_nulls();
            }
            if call.params.distinct {
                aggregate = aggregate.distinct()?;
            }
            let args = aggregate.args.clone();
            let moves = !matches!(frame, Frame::Rows { start: None, .. });
            let aggregate = FrameAggregate::new(aggregate, moves)?;
            return Ok((OverFunction::Aggregate(aggregate), frame, args));
        }
        WindowFunctionDefinition::WindowUDF(function) => function.name(),
    };
    let value = |pick, otherwise| OverFunction::Value {
        pick,
        ignore_nulls,
        otherwise,
    };
    // Only the first argument has a value for each row.
    args.truncate(1);
    Ok(match udwf {
        "row_number" => (OverFunction::RowNumber, whole, vec![]),
        "rank" => (OverFunction::Rank, whole, vec![]),
        "dense_rank" => (OverFunction::DenseRank, whole, vec![]),
        "lag" | "lead" => {
            let (pick, frame) = neighbour(udwf, exprs, ignore_nulls)?;
            let otherwise = exprs.get(2).map_or(Ok(ScalarValue::Null), literal)?;
            (value(pick, otherwise), frame, args)
        }
        "first_value" => (value(Pick::FromStart(1), ScalarValue::Null), frame(call)?, args),
        "last_value" => (value(Pick::FromEnd(1), ScalarValue::Null), frame(call)?, args),
        "nth_value" => {
            let nth = exprs.get(1).map_or(Ok(ScalarValue::Null), literal)?;
            let pick = match whole_number(&nth) {
                Some(nth @ 1..) => Pick::FromStart(row_count(nth.unsigned_abs())?),
                Some(nth @ ..=-1) => Pick::FromEnd(row_count(nth.unsigned_abs())?),
                _ => {
                    return Err(Error::new(
                        "over-function",
                        "NTH_VALUE takes a whole number other than 0",
                    ));
                }
            };
            (value(pick, ScalarValue::Null), frame(call)?, args)
        }
        other => return Err(refused_function(other)),
    })
}

/// LAG and LEAD: which row of which frame.
fn neighbour(name: &str, args: &[Expr], ignore_nulls: bool) -> Result<(Pick, Frame), Error> {
    let offset = match args.get(1).map(literal).transpose()? {
        None => 1,
        Some(value) if value.is_null() => 1,
        Some(value) => whole_number(&value).ok_or_else(|| {
            Error::new("over-function", format!("{} counts whole rows", name.to_uppercase()))
                .help("write a number, as LAG(x, 2)")
        })?,
    };
    let rows = i64::try_from(row_count(offset.unsigned_abs())?).unwrap_or(i64::MAX);
    let back = (name == "lag") == (offset >= 0);
    match (back, ignore_nulls) {
        (true, true) if rows > 0 => Ok((
            Pick::FromEnd(row_count(offset.unsigned_abs())?),
            Frame::Rows { start: None, end: -1 },
        )),
        (false, true) if rows > 0 => Err(Error::new(
            "over-function",
            "LEAD with IGNORE NULLS is not possible on a stream",
        )
        .help("the next value may be any number of rows away; use LAG with IGNORE NULLS, or LEAD without")),
        _ => {
            let at = if back { -rows } else { rows };
            Ok((
                Pick::FromStart(1),
                Frame::Rows {
                    start: Some(at),
                    end: at,
                },
            ))
        }
    }
}

fn frame(call: &WindowFunction) -> Result<Frame, Error> {
    let frame = &call.params.window_frame;
    match frame.units {
        WindowFrameUnits::Rows => Ok(Frame::Rows {
            start: rows_bound(frame, &frame.start_bound)?,
            end: rows_bound(frame, &frame.end_bound)?.ok_or_else(|| refused_frame(call))?,
        }),
        WindowFrameUnits::Range => {
            if !matches!(frame.end_bound, WindowFrameBound::CurrentRow) {
                return Err(refused_frame(call));
            }
            match &frame.start_bound {
                WindowFrameBound::CurrentRow => Ok(Frame::Range { back_ms: 0 }),
                WindowFrameBound::Preceding(length) if length.is_null() => Ok(Frame::Rows { start: None, end: 0 }),
                WindowFrameBound::Preceding(length) => Ok(Frame::Range {
                    back_ms: milliseconds(length).ok_or_else(|| {
                        Error::new(
                            "over-frame",
                            format!("`{frame}` has a length that is no number of milliseconds"),
                        )
                        .help(
                            "ORDER BY ROWTIME, and write RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW",
                        )
                    })?,
                }),
                WindowFrameBound::Following(_) => Err(refused_frame(call)),
            }
        }
        WindowFrameUnits::Groups => Err(Error::new("over-frame", "frames of GROUPS are not supported")
            .help("write ROWS for a number of rows, or RANGE for a length of time")),
    }
}

/// A bound relative to the current row; `None` for UNBOUNDED.
fn rows_bound(frame: &WindowFrame, bound: &WindowFrameBound) -> Result<Option<i64>, Error> {
    let rows = |value: &ScalarValue| -> Result<Option<i64>, Error> {
        if value.is_null() {
            return Ok(None);
        }
        let rows = whole_number(value)
            .and_then(|rows| u64::try_from(rows).ok())
            .ok_or_else(|| Error::new("over-frame", format!("`{frame}` counts rows that are no whole number")))?;
        Ok(Some(i64::try_from(row_count(rows)?).unwrap_or(i64::MAX)))
    };
    match bound {
        WindowFrameBound::Preceding(value) => Ok(rows(value)?.map(|rows| -rows)),
        WindowFrameBound::CurrentRow => Ok(Some(0)),
        WindowFrameBound::Following(value) => rows(value),
    }
}

fn row_count(rows: u64) -> Result<usize, Error> {
    if rows > OVER_ROWS_MAX {
        return Err(Error::new(
            "over-frame",
            format!("{rows} rows are more than a key keeps; at most {OVER_ROWS_MAX}"),
        )
        .help("use a smaller number, or UNBOUNDED PRECEDING, which keeps no rows"));
    }
    Ok(usize::try_from(rows).unwrap_or(usize::MAX))
}

/// A length of time as RANGE has it: a whole number over ROWTIME, an interval over a TIMESTAMP.
fn milliseconds(length: &ScalarValue) -> Option<i64> {
    let ms = match length {
        ScalarValue::IntervalMonthDayNano(Some(interval)) if interval.months == 0 => {
            let days = i64::from(interval.days).checked_mul(86_400_000)?;
            days.checked_add(interval.nanoseconds / 1_000_000)?
        }
        other => whole_number(other)?,
    };
    (ms >= 0).then_some(ms)
}

fn literal(expr: &Expr) -> Result<ScalarValue, Error> {
    match expr {
        Expr::Literal(value, _) => Ok(value.clone()),
        Expr::Cast(cast) => literal(&cast.expr),
        Expr::Alias(alias) => literal(&alias.expr),
        other => Err(
            Error::new("over-function", format!("`{}` must be a constant here", label(other)))
                .help("rows are counted, and a default is given, once for the whole query"),
        ),
    }
}

fn whole_number(value: &ScalarValue) -> Option<i64> {
    if !value.data_type().is_integer() {
        return None;
    }
    match value.cast_to(&DataType::Int64).ok()? {
        ScalarValue::Int64(number) => number,
        _ => None,
    }
}

fn refused_over_table() -> Error {
    Error::new(
        "over-table",
        "OVER is not possible over a table, whose rows change and go",
    )
    .help(
        "use it over the stream that the table is made from, or keep the first rows of each key: \
         SELECT ... FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM t) WHERE rn <= 3",
    )
}

fn refused_order() -> Error {
    Error::new(
        "over-order",
        "a stream can be ordered by the time of its rows only, ascending",
    )
    .help(
        "write ORDER BY ROWTIME; for the first rows by another column filter a number: \
         SELECT ... FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM s) WHERE rn <= 3",
    )
}

fn refused_frame(call: &WindowFunction) -> Error {
    let frame = &call.params.window_frame;
    let unbounded = |value: &ScalarValue| value.is_null();
    if matches!(&frame.end_bound, WindowFrameBound::Following(value) if unbounded(value)) {
        return Error::new(
            "over-frame",
            "a frame that ends at UNBOUNDED FOLLOWING never ends on a stream",
        )
        .help(
            "add ORDER BY ROWTIME for the rows so far, or end the frame with CURRENT ROW or n FOLLOWING of ROWS; \
             for one value of each key use GROUP BY",
        );
    }
    Error::new("over-frame", format!("a frame `{frame}` is not possible on a stream"))
        .help("a frame of RANGE ends with CURRENT ROW; to look ahead write ROWS BETWEEN ... AND n FOLLOWING")
}

fn refused_function(name: &str) -> Error {
    let name = name.to_uppercase();
    let help = match name.as_str() {
        "NTILE" | "PERCENT_RANK" | "CUME_DIST" => {
            "it needs the number of all rows of a key, which a stream never has; \
                                                   use ROW_NUMBER or RANK"
        }
        _ => {
            "ROW_NUMBER, RANK, DENSE_RANK, LAG, LEAD, FIRST_VALUE, LAST_VALUE, NTH_VALUE and all aggregates can have OVER"
        }
    };
    Error::new("over-function", format!("{name} is not possible on a stream")).help(help)
}

/// A call as people read it: DataFusion writes the OVER clause of a call into its name.
pub(super) fn without_clause(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(call) = [" PARTITION BY [", " ORDER BY [", " ROWS BETWEEN ", " RANGE BETWEEN "]
        .iter()
        .filter_map(|clause| rest.find(clause))
        .min()
    {
        plain.push_str(&rest[..call]);
        rest = &rest[call..];
        for list in [" PARTITION BY [", " ORDER BY ["] {
            if let Some(inside) = rest.strip_prefix(list) {
                rest = after_bracket(inside);
            }
        }
        for frame in [" ROWS BETWEEN ", " RANGE BETWEEN "] {
            if let Some(bounds) = rest.strip_prefix(frame) {
                rest = after_bounds(bounds);
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn after_bracket(text: &str) -> &str {
    let mut open = 1;
    for (at, letter) in text.char_indices() {
        match letter {
            '[' => open += 1,
            ']' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return &text[at + 1..];
        }
    }
    ""
}

fn after_bounds(text: &str) -> &str {
    let Some((_, end)) = text.split_once(" AND ") else {
        return "";
    };
    let ends = ["PRECEDING", "FOLLOWING", "CURRENT ROW"];
    let bound = ends.iter().filter_map(|word| Some((end.find(word)?, word.len()))).min();
    bound.map_or("", |(at, length)| &end[at + length..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_shown_without_their_clause() {
        let text = "T.A - lag(T.A) PARTITION BY [T.K[1], T.L] ORDER BY [T.ROWTIME ASC NULLS LAST] \
                    RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW + sum(T.B) ROWS BETWEEN 9 PRECEDING AND 2 FOLLOWING * 2";
        assert_eq!(without_clause(text), "T.A - lag(T.A) + sum(T.B) * 2");
        assert_eq!(without_clause("T.A + 1"), "T.A + 1");
    }
}
