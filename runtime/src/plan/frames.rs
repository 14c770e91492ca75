//! Frames of `OVER` on sqlparser's AST: numbers as DataFusion wants them, and lengths of time over ROWTIME as milliseconds.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, DateTimeField, Expr, NamedWindowExpr, Value, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec,
    WindowType, visit_expressions_mut,
};

use super::Error;
use crate::types::schema::ROWTIME;

/// Brings the frames of all calls with `OVER` into DataFusion's form.
pub(super) fn settle(select: &mut ast::Select) -> Result<(), Error> {
    for window in &mut select.named_window {
        if let NamedWindowExpr::WindowSpec(spec) = &mut window.1 {
            settle_spec(spec)?;
        }
    }
    let mut visit = |expr: &mut Expr| {
        if let Expr::Function(call) = expr
            && let Some(WindowType::WindowSpec(spec)) = &mut call.over
            && let Err(error) = settle_spec(spec)
        {
            return ControlFlow::Break(error);
        }
        ControlFlow::Continue(())
    };
    let flow = match visit_expressions_mut(&mut select.projection, &mut visit) {
        ControlFlow::Continue(()) => visit_expressions_mut(&mut select.qualify, &mut visit),
        stop @ ControlFlow::Break(_) => stop,
    };
    match flow {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn settle_spec(spec: &mut WindowSpec) -> Result<(), Error> {
    let by_rowtime = spec.order_by.first().is_some_and(|by| is_rowtime(&by.expr));
    if let Some(WindowFrame {
        units,
        start_bound,
        end_bound,
    }) = &mut spec.window_frame
    {
        let in_ms = by_rowtime && *units == WindowFrameUnits::Range;
        for bound in std::iter::once(start_bound).chain(end_bound) {
            let (WindowFrameBound::Preceding(Some(expr)) | WindowFrameBound::Following(Some(expr))) = bound else {
                continue;
            };
            settle_bound(expr, in_ms)?;
        }
    }
    Ok(())
}

fn settle_bound(expr: &mut Expr, in_ms: bool) -> Result<(), Error> {
    // Whole numbers in the SELECT list were given their type before; a frame takes the number alone.
    if let Expr::Cast { expr: inner, .. } = expr
        && matches!(&**inner, Expr::Value(value) if matches!(value.value, Value::Number(..)))
    {
        let number = inner.as_ref().clone();
        *expr = number;
        return Ok(());
    }
    if let Expr::Interval(interval) = expr
        && in_ms
    {
        let text = expr_text(&interval.value);
        let ms = milliseconds(&text, interval.leading_field.as_ref()).ok_or_else(|| {
            Error::new(
                "over-frame",
                format!("`{interval}` is no length of time that a frame can have"),
            )
            .help("write a whole number of units up to WEEK, as INTERVAL '10' MINUTE")
        })?;
        *expr = Expr::Value(Value::Number(ms.to_string(), false).with_empty_span());
    }
    Ok(())
}

fn is_rowtime(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(ident) => ident.value == ROWTIME,
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|ident| ident.value == ROWTIME),
        _ => false,
    }
}

fn expr_text(expr: &Expr) -> String {
    match expr {
        Expr::Value(value) => value
            .value
            .clone()
            .into_string()
            .unwrap_or_else(|| value.value.to_string()),
        Expr::Cast { expr, .. } => expr_text(expr),
        other => other.to_string(),
    }
}

/// `text` is a number with `unit`, or pairs of numbers and units as `1 hour 30 minutes`.
fn milliseconds(text: &str, unit: Option<&DateTimeField>) -> Option<u64> {
    if let Some(unit) = unit {
        return text
            .trim()
            .parse::<u64>()
            .ok()?
            .checked_mul(unit_ms(&unit.to_string())?);
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return None;
    }
    words.chunks(2).try_fold(0_u64, |sum, pair| {
        let part = pair[0].parse::<u64>().ok()?.checked_mul(unit_ms(pair[1])?)?;
        sum.checked_add(part)
    })
}

fn unit_ms(unit: &str) -> Option<u64> {
    let unit = unit.to_lowercase();
    Some(match unit.strip_suffix('s').unwrap_or(&unit) {
        "millisecond" => 1,
        "second" => 1_000,
        "minute" => 60_000,
        "hour" => 3_600_000,
        "day" => 86_400_000,
        "week" => 7 * 86_400_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_milliseconds() {
        assert_eq!(milliseconds("10", Some(&DateTimeField::Minute)), Some(600_000));
        assert_eq!(milliseconds("1 hour 30 minutes", None), Some(5_400_000));
        assert_eq!(milliseconds("1", Some(&DateTimeField::Month)), None);
        assert_eq!(milliseconds("-1 day", None), None);
        assert_eq!(milliseconds("", None), None);
        assert_eq!(milliseconds(&u64::MAX.to_string(), Some(&DateTimeField::Day)), None);
    }
}
