//! ksqlDB's own cases, where they lie beside the repository: how many of those that need no schema registry pass must not sink.
//!
//! The cases are no part of the project. Where they are not, the tests say so and pass.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Failed, Trial};
use waterwheel::engine::case::{Case, Matching, Runner, Verdict, load_line};

/// Cases with output that pass. Raise it with what comes to pass.
const POSITIVE_PASSED: usize = 847;
/// Cases that must be refused and are, by the right statement.
const NEGATIVE_PASSED: usize = 242;

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("conformance/query cases", || check().map_err(Failed::from))]
}

fn cases() -> Option<Vec<Case>> {
    let folders = ["../shared/conformance", "../../shared/conformance"];
    let paths: Vec<PathBuf> = folders
        .iter()
        .map(|folder| crate::root().join(folder).join("ksqldb-queries.jsonl"))
        .collect();
    let path = paths.iter().find(|path| path.exists())?;
    let text = std::fs::read_to_string(path).expect("the file can be read");
    Some(text.lines().map(|line| load_line(line).expect("a case")).collect())
}

fn check() -> Result<(), String> {
    let Some(cases) = cases() else {
        println!("not here: the cases of ksqlDB (shared/conformance beside the repository)");
        return Ok(());
    };
    let runner = Runner {
        matching: Matching::Changelog,
        ..Runner::default()
    };
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let verdicts: Vec<(usize, Verdict)> = std::thread::scope(|scope| {
        let work = || {
            let mut verdicts = Vec::new();
            while let Some((number, case)) = next_of(&cases, &next) {
                verdicts.push((number, runner.run(case)));
            }
            verdicts
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a thread of cases does not panic"))
            .collect()
    });
    let count = |negative: bool| {
        let of_kind = verdicts
            .iter()
            .filter(|(number, verdict)| {
                cases[*number].expected_error.is_some() == negative && !matches!(verdict, Verdict::Skipped(_))
            })
            .collect::<Vec<_>>();
        let passed = of_kind
            .iter()
            .filter(|(_, verdict)| matches!(verdict, Verdict::Passed(_)));
        (passed.count(), of_kind.len())
    };
    let (positive, positive_all) = count(false);
    let (negative, negative_all) = count(true);
    println!(
        "{positive} of {positive_all} cases with output pass, {negative} of {negative_all} wrong ones are refused"
    );
    if positive < POSITIVE_PASSED || negative < NEGATIVE_PASSED {
        return Err(format!(
            "{positive} cases with output pass and {negative} wrong ones are refused; before it were {POSITIVE_PASSED} and \
             {NEGATIVE_PASSED}. `waterwheel test` on the file says which fail"
        ));
    }
    Ok(())
}

fn next_of<'a>(cases: &'a [Case], next: &AtomicUsize) -> Option<(usize, &'a Case)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    cases.get(number).map(|case| (number, case))
}
