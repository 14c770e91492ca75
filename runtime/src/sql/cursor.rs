//! Reads the tokens of one statement from left to right.
//!
//! Every step that fails says what was expected, what stands there instead, and the nearest word that would fit.

use datafusion::sql::sqlparser::tokenizer::{Token, Word};

use super::ast::{Name, Span};
use super::error::{Code, Result};
use super::lexer::Lexeme;
use super::words;
use crate::sql::diagnostic::Diagnostic;

/// Characters of a string or name that a message quotes.
const QUOTED_CHARS_MAX: usize = 40;

/// A place in a run of tokens.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    lexemes: &'a [Lexeme],
    at: usize,
    /// Where the run ends in the text.
    end: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the first of `lexemes`, which end before byte `end`.
    pub(super) fn new(lexemes: &'a [Lexeme], end: usize) -> Self {
        Self { lexemes, at: 0, end }
    }

    /// The token here.
    pub(super) fn peek(&self) -> Option<&'a Lexeme> {
        self.peek_at(0)
    }

    /// The token `ahead` places further.
    pub(super) fn peek_at(&self, ahead: usize) -> Option<&'a Lexeme> {
        self.lexemes.get(self.at + ahead)
    }

    /// Takes the token here.
    pub(super) fn advance(&mut self) -> Option<&'a Lexeme> {
        let lexeme = self.lexemes.get(self.at)?;
        self.at += 1;
        Some(lexeme)
    }

    /// How many tokens were taken.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The tokens that are left; they are taken.
    pub(super) fn take_rest(&mut self) -> &'a [Lexeme] {
        let rest = &self.lexemes[self.at..];
        self.at = self.lexemes.len();
        rest
    }

    /// Where the run ends in the text.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// The place of the token here; at the end, the end.
    pub(super) fn here(&self) -> Span {
        self.peek().map_or(
            Span {
                start: self.end,
                end: self.end,
            },
            |lexeme| lexeme.span,
        )
    }

    /// From `start` to the end of the last token taken.
    pub(super) fn since(&self, start: Span) -> Span {
        let end = self
            .at
            .checked_sub(1)
            .map_or(start.end, |last| self.lexemes[last].span.end);
        Span {
            start: start.start,
            end: end.max(start.end),
        }
    }

    /// True when this unquoted word stands here.
    pub(super) fn at_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|lexeme| lexeme.is_word(word))
    }

    /// True when one of these unquoted words stands here.
    pub(super) fn at_any(&self, words: &[&str]) -> bool {
        self.peek().is_some_and(|lexeme| lexeme.is_any(words))
    }

    /// True when these unquoted words stand here, one after the other.
    pub(super) fn at_words(&self, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(i, word)| self.peek_at(i).is_some_and(|lexeme| lexeme.is_word(word)))
    }

    /// True when this token stands here.
    pub(super) fn at_token(&self, token: &Token) -> bool {
        self.peek().is_some_and(|lexeme| lexeme.token == *token)
    }

    /// Takes this unquoted word if it stands here.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        self.at += usize::from(found);
        found
    }

    /// Takes these words if all stand here, else none.
    pub(super) fn eat_words(&mut self, words: &[&str]) -> bool {
        let found = self.at_words(words);
        self.at += if found { words.len() } else { 0 };
        found
    }

    /// Takes this token if it stands here.
    pub(super) fn eat_token(&mut self, token: &Token) -> bool {
        let found = self.at_token(token);
        self.at += usize::from(found);
        found
    }

    /// Takes one of these words, which must stand here.
    pub(super) fn one_of(&mut self, words: &[&'static str]) -> Result<&'static str> {
        match words.iter().find(|word| self.at_word(word)) {
            Some(word) => {
                self.at += 1;
                Ok(word)
            }
            None => Err(self.unexpected(&any_of(words), words)),
        }
    }

    /// Takes this word, which must stand here.
    pub(super) fn expect(&mut self, word: &'static str) -> Result<Span> {
        let here = self.here();
        self.one_of(&[word])?;
        Ok(here)
    }

    /// Takes this token, which must stand here.
    pub(super) fn expect_token(&mut self, token: &Token) -> Result<Span> {
        let here = self.here();
        if self.eat_token(token) {
            Ok(here)
        } else {
            Err(self.unexpected(&format!("`{token}`"), &[]))
        }
    }

    /// Takes a name; `what` says of what. Unquoted ones are folded to upper case.
    pub(super) fn name(&mut self, what: &str) -> Result<Name> {
        self.name_in(what, true)
    }

    /// Takes a name that keeps its case even without quotes, as topics do; a string is one too.
    pub(super) fn resource(&mut self, what: &str) -> Result<Name> {
        if let Some(Lexeme {
            token: Token::SingleQuotedString(value),
            span,
        }) = self.peek()
        {
            self.at += 1;
            return Ok(Name {
                value: value.clone(),
                span: *span,
            });
        }
        self.name_in(what, false)
    }

    fn name_in(&mut self, what: &str, fold: bool) -> Result<Name> {
        let Some(Lexeme {
            token: Token::Word(word),
            span,
        }) = self.peek()
        else {
            return Err(self.unexpected(what, &[]));
        };
        if word.quote_style.is_none() && words::is_reserved(&word.value) {
            return Err(reserved(&word.value, *span, what).into());
        }
        self.at += 1;
        let value = match word.quote_style {
            None if fold => word.value.to_ascii_uppercase(),
            _ => word.value.clone(),
        };
        Ok(Name { value, span: *span })
    }

    /// Takes a string.
    pub(super) fn string(&mut self, what: &str) -> Result<(String, Span)> {
        match self.peek() {
            Some(Lexeme {
                token: Token::SingleQuotedString(value),
                span,
            }) => {
                self.at += 1;
                Ok((value.clone(), *span))
            }
            Some(Lexeme {
                token: Token::Word(word),
                ..
            }) => {
                let help = format!("write it in single quotes: '{}'", excerpt(&word.value));
                Err(self.unexpected(what, &[]).help(help).into())
            }
            _ => Err(self.unexpected(what, &[])),
        }
    }

    /// Takes a whole number from 0.
    pub(super) fn whole_number(&mut self, what: &str) -> Result<(u64, Span)> {
        if let Some(Lexeme {
            token: Token::Number(text, _),
            span,
        }) = self.peek()
            && let Ok(number) = text.parse()
        {
            self.at += 1;
            return Ok((number, *span));
        }
        Err(self.unexpected(what, &[]))
    }

    /// Takes `(...)`, which must stand here, and gives a cursor over what is inside.
    pub(super) fn group(&mut self, what: &str) -> Result<Cursor<'a>> {
        if !self.at_token(&Token::LParen) {
            return Err(self.unexpected(what, &[]));
        }
        let Some(length) = group_length(&self.lexemes[self.at..]) else {
            let open = self.here();
            return Err(Code::UnbalancedBracket
                .found("this bracket is never closed")
                .at(open)
                .into());
        };
        let inside = &self.lexemes[self.at + 1..self.at + length - 1];
        self.at += length;
        Ok(Cursor::new(inside, self.lexemes[self.at - 1].span.start))
    }

    /// The runs between the commas of what is left, brackets kept together. Nothing left is no run.
    pub(super) fn split_commas(mut self) -> Vec<Cursor<'a>> {
        let rest = self.take_rest();
        let mut parts = Vec::new();
        let mut depth = 0_usize;
        let mut from = 0;
        for (i, lexeme) in rest.iter().enumerate() {
            match lexeme.token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
                Token::Comma if depth == 0 => {
                    parts.push(Cursor::new(&rest[from..i], lexeme.span.start));
                    from = i + 1;
                }
                _ => {}
            }
        }
        if !rest.is_empty() {
            parts.push(Cursor::new(&rest[from..], self.end));
        }
        parts
    }

    /// Nothing may be left; `candidates` are the words that could have been.
    pub(super) fn done(&self, candidates: &[&str]) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end of the statement", candidates)),
        }
    }

    /// The finding that `expected` does not stand here.
    pub(super) fn unexpected(&self, expected: &str, candidates: &[&str]) -> Box<Diagnostic> {
        unexpected(self.peek(), self.here(), expected, candidates).into()
    }
}

/// The finding that `expected` does not stand at `place`, but `found`.
pub(super) fn unexpected(found: Option<&Lexeme>, place: Span, expected: &str, candidates: &[&str]) -> Diagnostic {
    let shown = found.map_or("the end of the statement".to_owned(), |lexeme| show(&lexeme.token));
    let finding = Code::UnexpectedToken
        .found(format!("expected {expected}, found {shown}"))
        .at(place);
    let near = found
        .and_then(Lexeme::word)
        .and_then(|word| words::did_you_mean(&word, candidates.iter().copied()));
    match near {
        Some(help) => finding.help(help),
        None => finding,
    }
}

/// The finding that a reserved word stands where a name was meant.
pub(super) fn reserved(word: &str, span: Span, what: &str) -> Diagnostic {
    Code::ReservedWord
        .found(format!(
            "expected {what}, found the reserved word {}",
            word.to_ascii_uppercase()
        ))
        .at(span)
        .help(format!("quote it to use it as a name: `{word}`"))
}

/// A token as messages show it.
pub(super) fn show(token: &Token) -> String {
    match token {
        Token::Word(Word { value, .. }) => format!("`{}`", excerpt(value)),
        Token::SingleQuotedString(text) => format!("'{}'", excerpt(text)),
        other => format!("`{}`", excerpt(&other.to_string())),
    }
}

fn excerpt(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(QUOTED_CHARS_MAX).collect();
    if chars.next().is_some() {
        shown.push_str("...");
    }
    shown
}

fn any_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    }
}

/// How many tokens the bracket that opens first takes, both ends included; `None` where it never closes.
pub(super) fn group_length(lexemes: &[Lexeme]) -> Option<usize> {
    let mut depth = 0_usize;
    for (i, lexeme) in lexemes.iter().enumerate() {
        match lexeme.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i + 1);
                }
            }
            _ => {}
        }
    }
    None
}
