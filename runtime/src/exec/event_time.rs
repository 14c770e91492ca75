//! The event time of rows from a declared column: `WITH (TIMESTAMP = 'column', TIMESTAMP_FORMAT = 'pattern')`.

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMillisecondType};

use super::Error;
use crate::catalog::EventTimeColumn;
use crate::function::java_time::{JavaFormat, Zone};

/// Reads event times out of one column.
#[derive(Debug)]
pub(crate) struct EventTime {
    column: String,
    format: Option<JavaFormat>,
    /// Texts without a zone are read as UTC (ksqlDB: the zone of the server).
    zone: Zone,
}

impl EventTime {
    pub(crate) fn new(declared: &EventTimeColumn) -> Result<Self, Error> {
        let format = declared.pattern.as_ref().map(|pattern| {
            JavaFormat::parse_pattern(pattern).map_err(|error| Error::Internal(format!("TIMESTAMP_FORMAT: {error}")))
        });
        Ok(Self {
            column: declared.column.clone(),
            format: format.transpose()?,
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
                return Err(Error::Internal(format!(
                    "the event time column {} has the type {other}",
                    self.column
                )));
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
