//! Queries inside of expressions: `IN (SELECT ...)`, `EXISTS`, and a SELECT in the place of a value.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, VisitMut, VisitorMut};

use super::Error;

/// Hands every query that stands in an expression of `select` to `rewrite`, the outermost only.
pub(super) fn rewrite(
    select: &mut ast::Select,
    rewrite: &mut dyn FnMut(&mut ast::Query) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut visitor = Subqueries { rewrite, depth: 0 };
    let flow = visit(select, &mut visitor);
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Queries in FROM are no part of expressions; conditions of joins are.
fn visit(select: &mut ast::Select, visitor: &mut Subqueries<'_>) -> ControlFlow<Error> {
    select.projection.visit(visitor)?;
    select.selection.visit(visitor)?;
    select.group_by.visit(visitor)?;
    select.having.visit(visitor)?;
    select.qualify.visit(visitor)?;
    for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
        join.join_operator.visit(visitor)?;
    }
    ControlFlow::Continue(())
}

struct Subqueries<'a> {
    rewrite: &'a mut dyn FnMut(&mut ast::Query) -> Result<(), Error>,
    depth: usize,
}

impl VisitorMut for Subqueries<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Error> {
        self.depth += 1;
        if self.depth == 1
            && let Err(error) = (self.rewrite)(query)
        {
            return ControlFlow::Break(error);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut ast::Query) -> ControlFlow<Error> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}
