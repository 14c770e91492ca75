//! Lengths of time: `10 SECONDS`, as window clauses and options write them.

use super::ast::{Length, Span};
use super::cursor::Cursor;
use super::error::{Code, Result};
use super::words;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::diagnostic::Diagnostic;
use super::lexer::Lexeme;

/// The units with their milliseconds, singular and plural.
const UNITS: [(&str, &str, i64); 5] = [
    ("MILLISECOND", "MILLISECONDS", 1),
    ("SECOND", "SECONDS", 1_000),
    ("MINUTE", "MINUTES", 60_000),
    ("HOUR", "HOURS", 3_600_000),
    ("DAY", "DAYS", 86_400_000),
];

/// Milliseconds of one unit, by its name in any case, singular or plural.
#[must_use]
pub fn unit_ms(unit: &str) -> Option<i64> {
    UNITS
        .iter()
        .find(|(one, many, _)| unit.eq_ignore_ascii_case(one) || unit.eq_ignore_ascii_case(many))
        .map(|(_, _, ms)| *ms)
}

/// The plural, upper-case name of a time unit that functions such as `TIMESTAMPADD` take; years to milliseconds.
pub(super) fn canonical_unit(word: &str) -> Option<&'static str> {
    const LONGER: [(&str, &str); 3] = [("YEAR", "YEARS"), ("MONTH", "MONTHS"), ("WEEK", "WEEKS")];
    UNITS
        .iter()
        .map(|(one, many, _)| (*one, *many))
        .chain(LONGER)
        .find(|(one, many)| word.eq_ignore_ascii_case(one) || word.eq_ignore_ascii_case(many))
        .map(|(_, many)| many)
}

/// Milliseconds of a text such as `30 SECONDS`, as in `WINDOW_SIZE='30 SECONDS'`.
///
/// # Errors
/// When the text is not a whole number from 0 and a unit, or too long for milliseconds in 64 bits. The finding has no
/// place; the caller knows it.
pub fn parse(text: &str) -> std::result::Result<i64, Box<Diagnostic>> {
    let mut parts = text.split_whitespace();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(number), Some(unit), None) => {
            let number: i64 = number
                .parse()
                .ok()
                .filter(|number| *number >= 0)
                .ok_or_else(|| bad(format!("not a whole number: {number}")))?;
            length_ms(number, unit)
        }
        _ => Err(bad(format!("not a length of time: '{text}'"))),
    }
}

fn length_ms(number: i64, unit: &str) -> Result<i64> {
    let unit_ms = unit_ms(unit).ok_or_else(|| unknown_unit(unit))?;
    number
        .checked_mul(unit_ms)
        .ok_or_else(|| bad(format!("{number} {unit} is too long a time")))
}

fn bad(message: String) -> Box<Diagnostic> {
    let help = "write a number and a unit: 30 SECONDS";
    Code::BadDuration.found(message).help(help).into()
}

fn unknown_unit(unit: &str) -> Box<Diagnostic> {
    let names = UNITS.iter().flat_map(|(one, many, _)| [*one, *many]);
    let help = words::did_you_mean(unit, names)
        .unwrap_or_else(|| "units are DAYS, HOURS, MINUTES, SECONDS and MILLISECONDS".to_owned());
    Code::BadDuration
        .found(format!("unknown unit of time: {}", unit.to_uppercase()))
        .help(help)
        .into()
}

/// Whether a length of zero means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zero {
    /// A grace period may be zero.
    Allowed,
    /// A window may not.
    Refused,
}

/// Takes `number unit`; `what` says of what it is the length.
pub(super) fn length(cursor: &mut Cursor<'_>, what: &str, zero: Zero) -> Result<Length> {
    let start = cursor.here();
    let negative = cursor.eat_token(&Token::Minus);
    let Some(Lexeme {
        token: Token::Number(number, _),
        ..
    }) = cursor.peek()
    else {
        let finding = cursor.unexpected(&format!("the length of {what}"), &[]);
        return Err(Box::new(Diagnostic {
            code: Code::BadDuration.as_str(),
            ..finding.help("write a number and a unit: 30 SECONDS")
        }));
    };
    cursor.advance();
    let at = |finding: Box<Diagnostic>, span: Span| -> Box<Diagnostic> { finding.at(span).into() };
    let value = number.parse::<i64>().ok().filter(|_| !negative);
    let value = value.ok_or_else(|| {
        let message = format!("the length of {what} must be a whole number from 0");
        at(bad(message), cursor.since(start))
    })?;
    let unit_span = cursor.here();
    let Some(unit) = cursor.peek().and_then(Lexeme::word) else {
        let finding = cursor.unexpected("a unit of time", &[]);
        return Err(Box::new(Diagnostic {
            code: Code::BadDuration.as_str(),
            ..finding.help("write a number and a unit: 30 SECONDS")
        }));
    };
    unit_ms(&unit).ok_or_else(|| at(unknown_unit(&unit), unit_span))?;
    cursor.advance();
    let span = cursor.since(start);
    let ms = length_ms(value, &unit).map_err(|finding| at(finding, span))?;
    if ms == 0 && zero == Zero::Refused {
        return Err(at(bad(format!("the length of {what} must be more than 0")), span));
    }
    Ok(Length { ms, span })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::lex;

    fn read(text: &str, zero: Zero) -> Result<Length> {
        let lexed = lex(text);
        let mut cursor = Cursor::new(&lexed.lexemes, text.len());
        length(&mut cursor, "the window", zero)
    }

    #[test]
    fn options_take_singular_and_plural_in_any_case() {
        for (text, ms) in [
            ("1 DAY", 86_400_000),
            ("2 hours", 7_200_000),
            ("30 Seconds", 30_000),
            (" 5   MILLISECOND ", 5),
            ("0 MINUTES", 0),
        ] {
            assert_eq!(parse(text).expect(text), ms);
        }
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for text in [
            "",
            "30",
            "SECONDS",
            "30 bobs",
            "-1 DAY",
            "1.5 DAYS",
            "1 DAY 2",
            "9223372036854775807 DAYS",
        ] {
            assert_eq!(parse(text).expect_err(text).code, "bad-duration");
        }
        assert_eq!(
            parse("3 SECNDS").expect_err("typo").help.as_deref(),
            Some("did you mean SECONDS?")
        );
    }

    #[test]
    fn clauses_know_the_place() {
        let length = read("10 SECONDS)", Zero::Refused).expect("a length");
        assert_eq!((length.ms, length.span), (10_000, Span { start: 0, end: 10 }));
        assert_eq!(
            read("10 SECNDS", Zero::Refused).expect_err("unit").span,
            Some(Span { start: 3, end: 9 })
        );
        assert_eq!(
            read("-1 DAY", Zero::Allowed).expect_err("negative").code,
            "bad-duration"
        );
        assert_eq!(
            read("1.5 DAY", Zero::Allowed).expect_err("fraction").code,
            "bad-duration"
        );
        assert_eq!(
            read("SECONDS", Zero::Allowed).expect_err("no number").code,
            "bad-duration"
        );
        assert_eq!(read("10", Zero::Allowed).expect_err("no unit").code, "bad-duration");
        assert_eq!(read("0 DAYS", Zero::Allowed).expect("zero").ms, 0);
        assert_eq!(read("0 DAYS", Zero::Refused).expect_err("zero").code, "bad-duration");
    }
}
