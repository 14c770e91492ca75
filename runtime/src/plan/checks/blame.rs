//! Finds the place of an error that DataFusion reports without one.
//!
//! The parts of the query's expressions are planned alone, inner ones first, over the same relations without the conditions of
//! their joins: the first one that fails in the same way is the place. This costs a planning for each part, and only after an
//! error. An error in a table function of FROM is looked for in its arguments alone: with it in FROM every part fails in the same way.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Expr, GroupByExpr, JoinOperator, Select, SelectItem, SetExpr, Spanned, TableFactor, Value, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::super::{Error, FunctionSet, lateral, names};
use super::reading::shown;
use crate::catalog::Catalog;
use crate::types::schema::SqlType;

/// Parts that are tried at most.
const PARTS_MAX: usize = 300;

/// The error with its place, where one is found.
pub(super) fn place(error: Error, body: &ast::Query, catalog: &Catalog, functions: &FunctionSet) -> Error {
    if error.place.is_some() || body.with.is_some() {
        return error;
    }
    let SetExpr::Select(select) = body.body.as_ref() else {
        return error;
    };
    let trial = Trial {
        body,
        select,
        catalog,
        functions,
    };
    if error.code == "filter-not-boolean" {
        return trial.filter_type(error);
    }
    let found = match trial.in_lateral(&error.message) {
        Some((before, lateral)) => {
            let select = &before;
            Finder::new(&Trial { select, ..trial }, &error.message).find(&lateral)
        }
        None => Finder::new(&trial, &error.message).find(select),
    };
    match found {
        Some(span) => error.at(span),
        None => error,
    }
}

struct Trial<'a> {
    body: &'a ast::Query,
    select: &'a Select,
    catalog: &'a Catalog,
    functions: &'a FunctionSet,
}

impl Trial<'_> {
    /// Plans `SELECT expr` over the relations of the query.
    fn plan(&self, expr: &Expr) -> Result<datafusion::logical_expr::LogicalPlan, Error> {
        let mut select = self.select.clone();
        select.projection = vec![SelectItem::UnnamedExpr(expr.clone())];
        select.selection = None;
        select.having = None;
        select.qualify = None;
        select.distinct = None;
        select.group_by = GroupByExpr::Expressions(vec![], vec![]);
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            join.join_operator = JoinOperator::CrossJoin(ast::JoinConstraint::None);
        }
        let mut query = self.body.clone();
        query.order_by = None;
        query.limit_clause = None;
        query.body = Box::new(SetExpr::Select(Box::new(select)));
        names::logical_plan(query, self.catalog, self.functions)
    }

    /// The first table function of FROM that fails so, and the query without it and those behind it.
    fn in_lateral(&self, message: &str) -> Option<(Select, TableFactor)> {
        let mut before = self.select.clone();
        let mut failed = None;
        let nothing = Expr::Value(Value::Null.into());
        loop {
            let trial = Trial {
                select: &before,
                ..*self
            };
            if !matches!(trial.plan(&nothing), Err(error) if error.message == message) {
                return failed.map(|lateral| (before, lateral));
            }
            failed = Some(lateral::take_last(&mut before)?);
        }
    }

    /// WHERE or HAVING over something that is neither true nor false.
    fn filter_type(&self, error: Error) -> Error {
        for (clause, filter) in [("WHERE", &self.select.selection), ("HAVING", &self.select.having)] {
            let Some(filter) = filter else { continue };
            let Ok(plan) = self.plan(filter) else { continue };
            let data_type = plan.schema().field(0).data_type();
            let sql_type = SqlType::from_arrow(data_type);
            if sql_type == Some(SqlType::Boolean) {
                continue;
            }
            let type_name = sql_type.map_or_else(|| data_type.to_string(), |sql_type| sql_type.to_string());
            let message = format!("{clause} needs a BOOLEAN, but {} is {type_name}", shown(filter));
            return Error::new("filter-not-boolean", message)
                .at(filter.span())
                .help("compare it with something");
        }
        error
    }
}

struct Finder<'a> {
    trial: &'a Trial<'a>,
    message: &'a str,
    /// Inside of so many lambdas and subqueries, whose names mean nothing outside.
    hidden: usize,
    tried: usize,
}

impl<'a> Finder<'a> {
    fn new(trial: &'a Trial<'a>, message: &'a str) -> Self {
        Self {
            trial,
            message,
            hidden: 0,
            tried: 0,
        }
    }

    fn find(mut self, place: &impl Visit) -> Option<Span> {
        match place.visit(&mut self) {
            ControlFlow::Break(span) => Some(span),
            ControlFlow::Continue(()) => None,
        }
    }
}

impl Visitor for Finder<'_> {
    type Break = Span;

    fn pre_visit_query(&mut self, _query: &ast::Query) -> ControlFlow<Span> {
        self.hidden += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &ast::Query) -> ControlFlow<Span> {
        self.hidden -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Span> {
        if matches!(expr, Expr::Lambda(_)) {
            self.hidden += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Span> {
        if matches!(expr, Expr::Lambda(_)) {
            self.hidden -= 1;
            return ControlFlow::Continue(());
        }
        let is_plain = matches!(expr, Expr::Value(_) | Expr::Wildcard(_));
        if self.hidden > 0 || is_plain || self.tried >= PARTS_MAX {
            return ControlFlow::Continue(());
        }
        self.tried += 1;
        match self.trial.plan(expr) {
            Err(found) if found.message == self.message => ControlFlow::Break(expr.span()),
            _ => ControlFlow::Continue(()),
        }
    }
}
