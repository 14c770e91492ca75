//! The WINDOW clause of a SELECT: its bounds join GROUP BY, and WINDOWSTART and WINDOWEND become calls that stand for them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Expr, GroupByExpr, Ident, JoinOperator, SelectItem, visit_expressions_mut,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::window_marker::{Bound, window_bound};
use super::{Error, Purpose};
use crate::catalog::Definition;
use crate::operator::group_by::{Window, WindowShape};
use crate::sql::ast::{Emit, SelectClauses, WindowClause, WindowType};
use crate::types::schema::{WINDOWEND, WINDOWSTART};
use crate::types::storage::KeyWindow;

/// How long a window and its grace are together where GRACE PERIOD is not said (ksqlDB: 24 hours).
const DEFAULT_LIFE_MS: i64 = 24 * 60 * 60 * 1_000;

/// Applies the WINDOW clause, gives its window.
pub(super) fn apply(select: &mut ast::Select, clauses: &SelectClauses, emit: Emit) -> Result<Option<Window>, Error> {
    let Some(clause) = &clauses.window else {
        return Ok(None);
    };
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else {
        return Err(Error::new(
            "window-without-group-by",
            "WINDOW needs GROUP BY with expressions",
        ));
    };
    if keys.is_empty() {
        return Err(Error::new("window-without-group-by", "WINDOW needs GROUP BY")
            .help("say what the rows of a window are grouped by: GROUP BY column"));
    }
    let window = planned(clause, emit)?;
    keys.push(window_bound(Bound::Start, window));
    keys.push(window_bound(Bound::End, window));
    let _ = visit_expressions_mut(&mut select.projection, |expr| bound(expr, window));
    let _ = visit_expressions_mut(&mut select.having, |expr| bound(expr, window));
    Ok(Some(window))
}

/// WINDOWSTART and WINDOWEND, with or without a relation in front.
fn bound(expr: &mut Expr, window: Window) -> ControlFlow<()> {
    let name = match expr {
        Expr::Identifier(ident) => &ident.value,
        Expr::CompoundIdentifier(parts) => match parts.last() {
            Some(ident) => &ident.value,
            None => return ControlFlow::Continue(()),
        },
        _ => return ControlFlow::Continue(()),
    };
    let bound = match name.as_str() {
        WINDOWSTART => Bound::Start,
        WINDOWEND => Bound::End,
        _ => return ControlFlow::Continue(()),
    };
    *expr = window_bound(bound, window);
    ControlFlow::Continue(())
}

/// The window with its defaults (ksqlDB: `StreamAggregateBuilder.defaultGrace`; none for EMIT FINAL).
fn planned(clause: &WindowClause, emit: Emit) -> Result<Window, Error> {
    let (shape, size_ms) = match clause.window {
        WindowType::Tumbling { size } => (WindowShape::Tumbling { size_ms: size.ms }, size.ms),
        WindowType::Hopping { size, advance } => {
            let shape = WindowShape::Hopping {
                size_ms: size.ms,
                advance_ms: advance.ms,
            };
            (shape, size.ms)
        }
        WindowType::Session { gap } => (WindowShape::Session { gap_ms: gap.ms }, gap.ms),
    };
    let default_grace = match emit {
        Emit::Final => 0,
        Emit::Changes | Emit::Unsaid => (DEFAULT_LIFE_MS - size_ms).max(0),
    };
    let grace_ms = clause.grace.map_or(default_grace, |grace| grace.ms);
    let retention_ms = clause.retention.map_or(0, |retention| retention.ms);
    if clause.retention.is_some() && retention_ms < size_ms.saturating_add(grace_ms) {
        return Err(Error::new(
            "window-retention",
            format!("RETENTION is {retention_ms} ms, less than the size of the window and its grace period together"),
        )
        .help(format!(
            "make it at least {} MILLISECONDS",
            size_ms.saturating_add(grace_ms)
        )));
    }
    Ok(Window {
        shape,
        grace_ms,
        retention_ms,
    })
}

/// Where the result is to be keyed by a window too, selects the bounds as two more columns: of the SELECT's own window, or of its
/// sources when nothing is grouped.
pub(super) fn keep_bounds(
    select: &mut ast::Select,
    windowed: Option<Window>,
    sources: &[(Ident, Option<&Definition>)],
) -> Option<KeyWindow> {
    if let Some(window) = windowed {
        for (bound, name) in [(Bound::Start, WINDOWSTART), (Bound::End, WINDOWEND)] {
            select.projection.push(item(window_bound(bound, window), name));
        }
        return Some(match window.shape {
            WindowShape::Tumbling { size_ms } | WindowShape::Hopping { size_ms, .. } => KeyWindow::Time { size_ms },
            WindowShape::Session { .. } => KeyWindow::Session,
        });
    }
    let is_grouped = match &select.group_by {
        GroupByExpr::Expressions(keys, _) => !keys.is_empty(),
        GroupByExpr::All(_) => true,
    };
    let (first, definition) = sources.first().filter(|_| !is_grouped)?;
    let window = (*definition)?.storage.key_window?;
    for name in [WINDOWSTART, WINDOWEND] {
        let bound = if may_lack_first(select) {
            first_known(sources.iter().map(|(alias, _)| super::rewrite::column(alias, name)))
        } else {
            super::rewrite::column(first, name)
        };
        select.projection.push(item(bound, name));
    }
    Some(window)
}

/// The columns that `*` stands for. Where a result is shown, the bounds of windows that are a part of the key come with it, between the
/// key and the other columns (ksqlDB: `PlanNode.orderColumns`).
pub(super) fn all_columns(definition: &Definition, purpose: Purpose) -> Vec<&str> {
    let name = |position: usize| definition.columns[position].name.as_str();
    if definition.storage.key_window.is_none() || purpose == Purpose::Persistent {
        return (0..definition.columns.len()).map(name).collect();
    }
    let keys: Vec<usize> = definition.key_columns().collect();
    let others = (0..definition.columns.len()).filter(|position| !keys.contains(position));
    let bounds = [WINDOWSTART, WINDOWEND];
    keys.iter()
        .copied()
        .map(name)
        .chain(bounds)
        .chain(others.map(name))
        .collect()
}

/// Whether a row of FROM may have nothing of the first source. Joined rows are of one window, whoever they have it from.
fn may_lack_first(select: &ast::Select) -> bool {
    let mut joins = select.from.iter().flat_map(|from| &from.joins);
    joins.any(|join| {
        matches!(
            join.join_operator,
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) | JoinOperator::FullOuter(_)
        )
    })
}

/// `COALESCE(...)`.
fn first_known(exprs: impl Iterator<Item = Expr>) -> Expr {
    let args = exprs.map(|expr| ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)));
    Expr::Function(ast::Function {
        name: ast::ObjectName::from(vec![Ident::new("COALESCE")]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args: args.collect(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// Under a name that no column of a user has.
fn item(expr: Expr, name: &str) -> SelectItem {
    SelectItem::ExprWithAlias {
        expr,
        alias: Ident {
            value: format!("{name}@"),
            quote_style: Some('"'),
            span: Span::empty(),
        },
    }
}
