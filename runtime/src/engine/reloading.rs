//! Every operator with state, killed and loaded at random: its results are those of a run that nothing interrupts.
//!
//! Rows are made up from seeds. One run goes through; the other is saved at random steps into a store, and thrown away at random steps for a new one that
//! loads what was saved and takes the rows since then again, as after a crash. A list of all operators is read from the source, so one without a case here
//! fails the test. Not here: commits themselves (`exec/simulation.rs`), and that plans are right.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, Int8Array, Int64Array, RecordBatch, StringArray, new_null_array};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Config, Engine};
use crate::exec::{Shard, ShardSink, Shared, change_channel};
use crate::operator::{LateRowPolicy, LateRows, RowErrors};
use crate::plan::{Dataflow, JoinPlan, NodeId, NodeKind, Scan};
use crate::state::{Changes, Entry};
use crate::types::ChangeBatch;
use crate::types::clock::ManualClock;
use crate::types::storage::SourceKind;

const SEEDS: u64 = 8;
const STEPS: usize = 40;
const ROWS_MAX: usize = 6;
const STEP_MS: i64 = 500;
/// How late a row may be.
const LATE_MS: i64 = 1_500;

/// Operators that keep nothing beyond a step. `Gather` holds rows for a SELECT that ends with its process.
const STATELESS: &[&str] = &[
    "Filter",
    "Gather",
    "Project",
    "SetEventTime",
    "Settle",
    "TableFunctionOperator",
];

const SOURCES: &str = "
    CREATE STREAM a (k STRING KEY, v BIGINT, t STRING) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE STREAM b (k STRING KEY, v BIGINT, t STRING) WITH (KAFKA_TOPIC='b', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE TABLE c (k STRING PRIMARY KEY, g STRING, n BIGINT) WITH (KAFKA_TOPIC='c', VALUE_FORMAT='JSON', PARTITIONS=1);
    CREATE TABLE d (k STRING PRIMARY KEY, g STRING, n BIGINT) WITH (KAFKA_TOPIC='d', VALUE_FORMAT='JSON', PARTITIONS=1);";

/// What makes `result`, after `STREAM` or `TABLE`. Each is run with and without a time to live where it has keys that one could end.
const CASES: &[(&str, &str)] = &[
    (
        "TABLE",
        "SELECT t, COUNT(*) AS c, COUNT(v) AS d, SUM(v) AS s, AVG(v) AS a, MIN(v) AS lo, MAX(v) AS hi, STDDEV_SAMP(v) AS sd FROM a GROUP BY t",
    ),
    (
        "TABLE",
        "SELECT t, COUNT_DISTINCT(v) AS d, COLLECT_LIST(v) AS l, COLLECT_SET(v) AS cs, TOPK(v, 3) AS tk, TOPKDISTINCT(v, 2) AS td, \
         HISTOGRAM(k) AS h, LATEST_BY_OFFSET(v) AS late, EARLIEST_BY_OFFSET(v, 2) AS early FROM a GROUP BY t",
    ),
    (
        "TABLE",
        "SELECT t, MEDIAN(v) AS m, SUM(DISTINCT v) AS s, COUNT(*) FILTER (WHERE v > 0) AS p FROM a GROUP BY t",
    ),
    (
        "TABLE",
        "SELECT t, QUANTILE(CAST(v AS DOUBLE), 0.5) AS q FROM a GROUP BY t",
    ),
    ("TABLE", "SELECT g, COUNT(*) AS c, SUM(n) AS s FROM c GROUP BY g"),
    (
        "TABLE",
        "SELECT t, COUNT(*) AS c, SUM(v) AS s FROM a WINDOW TUMBLING (SIZE 2 SECONDS, GRACE PERIOD 1 SECOND) GROUP BY t",
    ),
    (
        "TABLE",
        "SELECT t, COUNT(*) AS c FROM a WINDOW HOPPING (SIZE 4 SECONDS, ADVANCE BY 1 SECOND, GRACE PERIOD 1 SECOND) GROUP BY t EMIT FINAL",
    ),
    (
        "TABLE",
        "SELECT t, COUNT(*) AS c, SUM(v) AS s FROM a WINDOW SESSION (1 SECOND, GRACE PERIOD 1 SECOND) GROUP BY t",
    ),
    (
        "TABLE",
        "SELECT t, COUNT(*) AS c FROM a WINDOW SESSION (1 SECOND, GRACE PERIOD 1 SECOND) GROUP BY t EMIT FINAL",
    ),
    (
        "STREAM",
        "SELECT a.k AS k, a.v AS x, b.v AS y FROM a JOIN b WITHIN (1 SECONDS, 2 SECONDS) GRACE PERIOD 1 SECOND ON a.k = b.k",
    ),
    (
        "STREAM",
        "SELECT a.k AS k, a.v AS x, b.v AS y FROM a LEFT JOIN b WITHIN 1 SECOND GRACE PERIOD 1 SECOND ON a.k = b.k",
    ),
    (
        "STREAM",
        "SELECT ROWKEY AS k, a.v AS x, b.v AS y FROM a FULL OUTER JOIN b WITHIN 1 SECOND GRACE PERIOD 1 SECOND ON a.k = b.k",
    ),
    (
        "STREAM",
        "SELECT a.k AS k, a.v AS x, c.n AS n FROM a JOIN c ON a.k = c.k",
    ),
    (
        "STREAM",
        "SELECT a.k AS k, a.v AS x, c.n AS n FROM a LEFT JOIN c ON a.k = c.k",
    ),
    (
        "STREAM",
        "SELECT a.k AS k, a.v AS x, b.v AS y FROM a ASOF JOIN b MATCH_CONDITION (a.ROWTIME >= b.ROWTIME) ON a.k = b.k",
    ),
    (
        "TABLE",
        "SELECT c.k AS k, c.n AS x, d.n AS y FROM c JOIN d ON c.k = d.k",
    ),
    (
        "TABLE",
        "SELECT ROWKEY AS k, c.n AS x, d.n AS y FROM c FULL OUTER JOIN d ON c.k = d.k",
    ),
    (
        "TABLE",
        "SELECT c.k AS k, c.g AS g, d.n AS y FROM c LEFT JOIN d ON c.g = d.k",
    ),
    ("TABLE", "SELECT k, n + 1 AS x FROM c WHERE n > 0"),
    (
        "STREAM",
        "SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ROWTIME) AS n, LAG(v, 2) OVER (PARTITION BY k ORDER BY ROWTIME) AS l, \
         SUM(v) OVER (PARTITION BY k ORDER BY ROWTIME ROWS 2 PRECEDING) AS s FROM a",
    ),
    (
        "STREAM",
        "SELECT k, v, LEAD(v) OVER (PARTITION BY k ORDER BY ROWTIME) AS n, \
         COUNT(v) OVER (PARTITION BY k ORDER BY ROWTIME ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS c FROM a",
    ),
    (
        "STREAM",
        "SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY ROWTIME RANGE BETWEEN INTERVAL '2' SECONDS PRECEDING AND CURRENT ROW) AS s FROM a",
    ),
    ("STREAM", "SELECT k, v, MOVING_AVG(CAST(v AS DOUBLE), 3) AS m FROM a"),
    ("STREAM", "SELECT DISTINCT k, t FROM a PARTITION BY k"),
    (
        "STREAM",
        "SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ROWTIME) AS rn FROM a) AS s WHERE rn <= 2",
    ),
    (
        "TABLE",
        "SELECT t, place, v FROM (SELECT t, v, ROW_NUMBER() OVER (PARTITION BY t ORDER BY v DESC, k) AS place FROM a) AS s WHERE place <= 2",
    ),
    ("STREAM", "SELECT k, v FROM a LIMIT 50"),
];

/// The rows of one step, by scan, with the stream time behind them.
type Step = BTreeMap<NodeId, (ChangeBatch, i64)>;
/// Saved entries by node and key.
type Kept = BTreeMap<(NodeId, Vec<u8>), Vec<u8>>;

/// Text of a column: few values, so that keys meet.
fn texts(random: &mut ChaCha8Rng, rows: usize, with_nulls: bool) -> ArrayRef {
    let mut text =
        || (!(with_nulls && random.random_bool(0.1))).then(|| ["a", "b", "c", "d", "e"][random.random_range(0..5)]);
    Arc::new((0..rows).map(|_| text()).collect::<StringArray>())
}

/// Made-up rows of a source, some late, some deletions where it is a table.
fn rows_of(
    random: &mut ChaCha8Rng,
    scan: &Scan,
    node: &crate::plan::Node,
    step: usize,
    stream_time: &mut i64,
) -> ChangeBatch {
    let rows = random.random_range(0..=ROWS_MAX);
    let now = 1_000_000 + i64::try_from(step).unwrap() * STEP_MS;
    let times: Vec<i64> = (0..rows).map(|_| now - random.random_range(0..LATE_MS)).collect();
    let mut stream_times = Vec::new();
    for time in &times {
        *stream_time = (*stream_time).max(*time);
        stream_times.push(*stream_time);
    }
    let is_table = scan.definition.kind == SourceKind::Table;
    let fields = node.schema.fields().iter();
    let columns = fields.map(|field| -> ArrayRef {
        match (field.name().as_str(), field.data_type()) {
            ("ROWTIME", DataType::Int64) => Arc::new(Int64Array::from(times.clone())),
            (_, DataType::Int64) => {
                let mut number = || (!random.random_bool(0.1)).then(|| random.random_range(-9..10));
                Arc::new((0..rows).map(|_| number()).collect::<Int64Array>())
            }
            (name, DataType::Utf8) => texts(random, rows, !(is_table && name == "K")),
            // Headers of records.
            (_, other) => new_null_array(other, rows),
        }
    });
    let columns = columns.collect();
    let records = RecordBatch::try_new(Arc::clone(&node.schema), columns).unwrap();
    let weights = is_table.then(|| {
        (0..rows)
            .map(|_| Some(i8::from(!random.random_bool(0.25))))
            .collect::<Int8Array>()
    });
    ChangeBatch {
        weights,
        stream_times: scan.stream_times.then(|| stream_times.into()),
        ..ChangeBatch::inserted(records, times.into())
    }
}

fn made_up(random: &mut ChaCha8Rng, dataflow: &Dataflow) -> Vec<Step> {
    steps(random, dataflow, 0..STEPS)
}

/// Steps after a time in which all windows end.
fn later(random: &mut ChaCha8Rng, dataflow: &Dataflow) -> Vec<Step> {
    steps(random, dataflow, 1_000_000..1_000_010)
}

fn steps(random: &mut ChaCha8Rng, dataflow: &Dataflow, numbers: std::ops::Range<usize>) -> Vec<Step> {
    let mut stream_times: BTreeMap<NodeId, i64> = BTreeMap::new();
    let mut make = |step| {
        let scans = dataflow.scans().map(|(id, scan)| {
            let time = stream_times.entry(id).or_insert(i64::MIN);
            let rows = rows_of(random, scan, &dataflow.nodes[id], step, time);
            (id, (rows, *time))
        });
        scans.collect()
    };
    numbers.map(&mut make).collect()
}

/// One life of the operators of a query.
struct Life<'a> {
    dataflow: &'a Dataflow,
    shared: Shared,
    shard: Shard,
}

impl<'a> Life<'a> {
    fn new(dataflow: &'a Dataflow) -> Self {
        let late = Arc::new(LateRows::new(String::new(), LateRowPolicy::Count));
        let shared = Shared::new(dataflow, 1, late);
        let sink = ShardSink::Columns(Box::new(change_channel().0));
        let shard = Shard::new(0, dataflow, &shared, 1, sink, &Arc::new(RowErrors::default()), |_| None).unwrap();
        Self {
            dataflow,
            shared,
            shard,
        }
    }

    /// As a process that starts: what is there is loaded, some entries at a time.
    fn loaded(dataflow: &'a Dataflow, kept: &Kept) -> Self {
        let mut life = Self::new(dataflow);
        for (node, _) in life.shard.state_forms() {
            let operator = life.shard.operator_mut(node).unwrap();
            operator.track_changes();
            let own = kept.range((node, vec![])..(node + 1, vec![]));
            let entries: Vec<Entry> = own
                .map(|((_, key), value)| (Bytes::from(key.clone()), Bytes::from(value.clone())))
                .collect();
            for part in entries.chunks(3) {
                operator.load(part).unwrap();
            }
        }
        life
    }

    fn save(&mut self, kept: &mut Kept) {
        for (node, _) in self.shard.state_forms() {
            let mut changes = Changes::new();
            self.shard.operator_mut(node).unwrap().save(&mut changes).unwrap();
            for (key, value) in changes.iter() {
                match value {
                    Some(value) => kept.insert((node, key.to_vec()), value.to_vec()),
                    None => kept.remove(&(node, key.to_vec())),
                };
            }
        }
    }

    /// Takes the rows of a step, or the end of all sources; gives its results in order of their text.
    fn step(&mut self, step: Option<&Step>) -> Vec<String> {
        let nodes = &self.dataflow.nodes;
        let mut inboxes: Vec<Vec<(usize, ChangeBatch)>> = vec![Vec::new(); nodes.len()];
        match step {
            None => self.shared.clock.end(),
            Some(step) => {
                for (scan, (rows, time)) in step {
                    self.shared.clock.set(*scan, 0, *time, *time);
                    self.shared.clock.set_read(*scan, 0, *time);
                    inboxes[*scan].extend((!rows.is_empty()).then(|| (0, rows.clone())));
                }
            }
        }
        let mut results = Vec::new();
        for id in 0..nodes.len() {
            let mut waiting = std::mem::take(&mut inboxes[id]);
            let mut out = Vec::new();
            let stages = &self.shared.stages;
            match self.shard.operator_mut(id) {
                Some(operator) => {
                    waiting.sort_by_key(|(port, _)| std::cmp::Reverse(*port));
                    for (port, batch) in waiting {
                        operator.push(port, batch, &mut out).unwrap();
                    }
                    let progress = self.shared.clock.progress(&stages.scans[id], &stages.input_scans[id]);
                    operator.advance(progress, &mut out).unwrap();
                }
                None => out.extend(waiting.into_iter().map(|(_, batch)| batch)),
            }
            match stages.consumer[id] {
                Some((consumer, port)) => inboxes[consumer].extend(out.into_iter().map(|batch| (port, batch))),
                None => results.extend(out.iter().flat_map(lines)),
            }
        }
        results.sort();
        results
    }

    fn keys(&mut self) -> Vec<Option<usize>> {
        let nodes = 0..self.dataflow.nodes.len();
        nodes.map(|id| self.shard.state_size(id).keys).collect()
    }
}

fn lines(batch: &ChangeBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch.records.columns().iter();
    let shown: Vec<ArrayFormatter<'_>> = columns
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    let line = |row: usize| {
        let values: Vec<String> = shown.iter().map(|column| column.value(row).to_string()).collect();
        format!(
            "{:+} at {}: {}",
            batch.weight(row),
            batch.event_times.value(row),
            values.join(", ")
        )
    };
    (0..batch.num_rows()).map(line).collect()
}

/// How often a run was saved and killed, and how many results it gave.
#[derive(Debug, Default)]
struct Tally {
    saves: usize,
    kills: usize,
    results: usize,
    entries: usize,
}

fn check(dataflow: &Dataflow, seed: u64, tally: &mut Tally) -> Result<(), String> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let steps = made_up(&mut random, dataflow);
    let mut through = Life::new(dataflow);
    let expected: Vec<Vec<String>> = steps.iter().map(|step| through.step(Some(step))).collect();

    let mut kept = Kept::new();
    let mut life = Life::loaded(dataflow, &kept);
    let (mut found, mut unsaved) = (Vec::new(), Vec::new());
    while found.len() < STEPS {
        let at = found.len() + unsaved.len();
        unsaved.push(life.step(Some(&steps[at])));
        if random.random_bool(0.3) || at + 1 == STEPS {
            life.save(&mut kept);
            found.append(&mut unsaved);
            tally.saves += 1;
        }
        if random.random_bool(0.2) {
            life = Life::loaded(dataflow, &kept);
            unsaved.clear();
            tally.kills += 1;
        }
    }
    tally.results += found.iter().map(Vec::len).sum::<usize>();
    tally.entries += kept.len();
    if let Some(step) = (0..STEPS).find(|step| found[*step] != expected[*step]) {
        return Err(format!(
            "step {step}: {:?}, not interrupted {:?}",
            found[step], expected[step]
        ));
    }
    let (keys, other_keys) = (life.keys(), through.keys());
    if keys != other_keys {
        return Err(format!("{keys:?} keys, not interrupted {other_keys:?}"));
    }
    let mut whole = Life::loaded(dataflow, &Kept::new());
    for step in &steps {
        whole.step(Some(step));
    }
    // Joins of streams let rows go by batches, and which rows share one is not the same after a restart: their entries say nothing here.
    let is_exact = !dataflow.nodes.iter().any(|node| match &node.kind {
        NodeKind::Join(join) => matches!(**join, JoinPlan::StreamStream(_) | JoinPlan::Asof(_)),
        _ => false,
    });
    if is_exact {
        same_entries(&kept, &mut whole)?;
    }
    for step in later(&mut random, dataflow) {
        let found = life.step(Some(&step));
        life.save(&mut kept);
        let expected = through.step(Some(&step));
        whole.step(Some(&step));
        if found != expected {
            return Err(format!("later: {found:?}, not interrupted {expected:?}"));
        }
    }
    if is_exact {
        same_entries(&kept, &mut whole)?;
    }
    let (end, other_end) = (life.step(None), through.step(None));
    if end != other_end {
        return Err(format!("the end: {end:?}, not interrupted {other_end:?}"));
    }
    Ok(())
}

/// Compares entries with those that a life, which has saved nothing yet, saves at once; without their values: where these hold numbers in order of
/// arrival, only the order is the same.
fn same_entries(kept: &Kept, whole: &mut Life<'_>) -> Result<(), String> {
    for (node, _) in whole.shard.state_forms() {
        whole.shard.operator_mut(node).unwrap().track_changes();
    }
    let mut at_once = Kept::new();
    whole.save(&mut at_once);
    let only_in = |a: &Kept, b: &Kept| {
        a.keys()
            .filter(|key| !b.contains_key(*key))
            .cloned()
            .collect::<Vec<_>>()
    };
    let (left, missing) = (only_in(kept, &at_once), only_in(&at_once, kept));
    if left.is_empty() && missing.is_empty() {
        return Ok(());
    }
    Err(format!("entries are left: {left:?}, missing: {missing:?}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The operators that the source names.
fn operators(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            operators(&path, found);
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            if let Some((before, after)) = line.split_once(" Operator for ")
                && before.starts_with("impl")
            {
                let name = after.split(|c: char| !c.is_alphanumeric()).next();
                found.extend(name.map(ToOwned::to_owned));
            }
        }
    }
}

/// Names of the operators with state of a query: of a join, also of what is in it.
fn with_state(dataflow: &Dataflow, all: &BTreeSet<String>) -> BTreeSet<String> {
    let mut life = Life::new(dataflow);
    let mut names = BTreeSet::new();
    for (node, _) in life.shard.state_forms() {
        let text = format!("{:?}", life.shard.operator_mut(node).unwrap());
        let is_join = matches!(dataflow.nodes[node].kind, NodeKind::Join(_));
        let is_there = |name: &&String| {
            text.starts_with(&format!("{name} {{")) || (is_join && text.contains(&format!("join: {name} {{")))
        };
        let known: BTreeSet<String> = all.iter().filter(is_there).cloned().collect();
        assert!(
            !known.is_empty(),
            "an operator that the source does not name: {text:.60}"
        );
        names.extend(known);
    }
    names
}

fn planned(engine: &Engine, number: usize, statement: &str) -> Arc<Dataflow> {
    let done = engine.run_script(statement, |_| Ok(()));
    done.unwrap_or_else(|error| panic!("{error}\n{statement}"));
    let session = engine.session.lock();
    let sink = Some(format!("RESULT{number}"));
    let query = session.queries.values().find(|query| query.info.sink == sink).unwrap();
    Arc::clone(&query.info.dataflow)
}

#[test]
fn operators_that_are_killed_and_loaded_give_what_they_would_have_given() {
    let config = Config {
        plugins: Some(root().join("examples/plugins")),
        ..Config::default()
    };
    let engine = Engine::start(config, Arc::new(ManualClock::at(1_700_000_000_000))).unwrap();
    engine.run_script(SOURCES, |_| Ok(())).unwrap();
    let mut all = BTreeSet::new();
    operators(&root().join("runtime/src/operator"), &mut all);
    let mut missing: BTreeSet<String> = all
        .iter()
        .filter(|name| !STATELESS.contains(&name.as_str()))
        .cloned()
        .collect();
    let mut problems = Vec::new();
    for (number, (kind, query)) in CASES.iter().enumerate() {
        let create = format!("CREATE {kind} result{number} WITH (KEY_FORMAT='JSON', VALUE_FORMAT='JSON') AS {query};");
        let mut dataflow = planned(&engine, number, &create).as_ref().clone();
        let names = with_state(&dataflow, &all);
        let wrong: Vec<&String> = names.iter().filter(|name| STATELESS.contains(&name.as_str())).collect();
        assert!(wrong.is_empty(), "{wrong:?} have state");
        missing.retain(|name| !names.contains(name));
        for ttl_ms in [None, Some(1_200)] {
            dataflow.state_ttl_ms = ttl_ms;
            let mut tally = Tally::default();
            let failure = (0..SEEDS).find_map(|seed| Some((seed, check(&dataflow, seed, &mut tally).err()?)));
            if let Some((seed, failure)) = failure {
                problems.push(format!("{create} time to live {ttl_ms:?}, seed {seed}: {failure}"));
            } else if tally.saves == 0 || tally.kills == 0 || tally.results < 50 || tally.entries == 0 {
                problems.push(format!("{create} time to live {ttl_ms:?} proves little: {tally:?}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(missing.is_empty(), "operators without a case here: {missing:?}");
}
