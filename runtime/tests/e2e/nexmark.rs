//! The queries of the Nexmark benchmark (`tests/nexmark/qN.sql`), each in several lives, against the same question asked
//! of DataFusion in one go (`qN.oracle.sql`) over the same events.
//!
//! A query ends in the stream or table `result`, whose topic is folded to its final rows. The oracle's tables `person`,
//! `auction` and `bid` have lower-case columns; its columns are matched with those of the result by name without case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use libtest_mimic::{Failed, Trial};
use waterwheel::connector::registry::{ConnectorSpec, Opening, open_source};
use waterwheel::connector::{PollLimits, Polled, ReadOptions, StartAt, StopAt};
use waterwheel::engine::{Config, Engine};
use waterwheel::exec::StepRows;
use waterwheel::types::Clock;
use waterwheel::types::clock::ManualClock;
use waterwheel::types::schema::{Column, ColumnRole, SqlType};

use crate::fold::{self, Kind};

/// How long a query may take.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Events of all kinds: 50 persons, 150 auctions, 2,300 bids.
const EVENTS: &str = "2500";
/// Events in a second of event time, so that there are some dozen windows of ten seconds.
const RATE: &str = "20";

/// A way to run a query that must not change its result.
#[derive(Debug, Clone, Copy)]
struct Life {
    name: &'static str,
    workers: usize,
    rows: usize,
    partitions: &'static str,
}

const LIVES: [Life; 3] = [
    Life {
        name: "plain",
        workers: 1,
        rows: 8_192,
        partitions: "1",
    },
    Life {
        name: "three workers",
        workers: 3,
        rows: 100,
        partitions: "4",
    },
    Life {
        name: "small steps",
        workers: 1,
        rows: 7,
        partitions: "2",
    },
];

/// One test for each query and life.
pub(crate) fn trials(directory: &Path) -> Vec<Trial> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.retain(|path| {
        let is_sql = path.extension().is_some_and(|extension| extension == "sql");
        is_sql && !path.to_string_lossy().contains(".oracle.")
    });
    files.sort();
    assert!(!files.is_empty(), "{} holds no queries", directory.display());
    let mut trials = Vec::new();
    for file in files {
        for life in LIVES {
            let query = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let file = file.clone();
            trials.push(Trial::test(format!("nexmark/{query} ({})", life.name), move || {
                run(&file, life)
            }));
        }
    }
    trials
}

fn run(file: &Path, life: Life) -> Result<(), Failed> {
    let sql = std::fs::read_to_string(file)?;
    let oracle = std::fs::read_to_string(file.with_extension("oracle.sql"))?;
    let expected = ask_datafusion(&oracle)?;
    let columns: Vec<String> = match expected.first() {
        Some(batch) => batch
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().to_uppercase())
            .collect(),
        None => return Err("the oracle gave no rows; a test that finds nothing proves nothing".into()),
    };
    let expected = fold::rows_of_batches(&expected)?;
    let variables = [("events", EVENTS), ("rate", RATE), ("partitions", life.partitions)];
    let config = Config {
        workers: life.workers,
        step_rows: StepRows::UpTo(life.rows),
        variables: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..Config::default()
    };
    let engine = Engine::start(config, Arc::new(ManualClock::at(1_700_000_000_000)))?;
    engine
        .run_script(&sql, |_| Ok(()))
        .map_err(|error| error.render(&file.display().to_string(), waterwheel::sql::Colours::Off))?;
    fold::finish(&engine, TIMEOUT)?;
    let kind = if sql.contains("CREATE TABLE result") {
        Kind::Table
    } else {
        Kind::Stream
    };
    let found = fold::rows(&fold::records(&engine, "RESULT")?, kind, &columns)?;
    match fold::difference(&found, &expected) {
        None => Ok(()),
        Some(difference) => Err(difference.into()),
    }
}

/// The oracle's rows.
fn ask_datafusion(sql: &str) -> Result<Vec<RecordBatch>, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let context = SessionContext::new();
    for (event, columns) in EVENT_COLUMNS {
        let (schema, batches) = events(event, columns)?;
        context.register_table(event, Arc::new(MemTable::try_new(schema, vec![batches])?))?;
    }
    let batches = runtime.block_on(async { context.sql(sql).await?.collect().await })?;
    Ok(batches.into_iter().filter(|batch| batch.num_rows() > 0).collect())
}

const EVENT_COLUMNS: [(&str, &str); 3] = [
    (
        "person",
        "id name* emailaddress* creditcard* city* state* datetime@ extra*",
    ),
    (
        "auction",
        "id itemname* description* initialbid reserve datetime@ expires@ seller category extra*",
    ),
    ("bid", "auction bidder price channel* url* datetime@ extra*"),
];

/// All events of a kind, through the connector itself: `columns` are names with `*` behind texts and `@` behind times.
fn events(event: &str, columns: &str) -> Result<(SchemaRef, Vec<RecordBatch>), Failed> {
    let columns: Vec<Column> = columns
        .split(' ')
        .map(|column| {
            let sql_type = match column.chars().last() {
                Some('*') => SqlType::String,
                Some('@') => SqlType::Timestamp,
                _ => SqlType::Bigint,
            };
            Column {
                name: column.trim_end_matches(['*', '@']).to_owned(),
                sql_type,
                role: ColumnRole::Value,
            }
        })
        .collect();
    let options = [("EVENT", event), ("EVENTS", EVENTS), ("EVENT_TIME_RATE", RATE)];
    let spec = ConnectorSpec {
        connector: "nexmark".into(),
        topic: event.into(),
        columns,
        options: options.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        value_format: None,
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(0));
    let read = ReadOptions {
        is_alone: false,
        group: String::new(),
        start_at: StartAt::Earliest,
        next_offsets: BTreeMap::new(),
        stop_at: StopAt::CurrentEnd,
        headers: false,
    };
    let opening = Opening {
        read: &read,
        clock: &clock,
        next_offsets: &BTreeMap::new(),
    };
    let mut source = open_source(&spec, opening)?;
    let limits = PollLimits {
        rows_max: 1_000,
        bytes_max: 1 << 30,
    };
    let mut batches = Vec::new();
    for mut reader in source.poll_assignment()?.ok_or("no readers")?.added {
        while let Polled::Columns(batch) = reader.poll(limits)? {
            batches.push(batch.records);
        }
    }
    let schema = batches.first().map(RecordBatch::schema).ok_or("no events")?;
    Ok((schema, batches))
}
