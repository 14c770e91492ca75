//! What is known of a node besides its columns: whether it gives rows or changes of a table, and what its key is.

use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;

use crate::catalog::Definition;
use crate::plan::NodeId;
use crate::plan::join_key::is_synthetic_key;
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
}

impl Relation {
    /// Rows without a key.
    pub(crate) fn stream(node: NodeId) -> Self {
        Self {
            node,
            kind: SourceKind::Stream,
            key: Ok(vec![]),
        }
    }

    /// A declared stream or table of which the columns at `read` are taken.
    pub(super) fn of_source(node: NodeId, definition: &Definition, read: &[usize]) -> Self {
        let mut keys: Vec<usize> = match definition.kind {
            SourceKind::Stream => definition.key_columns().collect(),
            SourceKind::Table => definition.row_key(),
        };
        if matches!(definition.storage.key_window, Some(KeyWindow::Time { .. })) && definition.kind == SourceKind::Table
        {
            // All windows are of one size, so the start tells them apart.
            let _ = keys.pop();
        }
        let schema = definition.query_schema();
        let places = keys.into_iter().map(|key| {
            let place = read.iter().position(|column| *column == key);
            place
                .map(|place| vec![place])
                .ok_or_else(|| schema.field(key).name().clone())
        });
        Self {
            node,
            kind: definition.kind,
            key: all_or_missing(places),
        }
    }

    /// One position for each column of the key.
    pub(super) fn key_positions(&self) -> Result<Vec<usize>, Vec<String>> {
        let first = |parts: &Vec<Vec<usize>>| parts.iter().filter_map(|places| places.first().copied()).collect();
        self.key.as_ref().map(first).map_err(Clone::clone)
    }

    /// The key without what the last two columns hold: the bounds of the window, which a sink takes from there.
    pub(super) fn without_window(self, columns: usize) -> Self {
        let is_bound = |part: &Vec<usize>| part.iter().any(|place| place + 2 >= columns);
        Self {
            key: self
                .key
                .map(|parts| parts.into_iter().filter(|part| !is_bound(part)).collect()),
            ..self
        }
    }

    /// Whether `exprs` are the columns of the key, all of them and in any order.
    pub(super) fn is_key_of(&self, schema: &DFSchema, exprs: &[&Expr]) -> bool {
        let Ok(parts) = &self.key else { return false };
        let places: Vec<Option<usize>> = exprs
            .iter()
            .map(|expr| match expr {
                Expr::Column(column) => schema.maybe_index_of_column(column),
                _ => None,
            })
            .collect();
        parts.len() == places.len()
            && parts
                .iter()
                .all(|part| places.iter().flatten().any(|place| part.contains(place)))
    }

    /// The key after a projection to `exprs` over columns `input`.
    pub(super) fn projected_key(&self, input: &DFSchema, exprs: &[Expr]) -> Result<Vec<Vec<usize>>, Vec<String>> {
        if let Some(place) = exprs.iter().position(is_synthetic_key) {
            return Ok(vec![vec![place]]);
        }
        let parts = self.key.clone()?;
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
}

/// As a user knows a column: the bounds of a window in GROUP BY have names of their own.
fn shown(name: &str) -> String {
    let bound = [WINDOWSTART, WINDOWEND].into_iter().find(|bound| {
        let call = name.get(..=bound.len()).unwrap_or_default();
        call.eq_ignore_ascii_case(&format!("{bound}@"))
    });
    bound.unwrap_or(name).to_owned()
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
