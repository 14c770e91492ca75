//! CREATE FUNCTION as the registry sees it: which function is taken, under which types, and what stands in its way.

use datafusion::arrow::array::{BooleanArray, TimestampMillisecondArray};
use datafusion::arrow::datatypes::Int32Type;

use super::*;
use crate::types::schema::SqlType;

const MIXED: &str = r#"(module
    (func (export "spread") (param f64 f64) (result f64) (f64.sub (local.get 0) (local.get 1)))
    (func (export "both") (param i32 i32) (result i32) (i32.mul (i32.const 2) (i32.and (local.get 0) (local.get 1))))
    (func (export "hour") (param i64) (result i32) (i32.wrap_i64 (i64.div_s (local.get 0) (i64.const 3600000)))))"#;

fn plugins(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Plugins) {
    let dir = directory(files);
    let plugins = open(&dir);
    (dir, plugins)
}

fn new(name: &str, args: &[SqlType], returns: SqlType, export: Option<&str>) -> NewFunction {
    NewFunction {
        name: name.to_owned(),
        args: args.iter().map(|arg| (None, arg.clone())).collect(),
        returns,
        file: "mixed.wat".into(),
        export: export.map(str::to_owned),
    }
}

fn reason(plugins: &Plugins, function: NewFunction) -> String {
    plugins.create_function(function, false).unwrap_err().to_string()
}

#[test]
fn numbers_are_retyped() {
    use SqlType::{Bigint, Boolean, Double, Integer, Timestamp};
    let (_dir, plugins) = plugins(&[("mixed.wat", MIXED.as_bytes())]);
    plugins
        .create_function(new("GAP", &[Double, Double], Double, Some("spread")), false)
        .unwrap();
    plugins
        .create_function(new("AND2", &[Boolean, Boolean], Boolean, Some("both")), false)
        .unwrap();
    plugins
        .create_function(new("HOUR", &[Timestamp], Integer, None), false)
        .unwrap();
    let registry = plugins.current();
    assert!((run(&*registry.scalar("gap")[0], 5.0, 3.0) - 2.0).abs() < f64::EPSILON);

    let and = &registry.scalar("and2")[0];
    assert_eq!(
        (&and.info().args[0].1, &and.info().returns),
        (&DataType::Boolean, &DataType::Boolean)
    );
    let [a, b]: [ArrayRef; 2] = [
        Arc::new(BooleanArray::from(vec![Some(true), Some(true), None])),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), Some(true)])),
    ];
    let got = and.call(&[a, b], &[false, false], 3).unwrap();
    assert_eq!(
        got.as_boolean(),
        &BooleanArray::from(vec![Some(true), Some(false), None]),
        "2 is true, too"
    );

    // The plugin directory has a function hour(BIGINT) of its own: this is an overload of it.
    let hours = registry.scalar("hour");
    assert_eq!(hours.len(), 2);
    let timestamp: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![7_200_000]));
    let of_time = hours
        .iter()
        .find(|f| f.info().args[0].1 == SqlType::Timestamp.to_arrow())
        .unwrap();
    let got = of_time.call(&[timestamp], &[false], 1).unwrap();
    assert_eq!(got.as_primitive::<Int32Type>().value(0), 2);
    assert!(hours.iter().any(|f| f.info().args[0].1 == Bigint.to_arrow()));
}

#[test]
fn what_cannot_be_says_why() {
    use SqlType::{Bigint, Date, Double, String};
    let (_dir, plugins) = plugins(&[("mixed.wat", MIXED.as_bytes())]);
    let is = |function: NewFunction, due: &str| {
        let reason = reason(&plugins, function);
        assert!(reason.contains(due), "due: {due}; is: {reason}");
    };
    is(
        new("f", &[Double], Double, Some("nothing")),
        "it has no function nothing; it has spread, both, hour",
    );
    is(
        new("f", &[Double], Double, None),
        "it has no function f; it has spread, both, hour",
    );
    is(
        new("f", &[Double, String], Double, Some("spread")),
        "its function is SPREAD(DOUBLE, DOUBLE) RETURNS DOUBLE; an INTEGER may be declared as BOOLEAN, DATE or TIME",
    );
    is(
        new("hour", &[Bigint], Double, None),
        "there is a function HOUR(BIGINT), of plugin mixed; CREATE OR REPLACE FUNCTION",
    );
    is(new("a b", &[Bigint], Date, Some("hour")), "is no name for a function");
    let file = |file: &str| NewFunction {
        file: file.into(),
        ..new("f", &[Bigint], Date, Some("hour"))
    };
    is(file("none.wasm"), "it cannot be opened");
    is(file("mixed.txt"), "a plugin is a .wasm or a .wat file");
    assert_eq!(plugins.current().plugins().len(), 1, "nothing is left behind");
}

#[test]
fn created_functions_stand_before_those_of_files() {
    use SqlType::Double;
    let (dir, plugins) = plugins(&[
        ("mixed.wat", MIXED.as_bytes()),
        ("other.wat", plain("sum", "add").as_bytes()),
    ]);
    let other = NewFunction {
        file: "other.wat".into(),
        ..new("spread", &[Double, Double], Double, None)
    };
    let value = || run(&*plugins.current().scalar("spread")[0], 5.0, 3.0);
    assert!(reason(&plugins, other.clone()).contains("of plugin mixed"));
    plugins.create_function(other.clone(), true).unwrap();
    assert!((value() - 8.0).abs() < f64::EPSILON);
    let states: Vec<String> = plugins.current().plugins().iter().map(PluginInfo::state).collect();
    assert_eq!(
        states,
        [
            "loaded by CREATE FUNCTION SPREAD(DOUBLE, DOUBLE)",
            "loaded, without SPREAD(DOUBLE, DOUBLE): the function of CREATE FUNCTION stands before it",
            "loaded"
        ]
    );
    assert!(reason(&plugins, other).contains("of CREATE FUNCTION; CREATE OR REPLACE FUNCTION"));

    // Its file is read again with the directory, and a broken one keeps what was good.
    std::fs::write(dir.path().join("other.wat"), plain("sum", "mul")).unwrap();
    assert_eq!(
        texts(&plugins),
        [
            "plugin other.wat is replaced: sum",
            "function SPREAD(DOUBLE, DOUBLE) is replaced, as other.wat has changed"
        ]
    );
    assert!((value() - 15.0).abs() < f64::EPSILON);
    std::fs::write(dir.path().join("other.wat"), "(").unwrap();
    assert!(plugins.rescan().unwrap().iter().all(|change| change.is_broken));
    assert!((value() - 15.0).abs() < f64::EPSILON);

    assert_eq!(plugins.drop_function("Spread"), 1);
    assert!((value() - 2.0).abs() < f64::EPSILON, "the one of the file is back");
    assert_eq!(plugins.drop_function("spread"), 0);
}
