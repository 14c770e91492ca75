//! Rules of ksqlDB that DataFusion does not know, and reasons for what DataFusion refuses, on sqlparser's AST with its places.
//!
//! [`before`] and [`names`] refuse a SELECT before it is planned. [`explain`] is asked only after planning has failed: it looks for
//! the mistake in the text, so that the error names it in the words of SQL and marks the place. Nothing here changes a query.

mod aggregates;
mod blame;
mod joins;
mod reading;
mod reserved;
mod values;

use datafusion::sql::sqlparser::ast::{self, Ident, SetExpr};

use super::{Error, FunctionSet, Purpose, lateral};
use crate::catalog::{Catalog, Definition};
use crate::sql::ast::{Query, SelectClauses};

/// What the checks know of a SELECT besides its text.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    /// The relations of its FROM in order; of subqueries and CTEs only the name is known.
    relations: Vec<(Ident, Option<&'a Definition>)>,
    functions: &'a FunctionSet,
    /// Whether its columns become those of a stream or table.
    is_result: bool,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        relations: impl Iterator<Item = (&'a Ident, Option<&'a Definition>)>,
        functions: &'a FunctionSet,
        is_result: bool,
    ) -> Self {
        Self {
            relations: relations
                .map(|(alias, definition)| (alias.clone(), definition))
                .collect(),
            functions,
            is_result,
        }
    }

    /// The relations of `select`, read from its own FROM.
    fn of(select: &ast::Select, catalog: &'a Catalog, functions: &'a FunctionSet) -> Self {
        let factors = (select.from.iter())
            .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
        let relations = factors.filter_map(|factor| match factor {
            factor if lateral::is_lateral(factor) => Some((lateral::alias_of(factor)?, None)),
            ast::TableFactor::Table { name, alias, .. } => {
                let ident = name.0.last()?.as_ident()?;
                let definition = catalog.source(&ident.value).map(AsRef::as_ref);
                Some((alias.as_ref().map_or(ident, |alias| &alias.name).clone(), definition))
            }
            ast::TableFactor::Derived { alias: Some(alias), .. } => Some((alias.name.clone(), None)),
            _ => None,
        });
        Self {
            relations: relations.collect(),
            functions,
            is_result: false,
        }
    }

    /// Whether the columns of all relations are known.
    fn is_known(&self) -> bool {
        self.relations.iter().all(|(_, definition)| definition.is_some())
    }
}

/// Checks a SELECT as it is written.
///
/// # Errors
/// When it breaks a rule.
pub(super) fn before(select: &ast::Select, clauses: &SelectClauses, scope: &Scope<'_>) -> Result<(), Error> {
    values::check(select)?;
    aggregates::check_places(select, clauses, scope)?;
    joins::check_names(scope)?;
    values::check_partition_by(clauses)
}

/// Checks the names of a SELECT's columns, after each column has got one.
///
/// # Errors
/// When one is there twice, or is a pseudo-column's.
pub(super) fn names(select: &ast::Select, scope: &Scope<'_>) -> Result<(), Error> {
    if scope.is_result {
        reserved::check(select)?;
    }
    reserved::check_twice(select)
}

/// The error of a plan that failed, as precise as its text allows. `body` is the query as it was planned.
pub(super) fn explain(
    error: Error,
    query: &Query,
    body: &ast::Query,
    catalog: &Catalog,
    functions: &FunctionSet,
) -> Error {
    if let (SetExpr::Select(select), None) = (query.body.body.as_ref(), &query.body.with) {
        let scope = Scope::of(select, catalog, functions);
        let start = select.select_token.0.span.start;
        let clauses = query.clauses.get(&(start.line, start.column));
        let is_windowed = clauses.is_some_and(|clauses| clauses.window.is_some());
        let found = match error.code {
            "not-grouped" => aggregates::explain(select, &scope, is_windowed),
            "unknown-column" | "ambiguous-column" => joins::explain_column(&error, select, &scope),
            "join-without-equality" | "null-comparison" | "cannot-plan" => joins::explain_condition(select, &scope),
            _ => None,
        };
        if let Some(found) = found {
            return found;
        }
    }
    blame::place(error, body, catalog, functions)
}

/// Whether a plan is for a result that is kept.
pub(super) fn is_result(purpose: Purpose) -> bool {
    purpose == Purpose::Persistent
}
