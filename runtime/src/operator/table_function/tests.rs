//! Table functions: zipping, padding, what has no rows, limits.

use datafusion::arrow::array::builder::{Int64Builder, ListBuilder};
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Int8Array, Int64Array};
use datafusion::arrow::datatypes::{Field, Int64Type, Schema};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_expr::expressions::Column;

use super::*;
use crate::operator::RowErrorPolicy;
use crate::types::limits::CUBE_ELEMENTS_MAX;

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
