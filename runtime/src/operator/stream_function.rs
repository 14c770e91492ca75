//! Stream functions of plugins: one result per row, from the row and the state of its key.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::{Error, Expression, KeyIndex, Operator, RowErrors};
use crate::types::ChangeBatch;
use crate::udf::{StreamFunction, StreamInstance};

/// One call of a stream function as it was planned.
#[derive(Debug, Clone)]
pub struct StreamCall {
    /// The function.
    pub function: Arc<dyn StreamFunction>,
    /// Its arguments, each of the declared type.
    pub args: Vec<Expression>,
}

/// Appends to each row the results of stream functions that share one key.
#[derive(Debug)]
pub struct StreamFunctionOperator {
    keys: Vec<Expression>,
    index: KeyIndex,
    calls: Vec<(Box<dyn StreamInstance>, Vec<Expression>)>,
    schema: SchemaRef,
    errors: Arc<RowErrors>,
    slots: Vec<u32>,
}

impl StreamFunctionOperator {
    /// `schema` is the input's with one more field for each call.
    ///
    /// # Errors
    /// When a plugin cannot be started, or a key has a type that cannot be a key.
    pub fn new(
        keys: Vec<Expression>,
        calls: &[StreamCall],
        schema: SchemaRef,
        errors: Arc<RowErrors>,
    ) -> Result<Self, Error> {
        let types: Vec<DataType> = keys.iter().map(|key| key.data_type().clone()).collect();
        let calls = calls
            .iter()
            .map(|call| {
                let constants: Vec<_> = call.args.iter().map(Expression::constant).collect();
                Ok((call.function.instance(&constants)?, call.args.clone()))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Self {
            keys,
            index: KeyIndex::new(&types)?,
            calls,
            schema,
            errors,
            slots: Vec::new(),
        })
    }

    /// Values of `expressions`; a row on which one fails has NULL there whatever the policy, because leaving a row out
    /// in the middle of a key's history would change the state of all rows after it.
    fn evaluate(&self, expressions: &[Expression], records: &RecordBatch) -> Result<Vec<ArrayRef>, Error> {
        expressions
            .iter()
            .map(|expression| Ok(expression.evaluate(records, &self.errors)?.array))
            .collect()
    }
}

impl Operator for StreamFunctionOperator {
    fn push(&mut self, _port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        // A record without a value is no row to a function (ksqlDB: it is dropped before any stateful step).
        let changes = changes.without_retractions()?;
        if changes.is_empty() {
            return Ok(());
        }
        let keys = self.evaluate(&self.keys, &changes.records)?;
        let mut slots = std::mem::take(&mut self.slots);
        self.index.slots(&keys, changes.num_rows(), &mut slots)?;
        let args = self
            .calls
            .iter()
            .map(|(_, args)| self.evaluate(args, &changes.records))
            .collect::<Result<Vec<_>, Error>>()?;
        let mut columns = changes.records.columns().to_vec();
        for ((instance, _), args) in self.calls.iter_mut().zip(args) {
            columns.push(instance.push(&slots, &args)?);
        }
        self.slots = slots;
        out.push(ChangeBatch {
            records: RecordBatch::try_new(Arc::clone(&self.schema), columns)?,
            event_times: changes.event_times,
            weights: None,
            stream_times: changes.stream_times,
        });
        Ok(())
    }
}
