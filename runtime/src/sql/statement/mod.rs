//! One statement from its tokens: our own recursive descent, one file per family.

mod admin;
mod assert;
mod create;
mod insert;
mod show;

#[cfg(test)]
mod tests;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::ast::{ColumnDef, IfExists, SourceKind, Span, Statement};
use super::cursor::Cursor;
use super::diagnostic::Diagnostic;
use super::error::{Code, Result};
use super::lexer::Lexeme;
use super::query::{self, From};
use super::source::Source;
use super::types;
use super::words;
use crate::types::schema::ColumnRole;

/// What the parts of the descent share.
#[derive(Debug, Clone, Copy)]
struct Context<'a> {
    source: &'a Source,
}

/// Reads the one statement that these tokens are, which end before byte `end`.
pub(super) fn parse(source: &Source, lexemes: &[Lexeme], end: usize) -> Result<Statement> {
    statement(Context { source }, &mut Cursor::new(lexemes, end))
}

fn statement(context: Context<'_>, cursor: &mut Cursor<'_>) -> Result<Statement> {
    let found = match cursor.peek().and_then(Lexeme::word).as_deref() {
        Some("SELECT" | "WITH" | "VALUES") => Statement::Select(rest_query(context, cursor, From::Optional)?),
        Some("CREATE") => create::create(context, cursor)?,
        Some("ALTER") => create::alter(cursor)?,
        Some("DROP") => create::drop(cursor)?,
        Some("INSERT") => insert::insert(context, cursor)?,
        Some("SHOW" | "LIST") => show::show(cursor)?,
        Some("DESCRIBE") => show::describe(cursor)?,
        Some("EXPLAIN") => show::explain(context, cursor)?,
        Some("PRINT") => show::print(cursor)?,
        Some("SET") => admin::set(cursor)?,
        Some("UNSET") => admin::unset(cursor)?,
        Some("DEFINE") => admin::define(cursor)?,
        Some("UNDEFINE") => admin::undefine(cursor)?,
        Some("TERMINATE" | "PAUSE" | "RESUME") => admin::on_query(cursor)?,
        Some("RELOAD") => admin::reload(cursor)?,
        Some("RUN") => admin::run_script(cursor)?,
        Some("ASSERT") => assert::assert(context, cursor)?,
        _ if cursor.at_token(&Token::LParen) => Statement::Select(rest_query(context, cursor, From::Optional)?),
        _ => return Err(unknown_statement(cursor)),
    };
    cursor.done(&[])?;
    Ok(found)
}

fn unknown_statement(cursor: &Cursor<'_>) -> Box<Diagnostic> {
    let Some(lexeme) = cursor.peek() else {
        return cursor.unexpected("a statement", &[]);
    };
    let shown = super::cursor::show(&lexeme.token);
    let help = lexeme
        .word()
        .and_then(|word| words::did_you_mean(&word, words::STATEMENTS))
        .unwrap_or_else(|| {
            "statements start with CREATE, SELECT, INSERT, DROP, ALTER, SHOW, DESCRIBE, EXPLAIN, PRINT, TERMINATE, \
             PAUSE, RESUME, SET, UNSET, DEFINE, UNDEFINE, ASSERT, RELOAD or RUN SCRIPT"
                .to_owned()
        });
    let finding = Code::UnknownStatement.found(format!("no statement starts with {shown}"));
    finding.at(lexeme.span).help(help).into()
}

/// Takes the query that the rest of the statement is.
fn rest_query(context: Context<'_>, cursor: &mut Cursor<'_>, from: From) -> Result<super::ast::Query> {
    if !cursor.at_any(&["SELECT", "WITH", "VALUES"]) && !cursor.at_token(&Token::LParen) {
        return Err(cursor.unexpected("a query", &["SELECT"]));
    }
    let end = cursor.end();
    query::query(context.source, cursor.take_rest(), end, from)
}

/// Takes `STREAM` or `TABLE` if one stands here.
fn source_kind(cursor: &mut Cursor<'_>) -> Option<SourceKind> {
    if cursor.eat("STREAM") {
        Some(SourceKind::Stream)
    } else if cursor.eat("TABLE") {
        Some(SourceKind::Table)
    } else {
        None
    }
}

/// Takes `IF NOT EXISTS` behind what was said of `OR REPLACE`.
fn if_not_exists(cursor: &mut Cursor<'_>, replace: Option<Span>) -> Result<IfExists> {
    let place = cursor.here();
    let keep = cursor.eat_words(&["IF", "NOT", "EXISTS"]);
    match (replace, keep) {
        (Some(first), true) => Err(Code::DuplicateClause
            .found("OR REPLACE and IF NOT EXISTS exclude each other")
            .at(place)
            .related(first, "given here")
            .into()),
        (Some(_), false) => Ok(IfExists::Replace),
        (None, true) => Ok(IfExists::Keep),
        (None, false) => Ok(IfExists::Fail),
    }
}

/// Takes `(column, ...)`.
fn columns(cursor: &mut Cursor<'_>, kind: SourceKind) -> Result<Vec<ColumnDef>> {
    let mut inside = cursor.group("`(` and the columns")?;
    let mut found = Vec::new();
    loop {
        found.push(column(&mut inside, kind)?);
        if !inside.eat_token(&Token::Comma) {
            break;
        }
    }
    match inside.peek() {
        None => Ok(found),
        Some(_) => Err(inside.unexpected("`,` or `)`", &["KEY", "PRIMARY", "HEADERS", "HEADER"])),
    }
}

/// Takes `name type [PRIMARY KEY | KEY | HEADERS | HEADER('key')]`.
fn column(cursor: &mut Cursor<'_>, kind: SourceKind) -> Result<ColumnDef> {
    let name = cursor.name("the name of a column")?;
    let type_expr = types::type_expr(cursor)?;
    let place = cursor.here();
    let primary = cursor.eat("PRIMARY");
    let role = if primary {
        cursor.expect("KEY")?;
        ColumnRole::Key
    } else if cursor.eat("KEY") {
        ColumnRole::Key
    } else if cursor.eat("HEADERS") {
        ColumnRole::Headers
    } else if cursor.eat("HEADER") {
        let mut inside = cursor.group("`(` and the key of the header")?;
        let (key, _) = inside.string("the key of the header")?;
        if inside.peek().is_some() {
            return Err(inside.unexpected("`)`", &[]));
        }
        ColumnRole::Header(key)
    } else {
        ColumnRole::Value
    };
    let wrong = match (role == ColumnRole::Key, kind, primary) {
        (true, SourceKind::Table, false) => Some(("a table has a PRIMARY KEY, not a KEY", "write PRIMARY KEY")),
        (true, SourceKind::Stream, true) => Some(("a stream has a KEY, not a PRIMARY KEY", "write KEY")),
        _ => None,
    };
    if let Some((message, help)) = wrong {
        let message = format!("column {}: {message}", name.value);
        return Err(Code::WrongKey.found(message).at(cursor.since(place)).help(help).into());
    }
    Ok(ColumnDef {
        name,
        type_expr,
        role,
        primary,
    })
}

/// The refusal of what ksqlDB has and we do not.
fn not_supported(span: Span, what: &str, help: &str) -> Box<Diagnostic> {
    Code::NotSupported
        .found(format!("{what} is not supported"))
        .at(span)
        .help(help)
        .into()
}
