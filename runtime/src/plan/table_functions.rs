//! Table functions of a SELECT list, EXPLODE and CUBE_EXPLODE, as DataFusion plans them: `unnest`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, SelectItem,
    visit_expressions_mut,
};

use super::rewrite::single_ident;
use crate::function::{CUBE, ELEMENTS, TableFunction};

/// Turns `explode(a)` into `unnest(ww_elements(a))` and `cube_explode(a)` into `unnest(ww_cube(a))`.
pub(super) fn rewrite(projection: &mut Vec<SelectItem>) {
    let _: ControlFlow<()> = visit_expressions_mut(projection, |expr| {
        if let Expr::Function(call) = expr {
            rewrite_call(call);
        }
        ControlFlow::Continue(())
    });
}

fn rewrite_call(call: &mut Function) {
    let Some(name) = single_ident(&call.name) else { return };
    let Some(function) = TableFunction::from_name(&name.value) else {
        return;
    };
    let span = name.span;
    let named = |value: &str| {
        ObjectName::from(vec![Ident {
            value: value.to_owned(),
            quote_style: Some('"'),
            span,
        }])
    };
    let mut array = call.clone();
    array.name = named(match function {
        TableFunction::Explode => ELEMENTS,
        TableFunction::CubeExplode => CUBE,
    });
    if let FunctionArguments::List(list) = &mut call.args {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(array)))];
    }
    call.name = named("unnest");
}
