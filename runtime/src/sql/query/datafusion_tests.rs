//! That the emitted forms are ones that `DataFusion` plans, with the Arrow types of ours.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::empty::EmptyTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement as AstStatement;

use super::tests::{query, refused, rest};
use crate::sql::types::parse_type;
use crate::types::schema::SqlType;

fn context() -> SessionContext {
    let mut config = SessionConfig::new();
    let parser = &mut config.options_mut().sql_parser;
    parser.collect_spans = true;
    parser.enable_ident_normalization = false;
    parser.map_string_types_to_utf8view = false;
    parser.parse_float_as_decimal = true;
    let context = SessionContext::new_with_config(config);
    let inner = SqlType::Struct(vec![
        ("B".to_owned(), SqlType::Integer),
        ("x y".to_owned(), SqlType::String),
    ]);
    let schema = Schema::new(vec![
        Field::new("A", inner.to_arrow(), true),
        Field::new("L", SqlType::Array(Box::new(SqlType::Bigint)).to_arrow(), true),
        Field::new("N", DataType::Int64, true),
        Field::new("VALUE", DataType::Utf8, true),
        Field::new("lower", DataType::Float64, true),
    ]);
    let table = EmptyTable::new(Arc::new(schema));
    context
        .register_table("`S`", Arc::new(table))
        .expect("the table is new");
    context
}

/// The types of the columns of a query over `S`.
fn types(text: &str) -> Result<Vec<DataType>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let statement = DfStatement::Statement(Box::new(AstStatement::Query(query(text).body)));
    let state = context().state();
    let plan = runtime
        .block_on(state.statement_to_plan(statement))
        .map_err(|error| error.to_string())?;
    let plan = state.optimize(&plan).map_err(|error| error.to_string())?;
    Ok(plan
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type().clone())
        .collect())
}

#[test]
fn names_resolve_in_their_exact_case() {
    let found = types("SELECT value, n, s.N AS m, `lower`, \"lower\" AS l FROM S s").expect("plans");
    assert_eq!(
        found,
        [
            DataType::Utf8,
            DataType::Int64,
            DataType::Int64,
            DataType::Float64,
            DataType::Float64
        ]
    );
    assert!(types("SELECT lower FROM s").expect_err("folded").contains("LOWER"));
    types("WITH Cte AS (SELECT n AS First FROM s) SELECT first FROM cte x WHERE x.first > 1").expect("plans");
    types("SELECT COUNT(*) n, value FROM s GROUP BY (value) HAVING COUNT(*) > 1 ORDER BY Value LIMIT 3")
        .expect("plans");
    types("SELECT SUM(n) OVER w FROM s WINDOW w AS (PARTITION BY value)").expect("plans");
    types("SELECT * FROM s x JOIN s y ON x.n = y.n WHERE x.value IN (SELECT value FROM s)").expect("plans");
}

#[test]
fn casts_give_the_arrow_types_of_ours() {
    for text in [
        "BOOLEAN",
        "INT",
        "INTEGER",
        "BIGINT",
        "DOUBLE",
        "DECIMAL(4, 2)",
        "DECIMAL(38, 38)",
        "STRING",
        "VARCHAR",
        "BYTES",
        "DATE",
        "TIMESTAMP",
        "ARRAY<INT>",
        "ARRAY<ARRAY<TIMESTAMP>>",
        "STRUCT<a INT, `b c` STRING>",
    ] {
        let expected = crate::sql::types::resolve(&parse_type(text).expect(text), &|_| None, &Vec::new)
            .expect(text)
            .to_arrow();
        for cast in [
            format!("CAST(NULL AS {text})"),
            format!("NULL::{text}"),
            format!("TRY_CAST(NULL AS {text})"),
        ] {
            assert_eq!(
                types(&format!("SELECT {cast} FROM s")).as_deref(),
                Ok(std::slice::from_ref(&expected)),
                "{cast}"
            );
        }
    }
}

#[test]
fn casts_that_datafusion_lacks_are_calls() {
    for (text, expected) in [
        ("CAST(a AS TIME)", "ww_cast(`A`, 'TIME')"),
        (
            "TRY_CAST(a AS MAP<STRING, INT>)",
            "ww_try_cast(`A`, 'MAP<STRING, INTEGER>')",
        ),
        ("a::ARRAY<address>", "ww_cast(`A`, 'ARRAY<`ADDRESS`>')"),
        ("CAST(a AS STRUCT<b TIME>)", "ww_cast(`A`, 'STRUCT<`B` TIME>')"),
        ("CAST(a AS INT ARRAY)", "CAST(`A` AS ARRAY<INT>)"),
        ("TIME '10:00:00'", "ww_cast('10:00:00', 'TIME')"),
        ("DATE '2020-01-01'", "DATE '2020-01-01'"),
        ("TIMESTAMP '2020-01-01T00:00:00'", "TIMESTAMP(3) '2020-01-01T00:00:00'"),
        ("DECIMAL '012.50'", "DECIMAL(4,2) '012.50'"),
    ] {
        assert_eq!(
            rest(&format!("SELECT {text} FROM s")),
            format!("SELECT {expected} FROM `S`")
        );
    }
    assert_eq!(refused("SELECT DECIMAL 'x' FROM s").code(), "bad-number");
}

#[test]
fn forms_plan() {
    let one = |text: &str| {
        types(&format!("SELECT {text} FROM s")).unwrap_or_else(|error| panic!("{text}: {error}"))[0].clone()
    };
    assert_eq!(one("a->b"), DataType::Int32);
    assert_eq!(one("a->`x y`"), DataType::Utf8);
    assert_eq!(one("l[1]"), DataType::Int64);
    assert_eq!(one("STRUCT(x := n)->x"), DataType::Int64);
    assert_eq!(one("MAP('k' := n)['k']"), DataType::Int64);
    assert_eq!(one("DATE '2020-01-01'"), DataType::Date32);
    assert_eq!(one("TIMESTAMP '2020-01-01T00:00:00'"), SqlType::Timestamp.to_arrow());
    assert_eq!(one("DECIMAL '12.50'"), DataType::Decimal128(4, 2));
    assert_eq!(one("1.50"), DataType::Decimal128(3, 2));
    assert_eq!(one("1E3"), DataType::Float64);
    assert_eq!(one("SUBSTRING(value FROM 2)"), DataType::Utf8);
    assert_eq!(one("array_transform(l, x => x + n)"), one("l"));
    assert_eq!(one("array_any_match(l, X => x > 3)"), DataType::Boolean);
}

#[test]
fn the_deepest_that_is_allowed_is_planned_on_a_small_stack() {
    let chain = format!(
        "SELECT {}n FROM s",
        "n + ".repeat(crate::sql::limits::OPERATOR_CHAIN_MAX)
    );
    let logical = format!("SELECT n FROM s WHERE {}n = 0", "n = 1 OR ".repeat(1_000));
    let brackets = format!("SELECT {}n{} FROM s", "abs(".repeat(47), ")".repeat(47));
    for text in [chain, logical, brackets] {
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        let worker = thread.spawn(move || types(&text).map(|types| types.len()));
        assert_eq!(worker.expect("the thread starts").join().expect("no panic"), Ok(1));
    }
}

#[test]
fn errors_of_datafusion_can_be_placed() {
    use datafusion::sql::sqlparser::tokenizer::{Location, Span as AstSpan};

    let text = "SELECT 'é', n,\n  nn FROM s";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let statement = DfStatement::Statement(Box::new(AstStatement::Query(query(text).body)));
    let error = runtime
        .block_on(context().state().statement_to_plan(statement))
        .expect_err("no such column");
    let place = error
        .diagnostic()
        .and_then(|diagnostic| diagnostic.span)
        .expect("a place");
    let location = |place: datafusion::common::Location| Location {
        line: place.line,
        column: place.column,
    };
    let source = crate::sql::Source::new(text);
    let span = source
        .span(AstSpan::new(location(place.start), location(place.end)))
        .expect("in the text");
    assert_eq!(source.slice(span), "nn");
}
