//! SQL type names as manifests write them: `DOUBLE`, `DECIMAL(10, 2)`, `MAP<STRING, ARRAY<BIGINT>>`.
//!
//! Not the parser of SQL statements: a plugin is read before any statement, and its types obey limits of their own.

use crate::types::schema::SqlType;
use crate::udf::Limits;

/// Reads one type name.
pub(super) fn parse(text: &str, limits: &Limits) -> Result<SqlType, String> {
    let mut parser = Parser {
        text,
        rest: text,
        nodes: 0,
        limits,
    };
    let sql_type = parser.sql_type(1)?;
    if parser.peek().is_some() {
        return Err(parser.error("the end"));
    }
    Ok(sql_type)
}

/// Whether a type's name begins with this word.
pub(super) fn is_type(word: &str) -> bool {
    const WORDS: [&str; 15] = [
        "BOOLEAN",
        "INT",
        "INTEGER",
        "BIGINT",
        "DOUBLE",
        "STRING",
        "VARCHAR",
        "BYTES",
        "TIME",
        "DATE",
        "TIMESTAMP",
        "DECIMAL",
        "ARRAY",
        "MAP",
        "STRUCT",
    ];
    WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    nodes: usize,
    limits: &'a Limits,
}

impl<'a> Parser<'a> {
    fn sql_type(&mut self, depth: usize) -> Result<SqlType, String> {
        self.nodes += 1;
        if depth > self.limits.type_depth {
            return Err(format!("the type nests deeper than {} levels", self.limits.type_depth));
        }
        if self.nodes > self.limits.type_nodes {
            return Err(format!("the type has more than {} parts", self.limits.type_nodes));
        }
        let word = self.word().ok_or_else(|| self.error("a type name"))?;
        Ok(match word.to_ascii_uppercase().as_str() {
            "BOOLEAN" => SqlType::Boolean,
            "INT" | "INTEGER" => SqlType::Integer,
            "BIGINT" => SqlType::Bigint,
            "DOUBLE" => SqlType::Double,
            "STRING" | "VARCHAR" => SqlType::String,
            "BYTES" => SqlType::Bytes,
            "TIME" => SqlType::Time,
            "DATE" => SqlType::Date,
            "TIMESTAMP" => SqlType::Timestamp,
            "DECIMAL" => self.decimal()?,
            "ARRAY" => {
                self.expect('<')?;
                let element = self.sql_type(depth + 1)?;
                self.expect('>')?;
                SqlType::Array(Box::new(element))
            }
            "MAP" => {
                self.expect('<')?;
                let key = self.sql_type(depth + 1)?;
                self.expect(',')?;
                let value = self.sql_type(depth + 1)?;
                self.expect('>')?;
                SqlType::Map(Box::new(key), Box::new(value))
            }
            "STRUCT" => self.structure(depth)?,
            _ => {
                return Err(format!(
                    "there is no type {:?}",
                    word.chars().take(64).collect::<String>()
                ));
            }
        })
    }

    fn decimal(&mut self) -> Result<SqlType, String> {
        self.expect('(')?;
        let precision: u8 = self.number()?;
        self.expect(',')?;
        let scale: u8 = self.number()?;
        self.expect(')')?;
        if !(1..=38).contains(&precision) || scale > precision {
            return Err(format!(
                "DECIMAL({precision}, {scale}) is not possible: precision is 1 to 38, scale 0 to precision"
            ));
        }
        Ok(SqlType::Decimal(precision, scale.cast_signed()))
    }

    fn structure(&mut self, depth: usize) -> Result<SqlType, String> {
        self.expect('<')?;
        let mut fields: Vec<(String, SqlType)> = Vec::new();
        loop {
            let name = self.field_name()?;
            if fields.iter().any(|(other, _)| *other == name) {
                return Err(format!("two fields are called {name:?}"));
            }
            fields.push((name, self.sql_type(depth + 1)?));
            if self.peek() != Some(',') {
                break;
            }
            self.expect(',')?;
        }
        self.expect('>')?;
        Ok(SqlType::Struct(fields))
    }

    /// As in SQL: folded to upper case unless in back-quotes.
    fn field_name(&mut self) -> Result<String, String> {
        let name = if self.peek() == Some('`') {
            let quoted = &self.rest[1..];
            let end = quoted.find('`').ok_or_else(|| self.error("a closing back-quote"))?;
            self.rest = &quoted[end + 1..];
            quoted[..end].to_owned()
        } else {
            self.word()
                .ok_or_else(|| self.error("a field name"))?
                .to_ascii_uppercase()
        };
        if name.is_empty() || name.chars().count() > self.limits.name_chars {
            return Err(format!(
                "a field name must have 1 to {} characters",
                self.limits.name_chars
            ));
        }
        Ok(name)
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.chars().next()
    }

    fn expect(&mut self, expected: char) -> Result<(), String> {
        if self.peek() == Some(expected) {
            self.rest = &self.rest[expected.len_utf8()..];
            Ok(())
        } else {
            Err(self.error(&format!("{expected:?}")))
        }
    }

    fn word(&mut self) -> Option<&'a str> {
        self.peek();
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn number(&mut self) -> Result<u8, String> {
        self.word()
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| self.error("a number up to 255"))
    }

    fn error(&self, expected: &str) -> String {
        let at = self.text.len() - self.rest.len();
        let text: String = self.text.chars().take(128).collect();
        format!("expected {expected} at byte {at} of type {text:?}")
    }
}
