//! Files stay small enough to be read in one go: one idea each.

use super::source::{Source, Sources};

/// No file is longer.
const LINES_MAX: usize = 1_000;
/// A longer file needs a reason in `LARGE`, unless it is a test: there, cases stand one after the other.
const LINES_LARGE: usize = 600;
/// The median of the engine's files stays under this.
const LINES_MEDIAN_MAX: usize = 200;

/// Large files that are one idea all the same: path, why.
const LARGE: &[(&str, &str)] = &[];

pub(super) fn check(sources: &Sources) -> Vec<String> {
    check_with(sources, LARGE)
}

pub(super) fn check_with(sources: &Sources, large: &[(&str, &str)]) -> Vec<String> {
    let mut problems: Vec<String> = sources.files.iter().filter_map(|file| too_long(file, large)).collect();
    for (path, _) in large {
        let lines = sources.files.iter().find(|file| file.path == *path).map(lines);
        if lines.is_none_or(|lines| lines <= LINES_LARGE) {
            problems.push(format!(
                "{path}: is not over {LINES_LARGE} lines any more: take it off the list in tidy/sizes.rs"
            ));
        }
    }
    let mut lengths: Vec<usize> = sources.engine().map(lines).collect();
    lengths.sort_unstable();
    if let Some(median) = lengths
        .get(lengths.len() / 2)
        .filter(|median| **median >= LINES_MEDIAN_MAX)
    {
        problems.push(format!(
            "runtime/src: the median file has {median} lines, it should be under {LINES_MEDIAN_MAX}: split some"
        ));
    }
    problems
}

fn lines(file: &Source) -> usize {
    file.text.lines().count()
}

fn too_long(file: &Source, large: &[(&str, &str)]) -> Option<String> {
    let lines = lines(file);
    if lines > LINES_MAX {
        Some(format!(
            "{}: has {lines} lines, at most {LINES_MAX} are allowed: split it",
            file.path
        ))
    } else if lines > LINES_LARGE && !file.is_test() && !large.iter().any(|(path, _)| *path == file.path) {
        let advice = "split it by ideas, or give a reason in tidy/sizes.rs";
        Some(format!(
            "{}: has {lines} lines, more than {LINES_LARGE}: {advice}",
            file.path
        ))
    } else {
        None
    }
}
