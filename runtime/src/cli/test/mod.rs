//! `waterwheel test`: runs cases and prints which failed and why.

mod files;
mod report;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::report::Report;
use super::arguments::{CaseMatching, TestArguments};
use super::{EXIT_FAILED, EXIT_OK, EXIT_USAGE, report as print_error};
use crate::engine::case::{Case, Matching, Runner, Verdict};

/// Runs the cases; gives the exit code.
pub(crate) fn run(arguments: &TestArguments) -> u8 {
    let cases = match files::cases(&arguments.paths, arguments.filter.as_deref()) {
        Ok(cases) => cases,
        Err(error) => {
            print_error(&format!("error: {error:#}"));
            return EXIT_USAGE;
        }
    };
    let runner = Runner {
        plugins: arguments.plugins.clone().or_else(|| plugins_beside(&arguments.paths)),
        code_cache: arguments.code_cache.place(None),
        matching: match arguments.matching {
            CaseMatching::Changelog => Matching::Changelog,
            CaseMatching::Final => Matching::Final,
        },
        strict_messages: arguments.strict_messages,
    };
    let mut report = Report::new(arguments.output, std::io::stdout().lock());
    let written = run_all(&runner, &cases, arguments.threads, |case, verdict| {
        report.add(case, verdict)
    });
    match written.and_then(|()| report.finish()) {
        Ok(0) => EXIT_OK,
        Ok(_) => EXIT_FAILED,
        Err(error) => {
            print_error(&format!("error: cannot write results: {error}"));
            EXIT_FAILED
        }
    }
}

/// Runs the cases on several threads; `take` gets the verdicts in the order of the cases.
fn run_all(
    runner: &Runner,
    cases: &[Case],
    threads: Option<usize>,
    mut take: impl FnMut(&Case, Verdict) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let next = AtomicUsize::new(0);
    let (sender, receiver) = crossbeam_channel::unbounded();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, cases.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((number, case)) = take_next(cases, next) {
                    // Nobody listens any more when results cannot be written.
                    if sender.send((number, runner.run(case))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting: Vec<Option<Verdict>> = cases.iter().map(|_| None).collect();
        let mut printed = 0;
        while let Ok((number, verdict)) = receiver.recv() {
            waiting[number] = Some(verdict);
            while let Some(verdict) = waiting.get_mut(printed).and_then(Option::take) {
                take(&cases[printed], verdict)?;
                printed += 1;
            }
        }
        Ok(())
    })
}

fn take_next<'a>(cases: &'a [Case], next: &AtomicUsize) -> Option<(usize, &'a Case)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    cases.get(number).map(|case| (number, case))
}

/// The directory `plugins` beside the first path.
fn plugins_beside(paths: &[PathBuf]) -> Option<PathBuf> {
    let directory = paths.first()?.parent()?.join("plugins");
    directory.is_dir().then_some(directory)
}
