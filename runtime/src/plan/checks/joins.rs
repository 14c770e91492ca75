//! Relations of FROM and conditions of joins: names that are twice or unknown, and conditions that bring no two rows together.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, SelectItem, Spanned, visit_expressions,
};

use super::super::Error;
use super::Scope;
use super::reading::{columns_in, shown};
use crate::catalog::nearest;
use crate::types::schema::{WINDOWEND, WINDOWSTART};

/// Refuses two relations of one name.
pub(super) fn check_names(scope: &Scope<'_>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for (alias, _) in &scope.relations {
        if !seen.insert(alias.value.as_str()) {
            return Err(Error::new(
                "duplicate-source",
                format!("`{}` is in FROM twice, so its columns would be ambiguous", alias.value),
            )
            .at(alias.span)
            .help(format!("give it another name: {} AS other_name", alias.value)));
        }
    }
    Ok(())
}

/// The relations whose columns `column` can be, by position; `None` where one of them is not known.
fn owners(column: &(Option<Ident>, Ident), scope: &Scope<'_>) -> Vec<usize> {
    let (relation, name) = column;
    let named = |(index, (alias, definition)): (usize, &(Ident, Option<&crate::catalog::Definition>))| {
        let has = definition.is_some_and(|definition| {
            let schema = definition.query_schema();
            schema.field_with_name(&name.value).is_ok()
        });
        let is_it = match relation {
            Some(relation) => relation.value == alias.value,
            None => has,
        };
        is_it.then_some(index)
    };
    scope.relations.iter().enumerate().filter_map(named).collect()
}

/// Names a column that no relation has, or that several have, with its place.
pub(super) fn explain_column(error: &Error, select: &ast::Select, scope: &Scope<'_>) -> Option<Error> {
    if !scope.is_known() {
        return None;
    }
    let no_columns = parameters_and_aliases(select);
    let mut found = None;
    let _ = visit_expressions(select, |expr| {
        let Some((relation, name)) = super::reading::column_of(expr) else {
            return ControlFlow::Continue(());
        };
        if relation.is_none() && no_columns.contains(&name.value) {
            return ControlFlow::Continue(());
        }
        found = judge(error, (relation, name), scope);
        if found.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    found
}

/// Names that look like columns and are none: parameters of lambdas, names given in the SELECT list.
fn parameters_and_aliases(select: &ast::Select) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let _ = visit_expressions(select, |expr| {
        if let Expr::Lambda(lambda) = expr {
            names.extend(lambda.params.iter().map(|parameter| parameter.name.value.clone()));
        }
        ControlFlow::<()>::Continue(())
    });
    for item in &select.projection {
        if let SelectItem::ExprWithAlias { alias, .. } = item {
            names.insert(alias.value.clone());
        }
    }
    names
}

fn judge(error: &Error, (relation, name): (Option<&Ident>, &Ident), scope: &Scope<'_>) -> Option<Error> {
    let aliases = || scope.relations.iter().map(|(alias, _)| alias.value.as_str());
    let columns = |of: Option<&Ident>| {
        let relations = scope.relations.iter();
        let of = of.map(|ident| ident.value.clone());
        let wanted = relations.filter(move |(alias, _)| of.as_ref().is_none_or(|of| *of == alias.value));
        wanted.flat_map(|(_, definition)| definition.iter().flat_map(|definition| &definition.columns))
    };
    if let Some(relation) = relation
        && !aliases().any(|alias| alias == relation.value)
    {
        if columns(None).any(|column| column.name == relation.value) {
            return None;
        }
        let error = Error::new(
            "unknown-source",
            format!("`{}` is no stream, table or alias of this query's FROM", relation.value),
        )
        .at(relation.span);
        return Some(match nearest(&relation.value, aliases()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help(format!("FROM has {}", aliases().collect::<Vec<_>>().join(", "))),
        });
    }
    let owned = owners(&(relation.cloned(), name.clone()), scope);
    if error.code == "ambiguous-column" {
        let candidates: Vec<String> = owned
            .iter()
            .map(|index| format!("{}.{}", scope.relations[*index].0.value, name.value))
            .collect();
        return (relation.is_none() && candidates.len() > 1).then(|| {
            Error::new(
                "ambiguous-column",
                format!(
                    "column `{}` is ambiguous: it may be {}",
                    name.value,
                    candidates.join(" or ")
                ),
            )
            .at(name.span)
            .help("write its relation in front")
        });
    }
    let exists = owned.iter().any(|index| {
        let definition = scope.relations[*index].1;
        definition.is_some_and(|definition| definition.query_schema().field_with_name(&name.value).is_ok())
    });
    if exists {
        return None;
    }
    let shown = relation.map_or_else(
        || name.value.clone(),
        |relation| format!("{}.{}", relation.value, name.value),
    );
    let missing = Error::new("unknown-column", format!("column `{shown}` does not exist")).at(name.span);
    if [WINDOWSTART, WINDOWEND].contains(&name.value.as_str()) {
        return Some(missing.help(
            "the bounds of WINDOW stand in SELECT and HAVING of its own query; those of a source need WINDOW_TYPE",
        ));
    }
    Some(
        match nearest(&name.value, columns(relation).map(|column| column.name.as_str())) {
            Some(near) => missing.help(format!("did you mean `{near}`?")),
            None => missing.help(error.help.clone().unwrap_or_else(|| {
                let names: Vec<&str> = columns(relation).map(|column| column.name.as_str()).take(12).collect();
                format!("the columns are {}", names.join(", "))
            })),
        },
    )
}

/// Says of the first join without a usable equality what is wrong with its condition.
pub(super) fn explain_condition(select: &ast::Select, scope: &Scope<'_>) -> Option<Error> {
    if !scope.is_known() || select.from.len() != 1 {
        return None;
    }
    for (index, join) in select.from[0].joins.iter().enumerate() {
        let on = on(&join.join_operator)?;
        let mut parts = Vec::new();
        conjuncts(on, &mut parts);
        let wrong: Option<Vec<Error>> = parts.iter().map(|part| unusable(part, index + 1, scope)).collect();
        if let Some(first) = wrong.and_then(|wrong| wrong.into_iter().next()) {
            return Some(first);
        }
    }
    None
}

fn on(operator: &JoinOperator) -> Option<&Expr> {
    match operator {
        JoinOperator::Join(JoinConstraint::On(on))
        | JoinOperator::Inner(JoinConstraint::On(on))
        | JoinOperator::Left(JoinConstraint::On(on))
        | JoinOperator::LeftOuter(JoinConstraint::On(on))
        | JoinOperator::Right(JoinConstraint::On(on))
        | JoinOperator::RightOuter(JoinConstraint::On(on))
        | JoinOperator::FullOuter(JoinConstraint::On(on)) => Some(on),
        _ => None,
    }
}

fn conjuncts<'e>(expr: &'e Expr, out: &mut Vec<&'e Expr>) {
    match expr {
        Expr::Nested(inner) => conjuncts(inner, out),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            conjuncts(left, out);
            conjuncts(right, out);
        }
        other => out.push(other),
    }
}

/// Why `part` does not bring rows of the relation at `joined` together with those before it; `None` where it does.
fn unusable(part: &Expr, joined: usize, scope: &Scope<'_>) -> Option<Error> {
    let refuse = |message: String, place: &Expr| {
        Error::new("join-condition", message)
            .at(place.span())
            .at(part.span())
            .help("write ON left.column = right.column: each side of the equality reads one of the two sources")
    };
    let Expr::BinaryOp {
        left,
        op: BinaryOperator::Eq,
        right,
    } = part
    else {
        return Some(refuse(
            format!("the join condition {} is no equality of two expressions", shown(part)),
            part,
        ));
    };
    let reads = |side: &Expr| -> BTreeSet<usize> {
        let columns = columns_in(side);
        columns.iter().flat_map(|column| owners(column, scope)).collect()
    };
    let sides = [(left, reads(left)), (right, reads(right))];
    for (side, sources) in &sides {
        if sources.is_empty() {
            return Some(refuse(
                format!(
                    "{} in the join condition {} reads no column of a source",
                    shown(side),
                    shown(part)
                ),
                side,
            ));
        }
        if sources.contains(&joined) && sources.len() > 1 {
            let names: Vec<&str> = sources
                .iter()
                .map(|index| scope.relations[*index].0.value.as_str())
                .collect();
            return Some(refuse(
                format!(
                    "{} in the join condition reads several sources, {}",
                    shown(side),
                    names.join(" and ")
                ),
                side,
            ));
        }
    }
    let [(_, left_sources), (_, right_sources)] = &sides;
    let name = |index: usize| scope.relations[index].0.value.as_str();
    if left_sources == right_sources {
        let source = left_sources.first().map_or("", |index| name(*index));
        return Some(refuse(
            format!("both sides of the join condition {} read `{source}`", shown(part)),
            part,
        ));
    }
    if !left_sources.contains(&joined) && !right_sources.contains(&joined) {
        return Some(refuse(
            format!(
                "the join condition {} does not read `{}`, which is joined here",
                shown(part),
                name(joined)
            ),
            part,
        ));
    }
    None
}
