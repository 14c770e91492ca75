//! What is known of a node besides its columns: whether it gives rows or changes of a table, and what its key is.

use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::Expr;

use crate::catalog::Definition;
use crate::plan::NodeId;
use crate::plan::join_key::{first_known, is_synthetic_key};
use crate::types::schema::{WINDOWEND, WINDOWSTART};
use crate::types::storage::{KeyWindow, SourceKind};

/// A lowered node.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) node: NodeId,
    pub(crate) kind: SourceKind,
    /// For each column of its key the positions that hold it, the preferred one first; `Err`: names of key columns that are not
    /// among its columns.
    pub(crate) key: Result<Vec<Vec<usize>>, Vec<String>>,
    /// The same for the bounds of the window that tells rows of a table apart beside the key; empty where there is no window.
    pub(crate) window: Result<Vec<Vec<usize>>, Vec<String>>,
    /// For each column of its key the expressions over its columns that are equal where they are known, and whether some may be
    /// NULL in a row; empty but for joins and what keeps their columns.
    pub(crate) equal: Vec<EqualKeys>,
    /// The key as expressions over its columns, where some of it is no column; a projection above may make it one. Else empty.
    pub(crate) key_exprs: Vec<Expr>,
}

/// What a column of a join's key is equal to.
#[derive(Debug, Clone)]
pub(crate) struct EqualKeys {
    pub(crate) exprs: Vec<Expr>,
    /// Whether one side of the join may be missing, so that the key is the first of `exprs` that is known.
    pub(crate) may_lack_one: bool,
}

impl Relation {
    /// Rows without a key.
    pub(crate) fn stream(node: NodeId) -> Self {
        Self {
            node,
            kind: SourceKind::Stream,
            key: Ok(vec![]),
            window: Ok(vec![]),
            equal: vec![],
            key_exprs: vec![],
        }
    }

    /// The table that GROUP BY makes, by its key and the bounds of its window.
    pub(super) fn grouped(node: NodeId, key: Vec<Vec<usize>>, bounds: Vec<Vec<usize>>) -> Self {
        Self {
            kind: SourceKind::Table,
            key: Ok(key),
            window: Ok(bounds),
            ..Self::stream(node)
        }
    }

    /// A declared stream or table of which the columns at `read` are taken.
    pub(super) fn of_source(node: NodeId, definition: &Definition, read: &[usize]) -> Self {
        let schema = definition.query_schema();
        let place_of = |column: usize| {
            let place = read.iter().position(|read| *read == column);
            place
                .map(|place| vec![place])
                .ok_or_else(|| schema.field(column).name().clone())
        };
        let mut bounds: Vec<usize> = definition
            .row_key()
            .into_iter()
            .skip(definition.key_columns().count())
            .collect();
        if definition.kind == SourceKind::Stream {
            bounds.clear();
        }
        if matches!(definition.storage.key_window, Some(KeyWindow::Time { .. })) {
            // All windows are of one size, so their starts tell them apart.
            bounds.truncate(1);
        }
        Self {
            node,
            kind: definition.kind,
            key: all_or_missing(definition.key_columns().map(place_of)),
            window: all_or_missing(bounds.into_iter().map(place_of)),
            equal: vec![],
            key_exprs: vec![],
        }
    }

    /// Whether a window tells its rows apart.
    pub(super) fn has_window(&self) -> bool {
        !matches!(&self.window, Ok(parts) if parts.is_empty())
    }

    /// One position for each column of the key.
    pub(super) fn key_positions(&self) -> Result<Vec<usize>, Vec<String>> {
        firsts(&self.key)
    }

    /// One position for each column that tells rows apart: of the key, and of the window.
    pub(super) fn row_key_positions(&self) -> Result<Vec<usize>, Vec<String>> {
        match (firsts(&self.key), firsts(&self.window)) {
            (Ok(key), Ok(window)) => Ok([key, window].concat()),
            (key, window) => Err([key.err(), window.err()].into_iter().flatten().flatten().collect()),
        }
    }

    /// What an expression over the columns is equal to, itself first where that is nothing else.
    pub(super) fn equal_to(&self, schema: &DFSchema, expr: &Expr) -> EqualKeys {
        let alone = || EqualKeys {
            exprs: vec![expr.clone()],
            may_lack_one: false,
        };
        if let Some(equal) = self.equal.iter().find(|equal| equal.exprs.contains(expr)) {
            return equal.clone();
        }
        let (Expr::Column(column), Ok(parts)) = (uncast(expr), &self.key) else {
            return alone();
        };
        let place = schema.maybe_index_of_column(column);
        match parts
            .iter()
            .find(|part| place.is_some_and(|place| part.contains(&place)))
        {
            Some(part) if part.len() > 1 => {
                let columns = schema.columns();
                let others = part.iter().filter(|other| Some(**other) != place);
                let others = others.map(|other| Expr::Column(columns[*other].clone()));
                EqualKeys {
                    exprs: std::iter::once(expr.clone()).chain(others).collect(),
                    may_lack_one: false,
                }
            }
            _ => alone(),
        }
    }

    /// Whether `exprs` are the columns of the key, all of them and in any order.
    pub(super) fn is_key_of(&self, schema: &DFSchema, exprs: &[&Expr]) -> bool {
        let Ok(parts) = &self.key else { return false };
        let places: Vec<Option<usize>> = exprs
            .iter()
            .map(|expr| match uncast(expr) {
                Expr::Column(column) => schema.maybe_index_of_column(column),
                _ => None,
            })
            .collect();
        parts.len() == places.len()
            && parts
                .iter()
                .all(|part| places.iter().flatten().any(|place| part.contains(place)))
    }

    /// Puts the value of the key in place of the projected columns that hold it, where these may be NULL because their side of
    /// a join is missing (ksqlDB: a record's key is what was joined by, whichever of its columns is selected).
    pub(super) fn fill_key(&self, input: &DFSchema, exprs: &mut [Expr]) {
        let Ok(places) = self.projected_key(input, exprs) else {
            return;
        };
        if places.len() != self.equal.len() {
            return;
        }
        for (places, equal) in places.iter().zip(&self.equal) {
            let Some(expr) = places.first().map(|place| &mut exprs[*place]) else {
                continue;
            };
            if !equal.may_lack_one || is_synthetic_key(expr) {
                continue;
            }
            let Some(value) = first_known(equal.exprs.clone()) else {
                continue;
            };
            match expr {
                Expr::Alias(alias) => *alias.expr = value,
                other => *other = value,
            }
        }
    }

    /// The key after a projection to `exprs` over columns `input`.
    pub(super) fn projected_key(&self, input: &DFSchema, exprs: &[Expr]) -> Result<Vec<Vec<usize>>, Vec<String>> {
        if let Some(place) = exprs.iter().position(is_synthetic_key) {
            return Ok(vec![vec![place]]);
        }
        match &self.key {
            Err(_) if !self.key_exprs.is_empty() => self.made_key(exprs),
            key => projected(key, input, exprs),
        }
    }

    /// Where `exprs` are the expressions of the key.
    fn made_key(&self, exprs: &[Expr]) -> Result<Vec<Vec<usize>>, Vec<String>> {
        all_or_missing(self.key_exprs.iter().map(|part| {
            let places = (0..).zip(exprs).filter(|(_, expr)| unaliased(expr) == part);
            let found: Vec<usize> = places.map(|(place, _)| place).collect();
            if found.is_empty() {
                Err(super::label(part))
            } else {
                Ok(found)
            }
        }))
    }

    /// The expressions of a key that is still to be made, after a projection to `exprs`: nothing where one of their columns is gone.
    pub(super) fn projected_key_exprs(&self, exprs: &[Expr]) -> Vec<Expr> {
        let is_there = |column: &Column| {
            exprs
                .iter()
                .any(|expr| matches!(expr, Expr::Column(kept) if kept == column))
        };
        let mut columns = self.key_exprs.iter().flat_map(Expr::column_refs);
        if columns.all(is_there) {
            self.key_exprs.clone()
        } else {
            vec![]
        }
    }

    /// The window after a projection.
    pub(super) fn projected_window(&self, input: &DFSchema, exprs: &[Expr]) -> Result<Vec<Vec<usize>>, Vec<String>> {
        projected(&self.window, input, exprs)
    }
}

fn firsts(parts: &Result<Vec<Vec<usize>>, Vec<String>>) -> Result<Vec<usize>, Vec<String>> {
    let first = |parts: &Vec<Vec<usize>>| parts.iter().filter_map(|places| places.first().copied()).collect();
    parts.as_ref().map(first).map_err(Clone::clone)
}

/// Where a projection to `exprs` puts the columns of a key.
fn projected(
    parts: &Result<Vec<Vec<usize>>, Vec<String>>,
    input: &DFSchema,
    exprs: &[Expr],
) -> Result<Vec<Vec<usize>>, Vec<String>> {
    let parts = parts.clone()?;
    let place_of = |place: usize| {
        let (relation, field) = input.qualified_field(place);
        let is_it = |expr: &Expr| match unaliased(expr) {
            Expr::Column(column) => {
                column.name == *field.name() && (column.relation.is_none() || column.relation.as_ref() == relation)
            }
            _ => false,
        };
        exprs.iter().position(is_it)
    };
    all_or_missing(parts.iter().map(|places| {
        let found: Vec<usize> = places.iter().filter_map(|place| place_of(*place)).collect();
        if found.is_empty() {
            let names = places.iter().map(|place| shown(input.field(*place).name()));
            Err(names.collect::<Vec<_>>().join(" or "))
        } else {
            Ok(found)
        }
    }))
}

/// As a user knows a column: the bounds of a window in GROUP BY have names of their own.
fn shown(name: &str) -> String {
    let is_bound = |bound: &&str| {
        let call = name.get(..=bound.len()).unwrap_or_default();
        call.eq_ignore_ascii_case(&format!("{bound}@"))
    };
    [WINDOWSTART, WINDOWEND]
        .into_iter()
        .find(is_bound)
        .unwrap_or(name)
        .to_owned()
}

/// What is cast to another type for a comparison.
pub(super) fn uncast(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast(cast) => uncast(&cast.expr),
        other => other,
    }
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

pub(super) fn all_or_missing<T>(places: impl Iterator<Item = Result<T, String>>) -> Result<Vec<T>, Vec<String>> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for place in places {
        match place {
            Ok(position) => found.push(position),
            Err(name) => missing.push(name),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(missing) }
}
