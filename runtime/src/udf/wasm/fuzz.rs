//! What is tried on any bytes: a module, a manifest, structures in a guest's memory, what a component gives. Called by the targets of `tests/fuzz` and, on
//! seeded inputs, by `tests/mutations.rs` in every test run.
//!
//! Nothing of it may panic, and what is taken for a column must be one by Arrow's own full check.

use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, make_array, new_null_array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type};
use datafusion::scalar::ScalarValue;

use super::columns_out::Reader;
use super::component;
use super::reports;
use super::{LoadedPlugin, Sandbox, load};
use crate::types::schema::SqlType;
use crate::udf::{AggregateFunction, FunctionInfo, Limits, ScalarFunction, StreamFunction, manifest};

/// Bytes that a result may have here: what repeats itself in a guest's memory is not to fill the host's.
const RESULT_BYTES: usize = 1 << 20;

/// A manifest. Gives, like the others, whether the bytes were taken for what they should be.
pub fn describe(bytes: &[u8]) -> bool {
    let limits = Limits::default();
    let Ok(manifest) = manifest::parse(bytes, &limits) else {
        return false;
    };
    assert!(manifest.functions.len() <= limits.functions);
    for function in &manifest.functions {
        assert!(manifest::is_identifier(&function.name), "{:?}", function.name);
        let info = function.info("fuzz", manifest.version.as_deref());
        assert_eq!(info.args.len(), function.args.len());
    }
    true
}

/// The types that columns are read as.
fn types() -> &'static [DataType] {
    static TYPES: OnceLock<Vec<DataType>> = OnceLock::new();
    TYPES.get_or_init(|| {
        let array = |of: SqlType| SqlType::Array(Box::new(of));
        let map = |of: SqlType| SqlType::Map(Box::new(SqlType::String), Box::new(of));
        let fields = |of: SqlType| SqlType::Struct(vec![("A".to_owned(), SqlType::Boolean), ("B".to_owned(), of)]);
        let all = [
            SqlType::Boolean,
            SqlType::Integer,
            SqlType::Bigint,
            SqlType::Double,
            SqlType::Decimal(5, 2),
            SqlType::String,
            SqlType::Bytes,
            SqlType::Time,
            SqlType::Date,
            SqlType::Timestamp,
            array(SqlType::String),
            map(SqlType::Double),
            fields(SqlType::Decimal(38, 0)),
            array(map(fields(array(SqlType::Time)))),
        ];
        all.iter().map(SqlType::to_arrow).collect()
    })
}

/// How many types [`memory`] and [`levels`] know.
pub fn type_count() -> usize {
    types().len()
}

/// A guest's memory behind three bytes: the type of the column, its rows, and where its descriptor is, in steps of four bytes. The error reports are read from there, too.
pub fn memory(bytes: &[u8]) -> bool {
    let [data_type, rows, at, memory @ ..] = bytes else {
        return false;
    };
    let data_type = &types()[usize::from(*data_type) % types().len()];
    let (rows, address) = (usize::from(*rows), u32::from(*at) * 4);
    let reader = Reader::new(memory, RESULT_BYTES);
    if let Ok(reports) = reports::read(&reader, address, rows, 64)
        && let Ok(failed) = reports::failed_rows(reports, rows)
    {
        assert!(
            failed
                .iter()
                .all(|failure| (failure.row as usize) < rows && failure.message.len() <= 64 + 4)
        );
    }
    match Reader::new(memory, RESULT_BYTES).column(address, data_type, rows) {
        Ok(array) => {
            check(&array, data_type, rows);
            true
        }
        Err(_) => false,
    }
}

/// What a component may give behind two bytes: the type of the column and its rows.
pub fn levels(bytes: &[u8]) -> bool {
    let [data_type, rows, levels @ ..] = bytes else {
        return false;
    };
    let data_type = &types()[usize::from(*data_type) % types().len()];
    let rows = usize::from(*rows);
    match component::read_levels(levels, data_type, rows) {
        Some(array) => {
            check(&array, data_type, rows);
            true
        }
        None => false,
    }
}

fn check(array: &ArrayRef, data_type: &DataType, rows: usize) {
    assert_eq!((array.data_type(), array.len()), (data_type, rows));
    array
        .to_data()
        .validate_full()
        .expect("a column that was taken is valid");
    check_values(array);
}

/// What Arrow's own check leaves out.
fn check_values(array: &ArrayRef) {
    match array.data_type() {
        DataType::Decimal128(precision, _) => {
            let decimals = array.as_primitive::<Decimal128Type>();
            decimals
                .validate_decimal_precision(*precision)
                .expect("decimals are within their precision");
        }
        DataType::Map(_, _) => assert_eq!(array.as_map().keys().null_count(), 0, "keys are not null"),
        _ => {}
    }
    for child in array.to_data().child_data() {
        check_values(&make_array(child.clone()));
    }
}

/// A file, binary or text: what it gives is called.
pub fn module(bytes: &[u8]) -> bool {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    let sandbox = SANDBOX.get_or_init(|| {
        let limits = Limits {
            call_ms: 20,
            start_ms: 100,
            result_bytes: RESULT_BYTES,
            ..Limits::default()
        };
        Sandbox::new(limits).expect("these limits can be had")
    });
    let text = !bytes.starts_with(b"\0asm");
    match load(sandbox, "fuzz", bytes, text) {
        Ok(plugin) => {
            use_all(&plugin);
            true
        }
        Err(_) => false,
    }
}

/// Rows of a call.
const ROWS: usize = 3;

fn use_all(plugin: &LoadedPlugin) {
    for function in &plugin.scalars {
        if let Some(values) = call(&**function) {
            check(&values, &function.info().returns, ROWS);
        }
    }
    for function in &plugin.tables {
        if let Some(rows_of_rows) = call(&**function) {
            assert!(
                matches!(rows_of_rows.data_type(), DataType::List(of) if *of.data_type() == function.info().returns)
            );
            check(&rows_of_rows, rows_of_rows.data_type(), ROWS);
        }
    }
    for function in &plugin.streams {
        use_stream(&**function);
    }
    for function in &plugin.aggregates {
        use_aggregate(&**function);
    }
}

/// What a function gives for values, after it was set up and called with nulls; constants are what must be, and then all arguments.
fn call(function: &dyn ScalarFunction) -> Option<ArrayRef> {
    let info = function.info();
    let _ = function.set_up(&ones(info));
    let outcome = |args: Vec<ArrayRef>, is_constant: &dyn Fn(usize) -> bool| {
        let constant: Vec<bool> = (0..args.len()).map(is_constant).collect();
        let rows = |(arg, constant): (ArrayRef, &bool)| if *constant { arg.slice(0, 1) } else { arg };
        let args: Vec<ArrayRef> = args.into_iter().zip(&constant).map(rows).collect();
        let outcome = function.call_rows(&args, &constant, ROWS).ok()?;
        check(&outcome.values, outcome.values.data_type(), ROWS);
        Some(outcome.values)
    };
    let declared = |i: usize| info.constants.contains(&i);
    outcome(nulls(info, ROWS), &declared);
    outcome(values(info, ROWS), &|_| true);
    outcome(values(info, ROWS), &declared)
}

fn use_stream(function: &dyn StreamFunction) {
    let info = function.info();
    for constants in [vec![None; info.args.len()], ones(info)] {
        let Ok(mut instance) = function.instance(&constants) else {
            continue;
        };
        if let Ok(outcome) = instance.push_rows(&[0, 1, 0], &values(info, ROWS)) {
            check(&outcome.values, &info.returns, ROWS);
        }
        if let Ok(states) = instance.save(&[0, 1, 2]) {
            assert_eq!(states.len(), 3);
            let _ = instance.load(&[2, 1, 0], &states);
        }
        let _ = instance.drop_slots(&[1]);
    }
}

fn use_aggregate(function: &dyn AggregateFunction) {
    let info = function.info();
    for constants in [vec![None; info.args.len()], ones(info)] {
        let Ok(mut instance) = function.instance(&constants) else {
            continue;
        };
        let _ = instance.update_rows(&[0, 1, 0], &values(info, ROWS));
        if function.retracts() {
            let _ = instance.retract_rows(&[1, 0, 0], &values(info, ROWS));
        }
        let _ = instance.merge(&[0], &[1]);
        if let Ok(finished) = instance.finish(&[0, 1]) {
            check(&finished, &info.returns, 2);
        }
        if let Ok(states) = instance.save(&[0, 1]) {
            assert_eq!(states.len(), 2);
            let _ = instance.load(&[1, 2], &states, function.state_version());
        }
        let _ = instance.drop_slots(&[0]);
    }
}

/// A constant for each argument.
fn ones(info: &FunctionInfo) -> Vec<Option<ScalarValue>> {
    let values = values(info, 1);
    values
        .iter()
        .map(|value| ScalarValue::try_from_array(value, 0).ok())
        .collect()
}

fn nulls(info: &FunctionInfo, rows: usize) -> Vec<ArrayRef> {
    info.args
        .iter()
        .map(|(_, data_type)| new_null_array(data_type, rows))
        .collect()
}

/// A value of each type, the same in each row; null where there is a MAP in it.
fn values(info: &FunctionInfo, rows: usize) -> Vec<ArrayRef> {
    let value = |data_type: &DataType| {
        // DataFusion panics at the default of a MAP.
        if has_map(data_type) {
            return new_null_array(data_type, rows);
        }
        let value = ScalarValue::new_default(data_type);
        let array = value.and_then(|value| value.to_array_of_size(rows));
        array.unwrap_or_else(|_| new_null_array(data_type, rows))
    };
    info.args
        .iter()
        .map(|(_, data_type)| Arc::clone(&value(data_type)))
        .collect()
}

fn has_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(of) => has_map(of.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_map(field.data_type())),
        _ => false,
    }
}
