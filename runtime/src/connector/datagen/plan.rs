//! What a generated stream is: its columns, how many rows and how fast, and which partition a row belongs to.
//!
//! The rows are one sequence, numbered from 0, that depends on the seed and the options alone. Partitions only deal
//! its rows out: by the hash of the key, or in turn where there is no key. So the number of partitions changes no row.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::row::{RowConverter, SortField};

use super::super::Error;
use super::super::key_partition::{check_no_headers, partitions_of};
use super::super::options::{Options, wrong};
use super::super::pace::take_rate;
use super::super::registry::ConnectorSpec;
use super::column_options::AllColumnOptions;
use super::kind::{ColumnKind, KindBuilder};
use crate::types::schema::{Column, ColumnRole, arrow_schema};

/// A generated stream.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) schema: SchemaRef,
    pub(super) columns: Vec<ColumnKind>,
    /// Positions of the key columns.
    pub(super) keys: Vec<usize>,
    pub(super) partitions: i32,
    /// Rows of all partitions together; `None`: no end.
    pub(super) rows: Option<i64>,
    /// Rows in 1,000 seconds, of all partitions together; `None`: as fast as asked.
    pub(super) rows_per_1000_s: Option<u64>,
    /// The partition of each value of a key that is one of a fixed few.
    homes: Option<Vec<i32>>,
    /// The first column of event times: it gives the rows their timestamps.
    pub(super) event_time: Option<usize>,
    /// About how many bytes a row takes.
    pub(super) bytes_per_row: usize,
}

impl Plan {
    /// Reads and checks all options; `now_ms` is what `start = 'now'` stands for.
    pub(super) fn read(spec: &ConnectorSpec, now_ms: i64) -> Result<Self, Error> {
        check_no_headers("datagen", &spec.columns)?;
        let mut options = Options::new(&spec.options);
        // The rows need no decoding, so a format that stands there anyway has no effect.
        for format in ["FORMAT", "VALUE_FORMAT"] {
            let _ = options.take(format);
        }
        let rows = options.take_parsed::<i64>("ROWS", "a whole number from 0 on")?;
        if rows.is_some_and(|rows| rows < 0) {
            return Err(wrong("ROWS", "must not be negative"));
        }
        let rows_per_1000_s = take_rate(&mut options, "ROWS_PER_SECOND")?;
        let seed = options.take_parsed("SEED", "a whole number from 0 on")?.unwrap_or(0);
        let partitions = options.take_partitions()?;
        let column_options = AllColumnOptions::new(options.take_dotted(), &spec.columns)?;
        options.finish("datagen")?;
        let mut builder = KindBuilder {
            seed,
            now_ms,
            step_us: rows_per_1000_s.map_or(1_000, |rate| (1_000_000_000 / rate).cast_signed()),
            columns: &spec.columns,
            options: column_options,
        };
        let columns = (0..spec.columns.len())
            .map(|position| builder.column(position))
            .collect::<Result<Vec<_>, _>>()?;
        let keys = spec
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.role == ColumnRole::Key)
            .map(|(position, _)| position)
            .collect();
        let mut plan = Self {
            homes: None,
            schema: arrow_schema(&spec.columns),
            event_time: columns.iter().position(|kind| {
                matches!(
                    kind,
                    ColumnKind::ByRow {
                        is_event_time: true,
                        ..
                    }
                )
            }),
            bytes_per_row: columns.iter().map(ColumnKind::bytes_per_row).sum::<usize>().max(1),
            columns,
            keys,
            partitions,
            rows,
            rows_per_1000_s,
        };
        plan.check_walks(&spec.columns)?;
        plan.homes = plan.homes();
        Ok(plan)
    }

    fn check_walks(&self, columns: &[Column]) -> Result<(), Error> {
        let is_walk = |position: usize| matches!(self.columns[position], ColumnKind::Walk(_));
        for (column, kind) in columns.iter().zip(&self.columns) {
            let ColumnKind::Walk(walk) = kind else { continue };
            if column.role == ColumnRole::Key {
                return Err(wrong(
                    &format!("{}.KIND", column.name.to_uppercase()),
                    "a key cannot be a random_walk: the partition of a row must be known without the rows before it",
                ));
            }
            let Some(per) = walk.per else { continue };
            let option = format!("{}.PER", column.name.to_uppercase());
            if is_walk(per) {
                return Err(wrong(
                    &option,
                    format!("column `{}` is a walk itself", columns[per].name),
                ));
            }
            let field = SortField::new(self.schema.field(per).data_type().clone());
            RowConverter::new(vec![field]).map_err(|_| {
                wrong(
                    &option,
                    format!("values of type {} cannot be told apart", columns[per].sql_type),
                )
            })?;
        }
        Ok(())
    }

    /// The values of column `position` for `rows`; the column must be by row.
    pub(super) fn by_row(&self, position: usize, rows: &[i64]) -> Option<ArrayRef> {
        match &self.columns[position] {
            ColumnKind::ByRow { generate, .. } => Some(generate.generate(rows)),
            ColumnKind::Walk(_) => None,
        }
    }

    /// The partition of each value of the key, where the key is one of a fixed few.
    fn homes(&self) -> Option<Vec<i32>> {
        let [key] = self.keys[..] else { return None };
        let ColumnKind::ByRow { generate, .. } = &self.columns[key] else {
            return None;
        };
        let values = &generate.as_choice()?.values;
        Some(partitions_of(
            self.partitions,
            std::slice::from_ref(values),
            &vec![0; values.len()],
        ))
    }

    /// The rows from `start` to before `end` that belong to `partition`, no more than `rows_max`.
    pub(super) fn rows_of(&self, partition: i32, start: i64, end: i64, rows_max: usize) -> Vec<i64> {
        let count = i64::from(self.partitions);
        if self.keys.is_empty() || count == 1 {
            let first = start + (i64::from(partition) - start).rem_euclid(count);
            let step = self.partitions.unsigned_abs() as usize;
            return (first..end).step_by(step).take(rows_max).collect();
        }
        if let (Some(homes), [key]) = (&self.homes, &self.keys[..])
            && let ColumnKind::ByRow { generate, .. } = &self.columns[*key]
            && let Some(choice) = generate.as_choice()
        {
            let is_own = |row: &i64| homes[choice.pick(*row) as usize] == partition;
            return (start..end).filter(is_own).take(rows_max).collect();
        }
        let all: Vec<i64> = (start..end).collect();
        let keys: Vec<ArrayRef> = self.keys.iter().filter_map(|key| self.by_row(*key, &all)).collect();
        let partitions = partitions_of(self.partitions, &keys, &all);
        let own = all.iter().zip(partitions).filter(|(_, other)| *other == partition);
        own.map(|(row, _)| *row).take(rows_max).collect()
    }

    /// True when no row can ever belong to `partition`.
    pub(super) fn is_barren(&self, partition: i32) -> bool {
        self.homes.as_ref().is_some_and(|homes| !homes.contains(&partition))
    }

    /// True when the walk at `position` needs only the rows of one partition: all rows of each of its values are there.
    pub(super) fn is_local(&self, per: Option<usize>) -> bool {
        if self.partitions == 1 {
            return true;
        }
        match (per, &self.keys[..]) {
            (Some(per), [key]) if per == *key => {
                matches!(&self.columns[per], ColumnKind::ByRow { generate, .. } if !generate.may_be_null())
            }
            _ => false,
        }
    }
}

impl ColumnKind {
    fn bytes_per_row(&self) -> usize {
        match self {
            Self::ByRow { generate, .. } => generate.bytes_per_row(),
            Self::Walk(_) => 8,
        }
    }
}
