//! The invariant: the same input gives the same final result whatever the size of a step, the number of workers and
//! the number of partitions, and it is what DataFusion says of the same rows in one go.
//!
//! Queries and rows are made up from a seed, with nulls, keys that repeat and times out of order. A failure names the
//! seed, the query and the life; `INVARIANT_SEEDS=17` or `INVARIANT_SEEDS=0-999` runs others than the usual ones.

mod data;
mod joins;
mod over;
mod queries;
mod tables;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use waterwheel::engine::{Config, Engine};
use waterwheel::exec::StepRows;
use waterwheel::types::clock::ManualClock;

use crate::fold::{self, Row};
use data::Data;
use queries::{Against, Case, FAMILIES};

/// How long a query may take.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Cases of each family.
const SEEDS: std::ops::Range<u64> = 0..12;

/// A way to run a query that must not change its result.
#[derive(Debug, Clone, Copy)]
struct Life {
    workers: usize,
    step_rows: StepRows,
    partitions: i32,
    /// All operators are made anew after each step and load what was saved.
    reborn: bool,
}

const fn life(workers: usize, step_rows: StepRows, partitions: i32) -> Life {
    Life {
        workers,
        step_rows,
        partitions,
        reborn: false,
    }
}

const fn reborn(life: Life) -> Life {
    Life { reborn: true, ..life }
}

const LIVES: [Life; 10] = [
    life(1, StepRows::UpTo(8_192), 1),
    life(1, StepRows::One, 1),
    life(1, StepRows::UpTo(3), 1),
    life(3, StepRows::UpTo(8_192), 1),
    life(1, StepRows::UpTo(3), 3),
    life(3, StepRows::UpTo(1), 3),
    life(3, StepRows::UpTo(8_192), 3),
    reborn(life(1, StepRows::One, 1)),
    reborn(life(1, StepRows::UpTo(3), 1)),
    reborn(life(3, StepRows::UpTo(3), 3)),
];

/// One test for each family of queries.
pub(crate) fn trials() -> Vec<Trial> {
    let trial = |(name, make): &(&'static str, queries::Make)| {
        let make = *make;
        Trial::test(format!("invariant/{name}"), move || run(make))
    };
    FAMILIES.iter().map(trial).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever looks for a fault asks for other seeds"
)]
fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("INVARIANT_SEEDS").ok();
    let parsed = asked.and_then(|text| {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        Some(first.parse().ok()?..last.parse::<u64>().ok()? + 1)
    });
    parsed.unwrap_or(SEEDS)
}

fn run(make: queries::Make) -> Result<(), Failed> {
    let mut problems = String::new();
    let (mut cases, mut answered) = (0, 0);
    for seed in seeds() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let data = Data::new(&mut rng);
        let case = make(&mut rng);
        cases += 1;
        match check(&data, &case) {
            Ok(rows) => answered += usize::from(rows > 0),
            Err(problem) => writeln!(problems, "seed {seed}:\n{}\n{problem}", case.sql)?,
        }
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    if cases > 5 && answered * 2 < cases {
        return Err(format!("only {answered} of {cases} queries gave rows, so little is proved").into());
    }
    Ok(())
}

/// The number of rows that the case gives, which must be the same rows in every life.
fn check(data: &Data, case: &Case) -> Result<usize, String> {
    // What is expected, by the number of partitions where it depends on that.
    let mut expected: BTreeMap<i32, Vec<Row>> = BTreeMap::new();
    let group = |life: Life| match &case.against {
        Against::LivesOfSamePartitions | Against::LivesInEventTime => life.partitions,
        Against::DataFusion(_) => 0,
    };
    if let Against::DataFusion(oracle) = &case.against {
        let answer = data.ask_datafusion(oracle);
        expected.insert(0, answer.map_err(|error| format!("oracle: {error}\n{oracle}"))?);
    }
    for life in LIVES {
        if matches!(case.against, Against::LivesInEventTime) && life.step_rows == StepRows::One {
            continue;
        }
        let found = live(data, case, life).map_err(|error| format!("{life:?}: {error}"))?;
        let expected = expected.entry(group(life)).or_insert_with(|| found.clone());
        if let Some(difference) = fold::difference(&found, expected) {
            return Err(format!("{life:?}: {difference}\n{}", data.statements(life.partitions)));
        }
    }
    Ok(expected.values().map(Vec::len).sum())
}

/// A directory with the C example, whose VWAP can take rows back: small, as each life compiles it.
fn plugins() -> PathBuf {
    static DIRECTORY: OnceLock<tempfile::TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let built = crate::root().join("udf-sdk/conformance/built-examples/c.wasm");
        std::fs::copy(built, directory.path().join("trades.wasm")).expect("it is in git");
        directory
    });
    directory.path().to_path_buf()
}

/// The final result of `case` in one life.
fn live(data: &Data, case: &Case, life: Life) -> Result<Vec<Row>, String> {
    let config = Config {
        workers: life.workers,
        step_rows: life.step_rows,
        reborn_operators: life.reborn,
        plugins: case.sql.contains("VWAP(").then(plugins),
        ..Config::default()
    };
    let engine =
        Engine::start(config, Arc::new(ManualClock::at(1_700_000_000_000))).map_err(|error| error.to_string())?;
    let script = format!("{}{}", data.statements(life.partitions), case.sql);
    engine
        .run_script(&script, |_| Ok(()))
        .map_err(|error| error.render("script", waterwheel::sql::Colours::Off))?;
    fold::finish(&engine, TIMEOUT)?;
    let columns: Vec<String> = case.columns.iter().map(|name| name.to_uppercase()).collect();
    fold::rows(&fold::records(&engine, "RESULT")?, case.kind, &columns)
}
