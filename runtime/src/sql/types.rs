//! Types as users write them: `ARRAY<STRUCT<A INT, B MAP<STRING, DECIMAL(4, 2)>>>`.
//!
//! A name that is no built-in type is taken for one of `CREATE TYPE`; whether it exists the catalog knows, so
//! [`resolve`] asks it.

use std::fmt;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::ast::{Name, TypeExpr};
use super::cursor::Cursor;
use super::diagnostic::Diagnostic;
use super::error::{Code, Error, Result};
use super::lexer::{Lexeme, lex};
use super::limits::TYPE_DEPTH_MAX;
use super::source::Source;
use super::words;
use crate::types::schema::SqlType;

/// Names of the built-in types.
pub const TYPE_NAMES: [&str; 15] = [
    "ARRAY",
    "BIGINT",
    "BOOLEAN",
    "BYTES",
    "DATE",
    "DECIMAL",
    "DOUBLE",
    "INT",
    "INTEGER",
    "MAP",
    "STRING",
    "STRUCT",
    "TIME",
    "TIMESTAMP",
    "VARCHAR",
];

/// What other systems call our types.
const FOREIGN: [(&str, &str); 10] = [
    ("BOOL", "BOOLEAN"),
    ("CHAR", "STRING"),
    ("DATETIME", "TIMESTAMP"),
    ("FLOAT", "DOUBLE"),
    ("LIST", "ARRAY<...>"),
    ("LONG", "BIGINT"),
    ("NUMERIC", "DECIMAL(precision, scale)"),
    ("REAL", "DOUBLE"),
    ("SMALLINT", "INTEGER"),
    ("TEXT", "STRING"),
];

/// Reads a type from a text of its own.
///
/// # Errors
/// When the text is not exactly one type.
pub fn parse_type(text: &str) -> std::result::Result<TypeExpr, Error> {
    let lexed = lex(text);
    let fault = lexed.faults.into_iter().next();
    let parsed = if let Some(fault) = fault {
        Err(Box::new(fault))
    } else {
        let mut cursor = Cursor::new(&lexed.lexemes, text.len());
        type_expr(&mut cursor).and_then(|found| match cursor.peek() {
            None => Ok(found),
            Some(_) => Err(cursor.unexpected("the end of the type", &[])),
        })
    };
    parsed.map_err(|finding| Error::new(*finding, Source::new(text)))
}

/// The type that `written` means, where `custom` knows the types of `CREATE TYPE`.
///
/// # Errors
/// When a custom type does not exist; `known` are the names for the hint.
pub fn resolve<'a>(
    written: &TypeExpr,
    custom: &dyn Fn(&str) -> Option<SqlType>,
    known: &dyn Fn() -> Vec<&'a str>,
) -> std::result::Result<SqlType, Box<Diagnostic>> {
    Ok(match written {
        TypeExpr::Sql(simple) => simple.clone(),
        TypeExpr::Array(element) => SqlType::Array(Box::new(resolve(element, custom, known)?)),
        TypeExpr::Map(key, value) => SqlType::Map(
            Box::new(resolve(key, custom, known)?),
            Box::new(resolve(value, custom, known)?),
        ),
        TypeExpr::Struct(fields) => SqlType::Struct(
            fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), resolve(field, custom, known)?)))
                .collect::<Result<_>>()?,
        ),
        TypeExpr::Custom(name) => custom(&name.value).ok_or_else(|| unknown_type(name, known()))?,
    })
}

/// The finding that no type has this name.
#[must_use]
pub fn unknown_type(name: &Name, known: Vec<&str>) -> Box<Diagnostic> {
    let foreign = FOREIGN
        .iter()
        .find(|(theirs, _)| name.value.eq_ignore_ascii_case(theirs));
    let help = match foreign {
        Some((_, ours)) => format!("write {ours}"),
        None => words::did_you_mean(&name.value, TYPE_NAMES.into_iter().chain(known)).unwrap_or_else(|| {
            "SHOW TYPES lists the types of CREATE TYPE; built in are BOOLEAN, INTEGER, BIGINT, DOUBLE, DECIMAL, STRING, \
             BYTES, DATE, TIME, TIMESTAMP, ARRAY, MAP and STRUCT"
                .to_owned()
        }),
    };
    Code::UnknownType
        .found(format!("unknown type: {}", name.value))
        .at(name.span)
        .help(help)
        .into()
}

/// Takes a type.
pub(super) fn type_expr(cursor: &mut Cursor<'_>) -> Result<TypeExpr> {
    nested(cursor, 0)
}

fn nested(cursor: &mut Cursor<'_>, depth: usize) -> Result<TypeExpr> {
    if depth >= TYPE_DEPTH_MAX {
        let message = format!("a type may nest at most {TYPE_DEPTH_MAX} deep");
        return Err(Code::TooDeep.found(message).at(cursor.here()).into());
    }
    let mut found = one(cursor, depth)?;
    // `INT ARRAY` is the other spelling of `ARRAY<INT>`.
    let mut arrays = depth;
    while cursor.peek().and_then(type_word).as_deref() == Some("ARRAY")
        && cursor.peek_at(1).is_none_or(|next| next.token != Token::Lt)
    {
        arrays += 1;
        if arrays >= TYPE_DEPTH_MAX {
            let message = format!("a type may nest at most {TYPE_DEPTH_MAX} deep");
            return Err(Code::TooDeep.found(message).at(cursor.here()).into());
        }
        cursor.advance();
        found = TypeExpr::Array(Box::new(found));
    }
    Ok(found)
}

fn one(cursor: &mut Cursor<'_>, depth: usize) -> Result<TypeExpr> {
    let start = cursor.here();
    let Some(word) = cursor.peek().and_then(type_word) else {
        return Err(cursor.unexpected("a type", &TYPE_NAMES));
    };
    if words::is_reserved(&word) && cursor.peek().is_some_and(|lexeme| lexeme.is_word(&word)) {
        let finding = Code::UnknownType.found(format!("{word} is not a type")).at(start);
        return Err(finding.into());
    }
    let angle = cursor.peek_at(1).is_some_and(|next| next.token == Token::Lt);
    cursor.advance();
    let simple = match word.as_str() {
        "ARRAY" if angle => {
            cursor.expect_token(&Token::Lt)?;
            let element = nested(cursor, depth + 1)?;
            close(cursor, "ARRAY<element>")?;
            return Ok(TypeExpr::Array(Box::new(element)));
        }
        "MAP" if angle => {
            cursor.expect_token(&Token::Lt)?;
            let key = nested(cursor, depth + 1)?;
            cursor.expect_token(&Token::Comma)?;
            let value = nested(cursor, depth + 1)?;
            close(cursor, "MAP<key, value>")?;
            return Ok(TypeExpr::Map(Box::new(key), Box::new(value)));
        }
        "STRUCT" if angle => return fields(cursor, depth),
        "ARRAY" | "MAP" | "STRUCT" => {
            let message = format!("{word} needs the types of its parts");
            let help = match word.as_str() {
                "ARRAY" => "write ARRAY<element>",
                "MAP" => "write MAP<key, value>",
                _ => "write STRUCT<name type, ...>",
            };
            return Err(Code::BadType.found(message).at(start).help(help).into());
        }
        "DECIMAL" => return decimal(cursor),
        "BOOLEAN" => SqlType::Boolean,
        "INT" | "INTEGER" => SqlType::Integer,
        "BIGINT" => SqlType::Bigint,
        "DOUBLE" => SqlType::Double,
        "STRING" | "VARCHAR" => {
            text_length(cursor)?;
            SqlType::String
        }
        "BYTES" => SqlType::Bytes,
        "TIME" => SqlType::Time,
        "DATE" => SqlType::Date,
        "TIMESTAMP" => SqlType::Timestamp,
        _ => {
            let name = Name {
                value: word,
                span: start,
            };
            if angle {
                return Err(unknown_type(&name, Vec::new()));
            }
            return Ok(TypeExpr::Custom(name));
        }
    };
    Ok(TypeExpr::Sql(simple))
}

/// The name of a type: folded where unquoted.
fn type_word(lexeme: &Lexeme) -> Option<String> {
    match &lexeme.token {
        Token::Word(word) => Some(match word.quote_style {
            None => word.value.to_ascii_uppercase(),
            Some(_) => word.value.clone(),
        }),
        _ => None,
    }
}

fn fields(cursor: &mut Cursor<'_>, depth: usize) -> Result<TypeExpr> {
    cursor.expect_token(&Token::Lt)?;
    let mut fields: Vec<(String, TypeExpr)> = Vec::new();
    if cursor.eat_token(&Token::Gt) {
        return Ok(TypeExpr::Struct(fields));
    }
    loop {
        let name = cursor.name("the name of a field")?;
        if fields.iter().any(|(known, _)| *known == name.value) {
            let message = format!("the field {} is given twice", name.value);
            return Err(Code::BadType.found(message).at(name.span).into());
        }
        fields.push((name.value, nested(cursor, depth + 1)?));
        if !cursor.eat_token(&Token::Comma) {
            break;
        }
    }
    close(cursor, "STRUCT<name type, ...>")?;
    Ok(TypeExpr::Struct(fields))
}

fn close(cursor: &mut Cursor<'_>, form: &str) -> Result<()> {
    if cursor.eat_token(&Token::Gt) {
        return Ok(());
    }
    Err(cursor.unexpected("`>`", &[]).help(format!("write {form}")).into())
}

fn decimal(cursor: &mut Cursor<'_>) -> Result<TypeExpr> {
    let help = "write DECIMAL(precision, scale): precision 1 to 38, scale 0 to precision";
    let start = cursor.here();
    let mut parts = || -> Result<(u64, u64)> {
        cursor.expect_token(&Token::LParen)?;
        let (precision, _) = cursor.whole_number("the precision")?;
        cursor.expect_token(&Token::Comma)?;
        let (scale, _) = cursor.whole_number("the scale")?;
        cursor.expect_token(&Token::RParen)?;
        Ok((precision, scale))
    };
    let (precision, scale) = parts().map_err(|finding| Box::new(finding.help(help)))?;
    let in_range = match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(p @ 1..=38), Ok(s)) if s.unsigned_abs() <= p => Some((p, s)),
        _ => None,
    };
    let (precision, scale) = in_range.ok_or_else(|| {
        let message = format!("DECIMAL({precision}, {scale}) cannot be");
        Box::new(Code::BadType.found(message).at(cursor.since(start)).help(help))
    })?;
    Ok(TypeExpr::Sql(SqlType::Decimal(precision, scale)))
}

/// `VARCHAR(10)` and ksqlDB's `VARCHAR(STRING)`: allowed, and without effect, as there.
fn text_length(cursor: &mut Cursor<'_>) -> Result<()> {
    if cursor.eat_token(&Token::LParen) {
        if cursor.peek().and_then(type_word).as_deref() == Some("STRING") {
            cursor.advance();
        } else {
            cursor.whole_number("the length")?;
        }
        cursor.expect_token(&Token::RParen)?;
    }
    Ok(())
}

impl fmt::Display for TypeExpr {
    /// The canonical text, which [`parse_type`] reads back: names in backticks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sql(simple) => simple.fmt(f),
            Self::Array(element) => write!(f, "ARRAY<{element}>"),
            Self::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            Self::Struct(fields) => {
                f.write_str("STRUCT<")?;
                for (i, (name, field)) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{} {field}", backquoted(name))?;
                }
                f.write_str(">")
            }
            Self::Custom(name) => f.write_str(&backquoted(&name.value)),
        }
    }
}

fn backquoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        parse_type(text).expect_err(text).code()
    }

    #[test]
    fn every_type_reads_and_prints() {
        for (text, canonical) in [
            ("boolean", "BOOLEAN"),
            ("INT", "INTEGER"),
            ("Integer", "INTEGER"),
            ("BIGINT", "BIGINT"),
            ("DOUBLE", "DOUBLE"),
            ("DECIMAL(4,2)", "DECIMAL(4, 2)"),
            ("VARCHAR", "STRING"),
            ("varchar(10)", "STRING"),
            ("VARCHAR(STRING)", "STRING"),
            ("BYTES", "BYTES"),
            ("TIME", "TIME"),
            ("DATE", "DATE"),
            ("TIMESTAMP", "TIMESTAMP"),
            ("array<array<int>>", "ARRAY<ARRAY<INTEGER>>"),
            ("INT ARRAY ARRAY", "ARRAY<ARRAY<INTEGER>>"),
            (
                "MAP<STRING, ARRAY<MAP<INT,INT>>>",
                "MAP<STRING, ARRAY<MAP<INTEGER, INTEGER>>>",
            ),
            ("STRUCT<>", "STRUCT<>"),
            (
                "STRUCT<a INT, `b c` STRUCT<type STRING, \"x`y\" address>>",
                "STRUCT<`A` INTEGER, `b c` STRUCT<`TYPE` STRING, `x``y` `ADDRESS`>>",
            ),
            ("`address`", "`address`"),
        ] {
            let read = parse_type(text).expect(text);
            assert_eq!(read.to_string(), canonical, "{text}");
            let again = parse_type(canonical).expect(canonical);
            assert_eq!(again.to_string(), canonical);
        }
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in [
            "NULL",
            "ARRAY<NULL>",
            "MAP<STRING, NULL>",
            "STRUCT<FO NULL>",
            "ARAY<INT>",
            "LIST<INT>",
        ] {
            assert_eq!(code(text), "unknown-type", "{text}");
        }
        for text in [
            "ARRAY",
            "MAP",
            "STRUCT",
            "DECIMAL(0,0)",
            "DECIMAL(39,1)",
            "DECIMAL(2,3)",
            "STRUCT<A INT, a INT>",
        ] {
            assert_eq!(code(text), "bad-type", "{text}");
        }
        for text in [
            "",
            "INT INT",
            "INT(KEY)",
            "STRING(KEY)",
            "ARRAY<INT",
            "MAP<INT>",
            "DECIMAL",
            "DECIMAL(1)",
            "5",
        ] {
            assert_eq!(code(text), "unexpected-token", "{text}");
        }
        assert_eq!(code(&"ARRAY<".repeat(10_000)), "too-deep");
        assert_eq!(code(&format!("INT{}", " ARRAY".repeat(10_000))), "too-deep");
    }

    #[test]
    fn custom_types_resolve_or_say_what_was_meant() {
        let custom = |name: &str| (name == "ADDRESS").then_some(SqlType::String);
        let known = || vec!["ADDRESS"];
        let resolved = resolve(&parse_type("ARRAY<address>").expect("type"), &custom, &known).expect("known");
        assert_eq!(resolved, SqlType::Array(Box::new(SqlType::String)));
        let help = |text: &str| {
            resolve(&parse_type(text).expect(text), &custom, &known)
                .expect_err(text)
                .help
        };
        assert_eq!(help("adress").as_deref(), Some("did you mean ADDRESS?"));
        assert_eq!(help("STRNG").as_deref(), Some("did you mean STRING?"));
        assert_eq!(help("FLOAT").as_deref(), Some("write DOUBLE"));
    }
}
