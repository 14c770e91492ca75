//! What a word is, told by its neighbours.
//!
//! ksqlDB lets most of its words be names too, so a word alone says little: `EMIT`, `WINDOW` or `ORDER` can be columns.
//! These are the questions about neighbours that the walk over the clauses and the naming of words share.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::sql::lexer::Lexeme;
use crate::sql::words;

/// The token before `at`.
pub(super) fn before(lexemes: &[Lexeme], at: usize) -> Option<&Lexeme> {
    at.checked_sub(1).and_then(|at| lexemes.get(at))
}

/// True when the token before `at` is this one.
pub(super) fn follows(lexemes: &[Lexeme], at: usize, token: &Token) -> bool {
    before(lexemes, at).is_some_and(|lexeme| lexeme.token == *token)
}

/// True when the token behind `at` is this one.
pub(super) fn next_token_is(lexemes: &[Lexeme], at: usize, token: &Token) -> bool {
    lexemes.get(at + 1).is_some_and(|lexeme| lexeme.token == *token)
}

/// True when the word behind `at` is this one.
pub(super) fn next_is(lexemes: &[Lexeme], at: usize, word: &str) -> bool {
    lexemes.get(at + 1).is_some_and(|lexeme| lexeme.is_word(word))
}

/// True when the word before `at` is one of these.
pub(super) fn follows_any(lexemes: &[Lexeme], at: usize, words: &[&str]) -> bool {
    before(lexemes, at).is_some_and(|lexeme| lexeme.is_any(words))
}

/// True where a word can only be a name: a part of `a.b` or `a->b`, or behind AS (unless it is reserved).
pub(super) fn names_something(lexemes: &[Lexeme], at: usize) -> bool {
    follows(lexemes, at, &Token::Period)
        || follows(lexemes, at, &Token::Arrow)
        || next_token_is(lexemes, at, &Token::Period)
        || (follows_any(lexemes, at, &["AS"]) && lexemes[at].word().is_some_and(|word| !words::is_reserved(&word)))
}

/// True when the token before `at` ends an operand, so that a word at `at` can be a clause or operator.
pub(super) fn ends_operand(lexemes: &[Lexeme], at: usize) -> bool {
    let Some(last) = before(lexemes, at) else {
        return false;
    };
    match &last.token {
        Token::Word(word) if word.quote_style.is_some() => true,
        Token::Word(word) => !is_opener(&word.value) || names_something(lexemes, at - 1),
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::HexStringLiteral(_)
        | Token::RParen
        | Token::RBracket => true,
        // `SELECT *` ends an operand, `a *` does not; only the first can stand before a clause.
        Token::Mul => {
            follows_any(lexemes, at - 1, &["SELECT", "DISTINCT"]) || {
                matches!(
                    before(lexemes, at - 1).map(|l| &l.token),
                    Some(Token::Comma | Token::Period | Token::Arrow)
                )
            }
        }
        _ => false,
    }
}

/// Reserved words that wait for an operand.
fn is_opener(word: &str) -> bool {
    let closes = ["END", "NULL", "TRUE", "FALSE", "VALUES"];
    words::is_reserved(word) && !closes.iter().any(|close| word.eq_ignore_ascii_case(close))
}

/// True for the FROM of `IS [NOT] DISTINCT FROM`.
pub(super) fn is_distinct_from(lexemes: &[Lexeme], at: usize) -> bool {
    follows_any(lexemes, at, &["DISTINCT"]) && at >= 1 && follows_any(lexemes, at - 1, &["IS", "NOT"])
}

/// True for UNION, INTERSECT and EXCEPT between two queries.
pub(super) fn is_set_operator(lexemes: &[Lexeme], at: usize) -> bool {
    lexemes[at].is_any(&["UNION", "INTERSECT", "EXCEPT"])
        && ends_operand(lexemes, at)
        && lexemes.get(at + 1).is_some_and(|next| {
            next.is_any(&["ALL", "DISTINCT", "SELECT", "VALUES", "WITH", "BY"]) || next.token == Token::LParen
        })
        // `SELECT * EXCEPT (a) FROM t` leaves a column out.
        && !(lexemes[at].is_word("EXCEPT") && follows(lexemes, at, &Token::Mul))
}
