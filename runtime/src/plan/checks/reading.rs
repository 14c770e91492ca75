//! Reading expressions of sqlparser's AST: what they call, which columns they read, how people write them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Function, Ident, ObjectNamePart, Visit, Visitor, visit_expressions};

use super::Scope;

/// The name that a call calls.
pub(super) fn called(call: &Function) -> Option<&Ident> {
    match call.name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Some(ident),
        _ => None,
    }
}

/// Whether `expr` calls an aggregate itself; a call with OVER gives a value for each row and is none.
pub(super) fn as_aggregate<'e>(expr: &'e Expr, scope: &Scope<'_>) -> Option<&'e Function> {
    let Expr::Function(call) = expr else { return None };
    let name = called(call)?.value.to_lowercase();
    let is_aggregate = scope.functions.aggregate(&name).is_some() && scope.functions.scalar(&name).is_none();
    (call.over.is_none() && is_aggregate).then_some(call)
}

/// The first aggregate in `part`, subqueries left out.
pub(super) fn first_aggregate(part: &impl Visit, scope: &Scope<'_>) -> Option<Ident> {
    let mut finder = Outside {
        queries: 0,
        found: |expr: &Expr| as_aggregate(expr, scope).and_then(called).cloned(),
    };
    match part.visit(&mut finder) {
        ControlFlow::Break(name) => Some(name),
        ControlFlow::Continue(()) => None,
    }
}

/// Looks at the expressions outside of subqueries until `found` gives something.
struct Outside<F> {
    queries: usize,
    found: F,
}

impl<T, F: FnMut(&Expr) -> Option<T>> Visitor for Outside<F> {
    type Break = T;

    fn pre_visit_query(&mut self, _query: &datafusion::sql::sqlparser::ast::Query) -> ControlFlow<T> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &datafusion::sql::sqlparser::ast::Query) -> ControlFlow<T> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<T> {
        if self.queries > 0 {
            return ControlFlow::Continue(());
        }
        match (self.found)(expr) {
            Some(found) => ControlFlow::Break(found),
            None => ControlFlow::Continue(()),
        }
    }
}

/// A column as an expression names it: its relation, where that is written, and its name.
pub(super) fn column_of(expr: &Expr) -> Option<(Option<&Ident>, &Ident)> {
    match expr {
        Expr::Identifier(name) => Some((None, name)),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [relation, name, ..] => Some((Some(relation), name)),
            [name] => Some((None, name)),
            [] => None,
        },
        _ => None,
    }
}

/// All columns that `expr` names.
pub(super) fn columns_in(expr: &Expr) -> Vec<(Option<Ident>, Ident)> {
    let mut columns = Vec::new();
    let _ = visit_expressions(expr, |expr| {
        columns.extend(column_of(expr).map(|(relation, name)| (relation.cloned(), name.clone())));
        ControlFlow::<()>::Continue(())
    });
    columns
}

/// An expression as its author wrote it, or nearly so.
pub(super) fn shown(expr: &Expr) -> String {
    expr.to_string().replace(['`', '"'], "")
}
