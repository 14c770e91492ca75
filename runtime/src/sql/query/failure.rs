//! sqlparser's errors, which are texts, as findings with a place and a hint.

use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::dialect::{Grammar, RAISED};
use crate::sql::cursor::show;
use crate::sql::diagnostic::Diagnostic;
use crate::sql::error::Code;
use crate::sql::limits::EXPRESSION_DEPTH_MAX;
use crate::sql::words::{CLAUSES, did_you_mean};

/// The finding for `error`, which `parser` gave.
pub(super) fn explain(
    error: &ParserError,
    parser: &Parser<'_>,
    grammar: &Grammar,
    tokens: &[TokenWithSpan],
) -> Box<Diagnostic> {
    let raised = grammar.take_raised();
    let message = match error {
        ParserError::RecursionLimitExceeded => return too_deep(grammar.place(parser.index())),
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
    };
    let index = position(message, parser, tokens);
    if let Some(raised) = raised {
        // An attempt that sqlparser gave up may have seen further than the error that it reports in the end.
        let further = raised.span.is_some_and(|span| span.start >= grammar.place(index).start);
        if message == RAISED || further {
            return Box::new(raised);
        }
    }
    Box::new(hint(
        Code::UnexpectedToken
            .found(words_of(message, tokens.get(index)))
            .at(grammar.place(index)),
        index,
        tokens,
    ))
}

/// The finding that tokens are left behind the end of a query or expression.
pub(super) fn leftover(index: usize, grammar: &Grammar, tokens: &[TokenWithSpan], expected: &str) -> Box<Diagnostic> {
    let shown = tokens
        .get(index)
        .map_or_else(|| "the end of the statement".to_owned(), |found| show(&found.token));
    let finding = Code::UnexpectedToken.found(format!("expected {expected}, found {shown}"));
    Box::new(hint(finding.at(grammar.place(index)), index, tokens))
}

fn too_deep(place: crate::sql::ast::Span) -> Box<Diagnostic> {
    let message = format!("expressions and queries may nest at most {EXPRESSION_DEPTH_MAX} deep");
    Box::new(Code::TooDeep.found(message).at(place))
}

/// The index of the token that a message is about: by the place that it names, else where the parser stopped.
fn position(message: &str, parser: &Parser<'_>, tokens: &[TokenWithSpan]) -> usize {
    let named = || {
        let (_, place) = message.rsplit_once(" at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        let location = Location {
            line: line.parse().ok()?,
            column: column.parse().ok()?,
        };
        tokens.iter().position(|token| token.span.start == location)
    };
    match named() {
        Some(index) => index,
        None if message.contains("found: EOF") => tokens.len(),
        None => parser.index().min(tokens.len()),
    }
}

/// sqlparser's words in our style.
fn words_of(message: &str, found: Option<&TokenWithSpan>) -> String {
    let message = message.split(" at Line: ").next().unwrap_or(message);
    let shown = found.map_or_else(|| "the end of the statement".to_owned(), |found| show(&found.token));
    let expected = message
        .strip_prefix("Expected: ")
        .and_then(|rest| rest.rsplit_once(", found: "))
        .map(|(expected, _)| expected);
    match expected {
        Some(expected) if expected.len() <= 2 => format!("expected `{expected}`, found {shown}"),
        Some(expected) => format!("expected {expected}, found {shown}"),
        None => {
            let mut chars = message.chars();
            chars
                .next()
                .map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
        }
    }
}

/// Adds the nearest word: of the token itself or of the name before it, which may be a misspelt clause that passed
/// for an alias.
fn hint(finding: Diagnostic, index: usize, tokens: &[TokenWithSpan]) -> Diagnostic {
    let word = |index: Option<usize>| match index.and_then(|index| tokens.get(index)).map(|found| &found.token) {
        Some(Token::Word(word)) => Some(word.value.clone()),
        _ => None,
    };
    if let Some(help) = word(Some(index)).and_then(|word| did_you_mean(&word, CLAUSES)) {
        return finding.help(help);
    }
    if let Some(before) = word(index.checked_sub(1))
        && let Some(meant) = crate::sql::words::nearest(&before, CLAUSES)
    {
        return finding.help(format!("did you mean {meant} instead of `{before}`?"));
    }
    finding
}
