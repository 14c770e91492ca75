//! The rules of the house that no compiler checks: floors, fences, sizes, names, what documents say.
//!
//! Every rule is a function from the tracked files to the problems that it found, so that the rules themselves are tested on
//! trees of two or three files. Nothing here knows Rust's grammar beyond comments, literals and braces: what needs more than
//! that belongs to clippy.

mod documents;
mod fences;
mod floors;
mod places;
mod self_tests;
mod sizes;
mod source;
mod tree;
mod words;

use std::path::Path;

pub(crate) use self_tests::SELF_TESTS;
use source::Sources;
use tree::Tree;

/// All problems of the project at `root`, each `path:line: what is wrong and what to do`. Empty: all is well.
pub(crate) fn check(root: &Path) -> Vec<String> {
    match Tree::read(root) {
        Ok(tree) => check_tree(&tree),
        Err(error) => vec![format!("{}: cannot be read: {error}", root.display())],
    }
}

fn check_tree(tree: &Tree) -> Vec<String> {
    let sources = Sources::of(tree);
    let mut problems = Vec::new();
    problems.extend(floors::check(&sources));
    problems.extend(fences::check(&sources));
    problems.extend(sizes::check(&sources));
    problems.extend(words::check(&sources));
    problems.extend(documents::check(tree));
    problems.extend(places::check(tree));
    problems
}
