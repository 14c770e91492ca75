//! Comparisons: which types compare, and what is cast for it.

use datafusion::common::{Column, DFSchema, Result, plan_err};
use datafusion::logical_expr::expr::{BinaryExpr, ScalarFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};
use datafusion::scalar::ScalarValue;

use super::coerce::convert;
use super::equality::{nested_distinct, nested_equal};
use super::literals::literal_value;
use crate::function::cast::{cast_udf, parse_timestamp};
use crate::function::signature::wider;
use crate::function::udf::argument_type;
use crate::types::schema::{ROWTIME, SqlType, WINDOWEND, WINDOWSTART};

/// Whether `operator` compares.
pub(super) fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq) || is_distinctness(operator)
}

fn is_distinctness(operator: Operator) -> bool {
    matches!(operator, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom)
}

fn is_order(operator: Operator) -> bool {
    matches!(operator, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

/// `left operator right` with ksqlDB's types.
///
/// # Errors
/// When values of the two types cannot be compared so.
pub(super) fn compare(left: Expr, operator: Operator, right: Expr, schema: &DFSchema) -> Result<Expr> {
    let types = (
        argument_type("a comparison", &left.get_type(schema)?)?,
        argument_type("a comparison", &right.get_type(schema)?)?,
    );
    let (Some(left_type), Some(right_type)) = types else {
        if is_distinctness(operator) {
            return Ok(binary(left, operator, right));
        }
        return plan_err!(
            "comparison with NULL is not supported: {left} {operator} {right}: use IS NULL or IS NOT NULL"
        );
    };
    let (left, left_type) = instant(left, left_type, &right)?;
    let (right, right_type) = instant(right, right_type, &left)?;
    let refuse = || plan_err!("cannot compare {left} ({left_type}) to {right} ({right_type}) with {operator}");
    let Some(common) = common_type(&left_type, &right_type) else {
        return refuse();
    };
    match &common {
        SqlType::Boolean if is_order(operator) => refuse(),
        SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_) if is_order(operator) => refuse(),
        SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_) => Ok(nested(
            convert(left, &common, schema)?,
            operator,
            convert(right, &common, schema)?,
        )),
        SqlType::Time | SqlType::Date | SqlType::Timestamp => Ok(binary(
            convert(left, &common, schema)?,
            operator,
            convert(right, &common, schema)?,
        )),
        // Numbers, texts and bytes: DataFusion widens as ksqlDB does.
        _ => Ok(binary(left, operator, right)),
    }
}

/// The type in which two values are compared.
fn common_type(left: &SqlType, right: &SqlType) -> Option<SqlType> {
    use SqlType::{Date, String, Time, Timestamp};
    match (left, right) {
        (String, time @ (Time | Date | Timestamp)) | (time @ (Time | Date | Timestamp), String) => Some(time.clone()),
        (Date, Timestamp) | (Timestamp, Date) => Some(Timestamp),
        _ => wider(left, right),
    }
}

/// The text literal beside ROWTIME, WINDOWSTART or WINDOWEND is a timestamp, and they are BIGINT.
fn instant(expr: Expr, ty: SqlType, beside: &Expr) -> Result<(Expr, SqlType)> {
    let is_instant = matches!(beside, Expr::Column(Column { name, .. })
        if [ROWTIME, WINDOWSTART, WINDOWEND].contains(&name.as_str()));
    match literal_value(&expr)? {
        Some(ScalarValue::Utf8(Some(text))) if is_instant => match parse_timestamp(&text) {
            Ok(epoch_ms) => Ok((Expr::Literal(ScalarValue::Int64(Some(epoch_ms)), None), SqlType::Bigint)),
            Err(fault) => plan_err!("{}", fault.0),
        },
        _ => Ok((expr, ty)),
    }
}

fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

fn nested(left: Expr, operator: Operator, right: Expr) -> Expr {
    let call = |udf| Expr::ScalarFunction(ScalarFunction::new_udf(udf, vec![left.clone(), right.clone()]));
    match operator {
        Operator::Eq => call(nested_equal()),
        Operator::NotEq => Expr::Not(Box::new(call(nested_equal()))),
        Operator::IsDistinctFrom => call(nested_distinct()),
        _ => Expr::Not(Box::new(call(nested_distinct()))),
    }
}

/// Casts `expr` with ksqlDB's rules.
pub(super) fn cast_to(expr: Expr, target: SqlType) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(cast_udf(target), vec![expr]))
}
