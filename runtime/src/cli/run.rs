//! `waterwheel run`: a script, headless, until its queries end or Ctrl-C.

use std::io::{BufWriter, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Select};

use super::progress::Progress;
use super::render::{RowWriter, write_table};
use super::{EXIT_FAILED, EXIT_OK, EXIT_USAGE, RunArguments, config_file, interrupt, report};
use crate::engine::{Engine, Outcome, PushQuery};
use crate::exec::State;
use crate::sql::Colours;
use crate::types::clock::SystemClock;
use crate::types::{ChangeBatch, Class};

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

/// A SELECT whose results are printed.
struct Printed {
    query: PushQuery,
    writer: RowWriter,
}

fn script(arguments: &RunArguments, engine: &Engine, text: &str, origin: &str, interrupt: &Receiver<()>) -> u8 {
    let mut printed = Vec::new();
    let result = engine.run_script(text, |outcome| show(arguments, outcome, &mut printed));
    if let Err(error) = result {
        let colours = if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
            Colours::On
        } else {
            Colours::Off
        };
        report(&error.render(origin, colours));
        engine.stop_all(STOP_TIMEOUT);
        return if error.class() == Class::User {
            EXIT_USAGE
        } else {
            EXIT_FAILED
        };
    }
    engine.seal();
    let mut progress = Progress::start(arguments.quiet);
    let end = follow(engine, printed, interrupt, &mut progress);
    for id in engine.stop_all(STOP_TIMEOUT) {
        report(&format!("query {id} did not stop within {} s", STOP_TIMEOUT.as_secs()));
    }
    let failures: Vec<String> = engine
        .queries()
        .into_iter()
        .filter_map(|(info, pipeline)| match pipeline.state() {
            State::Failed(reason) => Some(format!("error: query {} failed: {reason}", info.id)),
            _ => None,
        })
        .collect();
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

fn show(arguments: &RunArguments, outcome: Outcome, printed: &mut Vec<Printed>) -> anyhow::Result<()> {
    match outcome {
        Outcome::Message(message) if arguments.quiet => drop(message),
        Outcome::Message(message) => report(&message),
        Outcome::Text(text) => std::io::stdout().lock().write_all(with_newline(&text).as_bytes())?,
        Outcome::Table(table) => write_table(&table, arguments.output, &mut std::io::stdout().lock())?,
        Outcome::Query(query) => {
            let writer = RowWriter::new(&query.schema, arguments.output)?;
            printed.push(Printed { query, writer });
        }
    }
    Ok(())
}

fn with_newline(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

/// Prints results until every query has ended, or Ctrl-C.
fn follow(
    engine: &Engine,
    mut printed: Vec<Printed>,
    interrupt: &Receiver<()>,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let mut last_printed = None;
    loop {
        let mut select = Select::new();
        select.recv(interrupt);
        for query in &printed {
            select.recv(&query.query.changes.batches);
        }
        match select.ready_timeout(POLL) {
            Ok(0) => return Ok(()),
            Ok(number) => {
                let batch = printed[number - 1].query.changes.batches.try_recv();
                match batch {
                    Ok(batch) => {
                        let heading = (printed.len() > 1 && last_printed != Some(number)).then_some(number);
                        last_printed = Some(number);
                        progress.suspend(|| print(&mut printed[number - 1], &batch, heading.is_some()))?;
                    }
                    Err(error) if error.is_disconnected() => {
                        printed.remove(number - 1);
                        last_printed = None;
                    }
                    Err(_) => {}
                }
            }
            Err(_) => {}
        }
        progress.update(engine);
        let is_over = || engine.queries().iter().all(|(_, pipeline)| pipeline.state().is_over());
        if printed.is_empty() && is_over() {
            return Ok(());
        }
    }
}

fn print(printed: &mut Printed, batch: &ChangeBatch, heading: bool) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    if heading {
        eprintln!("{}:", printed.query.id);
    }
    let written = printed
        .writer
        .write(&batch.records, &mut out)
        .and_then(|()| Ok(out.flush()?));
    match written {
        // A reader that has seen enough (`| head`) is no error; the query has nobody to write to.
        Err(error) if is_broken_pipe(&error) => {
            printed.query.pipeline.stop();
            Ok(())
        }
        other => other,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
