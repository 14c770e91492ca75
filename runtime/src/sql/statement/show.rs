//! SHOW (or LIST), DESCRIBE, EXPLAIN and PRINT.

use super::{Context, not_supported, statement};
use crate::sql::ast::{Show, SourceKind, Statement};
use crate::sql::cursor::Cursor;
use crate::sql::error::Result;

/// `SHOW ...` or `LIST ...`.
pub(super) fn show(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.one_of(&["SHOW", "LIST"])?;
    let things = [
        "TOPICS",
        "ALL",
        "STREAMS",
        "TABLES",
        "QUERIES",
        "FUNCTIONS",
        "PLUGINS",
        "PROPERTIES",
        "TYPES",
        "VARIABLES",
        "CONNECTORS",
        "CONNECTOR",
        "SOURCE",
        "SINK",
    ];
    let Ok(thing) = cursor.one_of(&things) else {
        let expected =
            "what to show: TOPICS, STREAMS, TABLES, QUERIES, FUNCTIONS, PLUGINS, PROPERTIES, TYPES or VARIABLES";
        return Err(cursor.unexpected(expected, &things));
    };
    let shown = match thing {
        "ALL" => {
            cursor.expect("TOPICS")?;
            Show::Topics {
                all: true,
                extended: cursor.eat("EXTENDED"),
            }
        }
        "TOPICS" => Show::Topics {
            all: false,
            extended: cursor.eat("EXTENDED"),
        },
        "STREAMS" => Show::Streams {
            extended: cursor.eat("EXTENDED"),
        },
        "TABLES" => Show::Tables {
            extended: cursor.eat("EXTENDED"),
        },
        "QUERIES" => Show::Queries {
            extended: cursor.eat("EXTENDED"),
        },
        "FUNCTIONS" => Show::Functions,
        "PLUGINS" => Show::Plugins,
        "PROPERTIES" => Show::Properties,
        "TYPES" => Show::Types,
        "VARIABLES" => Show::Variables,
        "CONNECTOR" => {
            cursor.expect("PLUGINS")?;
            Show::ConnectorPlugins
        }
        "SOURCE" | "SINK" => {
            cursor.expect("CONNECTORS")?;
            Show::Connectors
        }
        _ => Show::Connectors,
    };
    cursor.done(&["EXTENDED"])?;
    Ok(Statement::Show(shown))
}

/// `DESCRIBE ...`.
pub(super) fn describe(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let start = cursor.expect("DESCRIBE")?;
    let two_words = cursor.peek_at(1).is_some_and(|next| !next.is_word("EXTENDED"));
    if cursor.at_word("FUNCTION") && two_words {
        cursor.advance();
        let mut name = cursor.name("the name of the function")?;
        name.value = name.value.to_lowercase();
        return Ok(Statement::DescribeFunction { name });
    }
    if cursor.at_word("CONNECTOR") && two_words {
        cursor.advance();
        let help = "DESCRIBE a stream or table; Kafka Connect is not a part of Waterwheel";
        return Err(not_supported(cursor.since(start), "DESCRIBE CONNECTOR", help));
    }
    let all = match () {
        () if cursor.eat("STREAMS") => Some(SourceKind::Stream),
        () if cursor.eat("TABLES") => Some(SourceKind::Table),
        () => None,
    };
    let described = match all {
        Some(kind) => Statement::DescribeAll {
            kind,
            extended: cursor.eat("EXTENDED"),
        },
        None => Statement::Describe {
            name: cursor.name("the name of a stream or table")?,
            extended: cursor.eat("EXTENDED"),
        },
    };
    cursor.done(&["EXTENDED"])?;
    Ok(described)
}

/// `EXPLAIN [ANALYZE] statement` or `EXPLAIN [ANALYZE] query_id`.
pub(super) fn explain(context: Context<'_>, cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect("EXPLAIN")?;
    let analyze = cursor.at_word("ANALYZE") && cursor.peek_at(1).is_some();
    if analyze {
        cursor.advance();
    }
    // A lone word is the id of a query; no statement is that short.
    if cursor.peek().is_some() && cursor.peek_at(1).is_none() {
        return Ok(Statement::ExplainQuery {
            analyze,
            id: cursor.name("a statement or the id of a query")?,
        });
    }
    if cursor.at_word("EXPLAIN") {
        return Err(cursor.unexpected("a statement to explain", &[]));
    }
    Ok(Statement::Explain {
        analyze,
        statement: Box::new(statement(context, cursor)?),
    })
}

/// `PRINT topic [FROM BEGINNING] [INTERVAL n] [LIMIT n]`.
pub(super) fn print(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect("PRINT")?;
    let topic = cursor.resource("the name of the topic")?;
    let from_beginning = cursor.eat("FROM");
    if from_beginning {
        cursor.expect("BEGINNING")?;
    }
    let interval = if cursor.eat("INTERVAL") || cursor.eat("SAMPLE") {
        Some(cursor.whole_number("how many records to go on")?.0)
    } else {
        None
    };
    let limit = if cursor.eat("LIMIT") {
        Some(cursor.whole_number("how many records to print")?.0)
    } else {
        None
    };
    cursor.done(&["FROM", "INTERVAL", "SAMPLE", "LIMIT"])?;
    Ok(Statement::Print {
        topic,
        from_beginning,
        interval,
        limit,
    })
}
