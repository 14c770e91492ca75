//! The registry over directories of files, and its functions as `DataFusion` plans and calls them.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod created;
mod reload;
mod sidecar;

use std::path::Path;

use datafusion::arrow::array::{AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

use super::*;

/// A plain plugin of one binary function of doubles.
fn plain(name: &str, operator: &str) -> String {
    format!(
        "(module (func (export \"{name}\") (param f64 f64) (result f64) (f64.{operator} (local.get 0) (local.get 1))))"
    )
}

fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

fn open(dir: &tempfile::TempDir) -> Plugins {
    Plugins::open(Some(dir.path()), Limits::default(), &CodeCachePlace::Off).unwrap()
}

/// What a rescan tells.
fn texts(plugins: &Plugins) -> Vec<String> {
    let changes = plugins.rescan().unwrap();
    changes.into_iter().map(|change| change.text).collect()
}

fn scan(dir: &Path) -> Registry {
    Registry::scan(dir, Limits::default()).unwrap()
}

fn run(function: &dyn ScalarFunction, a: f64, b: f64) -> f64 {
    let column = |x| Arc::new(Float64Array::from(vec![x])) as ArrayRef;
    let got = function.call(&[column(a), column(b)], &[false, false], 1).unwrap();
    got.as_primitive::<Float64Type>().value(0)
}

#[test]
fn broken_files_are_listed_and_harm_nobody() {
    let binary = wat::parse_str(plain("sub", "sub")).unwrap();
    let dir = directory(&[
        ("a.wasm", b"garbage"),
        ("b.wat", plain("add", "add").as_bytes()),
        ("c.wasm", &binary),
        ("d.wasm", &binary[..20]),
        ("e.wat", b"(module (import \"env\" \"now\" (func)))"),
        ("f.txt", b"not a plugin"),
        ("g.wasm.bak", b"not a plugin"),
    ]);
    std::fs::create_dir(dir.path().join("h.wasm")).unwrap();
    let registry = scan(dir.path());
    let plugins = registry.plugins();
    let listed: Vec<(&str, bool)> = plugins.iter().map(|p| (p.name.as_str(), p.broken.is_some())).collect();
    assert_eq!(
        listed,
        [("a", true), ("b", false), ("c", false), ("d", true), ("e", true)]
    );
    assert_eq!(plugins[0].broken.as_deref(), Some("it is not a WebAssembly module"));
    assert_eq!(plugins[2].path, dir.path().join("c.wasm"));
    let digest = "795b6904e54f82411df4b0e27a373a55eea3f9d66dac5a9bce1dd92f7b401da5";
    assert_eq!(plugins[0].sha256, digest);
    let names: Vec<String> = registry.functions().into_iter().map(|f| f.name).collect();
    assert_eq!(names, ["add", "sub"]);
    assert!(
        (run(&*registry.scalar("Sub")[0], 5.0, 3.0) - 2.0).abs() < f64::EPSILON,
        "case does not count"
    );
    assert!(registry.scalar("mul").is_empty() && registry.stream("add").is_empty());
}

#[test]
fn the_first_by_file_name_gives_a_function() {
    let both = "(module (func (export \"F\") (param f64 f64) (result f64) (f64.mul (local.get 0) (local.get 1)))
        (func (export \"other\") (param f64) (result f64) (local.get 0)))";
    let dir = directory(&[
        ("2_late.wat", both.as_bytes()),
        ("1_early.wat", plain("f", "add").as_bytes()),
        (
            "3_overload.wat",
            b"(module (func (export \"f\") (param i64) (result i64) (local.get 0)))",
        ),
    ]);
    let mut registry = scan(dir.path());
    let f = registry.scalar("f");
    assert_eq!(f.len(), 2, "the third is an overload");
    assert!((run(&*f[0], 2.0, 5.0) - 7.0).abs() < f64::EPSILON);
    let skipped: Vec<String> = registry.plugins()[1]
        .skipped
        .iter()
        .map(|s| format!("{}: {}", s.signature, s.reason))
        .collect();
    assert_eq!(
        skipped,
        ["F(DOUBLE, DOUBLE): shadowed by the same function of plugin 1_early, which comes first by file name"]
    );
    assert_eq!(registry.scalar("OTHER").len(), 1);

    let more = directory(&[("0_more.wat", plain("g", "sub").as_bytes()), ("bad.wat", b"(")]);
    assert_eq!(registry.add_file(&more.path().join("0_more.wat")).broken, None);
    assert!(registry.add_file(&more.path().join("bad.wat")).broken.is_some());
    let missing = registry.add_file(&more.path().join("none.wasm"));
    assert!(missing.broken.as_deref().unwrap().starts_with("it cannot be opened"));
    assert_eq!(registry.scalar("g").len(), 1);
    assert_eq!(registry.plugins().len(), 6);
}

#[test]
fn directories_and_files_have_bounds() {
    let error = Registry::scan(Path::new("no/such/directory"), Limits::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot read the plugin directory no/such/directory: "),
        "{error}"
    );
    assert_eq!(error.class(), crate::types::Class::External);
    let dir = directory(&[("big.wasm", &[0; 101])]);
    let limits = Limits {
        file_bytes: 100,
        ..Limits::default()
    };
    let registry = Registry::scan(dir.path(), limits).unwrap();
    assert_eq!(
        registry.plugins()[0].broken.as_deref(),
        Some("the file is larger than its limit of 100 bytes")
    );
    let none = directory(&[]);
    assert!(scan(none.path()).functions().is_empty());
    let error = Registry::new(Limits {
        stack_bytes: 0,
        ..Limits::default()
    })
    .unwrap_err();
    assert!(error.to_string().starts_with("cannot set up the sandbox"), "{error}");
}

/// Functions for SQL: `add(DOUBLE, DOUBLE)`, overloads of `f`, `div(INTEGER, INTEGER)`, a counter.
fn registry() -> Registry {
    let text = r#"(module
        (func (export "add") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
        (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1))))"#;
    let counter = r#"(module (global $n (mut i64) (i64.const 0))
        (func (export "counter") (result i64) (global.set $n (i64.add (global.get $n) (i64.const 1))) (global.get $n)))"#;
    let over_long = r#"(module (func (export "f") (param i64) (result i64) (i64.add (local.get 0) (i64.const 1000))))"#;
    let over_double = r#"(module (func (export "f") (param f64) (result f64) (f64.neg (local.get 0))))"#;
    let dir = directory(&[
        ("a.wat", text.as_bytes()),
        ("b.wat", counter.as_bytes()),
        ("c.wat", over_long.as_bytes()),
        ("d.wat", over_double.as_bytes()),
    ]);
    scan(dir.path())
}

fn session() -> SessionContext {
    let registry = registry();
    let session = SessionContext::new();
    for name in ["add", "div", "counter", "f"] {
        session.register_udf(scalar_udf(&registry, name, |_| false).unwrap());
    }
    let schema = Arc::new(Schema::new(vec![
        Field::new("x", DataType::Float64, true),
        Field::new("n", DataType::Int64, true),
        Field::new("s", DataType::Utf8, true),
    ]));
    let batch = RecordBatch::try_new(
        schema,
        vec![
            Arc::new(Float64Array::from(vec![Some(1.5), None, Some(-2.0)])),
            Arc::new(Int64Array::from(vec![1, 2, 3])),
            Arc::new(StringArray::from(vec!["a", "b", "c"])),
        ],
    )
    .unwrap();
    session.register_batch("t", batch).unwrap();
    session
}

fn query(sql: &str) -> Result<ArrayRef, DataFusionError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let batches = session().sql(sql).await?.collect().await?;
        let batch = datafusion::arrow::compute::concat_batches(&batches[0].schema(), &batches)?;
        Ok(Arc::clone(batch.column(0)))
    })
}

fn doubles_of(sql: &str) -> Vec<Option<f64>> {
    query(sql).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn longs_of(sql: &str) -> Vec<Option<i64>> {
    query(sql).unwrap().as_primitive::<Int64Type>().iter().collect()
}

#[test]
fn sql_calls_plugins() {
    assert_eq!(doubles_of("SELECT add(x, 0.5) FROM t"), [Some(2.0), None, Some(-1.5)]);
    assert_eq!(
        doubles_of("SELECT add(n, x) FROM t"),
        [Some(2.5), None, Some(1.0)],
        "integers widen"
    );
    assert_eq!(doubles_of("SELECT add(1, 2)"), [Some(3.0)]);
    assert_eq!(doubles_of("SELECT add(NULL, x) FROM t"), [None; 3]);
    assert_eq!(doubles_of("SELECT x FROM t WHERE add(x, n) > 2"), [Some(1.5)]);
    assert_eq!(
        query("SELECT div(7, 2)")
            .unwrap()
            .as_primitive::<datafusion::arrow::datatypes::Int32Type>()
            .values(),
        &[3]
    );
}

#[test]
fn exact_overloads_win_and_the_nearest_else() {
    assert_eq!(longs_of("SELECT f(n) FROM t"), [1001, 1002, 1003].map(Some));
    assert_eq!(doubles_of("SELECT f(x) FROM t"), [Some(-1.5), None, Some(2.0)]);
    assert_eq!(
        longs_of("SELECT f(CAST(1 AS INTEGER))"),
        [Some(1001)],
        "BIGINT is nearer than DOUBLE"
    );
    assert_eq!(doubles_of("SELECT f(CAST(1.5 AS DECIMAL(5, 2)))"), [Some(-1.5)]);
}

#[test]
fn volatile_functions_are_called_for_every_row() {
    let mut counts = longs_of("SELECT counter() FROM t");
    counts.dedup();
    assert_eq!(counts.len(), 3);
}

#[test]
fn calls_that_fit_no_overload_list_what_there_is() {
    let error = query("SELECT f(s) FROM t").unwrap_err().to_string();
    assert!(
        error.contains("F(STRING) does not exist; there is F(a BIGINT) RETURNS BIGINT; F(a DOUBLE) RETURNS DOUBLE"),
        "{error}"
    );
    let error = query("SELECT f(1, 2) FROM t").unwrap_err().to_string();
    assert!(error.contains("F(BIGINT, BIGINT) does not exist"), "{error}");
    let error = query("SELECT f(NULL)").unwrap_err().to_string();
    assert!(
        error.contains("is ambiguous: F(a BIGINT) RETURNS BIGINT; F(a DOUBLE)"),
        "{error}"
    );
}

#[test]
fn errors_keep_their_source() {
    let error = query("SELECT div(CAST(n AS INTEGER), CAST(n - 2 AS INTEGER)) FROM t").unwrap_err();
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = source {
        if let Some(Error::Trap {
            function, plugin, row, ..
        }) = error.downcast_ref::<Error>()
        {
            assert_eq!((function.as_str(), plugin.as_str(), *row), ("div", "a", Some(1)));
            return;
        }
        source = error.source();
    }
    panic!("no udf::Error in {error:?}");
}

#[test]
fn functions_are_equal_where_their_code_is() {
    let registry = registry();
    let udf = |registry: &Registry, name: &str| scalar_udf(registry, name, |_| false).unwrap();
    let again = |name: &str| -> ScalarUDF { udf(&registry, name) };
    assert_eq!(again("add"), again("ADD"));
    assert_ne!(again("add"), again("div"));
    assert_ne!(
        again("add"),
        udf(&self::registry(), "add"),
        "another load may be another version"
    );
    assert!(scalar_udf(&registry, "none", |_| false).is_none());
}
