//! ksqlDB's operators, subscripts and array constructors while DataFusion plans SQL.
//!
//! To be asked before DataFusion's own planners. What it does not know (arrays put together with `||`, intervals, ...)
//! it leaves to them.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::functions_nested::make_array::make_array_udf;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, Operator};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::arithmetic::{OnNull, Operation, arithmetic, result_type};
use super::coerce::to_common_type;
use super::compare::compare;
use super::equality::text_plus;
use super::map_access::map_get;
use crate::function::udf::argument_type;
use crate::types::schema::SqlType;

/// ksqlDB's operators, subscripts and array constructors.
#[derive(Debug, Default, Clone, Copy)]
pub struct KsqlExprPlanner;

impl ExprPlanner for KsqlExprPlanner {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let operation = match &expr.op {
            BinaryOperator::Plus => Operation::Plus,
            BinaryOperator::Minus => Operation::Minus,
            BinaryOperator::Multiply => Operation::Times,
            BinaryOperator::Divide => Operation::Divide,
            BinaryOperator::Modulo => Operation::Modulo,
            BinaryOperator::StringConcat => return plan_concatenation(expr, schema),
            other => {
                return match comparison(other) {
                    Some(operator) => compare(expr.left, operator, expr.right, schema).map(PlannerResult::Planned),
                    None => Ok(PlannerResult::Original(expr)),
                };
            }
        };
        plan_arithmetic(operation, expr, schema)
    }

    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        if !matches!(expr.expr.get_type(schema)?, DataType::Map(..)) {
            return Ok(PlannerResult::Original(expr));
        }
        let key = match expr.field_access {
            GetFieldAccess::NamedStructField { name } => Expr::Literal(name, None),
            GetFieldAccess::ListIndex { key } => *key,
            field_access @ GetFieldAccess::ListRange { .. } => {
                return Ok(PlannerResult::Original(RawFieldAccessExpr { field_access, ..expr }));
            }
        };
        Ok(PlannerResult::Planned(call(map_get(), vec![expr.expr, key])))
    }

    fn plan_array_literal(&self, exprs: Vec<Expr>, schema: &DFSchema) -> Result<PlannerResult<Vec<Expr>>> {
        if exprs.is_empty() {
            return plan_err!("an array constructor needs at least one element");
        }
        match to_common_type(exprs, schema)? {
            (Some(_), exprs) => Ok(PlannerResult::Planned(call(make_array_udf(), exprs))),
            (None, _) => plan_err!("an array of nothing but NULL has no type: cast one of them, CAST(NULL AS INT)"),
        }
    }
}

fn call(udf: std::sync::Arc<datafusion::logical_expr::ScalarUDF>, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(udf, args))
}

fn comparison(operator: &BinaryOperator) -> Option<Operator> {
    Some(match operator {
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        _ => return None,
    })
}

/// Whether an expression has a variable of a lambda.
fn is_in_lambda(expr: &Expr) -> Result<bool> {
    let mut found = false;
    expr.apply(|expr| {
        found |= matches!(expr, Expr::LambdaVariable(_));
        Ok(if found {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    })?;
    Ok(found)
}

fn plan_arithmetic(
    operation: Operation,
    expr: RawBinaryExpr,
    schema: &DFSchema,
) -> Result<PlannerResult<RawBinaryExpr>> {
    use SqlType::{Bigint, Boolean, Bytes, Decimal, Double, Integer, String};
    let types = (expr.left.get_type(schema)?, expr.right.get_type(schema)?);
    let (Some(left), Some(right)) = (SqlType::from_arrow(&types.0), SqlType::from_arrow(&types.1)) else {
        // Intervals, say.
        return Ok(PlannerResult::Original(expr));
    };
    let is_null = [&types.0, &types.1].contains(&&DataType::Null);
    if left == String && right == String && operation == Operation::Plus {
        return Ok(PlannerResult::Planned(call(text_plus(), vec![expr.left, expr.right])));
    }
    let is_ours = |ty: &SqlType| matches!(ty, Integer | Bigint | Double | Decimal(..) | String | Boolean | Bytes);
    if is_null || !is_ours(&left) || !is_ours(&right) {
        return Ok(PlannerResult::Original(expr));
    }
    let Some(result) = result_type(operation, &left, &right) else {
        return plan_err!(
            "{} {} {} is not supported: {left} and {right}",
            expr.left,
            expr.op,
            expr.right
        );
    };
    let on_null = if is_in_lambda(&expr.left)? || is_in_lambda(&expr.right)? {
        OnNull::Fault
    } else {
        OnNull::Null
    };
    // DataFusion's own are the same, and faster, but where they could fail on a row.
    let can_fail = match result {
        Decimal(..) => true,
        Integer | Bigint => matches!(operation, Operation::Divide | Operation::Modulo) && !is_safe_divisor(&expr.right),
        _ => false,
    };
    if on_null == OnNull::Null && !can_fail {
        return Ok(PlannerResult::Original(expr));
    }
    Ok(PlannerResult::Planned(call(
        arithmetic(operation, on_null),
        vec![expr.left, expr.right],
    )))
}

/// Whether whole numbers can be divided by it: a constant that is not 0, nor -1, by which the lowest number cannot be divided.
fn is_safe_divisor(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(ScalarValue::Int32(Some(n)), _) => !matches!(n, -1 | 0),
        Expr::Literal(ScalarValue::Int64(Some(n)), _) => !matches!(n, -1 | 0),
        _ => false,
    }
}

/// `a || b` of texts or bytes is CONCAT, which leaves NULL out.
fn plan_concatenation(expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
    let types = (
        argument_type("||", &expr.left.get_type(schema)?)?,
        argument_type("||", &expr.right.get_type(schema)?)?,
    );
    let is_text_or_bytes = |ty: &Option<SqlType>| matches!(ty, None | Some(SqlType::String | SqlType::Bytes));
    if is_text_or_bytes(&types.0) && is_text_or_bytes(&types.1) && types != (None, None) {
        let concat = crate::function::concat_udf();
        return Ok(PlannerResult::Planned(call(concat, vec![expr.left, expr.right])));
    }
    Ok(PlannerResult::Original(expr))
}
