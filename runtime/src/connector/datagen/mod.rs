//! `CONNECTOR = 'datagen'`: rows made up from a seed, for demonstrations, benchmarks and tests.
//!
//! The rows come as Arrow columns; nothing is encoded or decoded. The same seed and options give the same rows whatever
//! the batch size, the speed, the number of partitions, and wherever reading is resumed. Rows are never written.

mod column_options;
mod generate;
mod kind;
mod kind_options;
mod nested;
mod plan;
mod reader;
mod values;
mod walk;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::fixed_source::FixedSource;
use super::options::wrong;
use super::pace::Pace;
use super::registry::{Connector, ConnectorSpec, Opening, OptionDoc, Payload};
use super::{Error, PartitionReader, Source, StopAt};
use plan::Plan;
use reader::GeneratedReader;

/// The connector.
#[derive(Debug)]
pub struct Datagen;

impl Connector for Datagen {
    fn name(&self) -> &'static str {
        "datagen"
    }

    fn summary(&self) -> &'static str {
        "gives rows made up from a seed"
    }

    fn options(&self) -> &'static [OptionDoc] {
        OPTIONS
    }

    fn check(&self, spec: &ConnectorSpec) -> Result<Payload, Error> {
        Plan::read(spec, 0)?;
        Ok(Payload::Columns)
    }

    fn open_source(&self, spec: &ConnectorSpec, opening: Opening<'_>) -> Result<Box<dyn Source>, Error> {
        let plan = Arc::new(Plan::read(spec, opening.clock.now_ms())?);
        if opening.read.stop_at == StopAt::CurrentEnd && plan.rows.is_none() {
            return Err(wrong(
                "ROWS",
                format!(
                    "`{}` has no end, so a query that reads it to its end would never answer: set ROWS, or add EMIT CHANGES",
                    spec.topic
                ),
            ));
        }
        let resume_row = |partition| opening.next_offsets.get(&partition).copied().unwrap_or(0).max(0);
        let first_due_row = (0..plan.partitions).map(resume_row).min().unwrap_or(0);
        let pace = Pace::new(plan.rows_per_1000_s, first_due_row, Arc::clone(opening.clock));
        let readers = (0..plan.partitions)
            .map(|partition| {
                let reader = GeneratedReader::new(Arc::clone(&plan), partition, resume_row(partition), pace.clone());
                Box::new(reader) as Box<dyn PartitionReader>
            })
            .collect();
        Ok(Box::new(FixedSource::new(readers)))
    }
}

/// For the reference documentation; [`Plan::read`] and the kinds are what takes them.
const OPTIONS: &[OptionDoc] = &[
    OptionDoc {
        name: "ROWS",
        meaning: "how many rows in all; without it they never end",
    },
    OptionDoc {
        name: "ROWS_PER_SECOND",
        meaning: "how fast, all partitions together; without it as fast as they are taken",
    },
    OptionDoc {
        name: "SEED",
        meaning: "a whole number that the rows depend on; 0 without it",
    },
    OptionDoc {
        name: "PARTITIONS",
        meaning: "among how many partitions the rows are dealt, by key; 1 without it",
    },
    OptionDoc {
        name: "COLUMN.kind",
        meaning: "'random', 'sequence', 'choice', 'random_walk', 'time', 'constant', 'text' or 'uuid'; without it the other options or the type tell",
    },
    OptionDoc {
        name: "COLUMN.min, COLUMN.max",
        meaning: "bounds of random values and walks, both included",
    },
    OptionDoc {
        name: "COLUMN.decimals",
        meaning: "digits behind the point to which random values and walks of type DOUBLE are rounded",
    },
    OptionDoc {
        name: "COLUMN.start, COLUMN.step",
        meaning: "of a sequence: first value and difference (days of a DATE, milliseconds of a TIME or TIMESTAMP); of a random_walk: first value (100) and largest change in a row (1)",
    },
    OptionDoc {
        name: "COLUMN.prefix",
        meaning: "of a sequence of type STRING: the text before the number",
    },
    OptionDoc {
        name: "COLUMN.values, COLUMN.weights",
        meaning: "of a choice: 'A,B,C' and, if they are not equally likely, '5,3,1'",
    },
    OptionDoc {
        name: "COLUMN.volatility",
        meaning: "of a random_walk, in place of step: standard deviation of the change in a row as a share of the value, up to 0.25",
    },
    OptionDoc {
        name: "COLUMN.per",
        meaning: "of a random_walk: the column of which each value has a walk of its own",
    },
    OptionDoc {
        name: "COLUMN.start, COLUMN.step_ms, COLUMN.jitter_ms",
        meaning: "of a time: '2026-01-01T00:00:00Z' (without it), milliseconds since the epoch or 'now'; milliseconds from row to row (1, or what ROWS_PER_SECOND makes); how much later, at random, a row may be. The first such column gives the records their timestamps",
    },
    OptionDoc {
        name: "COLUMN.value",
        meaning: "of a constant: the value",
    },
    OptionDoc {
        name: "COLUMN.length",
        meaning: "of a text: how many letters; 8 without it",
    },
    OptionDoc {
        name: "COLUMN.null_rate",
        meaning: "share of nulls, 0 to 1, for any kind",
    },
];
