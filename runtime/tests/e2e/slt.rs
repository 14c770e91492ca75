//! SQL scripts with expected results (`tests/slt/*.slt`, sqllogictest's format), each in several lives.
//!
//! A life is a way to run the same script that must not change its results: plain, one row per step, three workers, operators that are saved and made anew after each step.
//! A SELECT waits until all queries have worked off what is there, then reads it; one with EMIT CHANGES reads until it has nothing left
//! to do, and is stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use libtest_mimic::{Failed, Trial};
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};
use waterwheel::engine::{Config, Engine, Outcome, QueryKind};
use waterwheel::exec::{State, StepRows};
use waterwheel::types::clock::ManualClock;

/// How long a script's query may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A way to run a script.
#[derive(Debug, Clone, Copy)]
struct Life {
    name: &'static str,
    workers: usize,
    step_rows: StepRows,
    /// All operators are made anew after each step and load what was saved.
    reborn: bool,
}

const LIVES: [Life; 5] = [
    Life {
        name: "plain",
        workers: 1,
        step_rows: StepRows::UpTo(8_192),
        reborn: false,
    },
    Life {
        name: "reborn",
        workers: 1,
        step_rows: StepRows::UpTo(2),
        reborn: true,
    },
    Life {
        name: "one row per step, reborn",
        workers: 1,
        step_rows: StepRows::One,
        reborn: true,
    },
    Life {
        name: "one row per step",
        workers: 1,
        step_rows: StepRows::One,
        reborn: false,
    },
    Life {
        name: "three workers",
        workers: 3,
        step_rows: StepRows::UpTo(3),
        reborn: false,
    },
];

/// One test for each script and life.
pub(crate) fn trials(directory: &Path) -> Vec<Trial> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    assert!(!files.is_empty(), "{} holds no scripts", directory.display());
    let mut trials = Vec::new();
    for file in files {
        for life in LIVES {
            let name = format!(
                "slt/{} ({})",
                file.file_stem().unwrap_or_default().to_string_lossy(),
                life.name
            );
            let file = file.clone();
            trials.push(Trial::test(name, move || run(&file, life)));
        }
    }
    trials
}

fn run(file: &Path, life: Life) -> Result<(), Failed> {
    let mut runner = Runner::new(|| async { Session::new(life) });
    runner.add_label(if life.workers > 1 { "parallel" } else { "ordered" });
    runner
        .run_file(file)
        .map_err(|error| Failed::from(error.display(false).to_string()))
}

/// What a statement of a script gave wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

struct Session {
    engine: Engine,
    parallel: bool,
}

impl Session {
    fn new(life: Life) -> Result<Self, Failure> {
        let config = Config {
            workers: life.workers,
            step_rows: life.step_rows,
            reborn_operators: life.reborn,
            plugins: Some(crate::root().join("examples/plugins")),
            ..Config::default()
        };
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let engine = Engine::start(config, clock).map_err(|error| Failure(error.to_string()))?;
        Ok(Self {
            engine,
            parallel: life.workers > 1,
        })
    }

    fn outcome(&self, outcome: Outcome) -> Result<DBOutput<DefaultColumnType>, Failure> {
        let query = match outcome {
            Outcome::Message(_) => return Ok(DBOutput::StatementComplete(0)),
            Outcome::Text(text) => {
                return Ok(rows(
                    text.lines().map(|line| vec![line.trim_end().to_owned()]).collect(),
                ));
            }
            Outcome::Table(table) => return Ok(rows(table.rows)),
            Outcome::Query(query) => query,
        };
        let mut batches = Vec::new();
        if query.kind == QueryKind::Push {
            // A push query has no end of its own: it is read until it has nothing left to do.
            let until = Instant::now() + TIMEOUT;
            // Long enough for two empty steps of a query that rests between them; short enough that full channels are emptied.
            while !self.engine.quiesce(Duration::from_secs(1)) && Instant::now() < until {
                batches.extend(query.changes.batches.try_iter());
            }
            query.pipeline.stop();
        }
        let state = query.pipeline.wait(TIMEOUT);
        match state {
            State::Finished => {}
            State::Stopped if query.kind == QueryKind::Push => {}
            State::Failed(reason) => return Err(Failure(reason)),
            other => return Err(Failure(format!("the query is {other:?} after {TIMEOUT:?}"))),
        }
        batches.extend(query.changes.batches.try_iter());
        let mut found = Vec::new();
        for batch in batches {
            let batch = query
                .shown
                .rows_of(&batch)
                .map_err(|error| Failure(error.to_string()))?;
            let options = FormatOptions::default().with_null("NULL");
            let columns = batch.records.columns().iter();
            let formatters: Vec<_> = columns
                .map(|column| ArrayFormatter::try_new(column, &options))
                .collect::<Result<_, _>>()
                .map_err(|error| Failure(error.to_string()))?;
            for row in 0..batch.records.num_rows() {
                found.push(
                    formatters
                        .iter()
                        .map(|f| empty_shown(f.value(row).to_string()))
                        .collect(),
                );
            }
        }
        Ok(rows(found))
    }
}

/// sqllogictest cannot tell an empty cell from none.
fn empty_shown(cell: String) -> String {
    if cell.is_empty() { "(empty)".into() } else { cell }
}

fn rows(rows: Vec<Vec<String>>) -> DBOutput<DefaultColumnType> {
    DBOutput::Rows {
        types: vec![DefaultColumnType::Any; rows.first().map_or(1, Vec::len)],
        rows,
    }
}

impl DB for Session {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        // Rows inserted one after the other arrive in one order only where one worker takes them.
        let _ = self.parallel;
        let mut last = DBOutput::StatementComplete(0);
        if !self.engine.quiesce(TIMEOUT) {
            return Err(Failure(format!("queries were not idle within {TIMEOUT:?}")));
        }
        let mut outcomes = Vec::new();
        let done = self.engine.run_script(sql, |outcome| {
            outcomes.push(outcome);
            Ok(())
        });
        for outcome in outcomes {
            last = self.outcome(outcome)?;
        }
        done.map_err(|error| Failure(error.to_string()))?;
        Ok(last)
    }
}
