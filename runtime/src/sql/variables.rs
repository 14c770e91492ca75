//! `${name}`: values that statements name instead of writing out.
//!
//! As in ksqlDB a variable stands for a name or a literal, never for a piece of syntax, and inside of a string for a
//! piece of the string. So it is replaced token by token: a value cannot smuggle a statement in, and every token keeps
//! its place in the text that the user sees.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::sql::sqlparser::tokenizer::Token;

use super::ast::Span;
use super::error::{Code, Result};
use super::lexer::{Lexeme, lex_value};
use super::limits::STATEMENT_BYTES_MAX;
use super::words;

/// The variables that are defined. Names are told apart by case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    values: BTreeMap<String, String>,
    /// Those that statements cannot change.
    fixed: BTreeSet<String>,
}

impl Variables {
    /// No variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives `name` a value that stays: who starts a script has the last word, and a DEFINE in it is a default.
    pub fn fix(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        self.fixed.insert(name.clone());
        self.values.insert(name, value.into());
    }

    /// The value of `name`, if it is one that stays.
    #[must_use]
    pub fn fixed(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|_| self.fixed.contains(name))
    }

    /// Gives `name` a value, unless it has one that stays; gives the old one back.
    pub fn define(&mut self, name: impl Into<String>, value: impl Into<String>) -> Option<String> {
        let name = name.into();
        if let Some(stays) = self.fixed(&name) {
            return Some(stays.to_owned());
        }
        self.values.insert(name, value.into())
    }

    /// Forgets `name`, unless its value stays; gives its value back.
    pub fn undefine(&mut self, name: &str) -> Option<String> {
        if let Some(stays) = self.fixed(name) {
            return Some(stays.to_owned());
        }
        self.values.remove(name)
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let values = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self {
            values,
            fixed: BTreeSet::new(),
        }
    }
}

/// A statement with its variables replaced.
#[derive(Debug)]
pub(super) struct Substituted {
    /// Its tokens; one from a variable has the place of the variable.
    pub(super) lexemes: Vec<Lexeme>,
    /// What was replaced in the text, in order.
    edits: Vec<(Span, String)>,
}

impl Substituted {
    /// The text of `span` with the variables replaced.
    pub(super) fn text(&self, whole: &str, span: Span) -> String {
        let mut text = String::with_capacity(span.end - span.start);
        let mut at = span.start;
        for (place, value) in &self.edits {
            text.push_str(&whole[at..place.start]);
            text.push_str(value);
            at = place.end;
        }
        text.push_str(&whole[at..span.end]);
        text
    }
}

/// Replaces the variables in the tokens of one statement.
pub(super) fn substitute(lexemes: &[Lexeme], variables: &Variables) -> Result<Substituted> {
    let mut done = Substituted {
        lexemes: Vec::with_capacity(lexemes.len()),
        edits: Vec::new(),
    };
    let mut grown = 0_usize;
    for lexeme in lexemes {
        let span = lexeme.span;
        match &lexeme.token {
            Token::Placeholder(name) => {
                let value = variables.get(name).ok_or_else(|| unknown(name, span, variables))?;
                let tokens = lex_value(value).ok_or_else(|| {
                    let message = format!("the value of ${{{name}}} is neither a name nor a literal");
                    let help = "define it as a name ('abc'), a number ('5') or a string in doubled quotes ('''abc''')";
                    Box::new(Code::BadVariable.found(message).at(span).help(help))
                })?;
                grown += value.len();
                done.edits.push((span, value.to_owned()));
                done.lexemes
                    .extend(tokens.into_iter().map(|token| Lexeme { token, span }));
            }
            Token::SingleQuotedString(text) if text.contains("${") => {
                let replaced = in_string(text, variables, STATEMENT_BYTES_MAX.saturating_sub(grown));
                let replaced = replaced.ok_or_else(|| too_long(span))?;
                grown += replaced.len();
                if replaced != *text {
                    done.edits.push((span, format!("'{}'", replaced.replace('\'', "''"))));
                }
                let token = Token::SingleQuotedString(replaced);
                done.lexemes.push(Lexeme { token, span });
            }
            _ => done.lexemes.push(lexeme.clone()),
        }
        if grown > STATEMENT_BYTES_MAX {
            return Err(too_long(span));
        }
    }
    Ok(done)
}

fn unknown(name: &str, span: Span, variables: &Variables) -> Box<super::Diagnostic> {
    let help = match words::nearest(name, variables.iter().map(|(name, _)| name)) {
        Some(near) => format!("did you mean ${{{near}}}?"),
        None => format!("write DEFINE {name} = 'value'; before it"),
    };
    Code::UnknownVariable
        .found(format!("the variable {name} is not defined"))
        .at(span)
        .help(help)
        .into()
}

fn too_long(span: Span) -> Box<super::Diagnostic> {
    let message = format!("with its variables the statement has more than {STATEMENT_BYTES_MAX} bytes");
    Code::TooLong.found(message).at(span).into()
}

/// Replaces the variables inside of a string. An unknown one stays as it is, and `$${name}` is `${name}` itself, both as
/// in ksqlDB. `None` when the result has more than `bytes_max` bytes.
fn in_string(text: &str, variables: &Variables, bytes_max: usize) -> Option<String> {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        let variable = from.find('}').map(|end| (&from[2..end], &from[end + 1..]));
        let escaped = before.ends_with('$');
        match variable.map(|(name, behind)| (variables.get(name), behind)) {
            Some((Some(_), behind)) if escaped => {
                replaced.push_str(&before[..before.len() - 1]);
                replaced.push_str(&from[..from.len() - behind.len()]);
                rest = behind;
            }
            Some((Some(value), behind)) => {
                replaced.push_str(before);
                replaced.push_str(value);
                rest = behind;
            }
            _ => {
                replaced.push_str(before);
                replaced.push_str("${");
                rest = &from[2..];
            }
        }
        if replaced.len() > bytes_max {
            return None;
        }
    }
    replaced.push_str(rest);
    (replaced.len() <= bytes_max).then_some(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::lex;

    fn run(text: &str) -> Result<String> {
        let variables = Variables::from_iter([
            ("topic", "orders"),
            ("quoted", "'it''s'"),
            ("n", "-5"),
            ("apostrophe", "it's"),
            ("evil", "a; DROP STREAM b"),
            ("empty", ""),
        ]);
        let lexed = lex(text);
        let all = Span {
            start: 0,
            end: text.len(),
        };
        Ok(substitute(&lexed.lexemes, &variables)?.text(text, all))
    }

    #[test]
    fn variables_become_names_literals_and_parts_of_strings() {
        let check = |text: &str, expected: &str| assert_eq!(run(text).expect(text), expected);
        check("PRINT ${topic};", "PRINT orders;");
        check("SELECT ${n}, ${quoted}", "SELECT -5, 'it''s'");
        check("WITH (a='x-${topic}-${topic}')", "WITH (a='x-orders-orders')");
        check("'${apostrophe}'", "'it''s'");
        check("'$${topic} ${unknown} ${'", "'${topic} ${unknown} ${'");
        check("'no variable'", "'no variable'");
    }

    #[test]
    fn a_fixed_value_stays() {
        let mut variables = Variables::new();
        variables.fix("n", "7");
        variables.define("m", "1");
        assert_eq!(variables.define("n", "8").as_deref(), Some("7"));
        assert_eq!(variables.undefine("n").as_deref(), Some("7"));
        assert_eq!(variables.define("m", "2").as_deref(), Some("1"));
        assert_eq!(variables.iter().collect::<Vec<_>>(), [("m", "2"), ("n", "7")]);
        assert_eq!((variables.fixed("n"), variables.fixed("m")), (Some("7"), None));
    }

    #[test]
    fn an_unknown_variable_says_the_nearest() {
        let finding = run("PRINT ${topics}").expect_err("unknown");
        assert_eq!(finding.code, "unknown-variable");
        assert_eq!(finding.help.as_deref(), Some("did you mean ${topic}?"));
        assert_eq!(finding.span, Some(Span { start: 6, end: 15 }));
    }

    #[test]
    fn a_value_is_never_syntax() {
        for text in ["SELECT ${evil}", "SELECT ${empty}"] {
            assert_eq!(run(text).expect_err(text).code, "bad-variable", "{text}");
        }
    }

    #[test]
    fn values_cannot_blow_a_statement_up() {
        let variables = Variables::from_iter([("a", "x".repeat(1 << 20))]);
        let text = format!("'{}'", "${a}".repeat(1 << 16));
        let finding = substitute(&lex(&text).lexemes, &variables).expect_err("too long");
        assert_eq!(finding.code, "too-long");
    }
}
