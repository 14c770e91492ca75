//! Rust files as the rules look at them: comments and literals blanked, test code known.

use std::collections::BTreeSet;

use super::tree::{Tree, line_of};

/// All Rust files of the project.
pub(super) struct Sources {
    pub(super) files: Vec<Source>,
}

/// A Rust file.
pub(super) struct Source {
    pub(super) path: String,
    /// As it is.
    pub(super) text: String,
    /// With comments and the contents of literals blanked; every byte is where it was.
    pub(super) code: String,
    /// As `code`, with everything that is only there in tests blanked, too.
    pub(super) shipped: String,
}

impl Sources {
    pub(super) fn of(tree: &Tree) -> Self {
        let rust = tree.texts().filter(|(path, _)| Tree::is_rust(path));
        let mut files: Vec<Source> = rust.map(|(path, text)| Source::new(path, text)).collect();
        let test_modules: BTreeSet<String> = files.iter().flat_map(Source::test_modules).collect();
        for file in &mut files {
            let is_test = file.path.split('/').any(|part| part == "tests" || part == "tests.rs")
                || test_modules.iter().any(|module| {
                    let behind = file.path.strip_prefix(module.as_str());
                    behind.is_some_and(|behind| behind == ".rs" || behind.starts_with('/'))
                });
            if is_test {
                file.shipped = blank(&file.shipped);
            }
        }
        Self { files }
    }

    /// The engine's own files, tests beside the code included.
    pub(super) fn engine(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(|file| file.path.starts_with("runtime/src/"))
    }
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code = without_comments_and_literals(text);
        let shipped = without_test_items(&code);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            shipped,
        }
    }

    /// The modules that this file declares for tests only, as paths without `.rs`.
    fn test_modules(&self) -> Vec<String> {
        let directory = match self.path.rsplit_once('/') {
            Some((directory, "mod.rs" | "lib.rs" | "main.rs")) => directory.to_owned(),
            _ => self.path.trim_end_matches(".rs").to_owned(),
        };
        let declared = test_items(&self.code).filter_map(|(start, end)| {
            let name = self.code[start..end].strip_suffix(';')?.rsplit_once("mod ")?.1.trim();
            Some(format!("{directory}/{name}"))
        });
        declared.collect()
    }

    /// Whether nothing of it is there but in tests.
    pub(super) fn is_test(&self) -> bool {
        self.shipped.trim().is_empty() && !self.code.trim().is_empty()
    }

    /// The problem at byte `at`, as it is told.
    pub(super) fn problem(&self, at: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path, line_of(&self.text, at))
    }
}

/// A word of code: an identifier, `::`, or one other character, with where it begins.
pub(super) type Token<'a> = (usize, &'a str);

/// The words of blanked code.
pub(super) fn tokens(code: &str) -> Vec<Token<'_>> {
    let bytes = code.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        if is_word(bytes[at]) {
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
        } else if code[at..].starts_with("::") {
            at += 2;
        } else {
            at += code[at..].chars().next().map_or(1, char::len_utf8);
        }
        let token = &code[start..at];
        if !token.trim().is_empty() {
            tokens.push((start, token));
        }
    }
    tokens
}

/// Where `pattern` stands in blanked code, not as a part of a longer word.
pub(super) fn find_word<'a>(code: &'a str, pattern: &'a str) -> impl Iterator<Item = usize> + 'a {
    let starts_in_word = move |at: usize| {
        let before = code[..at].bytes().next_back();
        pattern.bytes().next().is_some_and(is_word) && before.is_some_and(is_word)
    };
    code.match_indices(pattern)
        .map(|(at, _)| at)
        .filter(move |at| !starts_in_word(*at))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 128
}

/// The same text with everything but line ends blanked.
fn blank(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    blank_bytes(&mut bytes);
    String::from_utf8(bytes).expect("spaces and line ends are UTF-8")
}

fn blank_bytes(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// The items that stand behind `#[cfg(test)]`, each with the attribute, up to its `;` or closing brace.
fn test_items(code: &str) -> impl Iterator<Item = (usize, usize)> {
    code.match_indices("#[cfg(test)]")
        .map(|(start, _)| (start, item_end(code, start)))
}

fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b';' if depth == 0 => return at + 1,
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

fn without_test_items(code: &str) -> String {
    if code.contains("#![cfg(test)]") {
        return blank(code);
    }
    let mut shipped = code.as_bytes().to_vec();
    for (start, end) in test_items(code) {
        blank_bytes(&mut shipped[start..end]);
    }
    String::from_utf8(shipped).expect("whole characters were blanked")
}

fn without_comments_and_literals(text: &str) -> String {
    let mut code = text.as_bytes().to_vec();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let begins_word = at == 0 || !is_word(text.as_bytes()[at - 1]);
        // What is kept of a literal are its quotes.
        let (length, kept) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), 0)
        } else if rest.starts_with("/*") {
            (comment_length(rest), 0)
        } else if rest.starts_with('"') {
            (string_length(rest), 1)
        } else if let Some(length) = raw_string_length(rest).filter(|_| begins_word) {
            (length, 0)
        } else if let Some(length) = character_length(rest) {
            (length, 1)
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        blank_bytes(&mut code[at + kept..at + length - kept]);
        at += length;
    }
    String::from_utf8(code).expect("whole comments and literals were blanked")
}

/// The length of a block comment, which may hold others.
fn comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r"..."`, `r#"..."#`, `br"..."`, ... at the beginning of the text.
fn raw_string_length(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        let rest = text.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let hashes = text[prefix.len()..].bytes().take_while(|byte| *byte == b'#').count();
    let start = prefix.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text[start..].find(&end).map_or(text.len(), |at| start + at + end.len()))
}

/// The length of a character literal; none for a lifetime.
fn character_length(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    if inner.starts_with('\\') {
        return Some(inner.get(2..)?.find('\'')? + 4);
    }
    let character = inner.chars().next()?;
    inner[character.len_utf8()..]
        .starts_with('\'')
        .then(|| character.len_utf8() + 2)
}
