//! Queries with OVER, Top-N and DISTINCT beside DataFusion's batch engine over the same rows: the changes that a query gives,
//! added up, must be what the batch query gives, whatever the number of rows in a step and of workers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use libtest_mimic::{Failed, Trial};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use waterwheel::engine::{Config, Engine, Outcome};
use waterwheel::exec::{State, StepRows};
use waterwheel::types::clock::ManualClock;

const TIMEOUT: Duration = Duration::from_mins(1);
const ROWS: usize = 300;

/// Queries that both engines read. SUM and AVG of no value are 0 as in ksqlDB, where SQL has NULL. Times are all different, so that a batch engine has one order too.
const QUERIES: &[&str] = &[
    "SELECT k, id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY rowtime) AS a, RANK() OVER (PARTITION BY k ORDER BY rowtime) AS b FROM s",
    "SELECT id, LAG(v) OVER (PARTITION BY k ORDER BY rowtime) AS a, LAG(v, 3, -7) OVER (PARTITION BY k ORDER BY rowtime) AS b, \
     LAG(v) IGNORE NULLS OVER (PARTITION BY k ORDER BY rowtime) AS c FROM s",
    "SELECT id, LEAD(v) OVER (PARTITION BY k ORDER BY rowtime) AS a, LEAD(v, 2, -7) OVER (PARTITION BY k ORDER BY rowtime) AS b, \
     COALESCE(SUM(v) OVER (PARTITION BY k ORDER BY rowtime ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING), 0) AS c, \
     COUNT(v) OVER (PARTITION BY k ORDER BY rowtime) AS d FROM s",
    "SELECT id, COALESCE(SUM(v) OVER (PARTITION BY k ORDER BY rowtime), 0) AS a, MIN(v) OVER (PARTITION BY k ORDER BY rowtime) AS b, \
     COALESCE(AVG(v) OVER (PARTITION BY k ORDER BY rowtime), 0.0) AS c FROM s",
    "SELECT id, COALESCE(SUM(v) OVER (PARTITION BY k ORDER BY rowtime ROWS 4 PRECEDING), 0) AS a, \
     MAX(v) OVER (PARTITION BY k ORDER BY rowtime ROWS BETWEEN 4 PRECEDING AND 1 PRECEDING) AS b, \
     COUNT(*) OVER (PARTITION BY k ORDER BY rowtime ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING) AS c, \
     MIN(note) OVER (PARTITION BY k ORDER BY rowtime ROWS 2 PRECEDING) AS d FROM s",
    "SELECT id, COALESCE(SUM(v) OVER (PARTITION BY k ORDER BY rowtime ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING), 0) AS a, \
     FIRST_VALUE(id) OVER (PARTITION BY k ORDER BY rowtime ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING) AS b FROM s",
    "SELECT id, COALESCE(SUM(v) OVER (PARTITION BY k ORDER BY rowtime RANGE BETWEEN 2500 PRECEDING AND CURRENT ROW), 0) AS a, \
     MAX(v) OVER (PARTITION BY k ORDER BY rowtime RANGE BETWEEN 700 PRECEDING AND CURRENT ROW) AS b, \
     LAST_VALUE(note) OVER (PARTITION BY k ORDER BY rowtime RANGE BETWEEN 700 PRECEDING AND CURRENT ROW) AS c, \
     FIRST_VALUE(id) OVER (PARTITION BY k ORDER BY rowtime RANGE BETWEEN 2500 PRECEDING AND CURRENT ROW) AS d FROM s",
    "SELECT id, FIRST_VALUE(note) IGNORE NULLS OVER (PARTITION BY k ORDER BY rowtime) AS a, \
     LAST_VALUE(note) IGNORE NULLS OVER (PARTITION BY k ORDER BY rowtime) AS b, \
     NTH_VALUE(id, 3) OVER (PARTITION BY k ORDER BY rowtime) AS c, \
     LAST_VALUE(note) IGNORE NULLS OVER (PARTITION BY k ORDER BY rowtime ROWS 3 PRECEDING) AS d FROM s",
    "SELECT id, COALESCE(SUM(v) OVER (ORDER BY rowtime), 0) AS a, COUNT(*) FILTER (WHERE v > 50) OVER (PARTITION BY note ORDER BY rowtime) AS b FROM s",
    "SELECT id, ARRAY_AGG(v) OVER (PARTITION BY k ORDER BY rowtime ROWS 2 PRECEDING) AS a FROM s",
    "SELECT k, id, v, rn FROM (SELECT k, id, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC NULLS LAST, id) AS rn FROM s) AS t WHERE rn <= 3",
    "SELECT k, id FROM (SELECT k, id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v, id) AS rn FROM s) AS t WHERE rn <= 2",
    "SELECT k, id FROM (SELECT k, id, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, id DESC) AS rn FROM s) AS t WHERE rn > 1 AND 4 > rn AND v < 90",
    "SELECT k, id, r FROM (SELECT k, id, RANK() OVER (PARTITION BY k ORDER BY v DESC) AS r FROM s) AS t WHERE r <= 3",
    "SELECT k, id FROM (SELECT k, id, DENSE_RANK() OVER (PARTITION BY k ORDER BY v DESC) AS r FROM s) AS t WHERE r <= 2",
    "SELECT k, id FROM (SELECT k, id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY rowtime DESC) AS rn FROM s) AS t WHERE rn = 1",
    "SELECT k, id FROM (SELECT k, id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY rowtime) AS rn FROM s) AS t WHERE rn = 1",
    "SELECT id, v FROM s ORDER BY v DESC NULLS LAST, id LIMIT 7",
    "SELECT id FROM s ORDER BY v NULLS FIRST, id DESC LIMIT 5 OFFSET 4",
    "SELECT DISTINCT k, v % 7 AS rest FROM s",
    "SELECT DISTINCT note FROM s",
    "SELECT k FROM s UNION SELECT note AS k FROM s",
    // One on top of the other: the second one's rows are retracted.
    "SELECT k, v FROM (SELECT DISTINCT k, v FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, id) AS rn FROM s) AS t \
     WHERE rn <= 4) AS d ORDER BY v DESC, k LIMIT 5",
];

struct Row {
    k: Option<String>,
    id: i64,
    v: Option<i32>,
    note: Option<String>,
    rowtime: i64,
}

fn rows() -> Vec<Row> {
    let mut random = StdRng::seed_from_u64(20_260_801);
    let mut rowtime = 1_000;
    let rows = (0..ROWS).map(|id| {
        rowtime += random.random_range(1..900);
        Row {
            k: (!random.random_bool(0.05)).then(|| format!("k{}", random.random_range(0..6))),
            id: i64::try_from(id).unwrap_or_default(),
            v: (!random.random_bool(0.1)).then(|| random.random_range(0..100)),
            note: random
                .random_bool(0.5)
                .then(|| format!("n{}", random.random_range(0..9))),
            rowtime,
        }
    });
    rows.collect()
}

/// One test for each way to run.
pub(crate) fn trials() -> Vec<Trial> {
    let lives = [
        ("plain", 1, StepRows::UpTo(8_192)),
        ("one row per step", 1, StepRows::One),
        ("three workers", 3, StepRows::UpTo(5)),
    ];
    let trial = |(name, workers, step_rows)| {
        Trial::test(format!("oracle/over, top n and distinct ({name})"), move || {
            check(workers, step_rows).map_err(Failed::from)
        })
    };
    lives.map(trial).into()
}

fn check(workers: usize, step_rows: StepRows) -> Result<(), String> {
    let rows = rows();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| error.to_string())?;
    let context = batch_context(&rows)?;
    let engine = engine(workers, step_rows, &rows)?;
    let mut problems = String::new();
    for query in QUERIES {
        let expected = runtime.block_on(batch(&context, query))?;
        let found = streamed(&engine, query)?;
        if expected != found {
            let missing = expected.iter().filter(|(row, count)| found.get(*row) != Some(count));
            let extra = found.iter().filter(|(row, count)| expected.get(*row) != Some(count));
            let _ = writeln!(
                problems,
                "{query}\n  batch only: {:?}\n  stream only: {:?}",
                missing.take(5).collect::<Vec<_>>(),
                extra.take(5).collect::<Vec<_>>()
            );
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn batch_context(rows: &[Row]) -> Result<SessionContext, String> {
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "k",
            Arc::new(rows.iter().map(|row| row.k.clone()).collect::<StringArray>()),
        ),
        ("id", Arc::new(rows.iter().map(|row| row.id).collect::<Int64Array>())),
        ("v", Arc::new(rows.iter().map(|row| row.v).collect::<Int32Array>())),
        (
            "note",
            Arc::new(rows.iter().map(|row| row.note.clone()).collect::<StringArray>()),
        ),
        (
            "rowtime",
            Arc::new(rows.iter().map(|row| row.rowtime).collect::<Int64Array>()),
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).map_err(|error| error.to_string())?;
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(|error| error.to_string())?;
    let context = SessionContext::new();
    context
        .register_table("s", Arc::new(table))
        .map_err(|error| error.to_string())?;
    Ok(context)
}

fn engine(workers: usize, step_rows: StepRows, rows: &[Row]) -> Result<Engine, String> {
    let config = Config {
        workers,
        step_rows,
        ..Config::default()
    };
    let clock = Arc::new(ManualClock::at(1_700_000_000_000));
    let engine = Engine::start(config, clock).map_err(|error| error.to_string())?;
    let text = |text: &Option<String>| text.as_ref().map_or("NULL".into(), |text| format!("'{text}'"));
    let values: Vec<String> = rows
        .iter()
        .map(|row| {
            let v = row.v.map_or("NULL".into(), |v| v.to_string());
            format!(
                "({}, {}, {}, {v}, {})",
                row.rowtime,
                text(&row.k),
                row.id,
                text(&row.note)
            )
        })
        .collect();
    let script = format!(
        "CREATE STREAM s (k STRING KEY, id BIGINT, v INT, note STRING) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');\n\
         INSERT INTO s (ROWTIME, k, id, v, note) VALUES {};",
        values.join(", ")
    );
    engine
        .run_script(&script, |_| Ok(()))
        .map_err(|error| error.to_string())?;
    Ok(engine)
}

async fn batch(context: &SessionContext, query: &str) -> Result<BTreeMap<String, i64>, String> {
    let frame = context.sql(query).await.map_err(|error| format!("{query}: {error}"))?;
    let batches = frame.collect().await.map_err(|error| format!("{query}: {error}"))?;
    let mut sum = BTreeMap::new();
    for batch in &batches {
        add(&mut sum, batch, |_| 1)?;
    }
    Ok(sum)
}

fn streamed(engine: &Engine, query: &str) -> Result<BTreeMap<String, i64>, String> {
    let mut sum = BTreeMap::new();
    let mut outcomes = Vec::new();
    engine
        .run_script(&format!("{query};"), |outcome| {
            outcomes.push(outcome);
            Ok(())
        })
        .map_err(|error| format!("{query}: {error}"))?;
    for outcome in outcomes {
        let Outcome::Query(query) = outcome else {
            return Err("a SELECT gave no rows".into());
        };
        // The channel is bounded, so it is read while the query runs.
        for batch in &query.changes.batches {
            add(&mut sum, &batch.records, |row| i64::from(batch.weight(row)))?;
        }
        match query.pipeline.wait(TIMEOUT) {
            State::Finished => {}
            other => return Err(format!("the query is {other:?} after {TIMEOUT:?}")),
        }
    }
    sum.retain(|_, count| *count != 0);
    Ok(sum)
}

/// Adds the rows of a batch up, each as text.
fn add(sum: &mut BTreeMap<String, i64>, batch: &RecordBatch, weight: impl Fn(usize) -> i64) -> Result<(), String> {
    let options = FormatOptions::default().with_null("NULL");
    let formatters = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    for row in 0..batch.num_rows() {
        let cells: Vec<String> = formatters.iter().map(|cell| cell.value(row).to_string()).collect();
        *sum.entry(cells.join(" | ")).or_insert(0) += weight(row);
    }
    Ok(())
}
