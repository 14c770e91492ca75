//! What ksqlDB means where SQL is planned without a hook: casts, BETWEEN, IN, LIKE, IS DISTINCT FROM, and comparisons
//! with NULL, which are false.
//!
//! An analyzer rule, to be run before DataFusion's own, on the plan as it comes from SQL: DataFusion adds casts that
//! must stay its own. In a WHERE or HAVING, where NULL and false do the same, and in join conditions, comparisons stay as
//! they are, so that other rules still know them.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::expr::{Between, BinaryExpr, Cast, InList, Like, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::coerce::to_common_type;
use super::compare::{cast_to, compare, is_comparison};
use super::like_pattern::{convert, like_pattern};
use super::literals::{cast_scalar, literal_value};
use crate::types::schema::SqlType;

/// The function that makes an array of its arguments.
const MAKE_ARRAY: &str = "make_array";

/// The analyzer rule; see the page.
#[derive(Debug, Default, Clone, Copy)]
pub struct KsqlSemantics;

impl AnalyzerRule for KsqlSemantics {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(apply).map(|result| result.data)
    }

    fn name(&self) -> &'static str {
        "ksql_semantics"
    }
}

/// Gives one expression ksqlDB's meaning. `schema` is that of its input.
///
/// # Errors
/// When types cannot be compared or cast.
pub(super) fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    expr.transform_up(|expr| rewrite_node(expr, schema).map(Transformed::yes))
        .map(|result| result.data)
}

fn apply(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if matches!(plan, LogicalPlan::TableScan(_) | LogicalPlan::Limit(_)) {
        return Ok(Transformed::no(plan));
    }
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let truth = match plan {
        LogicalPlan::Filter(_) | LogicalPlan::Join(_) => Truth::NullIsFalse,
        _ => Truth::Exact,
    };
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let rewritten = two_valued(rewrite(expr, &schema)?, truth)?;
        Ok(Transformed::yes(name.restore(rewritten)))
    })?
    .map_data(LogicalPlan::recompute_schema)
}

fn rewrite_node(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    match expr {
        Expr::Cast(cast) => rewrite_cast(cast),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => compare(*left, op, *right, schema),
        Expr::Between(between) => rewrite_between(between, schema),
        Expr::InList(list) => rewrite_in(list, schema),
        Expr::Like(like) => rewrite_like(like),
        Expr::ScalarFunction(call) if call.func.name() == MAKE_ARRAY => rewrite_array(call, schema),
        other => Ok(other),
    }
}

/// The elements of an array get their common type; arrays in lambdas come here without.
fn rewrite_array(call: ScalarFunction, schema: &DFSchema) -> Result<Expr> {
    let ScalarFunction { func, args } = call;
    let (_, args) = to_common_type(args, schema)?;
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(func, args)))
}

/// Literals are cast now, so that what looks for literals finds them.
fn rewrite_cast(cast: Cast) -> Result<Expr> {
    let Some(target) = SqlType::from_arrow(cast.field.data_type()) else {
        return plan_err!("a cast to {} is not supported", cast.field.data_type());
    };
    if let Expr::Literal(value, metadata) = &*cast.expr {
        let is_plain = value.data_type().is_numeric() && !value.is_null();
        if is_plain {
            return Ok(Expr::Literal(cast_scalar(value, &target)?, metadata.clone()));
        }
    }
    Ok(cast_to(*cast.expr, target))
}

/// `e BETWEEN a AND b` is `e >= a AND e <= b`.
fn rewrite_between(between: Between, schema: &DFSchema) -> Result<Expr> {
    let Between {
        expr,
        negated,
        low,
        high,
    } = between;
    let low = compare((*expr).clone(), Operator::GtEq, *low, schema)?;
    let high = compare(*expr, Operator::LtEq, *high, schema)?;
    Ok(negate(low.and(high), negated))
}

fn negate(expr: Expr, negated: bool) -> Expr {
    if negated { Expr::Not(Box::new(expr)) } else { expr }
}

/// The elements in the type of the value; nested ones compared one by one.
fn rewrite_in(list: InList, schema: &DFSchema) -> Result<Expr> {
    let InList { expr, list, negated } = list;
    let exprs = std::iter::once(*expr).chain(list).collect();
    let (common, mut exprs) = to_common_type(exprs, schema)?;
    let value = exprs.remove(0);
    let found = match common {
        Some(SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_)) => {
            let equalities = exprs
                .into_iter()
                .map(|element| {
                    if element.get_type(schema)?.is_null() {
                        return Ok(Expr::Literal(ScalarValue::Boolean(Some(false)), None));
                    }
                    // `compare` reads types, which need no casts any more.
                    Ok(true_only(compare(value.clone(), Operator::Eq, element, schema)?))
                })
                .collect::<Result<Vec<_>>>()?;
            let nothing = Expr::Literal(ScalarValue::Boolean(Some(false)), None);
            equalities.into_iter().reduce(Expr::or).unwrap_or(nothing)
        }
        _ => Expr::InList(InList::new(Box::new(value), exprs, false)),
    };
    Ok(negate(if negated { true_only(found) } else { found }, negated))
}

fn rewrite_like(like: Like) -> Result<Expr> {
    let Like {
        negated,
        expr,
        pattern,
        escape_char,
        case_insensitive,
    } = like;
    let pattern = match literal_value(&pattern)? {
        Some(ScalarValue::Utf8(Some(text))) => {
            let mut converted = String::with_capacity(text.len());
            if let Err(fault) = convert(&text, escape_char, &mut converted) {
                return plan_err!("{}", fault.0);
            }
            Expr::Literal(ScalarValue::Utf8(Some(converted)), None)
        }
        _ => {
            let escape = Expr::Literal(
                ScalarValue::Utf8(Some(escape_char.map(String::from).unwrap_or_default())),
                None,
            );
            Expr::ScalarFunction(ScalarFunction::new_udf(like_pattern(), vec![*pattern, escape]))
        }
    };
    Ok(Expr::Like(Like::new(
        negated,
        expr,
        Box::new(pattern),
        None,
        case_insensitive,
    )))
}

/// What is asked of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    /// Its value matters: a comparison with NULL must be false.
    Exact,
    /// Only whether it is true matters.
    NullIsFalse,
}

/// Makes comparisons false where an operand is NULL.
fn two_valued(expr: Expr, truth: Truth) -> Result<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::And | Operator::Or),
            right,
        }) => Ok(Expr::BinaryExpr(BinaryExpr::new(
            Box::new(two_valued(*left, truth)?),
            op,
            Box::new(two_valued(*right, truth)?),
        ))),
        Expr::BinaryExpr(binary) if can_be_null(binary.op) => {
            let inner = Expr::BinaryExpr(binary).map_children(exactly)?.data;
            Ok(if truth == Truth::Exact { true_only(inner) } else { inner })
        }
        expr @ Expr::InList(_) => {
            let inner = expr.map_children(exactly)?.data;
            Ok(if truth == Truth::Exact { true_only(inner) } else { inner })
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "ww_equal" => {
            let inner = Expr::ScalarFunction(ScalarFunction { func, args })
                .map_children(exactly)?
                .data;
            Ok(if truth == Truth::Exact { true_only(inner) } else { inner })
        }
        Expr::IsTrue(inner) => Ok(Expr::IsTrue(Box::new(two_valued(*inner, Truth::NullIsFalse)?))),
        other => Ok(other.map_children(exactly)?.data),
    }
}

fn exactly(expr: Expr) -> Result<Transformed<Expr>> {
    two_valued(expr, Truth::Exact).map(Transformed::yes)
}

fn can_be_null(operator: Operator) -> bool {
    is_comparison(operator) && !matches!(operator, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom)
}

fn true_only(expr: Expr) -> Expr {
    match expr {
        already @ Expr::IsTrue(_) => already,
        other => Expr::IsTrue(Box::new(other)),
    }
}
