//! `waterwheel run`: a script, headless, until its queries end or Ctrl-C.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::progress::Progress;
use super::render::write_table;
use super::results::{Interrupted, Results, Waited};
use super::{EXIT_FAILED, EXIT_OK, EXIT_USAGE, RunArguments, config_file, interrupt, report};
use crate::engine::{Engine, Outcome, ScriptError};
use crate::exec::State;
use crate::sql::Colours;
use crate::types::Class;
use crate::types::clock::SystemClock;

/// How long a query may take for its last step and commit after Ctrl-C.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait for results before looking at the queries' states again.
const POLL: Duration = Duration::from_millis(20);

/// Runs the script; gives the exit code.
pub(crate) fn run(arguments: &RunArguments) -> u8 {
    match prepare(arguments) {
        Ok((engine, text, origin, interrupt)) => script(arguments, &engine, &text, &origin, &interrupt),
        Err(error) => {
            report(&format!("error: {error:#}"));
            EXIT_USAGE
        }
    }
}

fn prepare(arguments: &RunArguments) -> anyhow::Result<(Engine, String, String, Receiver<()>)> {
    let (text, origin) = read_script(arguments)?;
    let config = config_file::config(arguments)?;
    let interrupt = interrupt::listen()?;
    let engine = Engine::start(config, Arc::new(SystemClock))?;
    Ok((engine, text, origin, interrupt))
}

fn read_script(arguments: &RunArguments) -> anyhow::Result<(String, String)> {
    use anyhow::Context as _;
    match (&arguments.execute, &arguments.file) {
        (Some(sql), _) => Ok((sql.clone(), "sql".into())),
        (None, Some(path)) if path.as_os_str() == "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read SQL from stdin")?;
            Ok((text, "stdin".into()))
        }
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok((text, path.display().to_string()))
        }
        (None, None) => anyhow::bail!("no script is given; name a file, or use -e"),
    }
}

fn script(arguments: &RunArguments, engine: &Engine, text: &str, origin: &str, interrupt: &Receiver<()>) -> u8 {
    let mut results = Results::default();
    let result = engine.run_script(text, |outcome| {
        show(arguments, outcome, &mut results, interrupt)?;
        results.print_ready()?;
        for line in news(arguments, engine) {
            report(&line);
        }
        match interrupt.try_recv() {
            Ok(()) => Err(Interrupted.into()),
            Err(_) => Ok(()),
        }
    });
    match result {
        Ok(()) => {}
        Err(ScriptError::Outcome(error)) if error.is::<Interrupted>() => {
            return finish(engine, Progress::start(true), results.print_ready());
        }
        Err(error) => return broken_off(engine, &error, origin, &mut results),
    }
    engine.seal();
    let mut progress = Progress::start(arguments.quiet);
    let end = follow(arguments, engine, &mut results, interrupt, &mut progress);
    finish(engine, progress, end)
}

/// The end of a script with a statement that is wrong: queries before it are stopped, what they have given is shown.
fn broken_off(engine: &Engine, error: &ScriptError, origin: &str, results: &mut Results) -> u8 {
    engine.stop_all(STOP_TIMEOUT);
    if let Err(error) = results.print_ready() {
        report(&format!("error: cannot write results: {error:#}"));
    }
    let colours = if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        Colours::On
    } else {
        Colours::Off
    };
    report(&error.render(origin, colours));
    if error.class() == Class::User {
        EXIT_USAGE
    } else {
        EXIT_FAILED
    }
}

/// Stops what still runs and says what failed; `end` is how the results went. Gives the exit code.
fn finish(engine: &Engine, progress: Progress, end: anyhow::Result<()>) -> u8 {
    for id in engine.stop_all(STOP_TIMEOUT) {
        report(&format!("query {id} did not stop within {} s", STOP_TIMEOUT.as_secs()));
    }
    let mut failures: Vec<String> = engine
        .queries()
        .into_iter()
        .filter_map(|(info, pipeline)| match pipeline.state() {
            State::Failed(reason) => Some(format!("error: query {} failed: {reason}", info.id)),
            _ => None,
        })
        .collect();
    let waiting = engine.waiting().into_iter();
    failures.extend(waiting.map(|query| format!("error: query {} did not run: {}", query.id, query.reason)));
    progress.finish(engine);
    for failure in &failures {
        report(failure);
    }
    match end {
        Err(error) => {
            report(&format!("error: cannot write results: {error:#}"));
            EXIT_FAILED
        }
        Ok(()) if failures.is_empty() => EXIT_OK,
        Ok(()) => EXIT_FAILED,
    }
}

fn show(
    arguments: &RunArguments,
    outcome: Outcome,
    results: &mut Results,
    interrupt: &Receiver<()>,
) -> anyhow::Result<()> {
    match outcome {
        Outcome::Message(message) if arguments.quiet => drop(message),
        Outcome::Message(message) => report(&message),
        Outcome::Text(text) => std::io::stdout().lock().write_all(with_newline(&text).as_bytes())?,
        Outcome::Table(table) => write_table(&table, arguments.output, &mut std::io::stdout().lock())?,
        Outcome::Query(query) => results.take(query, arguments.output, interrupt)?,
    }
    Ok(())
}

/// What has changed in the plugin directory.
fn news(arguments: &RunArguments, engine: &Engine) -> Vec<String> {
    let news = engine.plugin_news();
    if arguments.quiet { Vec::new() } else { news }
}

fn with_newline(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

/// Prints results until every query has ended, or Ctrl-C.
fn follow(
    arguments: &RunArguments,
    engine: &Engine,
    results: &mut Results,
    interrupt: &Receiver<()>,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    loop {
        match results.wait(interrupt, POLL) {
            Waited::Interrupted => return Ok(()),
            Waited::Batch(number, batch) => progress.suspend(|| results.print(number, &batch))?,
            Waited::Nothing => {}
        }
        for line in news(arguments, engine) {
            progress.suspend(|| report(&line));
        }
        progress.update(engine);
        let is_over = || engine.queries().iter().all(|(_, pipeline)| pipeline.state().is_over());
        // A query may begin yet whose plugin is put back.
        let may_begin = || engine.watches_plugins() && !engine.waiting().is_empty();
        if results.is_empty() && is_over() && !may_begin() {
            return Ok(());
        }
    }
}
