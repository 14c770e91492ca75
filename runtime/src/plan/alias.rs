//! Names for expressions of a SELECT that have none.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::sql::sqlparser::ast::{self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem};

use super::rewrite::{quoted, single_ident};

/// Gives names: a column's own, with the name of its source before it where other sources of a join have a column of that name; a
/// struct field's own; otherwise `KSQL_COL_n`. Names that columns of the sources have, selected or
/// not, are passed over: a field then gets `NAME_1`, `NAME_2` (ksqlDB: `ColumnAliasGenerator`, `AstSanitizer`).
#[derive(Debug)]
pub(super) struct Aliases {
    taken: BTreeSet<String>,
    shared: BTreeSet<String>,
    next_number: usize,
    next_of_field: BTreeMap<String, usize>,
}

impl Aliases {
    /// Names for `select`, whose sources have columns called `columns`, more than one of them those called `shared`.
    pub(super) fn new<'a>(
        select: &ast::Select,
        columns: impl Iterator<Item = &'a str>,
        shared: BTreeSet<String>,
    ) -> Self {
        let explicit = select.projection.iter().filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
            _ => None,
        });
        Self {
            taken: columns.map(str::to_owned).chain(explicit).collect(),
            shared,
            next_number: 0,
            next_of_field: BTreeMap::new(),
        }
    }

    /// Names every expression of `select`.
    pub(super) fn name_all(&mut self, select: &mut ast::Select) {
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else { continue };
            let alias = self.name_of(expr);
            *item = SelectItem::ExprWithAlias {
                expr: expr.clone(),
                alias: quoted(alias),
            };
        }
    }

    /// The name of an expression that was given none.
    pub(super) fn name_of(&mut self, expr: &Expr) -> String {
        match expr {
            Expr::Identifier(ident) => ident.value.clone(),
            Expr::CompoundIdentifier(parts) => {
                if let [relation, column] = parts.as_slice()
                    && self.shared.contains(&column.value)
                {
                    return format!("{}_{}", relation.value, column.value);
                }
                let last = parts.last().map(|ident| ident.value.clone());
                last.unwrap_or_else(|| self.next_number())
            }
            Expr::Function(call) => match field_name(call) {
                Some(field) => self.next_of_field(&field),
                None => self.next_number(),
            },
            _ => self.next_number(),
        }
    }

    fn next_number(&mut self) -> String {
        loop {
            let name = format!("KSQL_COL_{}", self.next_number);
            self.next_number += 1;
            if !self.taken.contains(&name) {
                return name;
            }
        }
    }

    fn next_of_field(&mut self, field: &str) -> String {
        let next = self.next_of_field.entry(field.to_owned()).or_default();
        loop {
            let name = match *next {
                0 => field.to_owned(),
                number => format!("{field}_{number}"),
            };
            *next += 1;
            if !self.taken.contains(&name) {
                return name;
            }
        }
    }
}

/// `a->b` was rewritten to `get_field(a, 'B')`; it is called `B`.
fn field_name(call: &ast::Function) -> Option<String> {
    if single_ident(&call.name)?.value != "get_field" {
        return None;
    }
    let FunctionArguments::List(list) = &call.args else {
        return None;
    };
    match list.args.get(1)? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) => value.value.clone().into_string(),
        _ => None,
    }
}
