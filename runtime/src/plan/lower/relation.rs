//! What is known of a node besides its columns: whether it gives rows or changes of a table, and what its key is.

use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;

use crate::catalog::Definition;
use crate::plan::NodeId;
use crate::plan::join_key::{first_known, is_synthetic_key};
use crate::types::storage::SourceKind;

/// A lowered node.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) node: NodeId,
    pub(crate) kind: SourceKind,
    /// For each column of its key the positions that hold it, the preferred one first; `Err`: names of key columns that are not
    /// among its columns.
    pub(crate) key: Result<Vec<Vec<usize>>, Vec<String>>,
    /// For each column of its key the expressions over its columns that are equal where they are known, and whether some may be
    /// NULL in a row; empty but for joins and what keeps their columns.
    pub(crate) equal: Vec<EqualKeys>,
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
            equal: vec![],
        }
    }

    /// A declared stream or table of which the columns at `read` are taken.
    pub(super) fn of_source(node: NodeId, definition: &Definition, read: &[usize]) -> Self {
        let places = definition.key_columns().map(|key| {
            let place = read.iter().position(|column| *column == key);
            place
                .map(|place| vec![place])
                .ok_or_else(|| definition.columns[key].name.clone())
        });
        Self {
            node,
            kind: definition.kind,
            key: all_or_missing(places),
            equal: vec![],
        }
    }

    /// One position for each column of the key.
    pub(super) fn key_positions(&self) -> Result<Vec<usize>, Vec<String>> {
        let first = |parts: &Vec<Vec<usize>>| parts.iter().filter_map(|places| places.first().copied()).collect();
        self.key.as_ref().map(first).map_err(Clone::clone)
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
                let names = places.iter().map(|place| input.field(*place).name().clone());
                Err(names.collect::<Vec<_>>().join(" or "))
            } else {
                Ok(found)
            }
        }))
    }
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
