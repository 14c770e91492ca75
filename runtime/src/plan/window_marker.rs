//! WINDOWSTART and WINDOWEND while DataFusion plans: markers that carry the window. GROUP BY holds both, so that they can be selected;
//! lowering finds the window in them.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ScalarUDF};
use datafusion::sql::sqlparser::ast;

use super::marker::Marker;
use crate::operator::group_by::{Window, WindowShape};

/// Which end of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bound {
    /// `WINDOWSTART`.
    Start,
    /// `WINDOWEND`.
    End,
}

const START: Marker = Marker {
    name: "windowstart@",
    numbers: 5,
    returns: DataType::Int64,
};
const END: Marker = Marker {
    name: "windowend@",
    numbers: 5,
    returns: DataType::Int64,
};

/// A call that stands for one end of `window`, in sqlparser's form.
pub(crate) fn window_bound(bound: Bound, window: Window) -> ast::Expr {
    let (shape, size, advance) = match window.shape {
        WindowShape::Tumbling { size_ms } => (0, size_ms, size_ms),
        WindowShape::Hopping { size_ms, advance_ms } => (1, size_ms, advance_ms),
        WindowShape::Session { gap_ms } => (2, gap_ms, gap_ms),
    };
    let marker = match bound {
        Bound::Start => START,
        Bound::End => END,
    };
    marker.call(&[shape, size, advance, window.grace_ms, window.retention_ms])
}

/// The function of that name, where it is one of ours.
pub(crate) fn window_function(name: &str) -> Option<Arc<ScalarUDF>> {
    let marker = [START, END].into_iter().find(|marker| marker.name == name)?;
    Some(marker.function())
}

/// Which end of which window an expression stands for.
pub(crate) fn as_window_bound(expr: &Expr) -> Option<(Bound, Window)> {
    let (bound, numbers) = match START.numbers_of(expr) {
        Some(numbers) => (Bound::Start, numbers),
        None => (Bound::End, END.numbers_of(expr)?),
    };
    let [shape, size_ms, advance_ms, grace_ms, retention_ms] = numbers[..] else {
        return None;
    };
    let shape = match shape {
        0 => WindowShape::Tumbling { size_ms },
        1 => WindowShape::Hopping { size_ms, advance_ms },
        _ => WindowShape::Session { gap_ms: size_ms },
    };
    let window = Window {
        shape,
        grace_ms,
        retention_ms,
    };
    Some((bound, window))
}
