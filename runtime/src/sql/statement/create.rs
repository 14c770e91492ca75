//! CREATE, ALTER and DROP.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::{Context, columns, if_not_exists, not_supported, rest_query, source_kind};
use crate::sql::ast::{ColumnDef, DropKind, Name, SourceKind, Span, Statement, TypeExpr};
use crate::sql::cursor::Cursor;
use crate::sql::error::{Code, Result};
use crate::sql::query::From;
use crate::sql::{types, with};
use crate::types::schema::ColumnRole;

/// What the refusal of connectors says instead.
const CONNECTOR_HELP: &str = "Kafka Connect is not a part of Waterwheel: run it beside, or name a connector of ours in a \
                              source: CREATE STREAM ... WITH (CONNECTOR='file', ...)";

/// `CREATE ...`.
pub(super) fn create(context: Context<'_>, cursor: &mut Cursor<'_>) -> Result<Statement> {
    let start = cursor.expect("CREATE")?;
    let replace_at = cursor.here();
    let replace = if cursor.eat("OR") {
        cursor.expect("REPLACE")?;
        Some(cursor.since(replace_at))
    } else {
        None
    };
    if cursor.at_any(&["SOURCE", "SINK"]) && cursor.peek_at(1).is_some_and(|next| next.is_word("CONNECTOR")) {
        cursor.advance();
    }
    if cursor.at_word("CONNECTOR") {
        cursor.advance();
        return Err(not_supported(cursor.since(start), "CREATE CONNECTOR", CONNECTOR_HELP));
    }
    let source_at = cursor.here();
    let read_only = cursor.eat("SOURCE").then_some(source_at);
    if let Some(kind) = source_kind(cursor) {
        return source(context, cursor, kind, replace, read_only);
    }
    if read_only.is_some() {
        return Err(cursor.unexpected("STREAM or TABLE", &["STREAM", "TABLE"]));
    }
    if cursor.eat("FUNCTION") {
        return function(cursor, replace);
    }
    if let Some(span) = replace {
        let things = ["STREAM", "TABLE", "FUNCTION"];
        let finding = cursor.unexpected("STREAM, TABLE or FUNCTION behind OR REPLACE", &things);
        return Err(finding.related(span, "OR REPLACE").into());
    }
    if cursor.eat("TOPIC") {
        let if_exists = if_not_exists(cursor, None)?;
        return Ok(Statement::CreateTopic {
            name: cursor.resource("the name of the topic")?,
            if_exists,
            with: with::optional(cursor)?,
        });
    }
    if cursor.eat("TYPE") {
        let if_exists = if_not_exists(cursor, None)?;
        let name = cursor.name("the name of the type")?;
        cursor.expect("AS")?;
        return Ok(Statement::CreateType {
            name,
            if_exists,
            type_expr: types::type_expr(cursor)?,
        });
    }
    let things = ["STREAM", "TABLE", "TOPIC", "TYPE", "FUNCTION", "SOURCE", "OR"];
    Err(cursor.unexpected("what to create: STREAM, TABLE, TOPIC, TYPE or FUNCTION", &things))
}

fn source(
    context: Context<'_>,
    cursor: &mut Cursor<'_>,
    kind: SourceKind,
    replace: Option<Span>,
    read_only: Option<Span>,
) -> Result<Statement> {
    let if_exists = if_not_exists(cursor, replace)?;
    let what = match kind {
        SourceKind::Stream => "the name of the stream",
        SourceKind::Table => "the name of the table",
    };
    let name = cursor.name(what)?;
    let definitions = if cursor.at_token(&Token::LParen) {
        columns(cursor, kind)?
    } else {
        Vec::new()
    };
    let options = with::optional(cursor)?;
    if !cursor.eat("AS") {
        with::check_window(&options)?;
        if cursor.peek().is_some() {
            return Err(cursor.unexpected("WITH, AS or the end of the statement", &["WITH", "AS"]));
        }
        return Ok(Statement::CreateSource {
            kind,
            name,
            if_exists,
            read_only: read_only.is_some(),
            columns: definitions,
            with: options,
        });
    }
    if let Some(span) = read_only {
        let finding = Code::UnexpectedToken.found("a source that is made AS a query cannot be a SOURCE");
        return Err(finding.at(span).help("leave SOURCE out").into());
    }
    if let Some(first) = definitions.first() {
        let finding = Code::UnexpectedToken.found("columns cannot be declared where AS gives them");
        let help = "leave the columns out; name them in the SELECT: SELECT a AS name";
        return Err(finding.at(first.name.span).help(help).into());
    }
    Ok(Statement::CreateAs {
        kind,
        name,
        if_exists,
        with: options,
        query: rest_query(context, cursor, From::Required)?,
    })
}

/// `CREATE FUNCTION name(args) RETURNS type LANGUAGE WASM AS 'file'[, 'export']`, behind FUNCTION.
fn function(cursor: &mut Cursor<'_>, replace: Option<Span>) -> Result<Statement> {
    let if_exists = if_not_exists(cursor, replace)?;
    let name = cursor.name("the name of the function")?;
    let mut inside = cursor.group("`(` and the types of the arguments")?;
    let mut args = Vec::new();
    if inside.peek().is_some() {
        loop {
            args.push(argument(&mut inside)?);
            if !inside.eat_token(&Token::Comma) {
                break;
            }
        }
        if inside.peek().is_some() {
            return Err(inside.unexpected("`,` or `)`", &[]));
        }
    }
    cursor.expect("RETURNS")?;
    let returns = types::type_expr(cursor)?;
    cursor.expect("LANGUAGE")?;
    let language_at = cursor.here();
    let language = cursor.name("the language")?;
    if language.value != "WASM" {
        let message = format!("functions in {} are not supported", language.value);
        let help = "compile it to WebAssembly and write LANGUAGE WASM";
        return Err(Code::NotSupported.found(message).at(language_at).help(help).into());
    }
    cursor.expect("AS")?;
    let (file, _) = cursor.string("the file of the function")?;
    let export = if cursor.eat_token(&Token::Comma) {
        Some(cursor.string("the name of the export")?.0)
    } else {
        None
    };
    Ok(Statement::CreateFunction {
        name,
        if_exists,
        args,
        returns,
        language: language.value,
        file: (file, export),
    })
}

/// `name type` or `type`.
fn argument(cursor: &mut Cursor<'_>) -> Result<(Option<Name>, TypeExpr)> {
    let second_is_word = cursor
        .peek_at(1)
        .is_some_and(|next| matches!(next.token, Token::Word(_)) && !next.is_word("ARRAY"));
    let named_array = cursor.peek_at(1).is_some_and(|next| next.is_word("ARRAY"))
        && cursor.peek_at(2).is_some_and(|next| next.token == Token::Lt);
    let name = if second_is_word || named_array {
        Some(cursor.name("the name of the argument")?)
    } else {
        None
    };
    Ok((name, types::type_expr(cursor)?))
}

/// `ALTER STREAM|TABLE name ADD [COLUMN] column, ...` or `ALTER SYSTEM 'name'='value'`.
pub(super) fn alter(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect("ALTER")?;
    if cursor.eat("SYSTEM") {
        let (name, span) = cursor.string("the name of the property")?;
        cursor.expect_token(&Token::Eq)?;
        let (value, _) = cursor.string("the value of the property")?;
        return Ok(Statement::AlterSystem { name, value, span });
    }
    let Some(kind) = source_kind(cursor) else {
        let things = ["STREAM", "TABLE", "SYSTEM"];
        return Err(cursor.unexpected("STREAM, TABLE or SYSTEM", &things));
    };
    let name = cursor.name("the name of the stream or table")?;
    let mut add = Vec::new();
    loop {
        cursor.expect("ADD")?;
        // A column may be named COLUMN; then a type follows it, which is no name and a type again.
        let is_noise = cursor.at_word("COLUMN")
            && cursor
                .peek_at(2)
                .is_some_and(|third| third.token != Token::Comma && !third.is_word("ADD"));
        if is_noise {
            cursor.advance();
        }
        add.push(ColumnDef {
            name: cursor.name("the name of the new column")?,
            type_expr: types::type_expr(cursor)?,
            role: ColumnRole::Value,
            primary: false,
        });
        if !cursor.eat_token(&Token::Comma) {
            break;
        }
    }
    Ok(Statement::AlterSource { kind, name, add })
}

/// `DROP ... [IF EXISTS] name [DELETE TOPIC]`.
pub(super) fn drop(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let start = cursor.expect("DROP")?;
    if cursor.eat("CONNECTOR") {
        return Err(not_supported(cursor.since(start), "DROP CONNECTOR", CONNECTOR_HELP));
    }
    let kind = match source_kind(cursor) {
        Some(kind) => DropKind::Source(kind),
        None => match cursor.one_of(&["TOPIC", "TYPE", "FUNCTION"]) {
            Ok("TOPIC") => DropKind::Topic,
            Ok("TYPE") => DropKind::Type,
            Ok(_) => DropKind::Function,
            Err(_) => {
                let things = ["STREAM", "TABLE", "TOPIC", "TYPE", "FUNCTION"];
                return Err(cursor.unexpected("STREAM, TABLE, TOPIC, TYPE or FUNCTION", &things));
            }
        },
    };
    let if_exists = cursor.eat_words(&["IF", "EXISTS"]);
    let name = match kind {
        DropKind::Topic => cursor.resource("the name of the topic")?,
        _ => cursor.name("the name of what to drop")?,
    };
    let delete_topic = matches!(kind, DropKind::Source(_)) && cursor.eat_words(&["DELETE", "TOPIC"]);
    if cursor.peek().is_some() {
        return Err(cursor.unexpected("DELETE TOPIC or the end of the statement", &["DELETE"]));
    }
    Ok(Statement::Drop {
        kind,
        name,
        if_exists,
        delete_topic,
    })
}
