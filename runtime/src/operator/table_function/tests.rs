//! Table functions: zipping, padding, what has no rows, limits.

use datafusion::arrow::array::builder::{Int64Builder, ListBuilder};
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Int8Array, Int32Array, Int64Array};
use datafusion::arrow::datatypes::{Field, Int32Type, Int64Type, Schema};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_expr::expressions::Column;

use super::*;
use crate::operator::RowErrorPolicy;
use crate::types::limits::CUBE_ELEMENTS_MAX;
use crate::udf::{self, FunctionInfo, FunctionSource, Kind, ScalarFunction, Volatility};

type List = Option<Vec<Option<i64>>>;

fn list_type() -> DataType {
    DataType::new_list(DataType::Int64, true)
}

fn lists(values: &[List]) -> ArrayRef {
    let mut builder = ListBuilder::new(Int64Builder::new());
    for value in values {
        builder.append_option(value.clone());
    }
    Arc::new(builder.finish())
}

fn batch(a: &[List], b: &[List], weights: Option<Vec<i8>>) -> ChangeBatch {
    let ids: Int64Array = (0..i64::try_from(a.len()).unwrap()).collect();
    let fields = vec![
        Field::new("ID", DataType::Int64, true),
        Field::new("A", list_type(), true),
        Field::new("B", list_type(), true),
    ];
    let columns: Vec<ArrayRef> = vec![Arc::new(ids.clone()), lists(a), lists(b)];
    ChangeBatch {
        records: RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap(),
        event_times: ids.iter().map(|id| id.map(|id| id * 1_000)).collect(),
        weights: weights.map(Int8Array::from),
        stream_times: None,
    }
}

fn operator(functions: Vec<(Arc<dyn TableFunction>, &str, usize)>, policy: RowErrorPolicy) -> TableFunctionOperator {
    let mut fields = vec![
        Field::new("ID", DataType::Int64, true),
        Field::new("A", list_type(), true),
        Field::new("B", list_type(), true),
    ];
    let calls: Vec<TableCall> = functions
        .into_iter()
        .map(|(function, name, position)| {
            let returns = function.return_type(&[list_type()]).unwrap();
            fields.push(Field::new(format!("{name}#"), returns, true));
            let arg = Expression::new(Arc::new(Column::new(name, position)), name.into(), list_type());
            TableCall {
                function,
                args: vec![arg],
            }
        })
        .collect();
    let errors = Arc::new(RowErrors::new("Q".into(), policy));
    let calls = TableCalls {
        calls,
        keeps_rows: false,
        ordinality: false,
    };
    TableFunctionOperator::new(&calls, Arc::new(Schema::new(fields)), errors).unwrap()
}

/// ID and the columns of the calls, as text.
fn given(out: &[ChangeBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in out {
        let shown = [&batch.records.columns()[..1], &batch.records.columns()[3..]].concat();
        let cells: Vec<_> = shown
            .iter()
            .map(|c| ArrayFormatter::try_new(c, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(
                cells
                    .iter()
                    .map(|cell| cell.value(row).to_string())
                    .collect::<Vec<_>>()
                    .join(" "),
            );
        }
    }
    rows
}

#[test]
fn rows_without_values_are_kept_and_rows_are_numbered() {
    let mut operator = operator(vec![(Arc::new(Explode), "A", 1)], RowErrorPolicy::Null);
    let mut fields: Vec<Field> = operator
        .schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    fields.push(Field::new("N", DataType::Int64, true));
    operator.schema = Arc::new(Schema::new(fields));
    operator.keeps_rows = true;
    operator.ordinality = true;
    let a = [Some(vec![Some(5), None]), None, Some(vec![]), Some(vec![Some(9)])];
    let b = [None, None, None, None];
    let mut out = Vec::new();
    operator.push(0, batch(&a, &b, None), &mut out).unwrap();
    assert_eq!(
        given(&out),
        ["0 5 1", "0 NULL 2", "1 NULL NULL", "2 NULL NULL", "3 9 1"]
    );
}

#[test]
fn lists_are_zipped_and_short_ones_filled_up() {
    let functions: Vec<(Arc<dyn TableFunction>, _, _)> = vec![(Arc::new(Explode), "A", 1), (Arc::new(Explode), "B", 2)];
    let mut operator = operator(functions, RowErrorPolicy::Null);
    let a = [
        Some(vec![Some(1), None, Some(3)]),
        None,
        Some(vec![]),
        Some(vec![Some(9)]),
        Some(vec![Some(7)]),
    ];
    let b = [Some(vec![Some(10)]), Some(vec![Some(20), Some(21)]), None, None, None];
    let mut out = Vec::new();
    operator
        .push(0, batch(&a, &b, Some(vec![1, -1, 1, 1, 0])), &mut out)
        .unwrap();
    assert_eq!(
        given(&out),
        [
            "0 1 10",
            "0 NULL NULL",
            "0 3 NULL",
            "1 NULL 20",
            "1 NULL 21",
            "3 9 NULL"
        ]
    );
    assert_eq!(out[0].event_times.values().as_ref(), [0, 0, 0, 1_000, 1_000, 3_000]);
    assert_eq!(out[0].weights.as_ref().unwrap().values().as_ref(), [1, 1, 1, -1, -1, 1]);
}

#[test]
fn long_lists_come_in_batches_of_bounded_size() {
    let mut operator = operator(vec![(Arc::new(Explode), "A", 1)], RowErrorPolicy::Null);
    let long = i64::try_from(BATCH_ROWS_MAX).unwrap() + 5;
    let a = [Some((0..long).map(Some).collect()), Some(vec![Some(-1)])];
    let mut out = Vec::new();
    operator.push(0, batch(&a, &[None, None], None), &mut out).unwrap();
    assert_eq!(
        out.iter().map(ChangeBatch::num_rows).collect::<Vec<_>>(),
        [BATCH_ROWS_MAX, 6]
    );
    let last = out[1].records.column(3).as_primitive::<Int64Type>();
    assert_eq!((last.value(4), last.value(5)), (long - 1, -1));
}

#[test]
fn combinations_go_from_all_null_to_the_array_and_null_doubles_nothing() {
    let mut operator = operator(vec![(Arc::new(CubeExplode), "A", 1)], RowErrorPolicy::Null);
    let a = [Some(vec![Some(1), None, Some(3)]), Some(vec![]), None];
    let mut out = Vec::new();
    operator
        .push(0, batch(&a, &[None, None, None], None), &mut out)
        .unwrap();
    assert_eq!(
        given(&out),
        [
            "0 [NULL, NULL, NULL]",
            "0 [NULL, NULL, 3]",
            "0 [1, NULL, NULL]",
            "0 [1, NULL, 3]",
            "1 []"
        ]
    );
}

#[test]
fn too_long_an_array_is_an_error_of_its_row() {
    let long = Some((0..=i64::try_from(CUBE_ELEMENTS_MAX).unwrap()).map(Some).collect());
    let changes = batch(&[long, Some(vec![Some(1)])], &[None, None], None);
    let mut lenient = operator(vec![(Arc::new(CubeExplode), "A", 1)], RowErrorPolicy::Null);
    let mut out = Vec::new();
    lenient.push(0, changes.clone(), &mut out).unwrap();
    assert_eq!(given(&out), ["1 [NULL]", "1 [1]"]);
    assert_eq!(lenient.errors.count(), 1);
    let mut strict = operator(vec![(Arc::new(CubeExplode), "A", 1)], RowErrorPolicy::Fail);
    let error = strict.push(0, changes, &mut out).unwrap_err();
    assert!(error.to_string().contains("at most 12 can be combined"), "{error}");
}

#[test]
fn only_one_array_is_taken() {
    assert_eq!(Explode.return_type(&[list_type()]), Ok(DataType::Int64));
    let refused = Explode.coerce(&[DataType::Int64, DataType::Utf8]).unwrap_err();
    assert_eq!(
        refused,
        "function EXPLODE does not take (BIGINT, STRING); it takes one ARRAY"
    );
    let fixed = DataType::new_fixed_size_list(DataType::Int64, 2, true);
    assert_eq!(Explode.coerce(&[fixed]), Ok(vec![list_type()]));
}

/// `repeat(text, times INT)` of a plugin: the text so many times; fails below 0, traps at 99.
#[derive(Debug)]
struct Repeat(FunctionInfo);

impl Repeat {
    fn table() -> PluginTable {
        let info = FunctionInfo {
            name: "Repeat".into(),
            kind: Kind::Table,
            args: vec![("x".into(), DataType::Int64), ("times".into(), DataType::Int32)],
            defaults: vec![],
            constants: Vec::new(),
            variadic: false,
            returns: DataType::Int64,
            null_in_null_out: true,
            volatility: Volatility::Immutable,
            plugin: "test".into(),
            version: None,
            doc: None,
        };
        PluginTable(OverloadedTable::new(&Plugins(Arc::new(Self(info))), "repeat").unwrap())
    }
}

impl ScalarFunction for Repeat {
    fn info(&self) -> &FunctionInfo {
        &self.0
    }

    fn call(&self, _args: &[ArrayRef], _constant: &[bool], _rows: usize) -> Result<ArrayRef, udf::Error> {
        Err(udf::Error::Sandbox {
            reason: "call_rows is what table functions get".into(),
        })
    }

    fn call_rows(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<udf::Outcome, udf::Error> {
        let x = args[0].as_primitive::<Int64Type>();
        let times = args[1].as_primitive::<Int32Type>();
        let times = |row: usize| times.value(if constant[1] { 0 } else { row });
        let mut builder = ListBuilder::new(Int64Builder::new());
        let mut failed = Vec::new();
        for row in 0..rows {
            if times(row) == 99 {
                let (plugin, function) = ("test".into(), "Repeat".into());
                return Err(udf::Error::Trap {
                    plugin,
                    function,
                    row: None,
                    reason: "unreachable".into(),
                });
            }
            if times(row) < 0 {
                builder.append_null();
                failed.push(udf::RowFailure {
                    row: u32::try_from(row).unwrap(),
                    message: "less than nothing".into(),
                });
                continue;
            }
            builder.append_value((0..times(row)).map(|_| Some(x.value(row))));
        }
        let values: ArrayRef = Arc::new(builder.finish());
        Ok(udf::Outcome { values, failed })
    }
}

#[derive(Debug)]
struct Plugins(Arc<dyn ScalarFunction>);

impl FunctionSource for Plugins {
    fn functions(&self) -> Vec<FunctionInfo> {
        vec![self.0.info().clone()]
    }

    fn scalar(&self, _name: &str) -> Vec<Arc<dyn ScalarFunction>> {
        vec![]
    }

    fn stream(&self, _name: &str) -> Vec<Arc<dyn udf::StreamFunction>> {
        vec![]
    }

    fn aggregate(&self, _name: &str) -> Vec<Arc<dyn udf::AggregateFunction>> {
        vec![]
    }

    fn table(&self, _name: &str) -> Vec<Arc<dyn ScalarFunction>> {
        vec![Arc::clone(&self.0)]
    }

    fn plugins(&self) -> Vec<udf::PluginInfo> {
        vec![]
    }
}

fn repeated(times: &[i32], policy: RowErrorPolicy) -> (Result<ListArray, Error>, u64) {
    let types = [DataType::Int64, DataType::Int32];
    let mut running = Repeat::table().instance(&types, &[None, None]).unwrap();
    let x: Int64Array = (0..i64::try_from(times.len()).unwrap()).collect();
    let errors = RowErrors::new("q".into(), policy);
    let args: [ArrayRef; 2] = [Arc::new(x), Arc::new(Int32Array::from(times.to_vec()))];
    (running.lists(&args, times.len(), &errors), errors.count())
}

#[test]
fn a_failed_row_of_a_plugin_costs_the_others_nothing() {
    let (given, failed) = repeated(&[1, -1, 99, 0, 2, 99], RowErrorPolicy::Null);
    let given = given.unwrap();
    assert_eq!(failed, 3);
    let expected = lists(&[
        Some(vec![Some(0)]),
        None,
        None,
        Some(vec![]),
        Some(vec![Some(4); 2]),
        None,
    ]);
    assert_eq!(&given, expected.as_list::<i32>());
}

#[test]
fn where_rows_must_not_fail_the_first_one_is_the_error() {
    let (given, _) = repeated(&[1, 2, -1, -1], RowErrorPolicy::Fail);
    assert_eq!(
        given.unwrap_err().to_string(),
        "function Repeat of plugin test failed at row 2: less than nothing"
    );
    let (given, _) = repeated(&[1, 99], RowErrorPolicy::Fail);
    assert!(given.unwrap_err().to_string().contains("trapped"));
}

#[test]
fn constants_of_a_plugin_are_one_value() {
    let types = [DataType::Int64, DataType::Int32];
    let two = Some(ScalarValue::Int32(Some(2)));
    let mut running = Repeat::table().instance(&types, &[None, two]).unwrap();
    let errors = RowErrors::new("q".into(), RowErrorPolicy::Null);
    let args: [ArrayRef; 2] = [
        Arc::new(Int64Array::from(vec![7, 8])),
        Arc::new(Int32Array::from(vec![2, 2])),
    ];
    let given = running.lists(&args, 2, &errors).unwrap();
    let expected = lists(&[Some(vec![Some(7); 2]), Some(vec![Some(8); 2])]);
    assert_eq!(&given, expected.as_list::<i32>());
    assert_eq!(running.lists(&[lists(&[]), lists(&[])], 0, &errors).unwrap().len(), 0);
}

#[test]
fn a_plugin_s_function_says_what_it_takes() {
    let refused = Repeat::table().coerce(&[DataType::Utf8]).unwrap_err();
    assert_eq!(
        refused,
        "REPEAT(STRING) does not exist; there is REPEAT(x BIGINT, times INTEGER) RETURNS BIGINT"
    );
    let types = [DataType::Int64, DataType::Int64];
    assert_eq!(Repeat::table().coerce(&types).unwrap()[1], DataType::Int32);
}
