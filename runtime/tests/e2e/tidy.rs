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

use libtest_mimic::{Failed, Trial};

use source::Sources;
use tree::Tree;

/// Finds the problems of a tree.
type Rule = fn(&Tree, &Sources) -> Vec<String>;

/// The rules: name, and what finds the problems, each `path:line: what is wrong and what to do`.
const RULES: [(&str, Rule); 6] = [
    ("floors", |_, sources| floors::check(sources)),
    ("fences", |_, sources| fences::check(sources)),
    ("sizes", |_, sources| sizes::check(sources)),
    ("words", |_, sources| words::check(sources)),
    ("documents", |tree, _| documents::check(tree)),
    ("places", |tree, _| places::check(tree)),
];

/// The project at `root` by each rule, and the rules by their own cases.
pub(crate) fn trials(root: &Path) -> Vec<Trial> {
    let of_project = RULES.map(|(name, rule)| {
        let root = root.to_owned();
        Trial::test(format!("tidy::{name}"), move || {
            let tree = Tree::read(&root).map_err(|error| format!("{} cannot be read: {error}", root.display()))?;
            no_problems(&rule(&tree, &Sources::of(&tree)))
        })
    });
    let of_rules = self_tests::SELF_TESTS.iter().map(|(name, test)| {
        Trial::test(format!("tidy::self_tests::{}", name.replace(' ', "_")), || {
            test();
            Ok(())
        })
    });
    of_project.into_iter().chain(of_rules).collect()
}

fn no_problems(problems: &[String]) -> Result<(), Failed> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n").into())
    }
}

/// All problems of a tree.
fn check(tree: &Tree) -> Vec<String> {
    let sources = Sources::of(tree);
    RULES.iter().flat_map(|(_, rule)| rule(tree, &sources)).collect()
}
