//! `ARRAY[...]` in the body of a lambda, or in the arguments of a table function in FROM, as a call of a function.
//!
//! DataFusion plans the elements of an array literal without the lambda's variables and the columns outside, the arguments of a function with them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, VisitMut,
    visit_expressions_mut,
};

/// The function that makes an array of its arguments.
const MAKE_ARRAY: &str = "make_array";

/// Rewrites the arrays of all lambdas in `node`.
pub(super) fn rewrite<T: VisitMut>(node: &mut T) {
    let _: ControlFlow<()> = visit_expressions_mut(node, |expr| {
        if let Expr::Lambda(lambda) = expr {
            rewrite_all(&mut *lambda.body);
        }
        ControlFlow::Continue(())
    });
}

/// Rewrites all arrays in `node`.
pub(super) fn rewrite_all<T: VisitMut>(node: &mut T) {
    let _: ControlFlow<()> = visit_expressions_mut(node, |expr| {
        if let Expr::Array(array) = expr {
            *expr = call(std::mem::take(&mut array.elem));
        }
        ControlFlow::Continue(())
    });
}

fn call(elements: Vec<Expr>) -> Expr {
    let arguments = elements.into_iter();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(MAKE_ARRAY)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments
                .map(|element| FunctionArg::Unnamed(FunctionArgExpr::Expr(element)))
                .collect(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}
