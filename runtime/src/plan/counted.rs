//! `COUNT(1)` is `COUNT(*)`: written alike, so that one query may hold both and DataFusion sees one aggregate.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value, VisitMut, visit_expressions_mut,
};

/// Replaces the constant argument of COUNT by `*`.
pub(super) fn count_rows<V: VisitMut>(node: &mut V) {
    let _ = visit_expressions_mut(node, |expr: &mut Expr| {
        if let Expr::Function(call) = expr
            && call.name.0.len() == 1
            && call.name.0[0]
                .as_ident()
                .is_some_and(|name| name.value.eq_ignore_ascii_case("count"))
            && let FunctionArguments::List(list) = &mut call.args
            && list.duplicate_treatment.is_none()
            && let [FunctionArg::Unnamed(argument)] = list.args.as_mut_slice()
            && matches!(argument, FunctionArgExpr::Expr(constant) if is_number(constant))
        {
            *argument = FunctionArgExpr::Wildcard;
        }
        ControlFlow::<()>::Continue(())
    });
}

/// A literal number, as it is or as literals are typed.
fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::Cast { expr, .. } | Expr::Nested(expr) => is_number(expr),
        _ => false,
    }
}
