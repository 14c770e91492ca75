//! Table functions: one row in, no, one or many rows out.
//!
//! A call gives a list for each row. Several calls of one SELECT are zipped: the first values of all lists make the first row, and
//! so on; a list that is shorter than the longest is filled up with NULL, and a row whose lists are all empty gives no row
//! (ksqlDB: `KudtfFlatMapper`). What a function computes is behind [`TableFunction`]; where the lists come from, built in or plugin,
//! makes no difference here.

mod cube;
mod explode;
mod plugin;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, ListArray, RecordBatch, RecordBatchOptions, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::scalar::ScalarValue;

pub use cube::CubeExplode;
pub use explode::Explode;
pub use plugin::PluginTable;

use super::{Error, Expression, Operator, RowErrors};
use crate::types::ChangeBatch;
use crate::types::limits::{BATCH_ROWS_MAX, TABLE_FUNCTION_ROWS_PER_CALL_MAX};
use crate::udf::OverloadedTable;

/// A table function as planning sees it.
pub trait TableFunction: Send + Sync + Debug {
    /// Its name in SQL, in lower case.
    fn name(&self) -> &str;

    /// The types that its arguments are converted to.
    ///
    /// # Errors
    /// When it does not take arguments of these types; the text says what it takes.
    fn coerce(&self, args: &[DataType]) -> Result<Vec<DataType>, String>;

    /// The type of one value, for arguments of types that [`TableFunction::coerce`] gave.
    ///
    /// # Errors
    /// As [`TableFunction::coerce`].
    fn return_type(&self, args: &[DataType]) -> Result<DataType, String>;

    /// What a plugin says of it, where it is a plugin's.
    fn plugin(&self) -> Option<&OverloadedTable> {
        None
    }

    /// A running one for arguments of these types, which [`TableFunction::coerce`] gave, with the values of those that are constants; every
    /// shard has its own.
    ///
    /// # Errors
    /// When it does not take such arguments.
    fn instance(&self, args: &[DataType], constants: &[Option<ScalarValue>]) -> Result<Box<dyn TableInstance>, Error>;
}

/// A running table function.
pub trait TableInstance: Send + Debug {
    /// A list for each row; NULL counts as an empty one. A row on which the function fails gets NULL and is told to `errors`.
    ///
    /// # Errors
    /// When the function fails as a whole, or on a row where the policy is to fail.
    fn lists(&mut self, args: &[ArrayRef], num_rows: usize, errors: &RowErrors) -> Result<ListArray, Error>;
}

/// The table functions that need no plugin.
#[must_use]
pub fn built_in() -> Vec<Arc<dyn TableFunction>> {
    vec![Arc::new(Explode), Arc::new(CubeExplode)]
}

/// One call as it was planned.
#[derive(Debug, Clone)]
pub struct TableCall {
    /// The function.
    pub function: Arc<dyn TableFunction>,
    /// Its arguments, each of the type that it takes.
    pub args: Vec<Expression>,
}

/// Calls whose rows are zipped.
#[derive(Debug, Clone)]
pub struct TableCalls {
    /// The calls.
    pub calls: Vec<TableCall>,
    /// Whether a row without any value stays, with NULL for each call.
    pub keeps_rows: bool,
    /// Whether a last column, BIGINT, has the number of the row among those of its input row, from 1; NULL in a row that is only kept.
    pub ordinality: bool,
}

/// Gives for each row one row per value of its lists, with a column for each call behind the columns of the row.
#[derive(Debug)]
pub struct TableFunctionOperator {
    calls: Vec<(Box<dyn TableInstance>, Vec<Expression>)>,
    keeps_rows: bool,
    ordinality: bool,
    schema: SchemaRef,
    errors: Arc<RowErrors>,
}

impl TableFunctionOperator {
    /// `schema` is the input's with one more field for each call, and one for the ordinality.
    ///
    /// # Errors
    /// When a function does not take its arguments.
    pub fn new(table: &TableCalls, schema: SchemaRef, errors: Arc<RowErrors>) -> Result<Self, Error> {
        let calls = (table.calls.iter())
            .map(|call| Ok((call.instance()?, call.args.clone())))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Self {
            calls,
            keeps_rows: table.keeps_rows,
            ordinality: table.ordinality,
            schema,
            errors,
        })
    }

    /// The lists of each call; a row that the policy leaves out has none.
    fn lists(&mut self, changes: &ChangeBatch) -> Result<Vec<Lists>, Error> {
        let rows = changes.num_rows();
        let mut all = Vec::with_capacity(self.calls.len());
        let mut left_out = vec![false; rows];
        for (instance, args) in &mut self.calls {
            let mut columns = Vec::with_capacity(args.len());
            for arg in args.iter() {
                let values = arg.evaluate(&changes.records, &self.errors)?;
                if let Some(keep) = values.keep {
                    for (row, out) in left_out.iter_mut().enumerate() {
                        *out |= !keep.value(row);
                    }
                }
                columns.push(values.array);
            }
            all.push(Lists(instance.lists(&columns, rows, &self.errors)?, vec![]));
        }
        for lists in &mut all {
            lists.1.clone_from(&left_out);
        }
        Ok(all)
    }

    fn give(
        &self,
        changes: &ChangeBatch,
        lists: &[Lists],
        picks: &mut Picks,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<(), Error> {
        let rows = UInt32Array::from(std::mem::take(&mut picks.rows));
        let repeated = changes.take(&rows)?;
        let mut columns = repeated.records.columns().to_vec();
        for (list, values) in lists.iter().zip(&mut picks.values) {
            let values = UInt32Array::from(std::mem::take(values));
            columns.push(take(list.0.values(), &values, None)?);
        }
        let numbers = std::mem::take(&mut picks.numbers);
        if self.ordinality {
            columns.push(Arc::new(Int64Array::from(numbers)));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        out.push(ChangeBatch {
            records: RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?,
            ..repeated
        });
        Ok(())
    }
}

/// A call's lists, and the rows that are left out.
struct Lists(ListArray, Vec<bool>);

impl Lists {
    /// Where the values of a row begin, and how many there are.
    fn of(&self, row: usize) -> (usize, usize) {
        if self.0.is_null(row) || self.1[row] {
            return (0, 0);
        }
        let offsets = self.0.value_offsets();
        let start = usize::try_from(offsets[row]).expect("arrow's offsets are not negative");
        let end = usize::try_from(offsets[row + 1]).expect("arrow's offsets are not negative");
        (start, end - start)
    }
}

/// Which row, and which value of each call, each row of the result is made of.
struct Picks {
    rows: Vec<u32>,
    values: Vec<Vec<Option<u32>>>,
    /// The number of each row among those of its input row, where that is asked for.
    numbers: Vec<Option<i64>>,
}

impl Operator for TableFunctionOperator {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        // A record without a value is no row (ksqlDB: nothing is flattened out of it).
        let changes = match changes.rows_mask() {
            Some(mask) => changes.filter(&mask)?,
            None => changes,
        };
        let mut from = 0;
        while from < changes.num_rows() {
            let length = (changes.num_rows() - from).min(TABLE_FUNCTION_ROWS_PER_CALL_MAX);
            self.explode(&changes.slice(from, length), out)?;
            from += length;
        }
        Ok(())
    }
}

impl TableFunctionOperator {
    fn explode(&mut self, changes: &ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let lists = self.lists(changes)?;
        let mut picks = Picks {
            rows: Vec::new(),
            values: vec![Vec::new(); lists.len()],
            numbers: Vec::new(),
        };
        let index = |at: usize| u32::try_from(at).expect("an arrow list has fewer than 2^31 values");
        for row in 0..changes.num_rows() {
            let count = lists.iter().map(|list| list.of(row).1).max().unwrap_or(0);
            let is_left_out = lists.first().is_some_and(|list| list.1[row]);
            let kept = usize::from(self.keeps_rows && count == 0 && !is_left_out);
            for at in 0..count + kept {
                picks.rows.push(index(row));
                if self.ordinality {
                    picks.numbers.push((at < count).then(|| i64::from(index(at)) + 1));
                }
                for (list, values) in lists.iter().zip(&mut picks.values) {
                    let (start, length) = list.of(row);
                    values.push((at < length).then(|| index(start + at)));
                }
                // Long lists must not make one batch of millions of rows.
                if picks.rows.len() == BATCH_ROWS_MAX {
                    self.give(changes, &lists, &mut picks, out)?;
                }
            }
        }
        if !picks.rows.is_empty() {
            self.give(changes, &lists, &mut picks, out)?;
        }
        Ok(())
    }
}

impl TableCall {
    fn instance(&self) -> Result<Box<dyn TableInstance>, Error> {
        let types: Vec<DataType> = self.args.iter().map(|arg| arg.data_type().clone()).collect();
        let constants: Vec<Option<ScalarValue>> = self.args.iter().map(Expression::constant).collect();
        self.function.instance(&types, &constants)
    }
}

impl std::fmt::Display for TableCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let calls: Vec<String> = self.calls.iter().map(ToString::to_string).collect();
        write!(f, "{}", calls.join(", "))?;
        if self.ordinality {
            f.write_str(", with ordinality")?;
        }
        if self.keeps_rows {
            f.write_str(", rows without results are kept")?;
        }
        Ok(())
    }
}

impl std::fmt::Display for TableCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let args: Vec<String> = self.args.iter().map(ToString::to_string).collect();
        write!(f, "{}({})", self.function.name(), args.join(", "))
    }
}
