//! The clauses with lengths of time: `WINDOW TUMBLING (SIZE 5 MINUTES, GRACE PERIOD 1 MINUTE)` and
//! `WITHIN (1 HOUR, 2 HOURS) GRACE PERIOD 1 MINUTE`.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::sql::ast::{Length, Span, WindowClause, WindowType, WithinClause};
use crate::sql::cursor::Cursor;
use crate::sql::durations::{Zero, length};
use crate::sql::error::{Code, Result};

/// The window types, as a statement names them.
pub(super) const WINDOW_TYPES: [&str; 3] = ["TUMBLING", "HOPPING", "SESSION"];

/// Takes a WINDOW clause, the word WINDOW included.
pub(super) fn window_clause(cursor: &mut Cursor<'_>) -> Result<WindowClause> {
    let start = cursor.expect("WINDOW")?;
    // ksqlDB lets the window have a name, which means nothing.
    if !cursor.at_any(&WINDOW_TYPES) && cursor.peek_at(1).is_some_and(|next| next.is_any(&WINDOW_TYPES)) {
        cursor.name("a window type")?;
    }
    let kind = cursor.one_of(&WINDOW_TYPES)?;
    let mut inside = cursor.group("`(` and the size of the window")?;
    let window = match kind {
        "TUMBLING" => WindowType::Tumbling {
            size: size(&mut inside)?,
        },
        "HOPPING" => hopping(&mut inside)?,
        _ => WindowType::Session {
            gap: length(&mut inside, "the session gap", Zero::Refused)?,
        },
    };
    let mut retention: Option<Length> = None;
    let mut grace: Option<Length> = None;
    while inside.eat_token(&Token::Comma) {
        let place = inside.here();
        if inside.eat("RETENTION") {
            let found = length(&mut inside, "the retention", Zero::Refused)?;
            once(&mut retention, found, place, "RETENTION")?;
        } else if let Some(found) = grace_period(&mut inside)? {
            once(&mut grace, found, place, "GRACE PERIOD")?;
        } else {
            return Err(inside.unexpected("RETENTION or GRACE PERIOD", &["RETENTION", "GRACE"]));
        }
    }
    if inside.peek().is_some() {
        return Err(inside.unexpected("`,` or `)`", &[]));
    }
    Ok(WindowClause {
        window,
        retention,
        grace,
        span: cursor.since(start),
    })
}

fn size(cursor: &mut Cursor<'_>) -> Result<Length> {
    cursor.expect("SIZE")?;
    length(cursor, "the window", Zero::Refused)
}

fn hopping(cursor: &mut Cursor<'_>) -> Result<WindowType> {
    let size = size(cursor)?;
    cursor.expect_token(&Token::Comma)?;
    cursor.expect("ADVANCE")?;
    cursor.expect("BY")?;
    let advance = length(cursor, "the advance", Zero::Refused)?;
    if advance.ms > size.ms {
        let finding = Code::BadDuration.found("a hopping window cannot advance by more than its size");
        let help = "rows between two windows would belong to none: make ADVANCE BY at most SIZE";
        return Err(finding
            .at(advance.span)
            .related(size.span, "the size")
            .help(help)
            .into());
    }
    Ok(WindowType::Hopping { size, advance })
}

fn grace_period(cursor: &mut Cursor<'_>) -> Result<Option<Length>> {
    if !cursor.eat("GRACE") {
        return Ok(None);
    }
    cursor.expect("PERIOD")?;
    length(cursor, "the grace period", Zero::Allowed).map(Some)
}

fn once(slot: &mut Option<Length>, found: Length, place: Span, clause: &str) -> Result<()> {
    match slot.replace(found) {
        None => Ok(()),
        Some(first) => Err(Code::DuplicateClause
            .found(format!("{clause} is given twice"))
            .at(place)
            .related(first.span, "first here")
            .into()),
    }
}

/// Takes a WITHIN clause, the word WITHIN included.
pub(super) fn within_clause(cursor: &mut Cursor<'_>) -> Result<WithinClause> {
    let start = cursor.expect("WITHIN")?;
    let (before, after) = if cursor.at_token(&Token::LParen) {
        let mut inside = cursor.group("the length of the join window")?;
        let before = length(&mut inside, "the join window", Zero::Allowed)?;
        inside.expect_token(&Token::Comma)?;
        let after = length(&mut inside, "the join window", Zero::Allowed)?;
        if inside.peek().is_some() {
            return Err(inside.unexpected("`)`", &[]));
        }
        (before, after)
    } else {
        let both = length(cursor, "the join window", Zero::Allowed)?;
        (both, both)
    };
    let grace = grace_period(cursor)?;
    Ok(WithinClause {
        before,
        after,
        grace,
        span: cursor.since(start),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::lex;

    fn window(text: &str) -> Result<WindowClause> {
        let lexed = lex(text);
        window_clause(&mut Cursor::new(&lexed.lexemes, text.len()))
    }

    fn within(text: &str) -> Result<WithinClause> {
        let lexed = lex(text);
        within_clause(&mut Cursor::new(&lexed.lexemes, text.len()))
    }

    #[test]
    fn each_window_type_is_read_with_its_lengths() {
        let text = "WINDOW TUMBLING (size 5 MINUTES, GRACE PERIOD 0 DAYS, RETENTION 2 DAYS) x";
        let clause = window(text).expect("tumbling");
        assert!(matches!(clause.window, WindowType::Tumbling { size } if size.ms == 300_000));
        assert_eq!(clause.retention.map(|length| length.ms), Some(172_800_000));
        assert_eq!(clause.grace.map(|length| length.ms), Some(0));
        assert_eq!(&text[clause.span.start..clause.span.end], &text[..text.len() - 2]);

        let clause = window("WINDOW w HOPPING (SIZE 4 SECONDS, ADVANCE BY 1 SECOND)").expect("hopping");
        assert!(
            matches!(clause.window, WindowType::Hopping { size, advance } if (size.ms, advance.ms) == (4_000, 1_000))
        );
        let clause = window("WINDOW SESSION (30 SECONDS)").expect("session");
        assert!(matches!(clause.window, WindowType::Session { gap } if gap.ms == 30_000));
    }

    #[test]
    fn a_bad_window_says_why() {
        for (text, code) in [
            ("WINDOW TUMBLNG (SIZE 5 MINUTES)", "unexpected-token"),
            ("WINDOW TUMBLING SIZE 5 MINUTES", "unexpected-token"),
            ("WINDOW TUMBLING (5 MINUTES)", "unexpected-token"),
            ("WINDOW TUMBLING (SIZE 0 MINUTES)", "bad-duration"),
            ("WINDOW TUMBLING (SIZE 5)", "bad-duration"),
            ("WINDOW TUMBLING (SIZE 5 PARSECS)", "bad-duration"),
            ("WINDOW TUMBLING (SIZE 5 DAYS, GRACE 1 DAY)", "unexpected-token"),
            (
                "WINDOW TUMBLING (SIZE 5 DAYS, GRACE PERIOD 1 DAY, GRACE PERIOD 2 DAYS)",
                "duplicate-clause",
            ),
            ("WINDOW TUMBLING (SIZE 5 DAYS RETENTION 1 DAY)", "unexpected-token"),
            ("WINDOW HOPPING (SIZE 5 DAYS)", "unexpected-token"),
            ("WINDOW HOPPING (SIZE 5 DAYS, ADVANCE BY 6 DAYS)", "bad-duration"),
            ("WINDOW SESSION (SIZE 5 DAYS)", "bad-duration"),
        ] {
            assert_eq!(window(text).expect_err(text).code, code, "{text}");
        }
        let finding = window("WINDOW TUMBLNG (SIZE 5 MINUTES)").expect_err("typo");
        assert_eq!(finding.help.as_deref(), Some("did you mean TUMBLING?"));
    }

    #[test]
    fn within_takes_one_length_or_two() {
        let clause = within("WITHIN 10 SECONDS GRACE PERIOD 1 MINUTE ON").expect("one");
        assert_eq!((clause.before.ms, clause.after.ms), (10_000, 10_000));
        assert_eq!(clause.grace.map(|length| length.ms), Some(60_000));
        assert_eq!(clause.span, Span { start: 0, end: 39 });
        let clause = within("WITHIN (0 SECONDS, 2 DAYS)").expect("two");
        assert_eq!((clause.before.ms, clause.after.ms), (0, 172_800_000));
        for text in [
            "WITHIN ten SECONDS",
            "WITHIN (1 DAY)",
            "WITHIN (1 DAY, 2 DAYS, 3 DAYS)",
            "WITHIN 1 DAY GRACE 2 DAYS",
        ] {
            within(text).expect_err(text);
        }
    }
}
