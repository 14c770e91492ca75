//! Text to tokens, each with its bytes.
//!
//! A lexer of our own because ksqlDB's is small and exact, and sqlparser's knows every dialect's literals (`N'..'`,
//! `$$..$$`, `#` comments, ...) but neither byte places nor `${variables}`. The tokens are sqlparser's, so that its
//! parser takes them. Words get no meaning here: `query::tokens` decides which are keywords.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Word};

use super::ast::Span;
use super::diagnostic::Diagnostic;
use super::error::Code;

/// A token with its place.
#[derive(Debug, Clone)]
pub(super) struct Lexeme {
    /// What it is. A word has its written case and no keyword; `${name}` is a placeholder.
    pub(super) token: Token,
    /// Its bytes, quotes included.
    pub(super) span: Span,
}

impl Lexeme {
    /// The upper-case text of an unquoted word.
    pub(super) fn word(&self) -> Option<String> {
        match &self.token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
            _ => None,
        }
    }

    /// True for this unquoted word, in any case. `word` is upper case.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
    }

    /// True for one of these unquoted words.
    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }
}

/// A text as tokens. Whitespace and comments are gone.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    /// The tokens in order.
    pub(super) lexemes: Vec<Lexeme>,
    /// What is wrong with the text itself, in order; the lexer goes on behind a fault where that makes sense.
    pub(super) faults: Vec<Diagnostic>,
    /// Where tokens end: the length of the text, or the place of a string, name or comment that never ends.
    pub(super) end: usize,
    /// True when a string, name or comment never ends.
    pub(super) open: bool,
}

/// Cuts `text` into tokens.
pub(super) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer {
        text,
        at: 0,
        type_depth: 0,
        lexed: Lexed::default(),
    };
    while let Some(byte) = lexer.peek(0) {
        if byte.is_ascii_whitespace() {
            lexer.at += 1;
            continue;
        }
        let start = lexer.at;
        match lexer.token(byte) {
            Ok(Some(token)) => lexer.push(token, start),
            Ok(None) => {}
            Err(Fault::Here(fault)) => {
                lexer.lexed.faults.push(*fault);
                lexer.at = lexer.at.max(start + 1);
                while !text.is_char_boundary(lexer.at) {
                    lexer.at += 1;
                }
                // Something stands here, so that two words around the fault do not become neighbours.
                lexer.push(Token::Char('?'), start);
            }
            Err(Fault::Open(fault)) => {
                lexer.lexed.faults.push(*fault);
                lexer.lexed.open = true;
                lexer.at = start;
                break;
            }
        }
    }
    lexer.lexed.end = lexer.at.min(text.len());
    lexer.lexed
}

/// The one token that `text` consists of, besides a sign; for the values of variables.
pub(super) fn lex_value(text: &str) -> Option<Vec<Token>> {
    let lexed = lex(text);
    let tokens: Vec<Token> = lexed.lexemes.into_iter().map(|lexeme| lexeme.token).collect();
    let one_value = matches!(
        tokens.as_slice(),
        [Token::Word(_) | Token::Number(..) | Token::SingleQuotedString(_)]
            | [Token::Minus | Token::Plus, Token::Number(..)]
    );
    (lexed.faults.is_empty() && one_value).then_some(tokens)
}

enum Fault {
    /// A bad character or number: the next token can follow.
    Here(Box<Diagnostic>),
    /// Something without an end swallows the rest.
    Open(Box<Diagnostic>),
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Open angle brackets of a type: inside, `>>` closes two.
    type_depth: usize,
    lexed: Lexed,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn push(&mut self, token: Token, start: usize) {
        let end = self.at;
        // `>>` closes two types, and `STRUCT<>` has no fields.
        let two = match token {
            Token::ShiftRight if self.type_depth > 0 => Some([Token::Gt, Token::Gt]),
            Token::Neq if self.text[start..end] == *"<>" && self.after_type_word() => Some([Token::Lt, Token::Gt]),
            _ => None,
        };
        if let Some(two) = two {
            for (at, token) in two.into_iter().enumerate() {
                self.track_type(&token);
                let start = start + at;
                let span = Span { start, end: start + 1 };
                self.lexed.lexemes.push(Lexeme { token, span });
            }
            return;
        }
        self.track_type(&token);
        let span = Span { start, end };
        self.lexed.lexemes.push(Lexeme { token, span });
    }

    fn after_type_word(&self) -> bool {
        let last = self.lexed.lexemes.last();
        last.is_some_and(|last| last.is_any(&["ARRAY", "MAP", "STRUCT"]))
    }

    fn track_type(&mut self, token: &Token) {
        match token {
            Token::Lt if self.after_type_word() => self.type_depth += 1,
            Token::Gt => self.type_depth = self.type_depth.saturating_sub(1),
            Token::ShiftRight | Token::Word(_) | Token::Comma | Token::Number(..) | Token::LParen | Token::RParen => {}
            _ => self.type_depth = 0,
        }
    }

    fn token(&mut self, byte: u8) -> std::result::Result<Option<Token>, Fault> {
        match byte {
            b'\'' => self.string().map(Some),
            b'"' | b'`' => self.quoted_name(byte).map(Some),
            b'-' if self.peek(1) == Some(b'-') => {
                let rest = &self.text.as_bytes()[self.at..];
                self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                Ok(None)
            }
            b'/' if self.peek(1) == Some(b'*') => self.comment().map(|()| None),
            b'0'..=b'9' => self.number().map(Some),
            b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) && !self.after_operand() => {
                self.number().map(Some)
            }
            b'$' if self.peek(1) == Some(b'{') => self.variable().map(Some),
            b'x' | b'X' if self.peek(1) == Some(b'\'') => {
                self.at += 1;
                self.string().map(|token| match token {
                    Token::SingleQuotedString(hex) => Some(Token::HexStringLiteral(hex)),
                    other => Some(other),
                })
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let value = self.take_word().to_owned();
                Ok(Some(word(value, None)))
            }
            _ => self.operator().map(Some),
        }
    }

    /// True right behind a word or a closing bracket, where `.5` is a field and not a number.
    fn after_operand(&self) -> bool {
        self.lexed.lexemes.last().is_some_and(|last| {
            last.span.end == self.at && matches!(last.token, Token::Word(_) | Token::RParen | Token::RBracket)
        })
    }

    fn take_word(&mut self) -> &str {
        let start = self.at;
        while self.peek(0).is_some_and(is_word_byte) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn string(&mut self) -> std::result::Result<Token, Fault> {
        let start = self.at;
        match self.quoted(b'\'') {
            Some(value) => Ok(Token::SingleQuotedString(value)),
            None => Err(Fault::Open(
                Code::UnterminatedString
                    .found("the string has no end")
                    .at(mark(start))
                    .help("close it with `'`; a quote inside of a string is written twice: `''`")
                    .into(),
            )),
        }
    }

    fn quoted_name(&mut self, quote: u8) -> std::result::Result<Token, Fault> {
        let start = self.at;
        let shown = char::from(quote);
        let Some(value) = self.quoted(quote) else {
            let fault = Code::UnterminatedName
                .found("the quoted name has no end")
                .at(mark(start));
            return Err(Fault::Open(Box::new(fault.help(format!("close it with `{shown}`")))));
        };
        if value.is_empty() {
            let span = Span { start, end: self.at };
            let fault = Code::UnexpectedToken.found("a name cannot be empty").at(span);
            return Err(Fault::Here(Box::new(fault)));
        }
        Ok(word(value, Some(shown)))
    }

    /// The text between quotes, doubled ones made single; `None` where it never ends.
    fn quoted(&mut self, quote: u8) -> Option<String> {
        let bytes = self.text.as_bytes();
        let mut value = String::new();
        let mut from = self.at + 1;
        loop {
            let end = from + memchr::memchr(quote, bytes.get(from..)?)?;
            value.push_str(&self.text[from..end]);
            if bytes.get(end + 1) == Some(&quote) {
                value.push(char::from(quote));
                from = end + 2;
            } else {
                self.at = end + 1;
                return Some(value);
            }
        }
    }

    fn comment(&mut self) -> std::result::Result<(), Fault> {
        let rest = &self.text.as_bytes()[self.at + 2..];
        let Some(end) = memchr::memmem::find(rest, b"*/") else {
            let fault = Code::UnterminatedComment.found("the comment has no end").at(Span {
                start: self.at,
                end: self.at + 2,
            });
            return Err(Fault::Open(Box::new(fault.help("close it with `*/`"))));
        };
        self.at += 2 + end + 2;
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// A number, or a name such as `1R`: ksqlDB takes a run of digits and letters for a name unless all of it is a number.
    fn number(&mut self) -> std::result::Result<Token, Fault> {
        let start = self.at;
        let run = self.take_word();
        let all_digits = run.bytes().all(|byte| byte.is_ascii_digit());
        let open_exponent = is_open_exponent(run) && matches!(self.peek(0), Some(b'+' | b'-'));
        let open_exponent = open_exponent && self.digit_at(1);
        let is_number = all_digits || open_exponent || run_is_float(&self.text[start..self.at]);
        if !is_number {
            return Ok(word(self.text[start..self.at].to_owned(), None));
        }
        if open_exponent {
            self.at += 1;
            self.digits();
        } else if all_digits && self.peek(0) == Some(b'.') {
            self.at += 1;
            self.digits();
            self.exponent();
        }
        if self.peek(0).is_some_and(is_word_byte) {
            let _ = self.take_word();
            let span = Span { start, end: self.at };
            let text = &self.text[start..self.at];
            let fault = Code::BadNumber.found(format!("{text} is no number")).at(span);
            return Err(Fault::Here(Box::new(fault)));
        }
        Ok(Token::Number(self.text[start..self.at].to_owned(), false))
    }

    fn digit_at(&self, ahead: usize) -> bool {
        self.peek(ahead).is_some_and(|byte| byte.is_ascii_digit())
    }

    fn exponent(&mut self) {
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.digit_at(1 + sign) {
                self.at += 1 + sign;
                self.digits();
            }
        }
    }

    fn variable(&mut self) -> std::result::Result<Token, Fault> {
        let start = self.at;
        self.at += 2;
        let name = self.take_word().to_owned();
        if !name.is_empty() && self.peek(0) == Some(b'}') {
            self.at += 1;
            return Ok(Token::Placeholder(name));
        }
        let span = Span { start, end: self.at };
        let fault = Code::BadVariable.found("a variable is written `${name}`").at(span);
        Err(Fault::Here(Box::new(fault)))
    }

    fn operator(&mut self) -> std::result::Result<Token, Fault> {
        let rest = &self.text[self.at..];
        for (foreign, ours) in [("==", "="), ("&&", "AND")] {
            if rest.starts_with(foreign) {
                let span = Span {
                    start: self.at,
                    end: self.at + foreign.len(),
                };
                self.at = span.end;
                let fault = Code::UnexpectedCharacter
                    .found(format!("SQL has no `{foreign}`"))
                    .at(span);
                return Err(Fault::Here(fault.help(format!("write {ours}")).into()));
            }
        }
        if let Some((text, token)) = OPERATORS.iter().find(|(text, _)| rest.starts_with(text)) {
            self.at += text.len();
            return Ok(token.clone());
        }
        let c = rest.chars().next().unwrap_or(' ');
        let span = Span {
            start: self.at,
            end: self.at + c.len_utf8(),
        };
        let fault = Code::UnexpectedCharacter
            .found(format!("unexpected character `{c}`"))
            .at(span);
        let fault = match c {
            '!' => fault.help("write NOT, or `<>` for not equal"),
            '{' | '}' => fault.help("a variable is written `${name}`"),
            '\u{2018}' | '\u{2019}' => fault.help("strings stand between straight single quotes: 'text'"),
            '\u{201c}' | '\u{201d}' => fault.help("names stand between straight double quotes or backticks"),
            '#' => fault.help("a comment starts with `--`"),
            c if c.is_alphabetic() => fault.help("quote a name that has other than letters a to z, digits and `_`"),
            _ => fault,
        };
        self.at += c.len_utf8();
        Err(Fault::Here(Box::new(fault)))
    }
}

/// Operators and punctuation; a longer one stands before those that it starts with.
static OPERATORS: [(&str, Token); 36] = [
    ("!~*", Token::ExclamationMarkTildeAsterisk),
    ("->", Token::Arrow),
    ("=>", Token::RArrow),
    (":=", Token::Assignment),
    ("::", Token::DoubleColon),
    ("<>", Token::Neq),
    ("!=", Token::Neq),
    ("<=", Token::LtEq),
    (">=", Token::GtEq),
    ("<<", Token::ShiftLeft),
    (">>", Token::ShiftRight),
    ("<@", Token::ArrowAt),
    ("@>", Token::AtArrow),
    ("||", Token::StringConcat),
    ("!~", Token::ExclamationMarkTilde),
    ("~*", Token::TildeAsterisk),
    ("(", Token::LParen),
    (")", Token::RParen),
    ("[", Token::LBracket),
    ("]", Token::RBracket),
    (",", Token::Comma),
    (".", Token::Period),
    (";", Token::SemiColon),
    (":", Token::Colon),
    ("=", Token::Eq),
    ("<", Token::Lt),
    (">", Token::Gt),
    ("+", Token::Plus),
    ("-", Token::Minus),
    ("*", Token::Mul),
    ("/", Token::Div),
    ("%", Token::Mod),
    ("&", Token::Ampersand),
    ("|", Token::Pipe),
    ("^", Token::Caret),
    ("~", Token::Tilde),
];

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'@'
}

/// `1E`, which a sign and digits may follow.
fn is_open_exponent(run: &str) -> bool {
    let digits = run.strip_suffix(['e', 'E']);
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `1E5`.
fn run_is_float(run: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    run.split_once(['e', 'E'])
        .is_some_and(|(whole, exponent)| is_digits(whole) && is_digits(exponent))
}

fn mark(start: usize) -> Span {
    Span { start, end: start + 1 }
}

fn word(value: String, quote_style: Option<char>) -> Token {
    Token::Word(Word {
        value,
        quote_style,
        keyword: Keyword::NoKeyword,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        lex(text)
            .lexemes
            .iter()
            .map(|lexeme| format!("{}", lexeme.token))
            .collect()
    }

    fn fault(text: &str) -> (&'static str, Span) {
        let faults = lex(text).faults;
        assert_eq!(faults.len(), 1, "{text}: {faults:?}");
        (faults[0].code, faults[0].span.expect("a place"))
    }

    #[test]
    fn every_token_has_its_bytes() {
        let text = "a.`b``c` \"d\" 'e''f'/*x*/->[1]:=;--end\n>=";
        let lexed = lex(text);
        let parts: Vec<&str> = lexed
            .lexemes
            .iter()
            .map(|lexeme| &text[lexeme.span.start..lexeme.span.end])
            .collect();
        assert_eq!(
            parts,
            [
                "a", ".", "`b``c`", "\"d\"", "'e''f'", "->", "[", "1", "]", ":=", ";", ">="
            ]
        );
        assert!(lexed.faults.is_empty() && !lexed.open);
        assert!(
            matches!(&lexed.lexemes[2].token, Token::Word(word) if word.value == "b`c" && word.quote_style == Some('`'))
        );
        assert!(matches!(&lexed.lexemes[4].token, Token::SingleQuotedString(text) if text == "e'f"));
    }

    #[test]
    fn numbers_and_the_names_that_look_like_them() {
        assert_eq!(
            tokens("1 1.5 .5 1. 1e5 1E-5 1.e+3 1.5e3"),
            ["1", "1.5", ".5", "1.", "1e5", "1E-5", "1.e+3", "1.5e3"]
        );
        let words = lex("1R 1E 1e5x 2_3 x@1");
        assert!(
            words
                .lexemes
                .iter()
                .all(|lexeme| matches!(lexeme.token, Token::Word(_)))
        );
        assert_eq!(tokens("1E-x"), ["1E", "-", "x"]);
        assert_eq!(fault("1.5x").0, "bad-number");
        assert_eq!(tokens("a.5 f(.5)"), ["a", ".", "5", "f", "(", ".5", ")"]);
    }

    #[test]
    fn angle_brackets_close_types_one_by_one() {
        assert_eq!(
            tokens("ARRAY<MAP<INT,INT>> >> STRUCT<> a<>b"),
            [
                "ARRAY", "<", "MAP", "<", "INT", ",", "INT", ">", ">", ">>", "STRUCT", "<", ">", "a", "<>", "b"
            ]
        );
        assert_eq!(tokens("array < 5 AND b >> 2").last().map(String::as_str), Some("2"));
    }

    #[test]
    fn what_never_ends_is_marked_where_it_starts() {
        for (text, code) in [
            ("a 'b", "unterminated-string"),
            ("a 'b''", "unterminated-string"),
            ("a `b", "unterminated-name"),
            ("a \"b", "unterminated-name"),
            ("a /*b*", "unterminated-comment"),
        ] {
            let lexed = lex(text);
            assert!(lexed.open && lexed.end == 2 && lexed.lexemes.len() == 1, "{text}");
            assert_eq!((fault(text).0, fault(text).1.start), (code, 2), "{text}");
        }
    }

    #[test]
    fn a_bad_character_is_one_fault_and_the_rest_is_read() {
        for text in [
            "a é b",
            "a # b",
            "a ! b",
            "a == b",
            "a && b",
            "a ${ b",
            "a ${x b",
            "a \u{2018} b",
            "a `` b",
            "a \0 b",
        ] {
            let lexed = lex(text);
            assert_eq!(lexed.faults.len(), 1, "{text}: {:?}", lexed.faults);
            assert!(lexed.lexemes.last().is_some_and(|last| last.is_word("B")), "{text}");
        }
    }

    #[test]
    fn variables_are_tokens() {
        assert_eq!(lex("${a_1}").lexemes[0].token, Token::Placeholder("a_1".to_owned()));
        assert!(lex_value("a b").is_none() && lex_value("").is_none() && lex_value("'a").is_none());
        assert!(lex_value("-1.5").is_some() && lex_value("`a b`").is_some() && lex_value("TRUE").is_some());
    }
}
