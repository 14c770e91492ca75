//! Checks the outline of a statement before any recursion: brackets that match, and nothing nested or chained too deep.
//!
//! A chain such as `a + b + c` is a tree as deep as it is long, which parsers, planners and destructors walk
//! recursively; so its length is bounded just as the depth of brackets is.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::ast::Span;
use super::error::{Code, Result};
use super::lexer::Lexeme;
use super::limits::{BRACKET_DEPTH_MAX, FIELD_CHAIN_MAX, LOGICAL_CHAIN_MAX, OPERATOR_CHAIN_MAX, STATEMENT_BYTES_MAX};

/// Checks the tokens of one statement.
pub(super) fn check(lexemes: &[Lexeme]) -> Result<()> {
    let (Some(first), Some(last)) = (lexemes.first(), lexemes.last()) else {
        return Ok(());
    };
    if last.span.end - first.span.start > STATEMENT_BYTES_MAX {
        let message = format!("a statement may have at most {STATEMENT_BYTES_MAX} bytes");
        return Err(Code::TooLong.found(message).at(first.span).into());
    }
    let mut levels = vec![Level::default()];
    for (i, lexeme) in lexemes.iter().enumerate() {
        match &lexeme.token {
            Token::LParen => open(&mut levels, Token::RParen, lexeme.span)?,
            Token::LBracket => open(&mut levels, Token::RBracket, lexeme.span)?,
            Token::RParen | Token::RBracket => close(&mut levels, lexeme)?,
            Token::Word(word) if word.quote_style.is_none() => {
                let is_name = i > 0 && matches!(lexemes[i - 1].token, Token::Period | Token::Arrow);
                if !is_name {
                    word_at(&mut levels, lexemes, i)?;
                }
            }
            token => {
                if let Some(level) = levels.last_mut() {
                    level.token(token, lexeme.span)?;
                }
            }
        }
    }
    match levels
        .iter()
        .rev()
        .find_map(|level| level.closer.as_ref().map(|closer| (closer, level.open)))
    {
        None => Ok(()),
        Some((closer, open)) => Err(Code::UnbalancedBracket
            .found("this bracket is never closed")
            .at(open)
            .help(format!("add `{closer}`"))
            .into()),
    }
}

/// What is open: the statement itself, a bracket, or a CASE.
#[derive(Debug, Default)]
struct Level {
    /// The token that closes it; none for the statement and for CASE.
    closer: Option<Token>,
    open: Span,
    is_case: bool,
    operators: usize,
    fields: usize,
    logical: usize,
    betweens: usize,
    set_operators: usize,
    joins: usize,
}

impl Level {
    fn token(&mut self, token: &Token, span: Span) -> Result<()> {
        match token {
            Token::Comma => self.next_expression(),
            Token::Arrow | Token::DoubleColon => return count(&mut self.fields, FIELD_CHAIN_MAX, span),
            Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::Mod
            | Token::StringConcat
            | Token::Ampersand
            | Token::Pipe
            | Token::Caret
            | Token::ShiftLeft
            | Token::ShiftRight
            | Token::Eq
            | Token::Neq
            | Token::Lt
            | Token::Gt
            | Token::LtEq
            | Token::GtEq
            | Token::ArrowAt
            | Token::AtArrow
            | Token::Tilde
            | Token::TildeAsterisk
            | Token::ExclamationMarkTilde
            | Token::ExclamationMarkTildeAsterisk => {
                self.fields = 0;
                return count(&mut self.operators, OPERATOR_CHAIN_MAX, span);
            }
            _ => {}
        }
        Ok(())
    }

    fn next_expression(&mut self) {
        self.operators = 0;
        self.fields = 0;
        self.logical = 0;
        self.betweens = 0;
    }
}

fn count(counter: &mut usize, most: usize, span: Span) -> Result<()> {
    *counter += 1;
    if *counter <= most {
        return Ok(());
    }
    let message = format!("more than {most} operators in one chain");
    let help = "write brackets around parts of the chain, or IN (...) for many comparisons";
    Err(Code::TooDeep.found(message).at(span).help(help).into())
}

fn open(levels: &mut Vec<Level>, closer: Token, span: Span) -> Result<()> {
    if levels.len() > BRACKET_DEPTH_MAX {
        let message = format!("brackets may nest at most {BRACKET_DEPTH_MAX} deep");
        return Err(Code::TooDeep.found(message).at(span).into());
    }
    levels.push(Level {
        closer: Some(closer),
        open: span,
        ..Level::default()
    });
    Ok(())
}

fn close(levels: &mut Vec<Level>, lexeme: &Lexeme) -> Result<()> {
    while levels.last().is_some_and(|level| level.is_case) {
        levels.pop();
    }
    let closing = &lexeme.token;
    match levels
        .last()
        .and_then(|level| level.closer.clone().map(|closer| (closer, level.open)))
    {
        Some((closer, _)) if closer == *closing => {
            levels.pop();
            Ok(())
        }
        Some((closer, open)) => Err(Code::UnbalancedBracket
            .found(format!("expected `{closer}`, found `{closing}`"))
            .at(lexeme.span)
            .related(open, "this bracket is open")
            .into()),
        None => Err(Code::UnbalancedBracket
            .found(format!("`{closing}` closes nothing"))
            .at(lexeme.span)
            .help("remove it")
            .into()),
    }
}

fn word_at(levels: &mut Vec<Level>, lexemes: &[Lexeme], at: usize) -> Result<()> {
    let lexeme = &lexemes[at];
    let span = lexeme.span;
    if lexeme.is_word("CASE") {
        if levels.len() > BRACKET_DEPTH_MAX {
            let message = format!("brackets and CASE may nest at most {BRACKET_DEPTH_MAX} deep");
            return Err(Code::TooDeep.found(message).at(span).into());
        }
        levels.push(Level {
            open: span,
            is_case: true,
            ..Level::default()
        });
        return Ok(());
    }
    if lexeme.is_word("END") && levels.last().is_some_and(|level| level.is_case) {
        levels.pop();
        return Ok(());
    }
    let Some(level) = levels.last_mut() else {
        return Ok(());
    };
    let after = |word: &str| at > 0 && lexemes[at - 1].is_word(word);
    if lexeme.is_word("AND") && level.betweens > 0 {
        level.betweens -= 1;
    } else if lexeme.is_any(&["AND", "OR"]) {
        level.operators = 0;
        level.fields = 0;
        return count(&mut level.logical, LOGICAL_CHAIN_MAX, span);
    } else if lexeme.is_word("BETWEEN") {
        level.betweens += 1;
        return count(&mut level.operators, OPERATOR_CHAIN_MAX, span);
    } else if lexeme.is_any(&["IS", "LIKE", "ILIKE", "SIMILAR", "IN", "AT"]) {
        return count(&mut level.operators, OPERATOR_CHAIN_MAX, span);
    } else if lexeme.is_any(&["UNION", "INTERSECT", "EXCEPT"]) {
        return count(&mut level.set_operators, OPERATOR_CHAIN_MAX, span);
    } else if lexeme.is_word("JOIN") {
        level.next_expression();
        return count(&mut level.joins, OPERATOR_CHAIN_MAX, span);
    } else if lexeme.is_word("SELECT") {
        level.joins = 0;
        level.next_expression();
    } else if lexeme.is_any(&["WHERE", "ON", "HAVING", "BY", "WHEN", "THEN", "ELSE", "LIMIT"])
        || (lexeme.is_word("FROM") && !after("DISTINCT"))
    {
        level.next_expression();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::lexer::lex;

    fn code(text: &str) -> Option<&'static str> {
        check(&lex(text).lexemes).err().map(|finding| finding.code)
    }

    #[test]
    fn brackets_must_match() {
        assert_eq!(code("SELECT f(a[1], (b)) FROM t"), None);
        for text in [
            "SELECT (1",
            "SELECT 1)",
            "SELECT (1]",
            "SELECT a[1)",
            "SELECT CASE WHEN (1 THEN 2 END",
        ] {
            assert_eq!(code(text), Some("unbalanced-bracket"), "{text}");
        }
        let finding = check(&lex("SELECT ((1)").lexemes).expect_err("open");
        assert_eq!(finding.span, Some(Span { start: 7, end: 8 }));
        assert_eq!(finding.help.as_deref(), Some("add `)`"));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(code(&nested(BRACKET_DEPTH_MAX)), None);
        assert_eq!(code(&nested(BRACKET_DEPTH_MAX + 1)), Some("too-deep"));
        let cases = format!("SELECT {}1{}", "CASE WHEN ".repeat(1_000), " THEN 1 END".repeat(1_000));
        assert_eq!(code(&cases), Some("too-deep"));
    }

    #[test]
    fn chains_are_bounded_and_a_comma_ends_them() {
        let chain = |operand: &str, operator: &str, times: usize| {
            format!(
                "SELECT {}{operand} FROM t",
                format!("{operand} {operator} ").repeat(times)
            )
        };
        for operator in ["+", "||", "=", "IS DISTINCT FROM", "LIKE"] {
            assert_eq!(code(&chain("a", operator, OPERATOR_CHAIN_MAX)), None, "{operator}");
            assert_eq!(
                code(&chain("a", operator, OPERATOR_CHAIN_MAX + 1)),
                Some("too-deep"),
                "{operator}"
            );
        }
        for operator in ["->", "::"] {
            assert_eq!(code(&chain("a", operator, FIELD_CHAIN_MAX)), None, "{operator}");
            assert_eq!(
                code(&chain("a", operator, FIELD_CHAIN_MAX + 1)),
                Some("too-deep"),
                "{operator}"
            );
        }
        assert_eq!(code(&chain("a->b", "+", OPERATOR_CHAIN_MAX)), None);
        assert_eq!(code(&chain("a + b", ",", 10_000)), None);
        assert_eq!(code(&chain("a = b", "OR", LOGICAL_CHAIN_MAX)), None);
        assert_eq!(code(&chain("a = b", "OR", LOGICAL_CHAIN_MAX + 1)), Some("too-deep"));
        assert_eq!(code(&chain("CASE WHEN a THEN b END", "+", 1_000)), Some("too-deep"));
        assert_eq!(code(&chain("a BETWEEN 1 AND 2", "AND", 1_000)), None);
        assert_eq!(
            code(&format!("SELECT a {} FROM t", "BETWEEN 1 AND 2 ".repeat(1_000))),
            Some("too-deep")
        );
        assert_eq!(code(&"SELECT 1 UNION ".repeat(1_000)), Some("too-deep"));
        assert_eq!(
            code(&format!("SELECT a FROM t {}", "JOIN t ON a = b ".repeat(1_000))),
            Some("too-deep")
        );
    }

    #[test]
    fn a_long_statement_is_refused() {
        let text = format!("SELECT '{}'", "a".repeat(STATEMENT_BYTES_MAX));
        assert_eq!(code(&text), Some("too-long"));
    }
}
