//! Operators as SQL plans them, over rows with NULL.

use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;

use super::{KsqlExprPlanner, KsqlSemantics, type_integer_literals};
use crate::function::cast::write_inside;
use crate::function::row_error::collect;
use crate::function::test_values::value;
use crate::function::{higher_order_functions, scalar_functions};
use crate::types::Clock;
use crate::types::clock::ManualClock;

/// A session that plans as the engine does.
fn session() -> SessionContext {
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.parse_float_as_decimal = true;
    config.options_mut().sql_parser.enable_ident_normalization = false;
    config.options_mut().sql_parser.map_string_types_to_utf8view = false;
    config.options_mut().sql_parser.dialect = datafusion::config::Dialect::DuckDB;
    let planners = std::iter::once(Arc::new(KsqlExprPlanner) as Arc<dyn ExprPlanner>)
        .chain(SessionStateDefaults::default_expr_planners())
        .collect();
    let rules = std::iter::once(Arc::new(KsqlSemantics) as Arc<dyn AnalyzerRule + Send + Sync>)
        .chain(Analyzer::new().rules)
        .collect();
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_default_features()
        .with_expr_planners(planners)
        .with_analyzer_rules(rules)
        .build();
    let context = SessionContext::new_with_state(state);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(0));
    for function in scalar_functions(&clock) {
        context.register_udf((*function).clone());
    }
    for function in higher_order_functions() {
        context.register_higher_order_function(function);
    }
    context
}

/// The values of `SELECT expression FROM T` and their type; each column is a name and its rows in the notation of
/// tests.
fn select(expression: &str, columns: &[(&str, &[&str])], rest: &str) -> Result<(Vec<String>, DataType)> {
    let context = session();
    let (fields, arrays): (Vec<Field>, Vec<_>) = columns
        .iter()
        .map(|(name, rows)| {
            let values: Vec<_> = rows.iter().map(|row| value(row)).collect();
            let array = concat(&values.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>()).unwrap();
            (Field::new(*name, array.data_type().clone(), true), array)
        })
        .unzip();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    context.register_table(
        datafusion::common::TableReference::bare("T"),
        Arc::new(MemTable::try_new(schema, vec![vec![batch]])?),
    )?;
    let sql = format!("SELECT {expression} AS R FROM T {rest}");
    let state = context.state();
    let mut statement = state.sql_to_statement(&sql, &datafusion::config::Dialect::DuckDB)?;
    if let Statement::Statement(statement) = &mut statement {
        type_integer_literals(&mut **statement);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (result, _) = collect(|| {
        runtime.block_on(async {
            let plan = state.statement_to_plan(statement).await?;
            context.execute_logical_plan(plan).await?.collect().await
        })
    });
    let batches = result?;
    let mut texts = Vec::new();
    for batch in &batches {
        let column = batch.column(0);
        for row in 0..column.len() {
            let mut text = String::new();
            write_inside(column, row, &mut text);
            texts.push(text);
        }
    }
    let data_type = batches
        .first()
        .map_or(DataType::Null, |b| b.column(0).data_type().clone());
    Ok((texts, data_type))
}

/// The value of an expression without columns.
fn constant(expression: &str) -> String {
    match select(expression, &[("X", &["1"])], "") {
        Ok((texts, _)) => texts.join(","),
        Err(error) => format!("error: {}", error.strip_backtrace()),
    }
}

fn rows(expression: &str, columns: &[(&str, &[&str])]) -> String {
    select(expression, columns, "")
        .unwrap_or_else(|e| panic!("{expression}: {e}"))
        .0
        .join(" ")
}

#[test]
fn decimals_have_ksqldbs_types_and_digits() {
    for (expression, expected, data_type) in [
        ("10.01 + 5.10", "15.11", DataType::Decimal128(5, 2)),
        ("10.01 + 5", "15.01", DataType::Decimal128(13, 2)),
        ("10.01 - 5.105", "4.905", DataType::Decimal128(6, 3)),
        ("1.5 * 2.25", "3.375", DataType::Decimal128(6, 3)),
        ("10.10 / 2.00", "5.050000", DataType::Decimal128(10, 6)),
        ("1.0 / 3.0", "0.333333", DataType::Decimal128(8, 6)),
        ("-2.0 / 3.0", "-0.666667", DataType::Decimal128(8, 6)),
        ("7.5 % 2.25", "0.75", DataType::Decimal128(3, 2)),
        ("-7.5 % 2", "-1.5", DataType::Decimal128(2, 1)),
        ("10.0 / 0.0", "null", DataType::Decimal128(9, 6)),
        ("1.5 + 1e0", "2.5", DataType::Float64),
    ] {
        let expression = expression.replace("1e0", "CAST(1 AS DOUBLE)");
        let (texts, got) = select(&expression, &[("X", &["1"])], "").unwrap();
        assert_eq!((texts.join(","), got), (expected.to_owned(), data_type), "{expression}");
    }
    let big = "99999999999999999999.999999999999999999";
    assert_eq!(rows("A * A", &[("A", &[big])]), "null");
    assert_eq!(
        rows("A + A", &[("A", &[big])]),
        "200000000000000000000.00000000000000000"
    );
    let columns: &[(&str, &[&str])] = &[("A", &["1.5", "2.5"]), ("B", &["1", "null<INT>"])];
    assert_eq!(rows("A + B", columns), "2.5 null");
}

#[test]
fn whole_numbers_keep_their_type() {
    for (expression, expected, data_type) in [
        ("5", "5", DataType::Int32),
        ("2147483648", "2147483648", DataType::Int64),
        ("-5", "-5", DataType::Int32),
        ("7 / 2", "3", DataType::Int32),
        ("-7 % 3", "-1", DataType::Int32),
        ("A + 1", "2", DataType::Int32),
        ("A * 3000000000", "3000000000", DataType::Int64),
        ("CAST(5 AS BIGINT)", "5", DataType::Int64),
    ] {
        let (texts, got) = select(expression, &[("A", &["1"])], "").unwrap();
        assert_eq!((texts.join(","), got), (expected.to_owned(), data_type), "{expression}");
    }
    assert!(constant("'5' + 3").contains("is not supported: STRING and INTEGER"));
    assert!(constant("true + 1.5").contains("is not supported: BOOLEAN and DECIMAL(2, 1)"));
}

#[test]
fn texts_are_put_together() {
    let columns: &[(&str, &[&str])] = &[("A", &["'x'", "null<STRING>"])];
    assert_eq!(rows("'<' + A + '>'", columns), "<x> <null>");
    assert_eq!(rows("'<' || A || '>'", columns), "<x> <>");
}

#[test]
fn comparison_with_null_is_false() {
    let columns: &[(&str, &[&str])] = &[("A", &["1", "null<INT>", "1"]), ("B", &["1L", "1L", "2L"])];
    assert_eq!(rows("A = B", columns), "true false false");
    assert_eq!(rows("A <> B", columns), "false false true");
    assert_eq!(rows("NOT (A = B)", columns), "false true true");
    assert_eq!(rows("A < B OR A = B", columns), "true false true");
    assert_eq!(rows("A IS DISTINCT FROM B", columns), "false true true");
    assert_eq!(rows("A IS NOT DISTINCT FROM B", columns), "true false false");
    assert_eq!(rows("A BETWEEN 0 AND B", columns), "true false true");
    assert_eq!(rows("A NOT BETWEEN 2 AND B", columns), "true true true");
    assert_eq!(rows("A IN (2, B)", columns), "true false false");
    assert_eq!(rows("A NOT IN (2, B)", columns), "false true true");
    assert_eq!(rows("CASE WHEN A = B THEN 'y' ELSE 'n' END", columns), "y n n");
    let (texts, _) = select("B", columns, "WHERE NOT (A = B)").unwrap();
    assert_eq!(texts, ["1", "2"]);
    assert!(constant("X = NULL").contains("comparison with NULL is not supported"));
}

#[test]
fn types_that_do_not_compare_are_refused() {
    let columns: &[(&str, &[&str])] = &[
        ("S", &["'a'"]),
        ("N", &["1"]),
        ("F", &["true"]),
        ("L", &["[1]"]),
        ("M", &["{'a': 1}"]),
        ("B", &["x'00'"]),
    ];
    for (expression, reason) in [
        (
            "N >= 'not an int'",
            "cannot compare T.N (INTEGER) to Utf8(\"not an int\") (STRING) with >=",
        ),
        ("F < true", "cannot compare"),
        ("M > M", "cannot compare"),
        ("L < L", "cannot compare"),
        ("S = 1", "cannot compare"),
        ("B = S", "cannot compare"),
        ("N BETWEEN 'a' AND 'b'", "cannot compare"),
        ("N IN (10, '10 - not a number')", "'10 - not a number' is not a INTEGER"),
        ("N IN (10, true)", "there is no operator for INTEGER and BOOLEAN"),
        ("N IN (10, S)", "there is no operator for INTEGER and STRING"),
        ("S IN (10, N)", "there is no operator for STRING and INTEGER"),
        ("CAST(L AS INT)", "cast of ARRAY<INTEGER> to INTEGER is not supported"),
    ] {
        let error = select(expression, columns, "").unwrap_err().to_string();
        assert!(error.contains(reason), "{expression}: {error}");
    }
}

#[test]
fn nested_values_are_equal_by_their_parts() {
    let columns: &[(&str, &[&str])] = &[
        ("L", &["[1, 2]", "[1]", "null<INTS>"]),
        ("K", &["[1L, 2L]", "[2L]", "[1L]"]),
        ("M", &["{'a': 1, 'b': 2}", "{'a': 1}", "{'a': 1}"]),
        ("O", &["{'b': 2, 'a': 1}", "{'b': 1}", "{'a': 1}"]),
    ];
    assert_eq!(rows("L = K", columns), "true false false");
    assert_eq!(rows("L <> K", columns), "false true true");
    assert_eq!(rows("L IS NOT DISTINCT FROM K", columns), "true false false");
    assert_eq!(rows("M = O", columns), "true false true");
    assert_eq!(rows("L = [1, 2]", columns), "true false false");
    assert_eq!(rows("L IN (K, ['1'])", columns), "true true false");
}

#[test]
fn texts_beside_times_are_times() {
    let columns: &[(&str, &[&str])] = &[
        ("D", &["date'2020-01-02'"]),
        ("C", &["time'10:00'"]),
        ("S", &["timestamp'2020-01-02T10:00:00'"]),
        ("ROWTIME", &["1577959200000L"]),
    ];
    for (expression, expected) in [
        ("D = '2020-01-02'", "true"),
        ("D >= '2020-02'", "false"),
        ("C BETWEEN '09:00' AND '10:00:00.001'", "true"),
        ("S > '2020-01-02T09:59:59'", "true"),
        ("S IN ('2020-01-02T10:00:00', '2021')", "true"),
        ("D < S", "true"),
        ("ROWTIME >= '2020-01-02T10:00:00'", "true"),
        ("ROWTIME BETWEEN '2020' AND '2020-01-02T09:00:00-0100'", "true"),
    ] {
        assert_eq!(rows(expression, columns), expected, "{expression}");
    }
    assert!(
        select("ROWTIME > 'today'", columns, "")
            .unwrap_err()
            .to_string()
            .contains("'today' is not a timestamp")
    );
}

#[test]
fn like_escapes_only_when_told() {
    for (expression, expected) in [
        ("'foobar' LIKE '%oba%'", "true"),
        ("'foo' LIKE 'f_o'", "true"),
        (r"'a\b' LIKE 'a\b'", "true"),
        (r"'a%' LIKE 'a\%'", "false"),
        ("'a%' LIKE 'a!%' ESCAPE '!'", "true"),
        ("'ab' LIKE 'a!%' ESCAPE '!'", "false"),
        ("'ab' NOT LIKE 'a%'", "false"),
    ] {
        assert_eq!(constant(expression), expected, "{expression}");
    }
    let columns: &[(&str, &[&str])] = &[("A", &["'f%o'", "'foo'"]), ("P", &["'f!%o'", "'f!%o'"])];
    assert_eq!(rows("A LIKE P ESCAPE '!'", columns), "true false");
    assert!(constant("'a' LIKE 'a!' ESCAPE '!'").contains("ends in its escape character"));
}

#[test]
fn constructors_take_a_common_type() {
    let columns: &[(&str, &[&str])] = &[("A", &["30"]), ("B", &["40L"])];
    assert_eq!(rows("[NULL, 10, '20', A, B]", columns), "[null, 10, 20, 30, 40]");
    assert_eq!(rows("[1, 2.5]", columns), "[1.0, 2.5]");
    assert_eq!(rows("map(['a', 'b'], [A, NULL])", columns), "{a=30, b=null}");
    assert_eq!(rows("map([CAST(NULL AS STRING)], [A])", columns), "{null=30}");
    assert_eq!(rows("map(['a', 'a'], [1, 2])", columns), "{a=2}");
    assert!(constant("[]").contains("needs at least one element"));
    assert!(constant("[NULL]").contains("nothing but NULL"));
    assert!(constant("[1, 'not a number']").contains("'not a number' is not a INTEGER"));
    assert_eq!(constant("['x' IN ('true', 'x'), true]"), "[true, true]");
    assert_eq!(constant("'10.30' IN (true, 10, 10.30)"), "true");
    assert_eq!(constant("'10.3' IN (true, 10, 10.30)"), "false");
    assert_eq!(constant("true IN (false, 'Y')"), "true");
}

#[test]
fn elements_and_keys_that_are_missing_are_null() {
    let columns: &[(&str, &[&str])] = &[("L", &["[1, 2, 3]", "null<INTS>"]), ("M", &["{'a': 1}", "null<MAP>"])];
    assert_eq!(rows("L[1]", columns), "1 null");
    assert_eq!(rows("L[-1]", columns), "3 null");
    assert_eq!(rows("L[0]", columns), "null null");
    assert_eq!(rows("L[9]", columns), "null null");
    assert_eq!(rows("M['a']", columns), "1 null");
    assert_eq!(rows("M['b']", columns), "null null");
}

#[test]
fn casts_are_ksqldbs() {
    for (expression, expected) in [
        ("CAST(1.99 AS INT)", "1"),
        ("CAST('2020-01' AS DATE)", "2020-01-01"),
        ("CAST(2147483648 AS INT)", "-2147483648"),
        ("CAST(true AS STRING)", "true"),
        ("ww_cast('10:20', 'TIME')", "10:20"),
        ("ww_cast(map(['a'], [1]), 'MAP<STRING, BIGINT>')", "{a=1}"),
        ("ww_try_cast('x', 'TIME')", "null"),
        ("CAST(NULL AS INT)", "null"),
    ] {
        assert_eq!(constant(expression), expected, "{expression}");
    }
    assert!(constant("ww_cast(1, 'TIME')").contains("cast of INTEGER to TIME is not supported"));
    assert!(constant("ww_cast(1, 'FOO')").contains("`FOO`"));
}

#[test]
fn lambdas_fail_on_null_and_compare_without_it() {
    let columns: &[(&str, &[&str])] = &[
        ("L", &["[5, null]", "[3, 6]", "null<INTS>"]),
        ("S", &["1L", "null<BIGINT>", "1L"]),
    ];
    assert_eq!(rows("transform(L, x -> x + 5)", columns), "null [8, 11] null");
    assert_eq!(rows("filter(L, x -> x > 4)", columns), "[5] [6] null");
    assert_eq!(rows("reduce(L, 2, (s, x) -> s + x)", columns), "null 11 2");
    assert_eq!(rows("reduce(L, S, (s, x) -> s + x)", columns), "null null 1");
    assert_eq!(
        rows("reduce(transform(L, x -> x * 2), 0, (s, x) -> s + x)", columns),
        "0 18 0"
    );
}
