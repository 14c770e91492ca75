//! ASSERT, for test scripts.

use super::insert::{column_names, row};
use super::{Context, columns, source_kind};
use crate::sql::ast::{Assert, Length, Statement};
use crate::sql::cursor::Cursor;
use crate::sql::durations::{self, Zero};
use crate::sql::error::Result;
use crate::sql::with;
use datafusion::sql::sqlparser::tokenizer::Token;

/// `ASSERT ...`.
pub(super) fn assert(context: Context<'_>, cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect("ASSERT")?;
    if let Some(kind) = source_kind(cursor) {
        let name = cursor.name("the name of the stream or table")?;
        let columns = if cursor.at_token(&Token::LParen) {
            columns(cursor, kind)?
        } else {
            Vec::new()
        };
        let with = with::optional(cursor)?;
        return Ok(Statement::Assert(Assert::Source {
            kind,
            name,
            columns,
            with,
        }));
    }
    if cursor.at_any(&["VALUES", "NULL"]) {
        return values(context, cursor);
    }
    let not_exists = cursor.eat("NOT");
    if not_exists {
        cursor.expect("EXISTS")?;
    }
    if cursor.eat("TOPIC") {
        return Ok(Statement::Assert(Assert::Topic {
            name: cursor.resource("the name of the topic")?,
            not_exists,
            with: with::optional(cursor)?,
            timeout: timeout(cursor)?,
        }));
    }
    if cursor.eat("SCHEMA") {
        return schema(cursor, not_exists);
    }
    let things = ["VALUES", "NULL", "STREAM", "TABLE", "TOPIC", "SCHEMA", "NOT"];
    Err(cursor.unexpected("VALUES, NULL VALUES, STREAM, TABLE, TOPIC or SCHEMA", &things))
}

/// `[NULL] VALUES target (columns) VALUES|KEY (values)`.
fn values(context: Context<'_>, cursor: &mut Cursor<'_>) -> Result<Statement> {
    let null = cursor.eat("NULL");
    cursor.expect("VALUES")?;
    let target = cursor.name("the name of the stream or table")?;
    let columns = column_names(cursor)?;
    cursor.expect(if null { "KEY" } else { "VALUES" })?;
    Ok(Statement::Assert(Assert::Values {
        target,
        columns,
        values: row(context, cursor)?,
        null,
    }))
}

fn schema(cursor: &mut Cursor<'_>, not_exists: bool) -> Result<Statement> {
    let subject = if cursor.eat("SUBJECT") {
        Some(cursor.resource("the subject")?)
    } else {
        None
    };
    let id = if cursor.eat("ID") {
        Some(cursor.whole_number("the id of the schema")?.0)
    } else {
        None
    };
    if subject.is_none() && id.is_none() {
        return Err(cursor.unexpected("SUBJECT or ID", &["SUBJECT", "ID"]));
    }
    Ok(Statement::Assert(Assert::Schema {
        subject,
        id,
        not_exists,
        timeout: timeout(cursor)?,
    }))
}

fn timeout(cursor: &mut Cursor<'_>) -> Result<Option<Length>> {
    if cursor.eat("TIMEOUT") {
        durations::length(cursor, "the timeout", Zero::Allowed).map(Some)
    } else if cursor.peek().is_some() {
        Err(cursor.unexpected("TIMEOUT or the end of the statement", &["TIMEOUT", "WITH"]))
    } else {
        Ok(None)
    }
}
