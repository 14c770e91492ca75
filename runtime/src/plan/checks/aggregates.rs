//! Where aggregates may stand, and what a grouped SELECT may select.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Expr, GroupByExpr, Ident, JoinConstraint, JoinOperator, SelectItem, Spanned, visit_expressions,
};

use super::super::Error;
use super::Scope;
use super::reading::{as_aggregate, called, column_of, first_aggregate, shown};
use crate::sql::ast::SelectClauses;
use crate::types::schema::{WINDOWEND, WINDOWSTART};

/// Refuses aggregates in WHERE, ON, GROUP BY, PARTITION BY and inside of each other (ksqlDB: `AggregateAnalyzer`, `Analyzer`).
pub(super) fn check_places(select: &ast::Select, clauses: &SelectClauses, scope: &Scope<'_>) -> Result<(), Error> {
    if let Some(name) = first_aggregate(&select.selection, scope) {
        return Err(misplaced("WHERE", &name).help("HAVING filters groups by their aggregates"));
    }
    for join in select.from.iter().flat_map(|from| &from.joins) {
        if let Some(name) = condition(&join.join_operator).and_then(|on| first_aggregate(on, scope)) {
            return Err(misplaced("ON", &name).help("aggregate in a subquery or in a table of its own, and join that"));
        }
    }
    for key in group_keys(select) {
        if let Some(name) = first_aggregate(key, scope) {
            return Err(misplaced("GROUP BY", &name).help("group by columns and by functions of one row"));
        }
    }
    for key in &clauses.partition_by {
        if let Some(name) = first_aggregate(key, scope) {
            return Err(misplaced("PARTITION BY", &name).help("GROUP BY makes the key of an aggregation"));
        }
    }
    check_nesting(select, scope)?;
    check_partition_of_groups(select, clauses)?;
    if scope.is_result {
        check_keys_once(select)?;
    }
    Ok(())
}

fn misplaced(clause: &str, name: &Ident) -> Error {
    let function = name.value.to_uppercase();
    Error::new(
        "aggregate-place",
        format!("{clause} takes no aggregate functions, and {function} is one"),
    )
    .at(name.span)
}

fn condition(operator: &JoinOperator) -> Option<&Expr> {
    let (JoinOperator::Join(constraint)
    | JoinOperator::Inner(constraint)
    | JoinOperator::Left(constraint)
    | JoinOperator::LeftOuter(constraint)
    | JoinOperator::Right(constraint)
    | JoinOperator::RightOuter(constraint)
    | JoinOperator::FullOuter(constraint)) = operator
    else {
        return None;
    };
    match constraint {
        JoinConstraint::On(on) => Some(on),
        _ => None,
    }
}

fn group_keys(select: &ast::Select) -> &[Expr] {
    match &select.group_by {
        GroupByExpr::Expressions(keys, _) => keys,
        GroupByExpr::All(_) => &[],
    }
}

fn check_nesting(select: &ast::Select, scope: &Scope<'_>) -> Result<(), Error> {
    let look = |expr: &Expr| {
        let Some(outer) = as_aggregate(expr, scope) else {
            return ControlFlow::Continue(());
        };
        match first_aggregate(&outer.args, scope) {
            Some(inner) => ControlFlow::Break((called(outer).cloned(), inner)),
            None => ControlFlow::Continue(()),
        }
    };
    let flow = match visit_expressions(&select.projection, look) {
        ControlFlow::Continue(()) => visit_expressions(&select.having, look),
        found @ ControlFlow::Break(_) => found,
    };
    let ControlFlow::Break((outer, inner)) = flow else {
        return Ok(());
    };
    let outer = outer.map_or_else(String::new, |name| name.value.to_uppercase());
    let name = inner.value.to_uppercase();
    Err(Error::new(
        "aggregate-place",
        format!("aggregate functions cannot be nested: {outer}({name}(...))"),
    )
    .at(inner.span)
    .help(format!("compute {name} in a table of its own, and aggregate that")))
}

/// ksqlDB: the key of an aggregation is what it is grouped by.
fn check_partition_of_groups(select: &ast::Select, clauses: &SelectClauses) -> Result<(), Error> {
    let (Some(partition), Some(group)) = (clauses.partition_by.first(), group_keys(select).first()) else {
        return Ok(());
    };
    Err(Error::new(
        "partition-by-with-group-by",
        format!(
            "GROUP BY {} makes the key already, so PARTITION BY has no place here",
            shown(group)
        ),
    )
    .at(partition.span())
    .help("leave PARTITION BY out"))
}

/// A key has each of its columns once.
fn check_keys_once(select: &ast::Select) -> Result<(), Error> {
    let keys = group_keys(select);
    for (index, key) in keys.iter().enumerate() {
        if keys[..index].iter().any(|before| same(before, key)) {
            return Err(
                Error::new("duplicate-group-by", format!("GROUP BY names {} twice", shown(key)))
                    .at(key.span())
                    .help("leave one of them out"),
            );
        }
    }
    Ok(())
}

/// Equal, where a column may be written with or without its relation.
fn same(a: &Expr, b: &Expr) -> bool {
    match (column_of(a), column_of(b)) {
        (Some((a_relation, a_name)), Some((b_relation, b_name))) => {
            let same_relation = match (a_relation, b_relation) {
                (Some(a), Some(b)) => a.value == b.value,
                _ => true,
            };
            same_relation && a_name.value == b_name.value
        }
        _ => strip(a) == strip(b),
    }
}

fn strip(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => strip(inner),
        other => other,
    }
}

/// Names what is selected, or asked for in HAVING, without being grouped by or aggregated; after DataFusion has found that there is
/// such a thing.
pub(super) fn explain(select: &ast::Select, scope: &Scope<'_>, is_windowed: bool) -> Option<Error> {
    let keys = group_keys(select);
    let mut items = Vec::new();
    let mut columns = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                let before = columns.len();
                loose_columns(expr, keys, scope, is_windowed, &mut columns);
                if columns.len() > before {
                    items.push(shown(expr));
                }
            }
            SelectItem::Wildcard(_) => {
                let all = scope.relations.iter().filter_map(|(_, definition)| *definition);
                let all = all.flat_map(|definition| definition.columns.iter().map(|column| column.name.clone()));
                let is_key = |name: &String| {
                    keys.iter()
                        .any(|key| column_of(key).is_some_and(|(_, k)| k.value == *name))
                };
                let loose: Vec<String> = all.filter(|name| !is_key(name)).collect();
                columns.extend(loose.first().map(|name| Ident::with_span(item.span(), name.clone())));
                items.extend(loose);
            }
            _ => {}
        }
    }
    let clause = if items.is_empty() { "HAVING" } else { "SELECT" };
    if let (Some(having), true) = (&select.having, items.is_empty()) {
        loose_columns(having, keys, scope, is_windowed, &mut columns);
        items.extend(columns.first().map(|ident| ident.value.clone()));
    }
    let place = columns.first()?.span;
    let grouped = keys.iter().map(shown).collect::<Vec<_>>().join(", ");
    let (verb, them) = if items.len() == 1 {
        ("is", "it")
    } else {
        ("are", "them")
    };
    let what = items.join(", ");
    let message = if keys.is_empty() {
        format!("{clause} has {what} beside aggregate functions, but without GROUP BY all rows give one result")
    } else {
        format!("{clause} has {what}, which {verb} neither in GROUP BY ({grouped}) nor in an aggregate function")
    };
    Some(Error::new("not-grouped", message).at(place).help(format!(
        "add {them} to GROUP BY, leave {them} out, or take the last value of a group: LATEST_BY_OFFSET(...)"
    )))
}

/// Columns of `expr` outside of aggregates and of what is grouped by.
fn loose_columns(expr: &Expr, keys: &[Expr], scope: &Scope<'_>, is_windowed: bool, out: &mut Vec<Ident>) {
    if keys.iter().any(|key| same(key, expr)) || as_aggregate(expr, scope).is_some() {
        return;
    }
    if let Some((_, name)) = column_of(expr) {
        let is_bound = is_windowed && [WINDOWSTART, WINDOWEND].contains(&name.value.as_str());
        if !is_bound {
            out.push(name.clone());
        }
        return;
    }
    for child in children(expr) {
        loose_columns(&child, keys, scope, is_windowed, out);
    }
}

/// The expressions directly below `expr`.
fn children(expr: &Expr) -> Vec<Expr> {
    let (mut found, mut depth) = (Vec::new(), 0_usize);
    let mut walk = Children {
        found: &mut found,
        depth: &mut depth,
    };
    let _ = datafusion::sql::sqlparser::ast::Visit::visit(expr, &mut walk);
    found
}

struct Children<'a> {
    found: &'a mut Vec<Expr>,
    depth: &'a mut usize,
}

impl ast::Visitor for Children<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        *self.depth += 1;
        // A lambda's own parameters look like columns.
        if *self.depth == 2 && !matches!(expr, Expr::Lambda(_)) {
            self.found.push(expr.clone());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<()> {
        *self.depth -= 1;
        ControlFlow::Continue(())
    }
}
