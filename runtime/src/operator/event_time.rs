//! The event time of rows from a declared column: `WITH (TIMESTAMP = 'column', TIMESTAMP_FORMAT = 'pattern')`.
//!
//! Of a source it is read when its records are; of the result of a query it is set before the sink ([`SetEventTime`]).

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMillisecondType};

use super::{Error, Operator, RowErrorPolicy, RowErrors};
use crate::catalog::EventTimeColumn;
use crate::function::java_time::{JavaFormat, Zone};
use crate::types::ChangeBatch;

/// Reads event times out of one column.
#[derive(Debug)]
pub(crate) struct EventTime {
    column: String,
    format: Option<JavaFormat>,
    /// A row without a time ends the query.
    fails: bool,
    /// Texts without a zone are read as UTC (ksqlDB: the zone of the server).
    zone: Zone,
}

impl EventTime {
    pub(crate) fn new(declared: &EventTimeColumn) -> Result<Self, Error> {
        let format = declared.pattern.as_ref().map(|pattern| {
            JavaFormat::parse_pattern(pattern).map_err(|error| Error::Expression {
                expression: "TIMESTAMP_FORMAT".into(),
                reason: error.to_string(),
            })
        });
        Ok(Self {
            column: declared.column.clone(),
            format: format.transpose()?,
            fails: declared.fails,
            zone: Zone::utc(),
        })
    }

    /// The event times of a batch, and the mask of the rows that have one where some have not. Rows without one get the
    /// timestamp of their record; they are left out afterwards.
    pub(crate) fn of(
        &self,
        column: &ArrayRef,
        timestamps: &Int64Array,
    ) -> Result<(Int64Array, Option<BooleanArray>), Error> {
        let times: Int64Array = match (column.data_type(), &self.format) {
            (DataType::Int64, None) => column.as_primitive::<Int64Type>().clone(),
            (DataType::Timestamp(TimeUnit::Millisecond, _), None) => column
                .as_primitive::<TimestampMillisecondType>()
                .reinterpret_cast::<Int64Type>(),
            (DataType::Utf8, Some(format)) => {
                let read = |text: &str| format.parse_timestamp_ms(text, &self.zone).ok();
                column
                    .as_string::<i32>()
                    .iter()
                    .map(|text| text.and_then(read))
                    .collect()
            }
            (other, _) => {
                return Err(Error::Expression {
                    expression: self.column.clone(),
                    reason: format!("an event time cannot be of the type {other}"),
                });
            }
        };
        if times.null_count() == 0 && times.values().iter().all(|time| *time >= 0) {
            return Ok((times, None));
        }
        let keep: BooleanArray = times
            .iter()
            .map(|time| Some(time.is_some_and(|time| time >= 0)))
            .collect();
        let pairs = times.iter().zip(timestamps.values());
        let filled = pairs.map(|(time, stamp)| time.filter(|time| *time >= 0).unwrap_or(*stamp));
        Ok((Int64Array::from_iter_values(filled), Some(keep)))
    }
}

/// Gives rows the event time that one of their columns holds. Rows without one are row errors and left out (ksqlDB:
/// `TimestampColumn` of a sink).
#[derive(Debug)]
pub struct SetEventTime {
    position: usize,
    event_time: EventTime,
    errors: Arc<RowErrors>,
}

impl SetEventTime {
    /// From the column at `position`, which is the declared one.
    ///
    /// # Errors
    /// When the pattern cannot be read.
    pub(crate) fn new(position: usize, declared: &EventTimeColumn, errors: Arc<RowErrors>) -> Result<Self, Error> {
        Ok(Self {
            position,
            event_time: EventTime::new(declared)?,
            errors,
        })
    }

    fn report(&self, keep: &BooleanArray) -> Result<(), Error> {
        let failed = keep.len() - keep.true_count();
        let error = |_| Error::Expression {
            expression: self.event_time.column.clone(),
            reason: "the event time is null, negative or not in the declared format".into(),
        };
        let errors: Vec<Error> = (0..failed).map(error).collect();
        self.errors.report(&errors);
        match errors.into_iter().next() {
            Some(error) if self.errors.policy == RowErrorPolicy::Fail || self.event_time.fails => Err(error),
            _ => Ok(()),
        }
    }
}

impl Operator for SetEventTime {
    fn push(&mut self, _port: usize, mut changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        let column = Arc::clone(changes.records.column(self.position));
        let (times, mut keep) = self.event_time.of(&column, &changes.event_times)?;
        // A record without a value has no column to read; it keeps its time.
        if let (Some(mask), Some(rows)) = (&keep, changes.rows_mask()) {
            keep = Some(datafusion::arrow::compute::or(
                mask,
                &datafusion::arrow::compute::not(&rows)?,
            )?);
        }
        changes.event_times = times;
        let Some(keep) = keep.filter(|keep| keep.true_count() < keep.len()) else {
            out.push(changes);
            return Ok(());
        };
        self.report(&keep)?;
        if keep.true_count() > 0 {
            out.push(changes.filter(&keep)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int8Array, RecordBatch};

    use super::*;

    #[test]
    fn rows_get_the_time_of_their_column_or_go() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(5), None, Some(-1), Some(7), None]));
        let records = RecordBatch::try_from_iter([("t", column)]).expect("a batch");
        let mut changes = ChangeBatch::inserted(records, Int64Array::from(vec![100; 5]));
        changes.weights = Some(Int8Array::from(vec![1, 1, 1, 1, 0]));
        let declared = EventTimeColumn {
            column: "t".into(),
            pattern: None,
            fails: false,
        };
        let errors = Arc::new(RowErrors::default());
        let mut operator = SetEventTime::new(0, &declared, Arc::clone(&errors)).expect("no pattern");
        let mut out = Vec::new();
        operator.push(0, changes.clone(), &mut out).expect("it runs");
        assert_eq!(out[0].event_times.values(), &[5, 7, 100]);
        assert_eq!(errors.count(), 2);
        let declared = EventTimeColumn {
            fails: true,
            ..declared
        };
        let mut operator = SetEventTime::new(0, &declared, errors).expect("no pattern");
        assert!(operator.push(0, changes, &mut out).is_err());
    }
}
