//! Settings, variables, and what is done to running queries, plugins and scripts.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::sql::ast::Statement;
use crate::sql::cursor::Cursor;
use crate::sql::error::Result;

/// `SET 'name'='value'`.
pub(super) fn set(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect("SET")?;
    let (name, span) = cursor.string("the name of the property")?;
    cursor.expect_token(&Token::Eq)?;
    let (value, _) = cursor.string("the value of the property")?;
    Ok(Statement::Set { name, value, span })
}

/// `UNSET 'name'`.
pub(super) fn unset(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect("UNSET")?;
    let (name, _) = cursor.string("the name of the property")?;
    Ok(Statement::Unset { name })
}

/// `DEFINE name = 'value'`. Names of variables keep their case.
pub(super) fn define(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect("DEFINE")?;
    let name = variable_name(cursor)?;
    cursor.expect_token(&Token::Eq)?;
    let (value, _) = cursor.string("the value of the variable")?;
    Ok(Statement::Define { name, value })
}

/// `UNDEFINE name`.
pub(super) fn undefine(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect("UNDEFINE")?;
    let name = variable_name(cursor)?;
    Ok(Statement::Undefine { name })
}

fn variable_name(cursor: &mut Cursor<'_>) -> Result<String> {
    match cursor.peek().map(|lexeme| &lexeme.token) {
        Some(Token::Word(word)) if word.quote_style.is_none() => {
            cursor.advance();
            Ok(word.value.clone())
        }
        _ => Err(cursor.unexpected("the name of the variable", &[])),
    }
}

/// `TERMINATE|PAUSE|RESUME id|ALL`.
pub(super) fn on_query(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let verb = cursor.one_of(&["TERMINATE", "PAUSE", "RESUME"])?;
    let id = if cursor.eat("ALL") {
        None
    } else {
        // ksqlDB once had TERMINATE QUERY id.
        if cursor.at_word("QUERY") && cursor.peek_at(1).is_some() {
            cursor.advance();
        }
        Some(cursor.name("the id of a query or ALL")?)
    };
    Ok(match verb {
        "TERMINATE" => Statement::Terminate { id },
        "PAUSE" => Statement::Pause { id },
        _ => Statement::Resume { id },
    })
}

/// `RELOAD PLUGIN [name]`.
pub(super) fn reload(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect("RELOAD")?;
    cursor.expect("PLUGIN")?;
    let name = match cursor.peek() {
        Some(_) => Some(cursor.resource("the name of the plugin")?),
        None => None,
    };
    Ok(Statement::ReloadPlugin { name })
}

/// `RUN SCRIPT 'file'`.
pub(super) fn run_script(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect("RUN")?;
    cursor.expect("SCRIPT")?;
    let (file, span) = cursor.string("the file of the script")?;
    Ok(Statement::RunScript { file, span })
}
