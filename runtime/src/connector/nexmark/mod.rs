//! `CONNECTOR = 'nexmark'`: the persons, auctions and bids of the Nexmark benchmark, for benchmarks and tests.
//!
//! One stream reads one of the three kinds of events; streams with the same options see parts of one sequence, so that
//! they can be joined. The rows come as Arrow columns, only those that the stream declares, and depend on the options
//! alone: not on batches, speed, partitions, restarts or the machine.
//!
//! The generator is our own, after the public description of the benchmark (kinds by event number, ids in flight, hot
//! keys, skewed prices). The crate `nexmark` (0.2.0) does not fit: it has no seed, its random numbers are those of
//! `SmallRng`, which differ between machines and releases, it makes every text of every event whether it is read or
//! not, and it would bring a second, older `rand`.

mod events;
mod fields;
mod reader;
mod settings;
mod texts;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::fixed_source::FixedSource;
use super::options::wrong;
use super::pace::Pace;
use super::registry::{Connector, ConnectorSpec, Opening, OptionDoc, Payload};
use super::{Error, PartitionReader, Source, StopAt};
use reader::NexmarkReader;
use settings::Settings;

/// The connector.
#[derive(Debug)]
pub struct Nexmark;

impl Connector for Nexmark {
    fn name(&self) -> &'static str {
        "nexmark"
    }

    fn summary(&self) -> &'static str {
        "gives the persons, auctions or bids of the Nexmark benchmark"
    }

    fn options(&self) -> &'static [OptionDoc] {
        OPTIONS
    }

    fn check(&self, spec: &ConnectorSpec) -> Result<Payload, Error> {
        Settings::read(spec, 0)?;
        Ok(Payload::Columns)
    }

    fn open_source(&self, spec: &ConnectorSpec, opening: Opening<'_>) -> Result<Box<dyn Source>, Error> {
        let settings = Arc::new(Settings::read(spec, opening.clock.now_ms())?);
        if opening.read.stop_at == StopAt::CurrentEnd && settings.rows.is_none() {
            return Err(wrong(
                "EVENTS",
                format!(
                    "`{}` has no end, so a query that reads it to its end would never answer: set EVENTS or ROWS, or add EMIT CHANGES",
                    spec.topic
                ),
            ));
        }
        let resume_row = |partition| opening.next_offsets.get(&partition).copied().unwrap_or(0).max(0);
        let first_row = (0..settings.partitions).map(resume_row).min().unwrap_or(0);
        // The pace counts events of all kinds, so that streams of different kinds stay side by side.
        let pace = Pace::new(
            settings.events_per_1000_s,
            settings.kind.round_of(first_row),
            Arc::clone(opening.clock),
        );
        let readers = (0..settings.partitions)
            .map(|partition| {
                let reader = NexmarkReader::new(Arc::clone(&settings), partition, resume_row(partition), pace.clone());
                Box::new(reader) as Box<dyn PartitionReader>
            })
            .collect();
        Ok(Box::new(FixedSource::new(readers)))
    }
}

/// For the reference documentation; [`Settings::read`] is what takes them.
const OPTIONS: &[OptionDoc] = &[
    OptionDoc {
        name: "EVENT",
        meaning: "'person', 'auction' or 'bid'; required",
    },
    OptionDoc {
        name: "EVENTS",
        meaning: "how long the sequence of all three kinds is; without it and ROWS it never ends",
    },
    OptionDoc {
        name: "ROWS",
        meaning: "in place of EVENTS: how many rows this stream has",
    },
    OptionDoc {
        name: "RATE",
        meaning: "events of all kinds in a second of processing time; without it as fast as they are taken",
    },
    OptionDoc {
        name: "EVENT_TIME_RATE",
        meaning: "events of all kinds in a second of event time; RATE without it, 10000 without that",
    },
    OptionDoc {
        name: "BASE_TIME",
        meaning: "the time of the first event: '2015-07-15T00:00:00Z' (without it), milliseconds since the epoch or 'now'",
    },
    OptionDoc {
        name: "OUT_OF_ORDER",
        meaning: "within groups of how many events times are shuffled; 1, not at all, without it",
    },
    OptionDoc {
        name: "ROWTIME",
        meaning: "'event' (without it): records carry the time of their event; 'processing': the time of reading",
    },
    OptionDoc {
        name: "SEED",
        meaning: "a whole number that the values depend on; 0 without it",
    },
    OptionDoc {
        name: "PARTITIONS",
        meaning: "among how many partitions the rows are dealt, by key; 1 without it",
    },
];
