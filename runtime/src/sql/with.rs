//! `WITH (NAME = value, ...)`.
//!
//! Which options exist their users know (connectors, formats, the catalog). Here only the form is checked, and the two
//! window options whose wrong values ksqlDB refuses as syntax.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::ast::{OptionValue, Span, WithOptions};
use super::cursor::Cursor;
use super::diagnostic::Diagnostic;
use super::durations;
use super::error::{Code, Result};
use super::lexer::Lexeme;

/// Takes `WITH (...)` if it stands here.
pub(super) fn optional(cursor: &mut Cursor<'_>) -> Result<WithOptions> {
    if cursor.eat("WITH") {
        options(cursor)
    } else {
        Ok(WithOptions::default())
    }
}

/// Takes `(NAME = value, ...)`, which must stand here.
pub(super) fn options(cursor: &mut Cursor<'_>) -> Result<WithOptions> {
    let mut inside = cursor.group("`(` and the options")?;
    let mut with = WithOptions::default();
    loop {
        let (name, name_span) = option_name(&mut inside)?;
        if !inside.eat_token(&Token::Eq) {
            let message = format!("the option {name} has no value");
            let help = format!("write {name} = 'value'");
            return Err(Code::BadOption.found(message).at(name_span).help(help).into());
        }
        let value = option_value(&mut inside, &name, name_span)?;
        let span = inside.since(name_span);
        if let Some((_, first)) = with.options.insert(name.clone(), (value, span)) {
            return Err(Code::DuplicateClause
                .found(format!("the option {name} is given twice"))
                .at(span)
                .related(first, "first here")
                .into());
        }
        if !inside.eat_token(&Token::Comma) {
            break;
        }
    }
    match inside.peek() {
        None => Ok(with),
        Some(_) => Err(inside.unexpected("`,` or `)`", &[])),
    }
}

fn option_name(cursor: &mut Cursor<'_>) -> Result<(String, Span)> {
    let found = match cursor.peek() {
        Some(Lexeme {
            token: Token::Word(word),
            span,
        }) => (word.value.to_uppercase(), *span),
        Some(Lexeme {
            token: Token::SingleQuotedString(name),
            span,
        }) => (name.to_uppercase(), *span),
        _ => return Err(cursor.unexpected("the name of an option", &[])),
    };
    cursor.advance();
    if cursor.at_token(&Token::Period) {
        let finding = cursor.unexpected("`=`", &[]);
        return Err(finding.help("write a name that has dots in single quotes").into());
    }
    Ok(found)
}

fn option_value(cursor: &mut Cursor<'_>, name: &str, name_span: Span) -> Result<OptionValue> {
    let sign = match cursor.peek().map(|lexeme| &lexeme.token) {
        Some(Token::Minus) => "-",
        Some(Token::Plus) => "+",
        _ => "",
    };
    if !sign.is_empty() {
        cursor.advance();
    }
    let value = match cursor.peek().map(|lexeme| &lexeme.token) {
        Some(Token::Number(number, _)) => {
            let sign = if sign == "-" { "-" } else { "" };
            OptionValue::Number(format!("{sign}{number}"))
        }
        Some(Token::SingleQuotedString(text)) if sign.is_empty() => OptionValue::String(text.clone()),
        Some(Token::Word(word)) if sign.is_empty() => {
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("true") {
                OptionValue::Boolean(true)
            } else if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("false") {
                OptionValue::Boolean(false)
            } else {
                let message = format!("the value of the option {name} is no literal");
                let help = format!("write it in single quotes: '{}'", word.value);
                return Err(Code::BadOption.found(message).at(cursor.here()).help(help).into());
            }
        }
        _ => {
            let message = format!("the option {name} has no value");
            let help = "a value is a string in single quotes, a number, TRUE or FALSE";
            let span = cursor.peek().map_or(name_span, |lexeme| lexeme.span);
            return Err(Code::BadOption.found(message).at(span).help(help).into());
        }
    };
    cursor.advance();
    Ok(value)
}

/// Checks `WINDOW_TYPE` and `WINDOW_SIZE` of a source.
pub(super) fn check_window(with: &WithOptions) -> Result<()> {
    let session = with
        .options
        .get("WINDOW_TYPE")
        .is_some_and(|(value, _)| value.text().eq_ignore_ascii_case("session"));
    let Some((size, span)) = with.options.get("WINDOW_SIZE") else {
        return Ok(());
    };
    if session {
        let message = "WINDOW_SIZE has no meaning for session windows, whose size is their data's";
        let finding = Code::BadOption.found(message).at(*span);
        return Err(finding.help("leave WINDOW_SIZE out").into());
    }
    durations::parse(&size.text())
        .map(|_| ())
        .map_err(|finding| -> Box<Diagnostic> {
            let message = format!("WINDOW_SIZE: {}", finding.message);
            Box::new(Diagnostic { message, ..*finding }.at(*span))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::lex;

    fn read(text: &str) -> Result<WithOptions> {
        let lexed = lex(text);
        optional(&mut Cursor::new(&lexed.lexemes, text.len()))
    }

    #[test]
    fn names_fold_and_values_keep_their_text() {
        let with = read("WITH (kafka_topic='t', 'price.Start' = -1.50, `x`=true, N=007, f=False)").expect("options");
        let value = |name: &str| with.options.get(name).map(|(value, _)| value.clone());
        assert_eq!(value("KAFKA_TOPIC"), Some(OptionValue::String("t".to_owned())));
        assert_eq!(value("PRICE.START"), Some(OptionValue::Number("-1.50".to_owned())));
        assert_eq!(value("X"), Some(OptionValue::Boolean(true)));
        assert_eq!(value("N"), Some(OptionValue::Number("007".to_owned())));
        assert_eq!(value("F"), Some(OptionValue::Boolean(false)));
        assert_eq!(with.options["KAFKA_TOPIC"].1, Span { start: 6, end: 21 });
    }

    #[test]
    fn a_pair_that_is_none_says_what_is_missing() {
        for (text, code) in [
            ("WITH (a)", "bad-option"),
            ("WITH (a=)", "bad-option"),
            ("WITH (a=JSON)", "bad-option"),
            ("WITH (a=NULL)", "bad-option"),
            ("WITH (a=-'x')", "bad-option"),
            ("WITH (a='1', A='2')", "duplicate-clause"),
            ("WITH ()", "unexpected-token"),
            ("WITH (a='1',)", "unexpected-token"),
            ("WITH (a='1' b='2')", "unexpected-token"),
            ("WITH a='1'", "unexpected-token"),
            ("WITH (a.b='1')", "unexpected-token"),
        ] {
            assert_eq!(read(text).expect_err(text).code, code, "{text}");
        }
        let finding = read("WITH (format=JSON)").expect_err("no literal");
        assert_eq!(finding.help.as_deref(), Some("write it in single quotes: 'JSON'"));
    }

    #[test]
    fn window_options_are_checked() {
        let check = |text: &str| check_window(&read(text).expect(text));
        assert!(check("WITH (window_type='Tumbling', window_size='30 seconds')").is_ok());
        assert!(check("WITH (window_type='session')").is_ok());
        assert_eq!(
            check("WITH (window_size='30 bobs')").expect_err("unit").code,
            "bad-duration"
        );
        let finding = check("WITH (window_type='Session', window_size='30 seconds')").expect_err("session");
        assert_eq!(finding.code, "bad-option");
    }
}
