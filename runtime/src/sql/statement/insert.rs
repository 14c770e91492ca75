//! INSERT INTO, with a query or with values.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::{Context, rest_query};
use crate::sql::ast::{Name, Statement};
use crate::sql::cursor::Cursor;
use crate::sql::error::{Code, Result};
use crate::sql::query::{self, From};
use crate::sql::with;

/// `INSERT INTO target ...`.
pub(super) fn insert(context: Context<'_>, cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect("INSERT")?;
    cursor.expect("INTO")?;
    let target = cursor.name("the name of the stream or table")?;
    if cursor.at_any(&["WITH", "SELECT"]) {
        let with = if cursor.peek_at(1).is_some_and(|next| next.token == Token::LParen) {
            with::optional(cursor)?
        } else {
            crate::sql::ast::WithOptions::default()
        };
        return Ok(Statement::InsertSelect {
            target,
            with,
            query: rest_query(context, cursor, From::Required)?,
        });
    }
    let place = cursor.here();
    let columns = column_names(cursor)?;
    if cursor.eat("VALUES") {
        return Ok(Statement::InsertValues {
            target,
            columns,
            rows: rows(context, cursor)?,
        });
    }
    if !columns.is_empty() && cursor.at_any(&["SELECT", "WITH"]) {
        let finding = Code::NotSupported
            .found("a list of columns belongs to VALUES")
            .at(cursor.since(place));
        let help = "columns of a query go by their names: name them in the SELECT";
        return Err(finding.help(help).into());
    }
    Err(cursor.unexpected("VALUES or SELECT", &["VALUES", "SELECT", "WITH"]))
}

/// Takes `(name, ...)` if it stands here.
pub(super) fn column_names(cursor: &mut Cursor<'_>) -> Result<Vec<Name>> {
    if !cursor.at_token(&Token::LParen) {
        return Ok(Vec::new());
    }
    let mut inside = cursor.group("the columns")?;
    let mut names = Vec::new();
    loop {
        names.push(inside.name("the name of a column")?);
        if !inside.eat_token(&Token::Comma) {
            break;
        }
    }
    match inside.peek() {
        None => Ok(names),
        Some(_) => Err(inside.unexpected("`,` or `)`", &[])),
    }
}

fn rows(context: Context<'_>, cursor: &mut Cursor<'_>) -> Result<Vec<Vec<Expr>>> {
    let mut rows = Vec::new();
    loop {
        rows.push(row(context, cursor)?);
        if !cursor.eat_token(&Token::Comma) {
            return Ok(rows);
        }
    }
}

/// Takes `(expression, ...)`.
pub(super) fn row(context: Context<'_>, cursor: &mut Cursor<'_>) -> Result<Vec<Expr>> {
    let inside = cursor.group("`(` and the values")?;
    if inside.peek().is_none() {
        return Err(inside.unexpected("a value", &[]));
    }
    inside
        .split_commas()
        .into_iter()
        .map(|mut value| {
            if value.peek().is_none() {
                return Err(value.unexpected("a value", &[]));
            }
            let end = value.end();
            query::expression(context.source, value.take_rest(), end)
        })
        .collect()
}
