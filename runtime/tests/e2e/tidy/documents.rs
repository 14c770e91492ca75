//! The paths that the documents at the top name exist, so that nobody is sent to what was moved.

use super::tree::{Tree, line_of};

const DOCUMENTS: [&str; 3] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Where a path in back-quotes may begin: at the root, or in the engine, of which the documents mostly speak.
const BASES: [&str; 2] = ["", "runtime/src/"];

/// Names that end so are files, even without a slash.
const EXTENSIONS: [&str; 2] = [".rs", ".md"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| DOCUMENTS.contains(path)) {
        let quoted = quoted(text).filter(|(_, word)| is_missing(tree, word));
        let linked = links(text).filter(|(_, target)| !tree.exists(target));
        for (at, word) in quoted.chain(linked) {
            problems.push(format!(
                "{path}:{}: there is no {word}: mend the document",
                line_of(text, at)
            ));
        }
    }
    problems
}

/// What stands in single back-quotes, outside of fenced blocks, with where.
fn quoted(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    let mut fenced = false;
    let lines = text.split_inclusive('\n').map(move |line| {
        at += line.len();
        (at - line.len(), line)
    });
    let prose = lines.filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    prose.flat_map(|(start, line)| {
        let mut at = start;
        let parts = line.split('`').map(move |part| {
            at += part.len() + 1;
            (at - part.len() - 1, part)
        });
        parts.skip(1).step_by(2)
    })
}

/// The targets of links into the project, without the part behind `#`.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("](").filter_map(|(at, opening)| {
        let target = text[at + opening.len()..].split([')', ' ', '\n']).next()?;
        let path = target.split('#').next()?;
        let outside = target.contains("://") || target.starts_with("mailto:");
        (!outside && !path.is_empty()).then_some((at, path.trim_start_matches("./")))
    })
}

/// Whether a quoted word is a path of the project that is not there. What may be something else is let pass: routes,
/// types, and paths with a placeholder, which is written in capitals.
fn is_missing(tree: &Tree, word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/*".contains(c);
    let placeholder = |part: &str| part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let is_file = EXTENSIONS.iter().any(|extension| word.ends_with(extension));
    if !word.chars().all(plain) || word.starts_with('/') || word.starts_with("..") {
        return false;
    }
    if word
        .split('/')
        .any(|part| placeholder(part.split('.').next().unwrap_or(part)) && !tree.has_file_named(part))
    {
        return false;
    }
    if !word.contains('/') {
        return is_file && !word.contains('*') && word.len() > 3 && !tree.has_file_named(word);
    }
    // Of a pattern the directory before it must be there.
    let path = match word.find('*') {
        Some(star) => word[..star].rfind('/').map_or("", |slash| &word[..slash]),
        None => word,
    };
    let first = path.split('/').next().unwrap_or(path);
    let looks_like_path =
        is_file || path.ends_with('/') || BASES.iter().any(|base| tree.exists(&format!("{base}{first}")));
    looks_like_path && !BASES.iter().any(|base| tree.exists(&format!("{base}{path}")))
}
