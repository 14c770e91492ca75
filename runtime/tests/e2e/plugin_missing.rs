//! Starts without a plugin that queries need: they wait for it, and nothing else does; when it is back they go on where they were.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use waterwheel::engine::{Config, Engine, Outcome};
use waterwheel::state::Location;
use waterwheel::types::clock::SystemClock;

use crate::files::lines;
use crate::plugin_directory::{adds, in_time, write};
use crate::plugin_moves::{FIRST, READS_FIRST, READS_NONE, written};

pub(crate) fn trials() -> Vec<Trial> {
    let cases: [(&str, fn() -> Result<(), String>); 3] = [
        ("is waited for", is_waited_for),
        ("is asked for by RESUME", is_asked_for),
        ("of a query that is ended or replaced", ended_or_replaced),
    ];
    let trials = cases.into_iter();
    let trials =
        trials.map(|(name, run)| Trial::test(format!("plugin_missing/{name}"), move || run().map_err(Failed::from)));
    trials.collect()
}

/// A query with a stream function of the plugin `sums`, one with a scalar function of the plugin `adds`, and one without any. All read the numbers
/// 1, 2, 3 ...
const SCRIPT: [&str; 4] = [
    "SET 'commit.interval.ms' = '50';
     CREATE STREAM numbers (n BIGINT) WITH (CONNECTOR='datagen', ROWS_PER_SECOND=500, 'n.kind'='sequence', 'n.start'=1);",
    "CREATE STREAM o WITH (CONNECTOR='file', PATH='DIRECTORY/out.json') AS SELECT n, run_total(n) OVER () AS y FROM numbers;",
    "CREATE STREAM more WITH (CONNECTOR='file', PATH='DIRECTORY/more.json') AS SELECT n, f(n) AS y FROM numbers;",
    "CREATE STREAM plain WITH (CONNECTOR='file', PATH='DIRECTORY/plain.json') AS SELECT n FROM numbers;",
];

struct Process(Engine);

impl Process {
    /// Starts an engine over the directory and runs the script.
    fn start(directory: &Path, watch: bool) -> Result<Self, String> {
        let process = Self::bare(directory, watch)?;
        for statements in SCRIPT {
            process.say(&of(directory, statements))?;
        }
        Ok(process)
    }

    fn bare(directory: &Path, watch: bool) -> Result<Self, String> {
        let config = Config {
            plugins: Some(directory.join("plugins")),
            watch_plugins: watch,
            state: Some(Location::Directory(directory.join("state"))),
            workers: 2,
            ..Config::default()
        };
        let engine = Engine::start(config, Arc::new(SystemClock)).map_err(|error| error.to_string())?;
        Ok(Self(engine))
    }

    /// What the last of these statements says, lines and cells apart.
    fn say(&self, sql: &str) -> Result<String, String> {
        let mut said = String::new();
        let ran = self.0.run_script(sql, |outcome| {
            said = match outcome {
                Outcome::Message(text) | Outcome::Text(text) => text,
                Outcome::Table(table) => table.rows.iter().map(|row| row.join(" | ") + "\n").collect(),
                Outcome::Query(query) => format!("a query {}", query.id),
            };
            Ok(())
        });
        ran.map_err(|error| error.render("sql", waterwheel::sql::Colours::Off))?;
        Ok(said)
    }

    fn says(&self, sql: &str, words: &[&str]) -> Result<String, String> {
        let said = match self.say(sql) {
            Ok(said) | Err(said) => said,
        };
        match words.iter().find(|words| !said.contains(**words)) {
            None => Ok(said),
            Some(words) => Err(format!("{sql} says no '{words}': {said}")),
        }
    }

    fn refuses(&self, sql: &str, words: &str) -> Result<(), String> {
        match self.say(sql) {
            Err(error) if error.contains(words) => Ok(()),
            other => Err(format!("{sql} is not refused with '{words}': {other:?}")),
        }
    }

    /// The line of SHOW QUERIES about the query that writes to `sink`.
    fn line(&self, sink: &str) -> Result<String, String> {
        let all = self.say("SHOW QUERIES;")?;
        let begins = format!("CSAS_{sink}_");
        let line = all.lines().find(|line| line.starts_with(&begins));
        line.map(str::to_owned).ok_or(format!("no query {begins}: {all}"))
    }

    fn is_in_state(&self, sink: &str, words: &[&str]) -> Result<(), String> {
        let line = self.line(sink)?;
        match words.iter().find(|words| !line.contains(**words)) {
            None => Ok(()),
            Some(words) => Err(format!("no '{words}': {line}")),
        }
    }

    /// The name of the query that writes to `sink`.
    fn id(&self, sink: &str) -> Result<String, String> {
        let line = self.line(sink)?;
        Ok(line.split(' ').next().unwrap_or_default().to_owned())
    }

    fn stop(self) {
        self.0.stop_all(Duration::from_mins(1));
    }
}

fn of(directory: &Path, statement: &str) -> String {
    statement.replace("DIRECTORY", &directory.display().to_string())
}

/// Waits for more lines in all of these outputs.
fn grow(directory: &Path, outputs: &[&str]) -> Result<(), String> {
    for output in outputs {
        let before = lines(directory, output).len();
        in_time(&format!("more rows in {output}"), || {
            lines(directory, output).len() > before
        })?;
    }
    Ok(())
}

/// The rows of a query are 1, 2, 3 ... without a gap, each with what `y` makes of it.
fn is_whole(directory: &Path, output: &str, y: impl Fn(i64) -> i64) -> Result<(), String> {
    let rows = written(directory, output);
    for (place, row) in (1..).zip(&rows) {
        if *row != (place, y(place)) {
            return Err(format!("row {place} of {} of {output}: {row:?}", rows.len()));
        }
    }
    Ok(())
}

/// A directory in which all three queries have run.
fn begun() -> Result<tempfile::TempDir, String> {
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let directory = place.path();
    std::fs::create_dir(directory.join("plugins")).map_err(|error| error.to_string())?;
    put_sums(directory)?;
    put_adds(directory)?;
    let process = Process::start(directory, false)?;
    grow(directory, &["out", "more", "plain"])?;
    process.stop();
    Ok(place)
}

fn put_sums(directory: &Path) -> Result<(), String> {
    write(&directory.join("plugins/sums.wat"), FIRST.guest())
}

fn put_adds(directory: &Path) -> Result<(), String> {
    write(&directory.join("plugins/adds.wat"), adds(1000))
}

fn take(directory: &Path, plugin: &str) -> Result<(), String> {
    std::fs::remove_file(directory.join("plugins").join(plugin)).map_err(|error| error.to_string())
}

const SUMS_MISSING: &str = "WAITING: it calls run_total(x BIGINT) RETURNS BIGINT of plugin sums 1.0.0, which is not there; put the file back into ";

fn is_waited_for() -> Result<(), String> {
    let place = begun()?;
    let directory = place.path();
    take(directory, "sums.wat")?;
    take(directory, "adds.wat")?;
    let process = Process::start(directory, true)?;
    process.is_in_state(
        "O",
        &[SUMS_MISSING, "and the query goes on where it was", " run_total(n) "],
    )?;
    process.is_in_state(
        "MORE",
        &["WAITING: it calls f(a BIGINT) RETURNS BIGINT of plugin adds, "],
    )?;
    process.is_in_state("PLAIN", &["| RUNNING |"])?;
    let (o, more) = (process.id("O")?, process.id("MORE")?);
    let waiting: Vec<String> = process.0.waiting().into_iter().map(|query| query.id).collect();
    if waiting != [more.clone(), o.clone()] || process.0.queries().len() != 1 {
        return Err(format!("{waiting:?} wait, {} run", process.0.queries().len()));
    }
    process.says(
        "EXPLAIN o;",
        &["run_total(n) OVER ()", "it does not run: it calls run_total("],
    )?;
    process.says(&format!("EXPLAIN {more};"), &["it does not run: it calls f("])?;
    process.says("DESCRIBE o;", &["stream O", "Y  BIGINT"])?;
    process.says(
        "DESCRIBE o EXTENDED;",
        &[&format!("written by {o}, which does not run: it calls run_total(")],
    )?;
    process.says(
        "DESCRIBE numbers EXTENDED;",
        &[&format!("read by {o}, which does not run: ")],
    )?;
    process.refuses(&format!("RESUME {o};"), "does not run: it calls run_total(")?;
    process.refuses(&format!("PAUSE {o};"), "does not run: it calls run_total(")?;
    process.refuses("DROP STREAM numbers;", "is used by")?;
    process.refuses(&of(directory, SCRIPT[1]), "a stream `O` exists already")?;
    process.refuses(
        "CREATE STREAM slip WITH (CONNECTOR='blackhole') AS SELECT n, run_totl(n) OVER () AS y FROM numbers;",
        "does not exist",
    )?;
    process.refuses(
        "CREATE STREAM new WITH (CONNECTOR='blackhole') AS SELECT n, run_total(n) OVER () AS y FROM numbers;",
        "does not exist",
    )?;
    grow(directory, &["plain"])?;
    let before = (lines(directory, "out").len(), lines(directory, "more").len());

    put_adds(directory)?;
    let mut news = Vec::new();
    in_time("the query of adds goes on", || {
        news.extend(process.0.plugin_news());
        process.line("MORE").is_ok_and(|line| line.contains("| RUNNING |"))
    })?;
    news.extend(process.0.plugin_news());
    let due = format!("query {more} goes on: the functions that it calls are there again");
    if !news.contains(&due) {
        return Err(format!("of the query that goes on is told: {news:?}"));
    }
    grow(directory, &["more", "plain"])?;
    process.is_in_state("O", &[SUMS_MISSING])?;
    if lines(directory, "out").len() != before.0 {
        return Err("a query that waits has written".into());
    }

    // A file that is another one does not make it run: it says so, and waits on.
    write(&directory.join("plugins/sums.wat"), READS_NONE.guest())?;
    in_time("the plugin that does not fit is seen", || {
        let line = process.line("O");
        line.is_ok_and(|line| line.contains("WAITING: ") && line.contains("sums 3.0.0 reads format 3 alone"))
    })?;
    put_sums(directory)?;
    in_time("the query of sums goes on", || {
        process.line("O").is_ok_and(|line| line.contains("| RUNNING |"))
    })?;
    grow(directory, &["out", "more", "plain"])?;
    if !process.0.waiting().is_empty() {
        return Err("a query waits for nothing".into());
    }
    process.stop();
    let process = Process::start(directory, false)?;
    grow(directory, &["out", "more", "plain"])?;
    process.stop();
    is_whole(directory, "out", |n| n * (n + 1) / 2)?;
    is_whole(directory, "more", |n| n + 1000)
}

fn is_asked_for() -> Result<(), String> {
    let place = begun()?;
    let directory = place.path();
    take(directory, "sums.wat")?;
    let process = Process::start(directory, false)?;
    let o = process.id("O")?;
    let help = format!("; after RELOAD PLUGIN or RESUME {o} the query goes on where it was");
    process.is_in_state("O", &[SUMS_MISSING, &help])?;
    put_sums(directory)?;
    process.is_in_state("O", &[SUMS_MISSING])?;
    process.says(&format!("RESUME {o};"), &[&format!("resumed: {o}")])?;
    process.is_in_state("O", &["| RUNNING |"])?;
    grow(directory, &["out"])?;
    process.stop();

    // A plugin that is broken is no better than none; RELOAD PLUGIN says what came of the file.
    write(&directory.join("plugins/sums.wat"), "(module")?;
    let process = Process::start(directory, false)?;
    process.is_in_state(
        "O",
        &[
            "WAITING: it calls run_total(",
            "of plugin sums 1.0.0, which is broken: ",
        ],
    )?;
    put_sums(directory)?;
    let goes_on = format!("query {} goes on: the functions", process.id("O")?);
    process.says("RELOAD PLUGIN sums;", &["plugin sums.wat is replaced: ", &goes_on])?;
    grow(directory, &["out", "more"])?;
    process.stop();
    is_whole(directory, "out", |n| n * (n + 1) / 2)
}

fn ended_or_replaced() -> Result<(), String> {
    let place = begun()?;
    let directory = place.path();
    take(directory, "sums.wat")?;
    take(directory, "adds.wat")?;
    let process = Process::start(directory, false)?;
    let o = process.id("O")?;
    process.refuses(
        &format!("CREATE OR REPLACE {}", &of(directory, SCRIPT[1])[7..]),
        "does not exist",
    )?;
    process.is_in_state("O", &[SUMS_MISSING])?;

    // The next version of the plugin, and the query moved to it: with its state.
    write(&directory.join("plugins/sums.wat"), READS_FIRST.guest())?;
    process.says("RELOAD PLUGIN sums;", &[&format!("query {o} goes on")])?;
    in_time("rows of the next version", || {
        written(directory, "out").iter().any(|(_, y)| *y > READS_FIRST.plus)
    })?;
    for (place, (n, y)) in (1..).zip(written(directory, "out")) {
        let sum = n * (n + 1) / 2;
        if n != place || (y != sum && y != sum + READS_FIRST.plus) {
            return Err(format!("row {place} is {n} with sum {y}"));
        }
    }

    // What waits is replaced by a query without the plugin.
    let other = of(
        directory,
        "CREATE OR REPLACE STREAM more WITH (CONNECTOR='file', PATH='DIRECTORY/more.json') AS SELECT n, n + 1000 AS y FROM numbers;",
    );
    process.says(&other, &["created by query CSAS_MORE_"])?;
    process.is_in_state("MORE", &["| RUNNING |"])?;
    grow(directory, &["more"])?;
    process.stop();
    is_whole(directory, "more", |n| n + 1000)?;

    // Ended while it waits: its state is gone, and nobody knows it any more.
    take(directory, "sums.wat")?;
    let process = Process::start(directory, false).err().unwrap_or_default();
    if !process.contains("F` does not exist") {
        return Err(format!("a query that was replaced is known by its old text: {process}"));
    }
    let process = Process::bare(directory, false)?;
    process.say(&of(directory, SCRIPT[0]))?;
    process.says(
        &of(directory, SCRIPT[1]),
        &["stream O is there, but query CSAS_O_", "does not run: "],
    )?;
    let kept = directory.join("state/waterwheel/CSAS_O");
    if !kept.is_dir() {
        return Err("the state of a query that waits is gone".into());
    }
    process.says(&format!("TERMINATE {};", process.id("O")?), &["terminated: CSAS_O_"])?;
    if kept.exists() || !process.0.waiting().is_empty() {
        return Err("a query that was ended is not gone".into());
    }
    process.say("DROP STREAM o;")?;
    process.refuses(&of(directory, SCRIPT[1]), "does not exist")
}
