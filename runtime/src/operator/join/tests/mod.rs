//! Tests of the joins against hand-computed changelogs, and against models that look at one record at a time.

mod asof;
mod foreign_key;
mod in_time;
mod stream_stream;
mod stream_stream_random;
mod stream_table;
mod table_table;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, Int8Array, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::logical_expr::Operator as Comparison;
use datafusion::physical_plan::expressions::{BinaryExpr, Column};

use super::Saved;
use crate::operator::{Expression, LateRowPolicy, LateRows, Operator, Progress, RowErrors};
use crate::types::ChangeBatch;

/// A change of a test: weight, columns, event time.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    weight: i8,
    columns: Vec<Option<i64>>,
    time: i64,
}

fn row(columns: &[Option<i64>], time: i64) -> Change {
    Change {
        weight: 1,
        columns: columns.to_vec(),
        time,
    }
}

/// An inserted row of a key and a value.
fn put(key: i64, value: i64, time: i64) -> Change {
    row(&[Some(key), Some(value)], time)
}

/// A retracted row of a key and a value.
fn old(key: i64, value: i64, time: i64) -> Change {
    Change {
        weight: -1,
        ..put(key, value, time)
    }
}

/// The deletion of a key that has no row, or a record without a value.
fn gone(key: i64, time: i64) -> Change {
    Change {
        weight: 0,
        ..row(&[Some(key), None], time)
    }
}

/// `columns` numbers, named by `prefix` and their position.
fn schema(prefix: &str, columns: usize) -> SchemaRef {
    let fields = (0..columns).map(|at| Field::new(format!("{prefix}{at}"), DataType::Int64, true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The columns of both, nullable.
fn joined_schema(left: &SchemaRef, right: &SchemaRef) -> SchemaRef {
    let fields = left.fields().iter().chain(right.fields()).cloned();
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn column(at: usize) -> Expression {
    Expression::new(Arc::new(Column::new("c", at)), format!("c{at}"), DataType::Int64)
}

/// `a < b` for columns of the joined rows.
fn less(a: usize, b: usize) -> Expression {
    let [a, b] = [a, b].map(|at| Arc::new(Column::new("c", at)) as _);
    let comparison = BinaryExpr::new(a, Comparison::Lt, b);
    Expression::new(Arc::new(comparison), "a < b".into(), DataType::Boolean)
}

fn errors() -> Arc<RowErrors> {
    Arc::new(RowErrors::default())
}

fn late_rows() -> Arc<LateRows> {
    Arc::new(LateRows::new("Q".into(), LateRowPolicy::Keep))
}

/// Changes as a batch; weights only where one is not +1, stream times where given.
fn batch(schema: &SchemaRef, changes: &[Change], stream_times: Option<&[i64]>) -> ChangeBatch {
    let columns = (0..schema.fields().len()).map(|at| {
        let values: Int64Array = changes.iter().map(|change| change.columns[at]).collect();
        Arc::new(values) as _
    });
    let weights: Int8Array = changes.iter().map(|change| Some(change.weight)).collect();
    ChangeBatch {
        records: RecordBatch::try_new(Arc::clone(schema), columns.collect()).unwrap(),
        event_times: changes.iter().map(|change| change.time).collect(),
        weights: changes.iter().any(|change| change.weight != 1).then_some(weights),
        stream_times: stream_times.map(|times| times.to_vec().into()),
    }
}

/// The rows of batches, in order.
fn changes(batches: &[ChangeBatch]) -> Vec<Change> {
    let mut read = Vec::new();
    for batch in batches {
        assert!(!batch.is_empty(), "an empty batch was given");
        for at in 0..batch.num_rows() {
            let value = |column: &dyn Array| {
                column
                    .is_valid(at)
                    .then(|| column.as_primitive::<Int64Type>().value(at))
            };
            read.push(Change {
                weight: batch.weight(at),
                columns: batch
                    .records
                    .columns()
                    .iter()
                    .map(|column| value(column.as_ref()))
                    .collect(),
                time: batch.event_times.value(at),
            });
        }
    }
    read
}

/// Changes as short lines: `+1,10,1,20@5`, with `_` for null.
fn lines(changes: &[Change]) -> Vec<String> {
    let line = |change: &Change| {
        let columns = change
            .columns
            .iter()
            .map(|value| value.map_or("_".into(), |value| value.to_string()));
        let columns: Vec<String> = columns.collect();
        let sign = match change.weight {
            1 => "+",
            0 => "0:",
            _ => "-",
        };
        format!("{sign}{}@{}", columns.join(","), change.time)
    };
    changes.iter().map(line).collect()
}

fn sorted(mut changes: Vec<Change>) -> Vec<String> {
    changes.sort_by(|a, b| (&a.columns, a.time, a.weight).cmp(&(&b.columns, b.time, b.weight)));
    lines(&changes)
}

/// Gives the operator one step: the right batch, then the left one, then time.
fn step(
    operator: &mut dyn Operator,
    left: Option<ChangeBatch>,
    right: Option<ChangeBatch>,
    progress: Progress,
) -> Vec<Change> {
    let mut out = Vec::new();
    if let Some(right) = right {
        operator.push(1, right, &mut out).unwrap();
    }
    if let Some(left) = left {
        operator.push(0, left, &mut out).unwrap();
    }
    operator.advance(progress, &mut out).unwrap();
    changes(&out)
}

/// A state table: what `save` gave, put together.
#[derive(Debug, Default)]
struct Store(BTreeMap<Vec<u8>, Vec<u8>>);

impl Store {
    fn apply(&mut self, saved: Saved) {
        for (key, value) in saved {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }

    fn pairs(&self) -> Vec<crate::state::Entry> {
        self.0
            .iter()
            .map(|(key, value)| (key.clone().into(), value.clone().into()))
            .collect()
    }
}

/// Adds a changelog up. Fails where a retraction names a row that is not there.
fn fold(changelog: &[Change]) -> Result<Vec<Vec<Option<i64>>>, String> {
    let mut rows: BTreeMap<Vec<Option<i64>>, i64> = BTreeMap::new();
    for change in changelog.iter().filter(|change| change.weight != 0) {
        let count = rows.entry(change.columns.clone()).or_default();
        *count += i64::from(change.weight);
        if *count < 0 {
            return Err(format!("{change:?} retracts what is not there"));
        }
        if *count == 0 {
            rows.remove(&change.columns);
        }
    }
    Ok(rows
        .into_iter()
        .flat_map(|(row, count)| std::iter::repeat_n(row, usize::try_from(count).unwrap()))
        .collect())
}
