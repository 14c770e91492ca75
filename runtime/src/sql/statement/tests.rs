//! Every statement, read into its parts; and what is refused, with its code and place.

use crate::sql::ast::{
    Assert, ColumnDef, DropKind, Emit, IfExists, OptionValue, Show, SourceKind, Statement, WithOptions,
};
use crate::sql::{Error, Variables, parse};
use crate::types::schema::ColumnRole;

fn read(text: &str) -> Result<Statement, Error> {
    let mut parsed = parse(text, &Variables::new())?;
    assert_eq!(parsed.len(), 1, "{text}");
    Ok(parsed.remove(0).statement)
}

fn ok(text: &str) -> Statement {
    read(text).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The debug text without places, which other tests look at.
fn shape(text: &str) -> String {
    let mut shape = format!("{:?}", ok(text));
    while let Some(start) = shape.find("Span { ") {
        let end = start + shape[start..].find('}').expect("a span ends") + 1;
        shape.replace_range(start..end, "_");
    }
    shape
}

fn columns(columns: &[ColumnDef]) -> Vec<String> {
    columns
        .iter()
        .map(|column| {
            format!(
                "{} {} {:?} {}",
                column.name.value, column.type_expr, column.role, column.primary
            )
        })
        .collect()
}

fn options(with: &WithOptions) -> Vec<(&str, String)> {
    with.options
        .iter()
        .map(|(name, (value, _))| (name.as_str(), value.text()))
        .collect()
}

#[test]
fn create_source_has_columns_and_options() {
    let Statement::CreateSource {
        kind,
        name,
        if_exists,
        read_only,
        columns: found,
        with,
    } = ok(
        "create or replace source stream Orders (id INT KEY, `Value` MAP<STRING, ARRAY<INT>>, \
            h ARRAY<STRUCT<KEY STRING, VALUE BYTES>> HEADERS, one BYTES HEADER('k'), source STRING) \
            with (kafka_topic='orders', VALUE_FORMAT='json', partitions=3, 'a.b'=true)",
    )
    else {
        panic!("a source");
    };
    assert_eq!(
        (kind, name.value.as_str(), if_exists, read_only),
        (SourceKind::Stream, "ORDERS", IfExists::Replace, true)
    );
    assert_eq!(
        columns(&found),
        [
            "ID INTEGER Key false",
            "Value MAP<STRING, ARRAY<INTEGER>> Value false",
            "H ARRAY<STRUCT<`KEY` STRING, `VALUE` BYTES>> Headers false",
            "ONE BYTES Header(\"k\") false",
            "SOURCE STRING Value false",
        ]
    );
    assert_eq!(
        options(&with),
        [
            ("A.B", "true".to_owned()),
            ("KAFKA_TOPIC", "orders".to_owned()),
            ("PARTITIONS", "3".to_owned()),
            ("VALUE_FORMAT", "json".to_owned()),
        ]
    );

    let Statement::CreateSource {
        kind,
        if_exists,
        columns: found,
        ..
    } = ok("CREATE TABLE IF NOT EXISTS t (a INT PRIMARY KEY, b DECIMAL(4,2) PRIMARY KEY, c INT)")
    else {
        panic!("a source");
    };
    assert_eq!((kind, if_exists), (SourceKind::Table, IfExists::Keep));
    assert_eq!(columns(&found)[1], "B DECIMAL(4, 2) Key true");
    assert_eq!(found[2].role, ColumnRole::Value);

    let Statement::CreateSource { columns: found, .. } = ok("CREATE STREAM s WITH (kafka_topic='t')") else {
        panic!("a source");
    };
    assert!(found.is_empty());
}

#[test]
fn create_as_has_options_and_a_query() {
    let Statement::CreateAs {
        kind,
        name,
        if_exists,
        with,
        query,
    } = ok(
        "CREATE TABLE IF NOT EXISTS `t` WITH (kafka_topic='x') AS SELECT a, COUNT(*) FROM s \
         WINDOW TUMBLING (SIZE 1 DAY) GROUP BY a EMIT FINAL",
    )
    else {
        panic!("a query");
    };
    assert_eq!(
        (kind, name.value.as_str(), if_exists),
        (SourceKind::Table, "t", IfExists::Keep)
    );
    assert_eq!(options(&with), [("KAFKA_TOPIC", "x".to_owned())]);
    assert_eq!(query.emit, Emit::Final);
    assert!(query.clauses.values().all(|clauses| clauses.window.is_some()));
    assert!(matches!(
        ok("CREATE OR REPLACE STREAM s AS SELECT * FROM t"),
        Statement::CreateAs {
            if_exists: IfExists::Replace,
            ..
        }
    ));
}

#[test]
fn other_things_are_created_altered_and_dropped() {
    assert_eq!(
        shape("CREATE TOPIC IF NOT EXISTS My_topic WITH (partitions=2)"),
        "CreateTopic { name: Name { value: \"My_topic\", span: _ }, if_exists: Keep, with: WithOptions { options: \
         {\"PARTITIONS\": (Number(\"2\"), _)} } }"
    );
    assert_eq!(
        shape("CREATE TYPE address AS STRUCT<street STRING>"),
        "CreateType { name: Name { value: \"ADDRESS\", span: _ }, if_exists: Fail, type_expr: Struct([(\"STREET\", \
         Sql(String))]) }"
    );
    assert_eq!(
        shape(
            "CREATE OR REPLACE FUNCTION spread(bid DOUBLE, DOUBLE, a ARRAY<INT>, INT ARRAY) RETURNS DOUBLE LANGUAGE \
               wasm AS 'f.wasm', 'spread'"
        ),
        "CreateFunction { name: Name { value: \"SPREAD\", span: _ }, if_exists: Replace, args: [(Some(Name { value: \
         \"BID\", span: _ }), Sql(Double)), (None, Sql(Double)), (Some(Name { value: \"A\", span: _ }), \
         Array(Sql(Integer))), (None, Array(Sql(Integer)))], returns: Sql(Double), language: \"WASM\", file: \
         (\"f.wasm\", Some(\"spread\")) }"
    );
    assert!(
        matches!(ok("CREATE FUNCTION f() RETURNS INT LANGUAGE WASM AS 'f.wasm'"), Statement::CreateFunction {
        args,
        file: (_, None),
        ..
    } if args.is_empty())
    );
    let Statement::AlterSource { kind, name, add } =
        ok("ALTER STREAM s ADD COLUMN a INT, ADD b ARRAY<INT>, ADD column STRING")
    else {
        panic!("alter");
    };
    assert_eq!((kind, name.value.as_str()), (SourceKind::Stream, "S"));
    assert_eq!(
        columns(&add),
        [
            "A INTEGER Value false",
            "B ARRAY<INTEGER> Value false",
            "COLUMN STRING Value false"
        ]
    );
    assert_eq!(
        shape("ALTER SYSTEM 'a'='b'"),
        "AlterSystem { name: \"a\", value: \"b\", span: _ }"
    );
    for (text, kind, if_exists, delete_topic) in [
        (
            "DROP STREAM IF EXISTS s DELETE TOPIC",
            DropKind::Source(SourceKind::Stream),
            true,
            true,
        ),
        ("DROP TABLE s", DropKind::Source(SourceKind::Table), false, false),
        ("DROP TYPE s", DropKind::Type, false, false),
        ("DROP TOPIC IF EXISTS s", DropKind::Topic, true, false),
        ("DROP FUNCTION s", DropKind::Function, false, false),
    ] {
        let Statement::Drop {
            kind: found,
            if_exists: exists,
            delete_topic: delete,
            ..
        } = ok(text)
        else {
            panic!("{text}");
        };
        assert_eq!((found, exists, delete), (kind, if_exists, delete_topic), "{text}");
    }
}

#[test]
fn insert_takes_values_or_a_query() {
    let Statement::InsertValues { target, columns, rows } =
        ok("INSERT INTO s (a, `b`) VALUES (1 + 2, STRUCT(x := 'y,)')), (f(1, 2), ARRAY[1, 2])")
    else {
        panic!("values");
    };
    assert_eq!(target.value, "S");
    assert_eq!(
        columns.iter().map(|name| name.value.as_str()).collect::<Vec<_>>(),
        ["A", "b"]
    );
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(ToString::to_string).collect())
        .collect();
    assert_eq!(
        rows,
        [["1 + 2", "named_struct('X', 'y,)')"], ["f(1, 2)", "ARRAY[1, 2]"]]
    );
    assert!(matches!(ok("INSERT INTO s VALUES (1)"), Statement::InsertValues { columns, .. } if columns.is_empty()));

    let Statement::InsertSelect { with, query, .. } =
        ok("INSERT INTO s WITH (QUERY_ID='q') SELECT * FROM t PARTITION BY a")
    else {
        panic!("a query");
    };
    assert_eq!(options(&with), [("QUERY_ID", "q".to_owned())]);
    assert!(query.clauses.values().all(|clauses| clauses.partition_by.len() == 1));
    assert!(matches!(
        ok("INSERT INTO s WITH x AS (SELECT 1) SELECT * FROM x"),
        Statement::InsertSelect { with, .. } if with.options.is_empty()
    ));
}

#[test]
fn show_lists_everything() {
    for (text, expected) in [
        (
            "TOPICS",
            Show::Topics {
                all: false,
                extended: false,
            },
        ),
        (
            "ALL TOPICS EXTENDED",
            Show::Topics {
                all: true,
                extended: true,
            },
        ),
        ("STREAMS", Show::Streams { extended: false }),
        ("STREAMS EXTENDED", Show::Streams { extended: true }),
        ("TABLES EXTENDED", Show::Tables { extended: true }),
        ("QUERIES EXTENDED", Show::Queries { extended: true }),
        ("FUNCTIONS", Show::Functions),
        ("PLUGINS", Show::Plugins),
        ("PROPERTIES", Show::Properties),
        ("TYPES", Show::Types),
        ("VARIABLES", Show::Variables),
        ("CONNECTORS", Show::Connectors),
        ("SOURCE CONNECTORS", Show::Connectors),
        ("CONNECTOR PLUGINS", Show::ConnectorPlugins),
    ] {
        for verb in ["SHOW", "list"] {
            let text = format!("{verb} {text}");
            assert!(
                matches!(ok(&text), Statement::Show(found) if found == expected),
                "{text}"
            );
        }
    }
}

#[test]
fn describe_explain_and_print() {
    assert_eq!(
        shape("DESCRIBE s EXTENDED"),
        "Describe { name: Name { value: \"S\", span: _ }, extended: true }"
    );
    assert_eq!(
        shape("DESCRIBE STREAMS EXTENDED"),
        "DescribeAll { kind: Stream, extended: true }"
    );
    assert_eq!(shape("describe tables"), "DescribeAll { kind: Table, extended: false }");
    assert_eq!(
        shape("DESCRIBE FUNCTION Abs"),
        "DescribeFunction { name: Name { value: \"abs\", span: _ } }"
    );
    assert_eq!(
        shape("DESCRIBE function"),
        "Describe { name: Name { value: \"FUNCTION\", span: _ }, extended: false }"
    );
    assert_eq!(
        shape("EXPLAIN csas_x_1"),
        "ExplainQuery { analyze: false, id: Name { value: \"CSAS_X_1\", span: _ } }"
    );
    assert_eq!(
        shape("EXPLAIN ANALYZE `q`"),
        "ExplainQuery { analyze: true, id: Name { value: \"q\", span: _ } }"
    );
    assert!(
        matches!(ok("EXPLAIN ANALYZE SELECT 1"), Statement::Explain { analyze: true, statement }
        if matches!(*statement, Statement::Select(_)))
    );
    assert!(
        matches!(ok("EXPLAIN CREATE STREAM a AS SELECT * FROM b"), Statement::Explain { analyze: false, statement }
        if matches!(*statement, Statement::CreateAs { .. }))
    );
    assert_eq!(
        shape("PRINT My_topic FROM BEGINNING INTERVAL 2 LIMIT 3"),
        "Print { topic: Name { value: \"My_topic\", span: _ }, from_beginning: true, interval: Some(2), limit: Some(3) }"
    );
    assert_eq!(
        shape("PRINT 'a-b' SAMPLE 5"),
        "Print { topic: Name { value: \"a-b\", span: _ }, from_beginning: false, interval: Some(5), limit: None }"
    );
}

#[test]
fn settings_variables_and_running_queries() {
    assert_eq!(shape("SET 'a.b' = 'c'"), "Set { name: \"a.b\", value: \"c\", span: _ }");
    assert_eq!(shape("UNSET 'a.b'"), "Unset { name: \"a.b\" }");
    assert_eq!(shape("DEFINE aB = 'it''s'"), "Define { name: \"aB\", value: \"it's\" }");
    assert_eq!(shape("UNDEFINE aB"), "Undefine { name: \"aB\" }");
    for verb in ["Terminate", "Pause", "Resume"] {
        assert_eq!(shape(&format!("{verb} ALL")), format!("{verb} {{ id: None }}"));
        let one = format!("{verb} {{ id: Some(Name {{ value: \"CTAS_T_3\", span: _ }}) }}");
        assert_eq!(shape(&format!("{verb} ctas_t_3")), one);
    }
    assert_eq!(shape("RELOAD PLUGIN"), "ReloadPlugin { name: None }");
    assert_eq!(
        shape("RELOAD PLUGIN risk"),
        "ReloadPlugin { name: Some(Name { value: \"risk\", span: _ }) }"
    );
    assert_eq!(shape("RUN SCRIPT 'a.sql'"), "RunScript { file: \"a.sql\", span: _ }");
}

#[test]
fn asserts_of_every_kind() {
    let Statement::Assert(Assert::Values {
        target,
        columns,
        values,
        null,
    }) = ok("ASSERT VALUES s (a, ROWTIME) VALUES ('x', 5)")
    else {
        panic!("values");
    };
    assert_eq!(
        (target.value.as_str(), columns.len(), values.len(), null),
        ("S", 2, 2, false)
    );
    assert!(matches!(
        ok("ASSERT NULL VALUES s (k) KEY ('x')"),
        Statement::Assert(Assert::Values { null: true, .. })
    ));
    let Statement::Assert(Assert::Source {
        kind, columns, with, ..
    }) = ok("ASSERT TABLE t (a INT PRIMARY KEY) WITH (kafka_topic='x')")
    else {
        panic!("a source");
    };
    assert_eq!((kind, columns.len()), (SourceKind::Table, 1));
    assert_eq!(with.options["KAFKA_TOPIC"].0, OptionValue::String("x".to_owned()));
    let Statement::Assert(Assert::Topic {
        name,
        not_exists,
        timeout,
        ..
    }) = ok("ASSERT NOT EXISTS TOPIC 'A-b' WITH (partitions=1) TIMEOUT 10 SECONDS")
    else {
        panic!("a topic");
    };
    assert_eq!(
        (name.value.as_str(), not_exists, timeout.map(|timeout| timeout.ms)),
        ("A-b", true, Some(10_000))
    );
    assert!(matches!(
        ok("ASSERT SCHEMA SUBJECT 's' ID 5"),
        Statement::Assert(Assert::Schema {
            id: Some(5),
            not_exists: false,
            timeout: None,
            ..
        })
    ));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn faults_are_named_and_placed() {
    for (text, code, place, help) in [
        ("SELCT 1", "unknown-statement", "SELCT", Some("did you mean SELECT?")),
        ("5", "unknown-statement", "5", None),
        (
            "CRATE STREAM s (a INT)",
            "unknown-statement",
            "CRATE",
            Some("did you mean CREATE?"),
        ),
        ("CREATE", "unexpected-token", "", None),
        (
            "CREATE STRAEM s (a INT)",
            "unexpected-token",
            "STRAEM",
            Some("did you mean STREAM?"),
        ),
        ("CREATE VIEW v AS SELECT 1", "unexpected-token", "VIEW", None),
        ("CREATE STREAM", "unexpected-token", "", None),
        (
            "CREATE STREAM select (a INT)",
            "reserved-word",
            "select",
            Some("quote it to use it as a name: `select`"),
        ),
        ("CREATE STREAM s (from INT)", "reserved-word", "from", None),
        ("CREATE STREAM s ()", "unexpected-token", ")", None),
        ("CREATE STREAM s (a)", "unexpected-token", ")", None),
        ("CREATE STREAM s (a INT b INT)", "unexpected-token", "b", None),
        (
            "CREATE STREAM s (a INT KYE)",
            "unexpected-token",
            "KYE",
            Some("did you mean KEY?"),
        ),
        ("CREATE STREAM s (a INT PRIMARY)", "unexpected-token", ")", None),
        (
            "CREATE TABLE t (a INT KEY)",
            "wrong-key",
            "KEY",
            Some("write PRIMARY KEY"),
        ),
        (
            "CREATE STREAM s (a INT PRIMARY KEY)",
            "wrong-key",
            "PRIMARY",
            Some("write KEY"),
        ),
        ("CREATE STREAM s (a INT HEADER)", "unexpected-token", ")", None),
        ("CREATE STREAM s (a NULL)", "unknown-type", "NULL", None),
        (
            "CREATE STREAM s (a INT) WITH (kafka_topic)",
            "bad-option",
            "kafka_topic",
            Some("write KAFKA_TOPIC = 'value'"),
        ),
        ("CREATE STREAM s (a INT) WITH", "unexpected-token", "", None),
        (
            "CREATE STREAM s (a INT) WIHT (a='b')",
            "unexpected-token",
            "WIHT",
            Some("did you mean WITH?"),
        ),
        (
            "CREATE STREAM s (a INT) AS SELECT * FROM t",
            "unexpected-token",
            "a INT",
            None,
        ),
        (
            "CREATE SOURCE STREAM s AS SELECT * FROM t",
            "unexpected-token",
            "SOURCE",
            Some("leave SOURCE out"),
        ),
        (
            "CREATE OR REPLACE STREAM IF NOT EXISTS s (a INT)",
            "duplicate-clause",
            "IF",
            None,
        ),
        ("CREATE OR REPLACE TYPE a AS INT", "unexpected-token", "TYPE", None),
        ("CREATE STREAM s AS INSERT", "unexpected-token", "INSERT", None),
        (
            "CREATE SOURCE CONNECTOR c WITH (a='b')",
            "not-supported",
            "CREATE",
            None,
        ),
        ("DROP CONNECTOR c", "not-supported", "DROP", None),
        ("DESCRIBE CONNECTOR c", "not-supported", "DESCRIBE", None),
        (
            "CREATE FUNCTION f() RETURNS INT LANGUAGE JAVA AS 'f'",
            "not-supported",
            "JAVA",
            None,
        ),
        (
            "CREATE FUNCTION f RETURNS INT LANGUAGE WASM AS 'f'",
            "unexpected-token",
            "RETURNS",
            None,
        ),
        (
            "DROP STREM s",
            "unexpected-token",
            "STREM",
            Some("did you mean STREAM?"),
        ),
        ("DROP STREAM s DELETE", "unexpected-token", "DELETE", None),
        ("DROP STREAM s CASCADE", "unexpected-token", "CASCADE", None),
        ("ALTER STREAM s DROP a", "unexpected-token", "DROP", None),
        ("ALTER VIEW s ADD a INT", "unexpected-token", "VIEW", None),
        ("INSERT s VALUES (1)", "unexpected-token", "s VALUES", None),
        ("INSERT INTO s (a) SELECT * FROM t", "not-supported", "(a)", None),
        ("INSERT INTO s VALUES ()", "unexpected-token", ")", None),
        ("INSERT INTO s VALUES (1,)", "unexpected-token", ")", None),
        ("INSERT INTO s VALUES (1 2)", "unexpected-token", "2", None),
        ("INSERT INTO s VALUES (1), ", "unexpected-token", "", None),
        (
            "SHOW STREAM",
            "unexpected-token",
            "STREAM",
            Some("did you mean STREAMS?"),
        ),
        ("SHOW TYPES EXTENDED", "unexpected-token", "EXTENDED", None),
        (
            "DESCRIBE s EXTENDE",
            "unexpected-token",
            "EXTENDE",
            Some("did you mean EXTENDED?"),
        ),
        ("EXPLAIN EXPLAIN SELECT 1", "unexpected-token", "EXPLAIN SELECT", None),
        (
            "PRINT t FROM BEGINING",
            "unexpected-token",
            "BEGINING",
            Some("did you mean BEGINNING?"),
        ),
        ("PRINT t LIMIT -1", "unexpected-token", "-", None),
        (
            "SET a = 'b'",
            "unexpected-token",
            "a",
            Some("write it in single quotes: 'a'"),
        ),
        ("SET 'a' 'b'", "unexpected-token", "'b'", None),
        (
            "DEFINE a = b",
            "unexpected-token",
            "b",
            Some("write it in single quotes: 'b'"),
        ),
        ("TERMINATE", "unexpected-token", "", None),
        ("RELOAD FUNCTION f", "unexpected-token", "FUNCTION", None),
        ("RUN a", "unexpected-token", "a", None),
        (
            "ASSERT VALUE s VALUES (1)",
            "unexpected-token",
            "VALUE",
            Some("did you mean VALUES?"),
        ),
        ("ASSERT TOPIC t TIMEOUT 5", "bad-duration", "", None),
        ("ASSERT SCHEMA", "unexpected-token", "", None),
        ("SHOW TOPICS SHOW TABLES", "unexpected-token", "SHOW TABLES", None),
    ] {
        let error = read(text).map(|found| format!("{found:?}")).expect_err(text);
        assert_eq!(error.code(), code, "{error:#}");
        let span = error.diagnostic().span.expect("a place");
        assert!(text[span.start..].starts_with(place), "{error:#}");
        if place.is_empty() {
            assert_eq!(span.start, text.trim_end().len(), "{error:#}");
        }
        if help.is_some() {
            assert_eq!(error.diagnostic().help.as_deref(), help, "{error:#}");
        }
    }
}

#[test]
fn people_see_what_to_write() {
    let error = read("CREATE TABLE users (\n  id INT KEY\n) WITH (kafka_topic='users');").expect_err("KEY");
    assert_eq!(
        format!("{error:#}"),
        "error[wrong-key]: column ID: a table has a PRIMARY KEY, not a KEY\n --> sql:2:10\n  |\n2 |   id INT KEY\n  |          \
         ^^^\n  |\n  = help: write PRIMARY KEY"
    );
}
