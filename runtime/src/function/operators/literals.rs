//! Literals: which expressions are one, and the type of whole numbers.
//!
//! DataFusion types `5` as BIGINT, ksqlDB as INTEGER where it fits. The type decides which overload of a function is
//! meant, and how wide a result is.

use std::ops::ControlFlow;

use datafusion::common::Result;
use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, CastKind, VisitMut, VisitorMut};

use crate::function::cast;
use crate::types::schema::SqlType;

/// Makes every whole number in `node` that fits an INTEGER one: `5` becomes `CAST(5 AS INT)`.
///
/// For parts of a statement that hold expressions of values: SELECT lists, conditions, VALUES. Not for LIMIT, nor for
/// positions in GROUP BY and ORDER BY.
pub fn type_integer_literals<T: VisitMut>(node: &mut T) {
    let _: ControlFlow<()> = node.visit(&mut TypeIntegers { in_cast: 0 });
}

struct TypeIntegers {
    /// Numbers directly inside of a cast get their type from it.
    in_cast: usize,
}

fn is_number(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::Value(value) if matches!(value.value, ast::Value::Number(..)))
}

impl VisitorMut for TypeIntegers {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        if matches!(expr, ast::Expr::Cast { expr, .. } if is_number(expr)) {
            self.in_cast += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        if let ast::Expr::Cast { expr, .. } = expr {
            if is_number(expr) {
                self.in_cast -= 1;
            }
            return ControlFlow::Continue(());
        }
        let ast::Expr::Value(value) = expr else {
            return ControlFlow::Continue(());
        };
        if self.in_cast > 0 {
            return ControlFlow::Continue(());
        }
        if let ast::Value::Number(digits, _) = &value.value
            && digits.parse::<i32>().is_ok()
        {
            *expr = ast::Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(ast::Expr::Value(value.clone())),
                data_type: ast::DataType::Int(None),
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
}

/// The value of a literal, in the type that it is written in; `None` for other expressions.
pub(super) fn literal_value(expr: &Expr) -> Result<Option<ScalarValue>> {
    Ok(match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Cast(inner) => match (&*inner.expr, SqlType::from_arrow(inner.field.data_type())) {
            // Only the casts that give a number its type.
            (Expr::Literal(value, _), Some(target)) if value.data_type().is_numeric() => {
                Some(cast_scalar(value, &target)?)
            }
            _ => None,
        },
        Expr::Negative(inner) => match literal_value(inner)? {
            Some(value) if value.data_type().is_numeric() => Some(value.arithmetic_negate()?),
            _ => None,
        },
        _ => None,
    })
}

/// A single value cast by ksqlDB's rules.
pub(super) fn cast_scalar(value: &ScalarValue, target: &SqlType) -> Result<ScalarValue> {
    let array = cast::cast(&value.to_array_of_size(1)?, target)?;
    ScalarValue::try_from_array(&array, 0)
}
