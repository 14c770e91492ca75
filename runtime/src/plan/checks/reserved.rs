//! Names of the columns of a SELECT: none twice, and in a stream or table none of a pseudo-column.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::{self, SelectItem, Spanned};

use super::super::Error;
use super::reading::column_of;
use crate::types::schema::{ROWOFFSET, ROWPARTITION, ROWTIME, WINDOWEND, WINDOWSTART};

/// Names that every row has already (ksqlDB: `SystemColumns`).
const PSEUDO_COLUMNS: [&str; 5] = [ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND];

/// Refuses columns of a stream or table with the name of a pseudo-column.
pub(super) fn check(select: &ast::Select) -> Result<(), Error> {
    for item in &select.projection {
        let SelectItem::ExprWithAlias { expr, alias } = item else {
            continue;
        };
        if !PSEUDO_COLUMNS.contains(&alias.value.as_str()) {
            continue;
        }
        let is_itself = column_of(expr).is_some_and(|(_, name)| name.value == alias.value);
        let name = &alias.value;
        let error = Error::new(
            "reserved-column",
            format!("`{name}` cannot be the name of a column: every row has a pseudo-column of that name"),
        );
        let error = if is_itself {
            error.help(format!(
                "leave it out, since the new rows have one too, or write {name} AS other_name"
            ))
        } else {
            error.help("use another name")
        };
        return Err(error.at(alias.span).at(expr.span()));
    }
    Ok(())
}

/// Refuses two columns of one name.
pub(super) fn check_twice(select: &ast::Select) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for item in &select.projection {
        let SelectItem::ExprWithAlias { expr, alias } = item else {
            continue;
        };
        if !seen.insert(alias.value.as_str()) {
            return Err(Error::new(
                "duplicate-column",
                format!("two columns of the SELECT list are called `{}`", alias.value),
            )
            .at(alias.span)
            .at(expr.span())
            .help("give one of them another name: expression AS name"));
        }
    }
    Ok(())
}
