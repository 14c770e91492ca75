//! Any text at all: the parser gives statements or findings, never a panic, and every place lies in the text.

use proptest::prelude::*;

use super::{Colours, Variables, completeness, statements};

/// Pieces that SQL is made of; joined at random they get far into the grammar.
const PIECES: [&str; 84] = [
    "SELECT", "FROM", "WHERE", "GROUP BY", "PARTITION BY", "HAVING", "WINDOW", "TUMBLING", "HOPPING", "SESSION", "(", ")",
    "(", ")", "[", "]", ",", ",", ".", ";", "->", "=>", ":=", "::", "*", "+", "-", "=", "<", ">", "||", "SIZE", "5", "1.5",
    "1E3", "SECONDS", "ADVANCE BY", "GRACE PERIOD", "RETENTION", "EMIT", "CHANGES", "FINAL", "LIMIT", "JOIN", "LEFT", "ON",
    "WITHIN", "CREATE", "STREAM", "TABLE", "AS", "WITH", "INSERT INTO", "VALUES", "a", "b", "`c`", "\"d\"", "'text'", "é",
    "CASE", "WHEN", "THEN", "END", "CAST", "ARRAY", "MAP", "STRUCT", "INT", "DECIMAL", "KEY", "NOT", "NULL", "IN", "IS",
    "DISTINCT", "UNION", "AND", "BETWEEN", "${v}", "--x\n", "/*", "INTERVAL", "DATE",
];

fn check(text: &str) {
    let variables = Variables::from_iter([("v", "name")]);
    let _ = completeness(text);
    let mut last_end = 0;
    for item in statements(text, &variables) {
        match item {
            Ok(parsed) => {
                assert!(parsed.span.start >= last_end && parsed.span.end <= text.len(), "{text:?}");
                last_end = parsed.span.end;
                // The text with its variables replaced is the same statement.
                let again = statements(&parsed.text, &Variables::new()).next().expect("a statement");
                assert!(again.is_ok(), "{text:?}: {}", parsed.text);
            }
            Err(error) => {
                if let Some(span) = error.diagnostic().span {
                    assert!(span.start <= span.end && span.end <= text.len(), "{text:?}: {span:?}");
                    assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{text:?}");
                }
                assert!(!error.to_string().contains('\n'));
                assert!(!error.render("sql", Colours::On).is_empty());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn pieces_of_sql(picks in proptest::collection::vec(0..PIECES.len(), 0..40), glue in "[ \n]?") {
        let words: Vec<&str> = picks.iter().map(|pick| PIECES[*pick]).collect();
        check(&words.join(if glue.is_empty() { " " } else { &glue }));
    }

    #[test]
    fn a_query_with_random_pieces_in_it(at in 0..12_usize, picks in proptest::collection::vec(0..PIECES.len(), 0..6)) {
        let query = "SELECT a , COUNT(*) FROM s JOIN t WITHIN 1 SECOND ON s.a = t.a WHERE a->b > 1 EMIT CHANGES";
        let mut words: Vec<&str> = query.split(' ').collect();
        for (i, pick) in picks.iter().enumerate() {
            words.insert(at + i, PIECES[*pick]);
        }
        check(&words.join(" "));
    }

    #[test]
    fn any_characters(text in "\\PC{0,60}") {
        check(&text);
        check(&format!("SELECT {text} FROM s"));
    }
}
