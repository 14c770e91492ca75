//! Gives every word of a query its meaning, keyword or name, before sqlparser sees it.
//!
//! sqlparser knows about 900 keywords of all dialects and would find syntax in words that are names here (`VALUE`,
//! `OFFSET`, `SAMPLE`, `FORMAT`, ...). So a word keeps its keyword only where our SQL has syntax for it; every other word
//! becomes a quoted name: folded to upper case where it was unquoted, exact where it was quoted. That folds the
//! identifiers of the whole AST at once and tells `DataFusion` to leave their case alone.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span as AstSpan, Token, TokenWithSpan, Word};

use super::shape;
use crate::sql::ast::Span;
use crate::sql::cursor::reserved;
use crate::sql::durations::canonical_unit;
use crate::sql::error::{Code, Result};
use crate::sql::lexer::Lexeme;
use crate::sql::source::{LocationCursor, Source};
use crate::sql::words::{self, did_you_mean};

/// The quote that marks a name whose case is settled.
pub(super) const QUOTE: char = '`';

/// Functions whose first argument is a unit of time: `TIMESTAMPADD(SECONDS, 5, ts)`.
const TAKE_UNIT: [&str; 6] = [
    "DATEADD",
    "DATESUB",
    "TIMEADD",
    "TIMESUB",
    "TIMESTAMPADD",
    "TIMESTAMPSUB",
];

/// How far back the start of a SUBSTRING or OVERLAY is looked for; without a bound a hostile text costs a square.
const FORM_TOKENS_MAX: usize = 1_000;

/// Types that a string literal may follow: `DATE '2020-01-01'`.
pub(super) const LITERAL_TYPES: [&str; 4] = ["DATE", "DECIMAL", "TIME", "TIMESTAMP"];

/// Tokens for sqlparser, and the bytes of each.
#[derive(Debug, Default, Clone)]
pub(super) struct ParserTokens {
    /// What sqlparser reads; without whitespace, so that its positions are ours.
    pub(super) tokens: Vec<TokenWithSpan>,
    /// The place of each.
    pub(super) spans: Vec<Span>,
}

/// Prepares `lexemes`.
pub(super) fn prepare(source: &Source, lexemes: &[Lexeme]) -> Result<ParserTokens> {
    let mut prepared = ParserTokens::default();
    let mut locations = LocationCursor::new(source, lexemes.first().map_or(0, |first| first.span.start));
    for (at, lexeme) in lexemes.iter().enumerate() {
        if lexeme.is_word("LATERAL") && is_table_call(lexemes, at + 1) {
            // `LATERAL TABLE(f(x))`: sqlparser takes one of the two words.
            continue;
        }
        let token = match &lexeme.token {
            Token::Word(word) => name_or_keyword(lexemes, at, word)?,
            Token::SingleQuotedString(_) => {
                check_string(lexemes, at)?;
                lexeme.token.clone()
            }
            other => other.clone(),
        };
        let start = locations.at(lexeme.span.start);
        let span = AstSpan::new(start, locations.at(lexeme.span.end));
        prepared.tokens.push(TokenWithSpan::new(token, span));
        prepared.spans.push(lexeme.span);
    }
    Ok(prepared)
}

fn name_or_keyword(lexemes: &[Lexeme], at: usize, word: &Word) -> Result<Token> {
    if word.quote_style.is_some() {
        return Ok(name(word.value.clone()));
    }
    let upper = word.value.to_ascii_uppercase();
    if shape::follows_any(lexemes, at, &["AS"]) && words::is_reserved(&upper) {
        return Err(reserved(&word.value, lexemes[at].span, "a name behind AS").into());
    }
    let is_unit = shape::follows(lexemes, at, &Token::LParen)
        && at >= 2
        && lexemes[at - 2].is_any(&TAKE_UNIT)
        && shape::next_token_is(lexemes, at, &Token::Comma);
    if is_unit && let Some(unit) = canonical_unit(&upper) {
        return Ok(Token::SingleQuotedString(unit.to_owned()));
    }
    if !shape::names_something(lexemes, at) && is_syntax(lexemes, at, &upper) {
        return Ok(Token::make_word(&upper, None));
    }
    Ok(name(upper))
}

fn name(value: String) -> Token {
    Token::Word(Word {
        value,
        quote_style: Some(QUOTE),
        keyword: Keyword::NoKeyword,
    })
}

/// A string can only stand where an operand can; behind one, somebody forgot a comma or meant a quoted name.
fn check_string(lexemes: &[Lexeme], at: usize) -> Result<()> {
    let span = lexemes[at].span;
    if shape::follows_any(lexemes, at, &["AS"]) {
        let finding = Code::UnexpectedToken
            .found("expected a name behind AS, found a string")
            .at(span);
        return Err(finding.help("names stand between backticks or double quotes").into());
    }
    let Some(last) = shape::before(lexemes, at).filter(|_| shape::ends_operand(lexemes, at)) else {
        return Ok(());
    };
    match last.word() {
        Some(word) if LITERAL_TYPES.contains(&word.as_str()) => Ok(()),
        Some(word) if is_before_string(&word) => Ok(()),
        Some(word) => {
            let help = did_you_mean(&word, LITERAL_TYPES).unwrap_or_else(|| {
                "typed literals are DATE '...', TIME '...', TIMESTAMP '...' and DECIMAL '...'".into()
            });
            let finding = Code::UnexpectedToken
                .found(format!("a string cannot follow `{word}`"))
                .at(span);
            Err(finding.help(help).into())
        }
        None => {
            let finding = Code::UnexpectedToken.found("a string cannot stand here").at(span);
            Err(finding.help("a comma or an operator is missing before it").into())
        }
    }
}

/// Words that are no names where a string follows.
fn is_before_string(word: &str) -> bool {
    const WORDS: [&str; 14] = [
        "BOTH", "ESCAPE", "ILIKE", "INTERVAL", "LEADING", "OFFSET", "PLACING", "QUALIFY", "RANGE", "ROWS", "SIMILAR",
        "TO", "TRAILING", "ZONE",
    ];
    WORDS.contains(&word)
}

/// True when the unquoted word at `at` is a part of our SQL's syntax there.
fn is_syntax(lexemes: &[Lexeme], at: usize, word: &str) -> bool {
    words::is_reserved(word) || is_clause(lexemes, at, word) || is_form(lexemes, at, word)
}

/// Words of clauses that are no reserved words.
fn is_clause(lexemes: &[Lexeme], at: usize, word: &str) -> bool {
    let next_is = |word: &str| shape::next_is(lexemes, at, word);
    let after = |words: &[&str]| shape::follows_any(lexemes, at, words);
    let after_number = || matches!(shape::before(lexemes, at).map(|l| &l.token), Some(Token::Number(..)));
    let operand = || shape::ends_operand(lexemes, at);
    match word {
        "ASC" | "DESC" | "BOTH" | "LEADING" | "TRAILING" | "PRECEDING" | "FOLLOWING" | "USING" | "OVER" => {
            operand() || after(&["UNBOUNDED"]) || shape::follows(lexemes, at, &Token::LParen)
        }
        "UNION" | "INTERSECT" | "EXCEPT" => {
            shape::is_set_operator(lexemes, at) || shape::follows(lexemes, at, &Token::Mul)
        }
        "ORDER" | "PARTITION" => next_is("BY"),
        "CROSS" | "NATURAL" => operand() && !shape::next_token_is(lexemes, at, &Token::Comma),
        "SEMI" | "ANTI" | "ASOF" => next_is("JOIN"),
        "MATCH_CONDITION" => operand() && shape::next_token_is(lexemes, at, &Token::LParen),
        "OFFSET" => operand() && !after(&["SELECT", "BY"]) && starts_operand(lexemes, at + 1),
        "FETCH" => next_is("FIRST") || next_is("NEXT"),
        "FIRST" | "NEXT" | "LAST" => after(&["FETCH", "NULLS"]),
        "ROW" => after(&["CURRENT"]) || after_number(),
        "ROWS" | "RANGE" | "GROUPS" => after_number() || is_frame(lexemes, at),
        "ONLY" => after(&["ROW", "ROWS"]),
        "CURRENT" => next_is("ROW"),
        "UNBOUNDED" => next_is("PRECEDING") || next_is("FOLLOWING"),
        "NULLS" => next_is("FIRST") || next_is("LAST") || after(&["IGNORE", "RESPECT"]),
        "IGNORE" | "RESPECT" => next_is("NULLS"),
        "FILTER" => shape::follows(lexemes, at, &Token::RParen) && shape::next_token_is(lexemes, at, &Token::LParen),
        "WITHIN" => next_is("GROUP"),
        "WINDOW" => operand() && lexemes.get(at + 2).is_some_and(|lexeme| lexeme.is_word("AS")),
        "QUALIFY" => operand() && starts_operand(lexemes, at + 1),
        "RECURSIVE" => after(&["WITH"]),
        "LATERAL" => starts_operand(lexemes, at + 1),
        "TABLE" => is_table_call(lexemes, at),
        "ORDINALITY" => at >= 2 && after(&["WITH"]) && shape::follows(lexemes, at - 1, &Token::RParen),
        "ILIKE" | "ESCAPE" => operand(),
        "SIMILAR" => next_is("TO"),
        "TO" => after(&["SIMILAR"]) || is_interval_unit(lexemes, at.saturating_sub(1)),
        "AT" => next_is("TIME") && lexemes.get(at + 2).is_some_and(|lexeme| lexeme.is_word("ZONE")),
        "TIME" => after(&["AT"]) && next_is("ZONE"),
        "ZONE" => after(&["TIME"]) && at >= 2 && lexemes[at - 2].is_word("AT"),
        "UNKNOWN" => after(&["IS", "NOT"]),
        "ANY" | "SOME" => shape::next_token_is(lexemes, at, &Token::LParen) && !operand(),
        "GROUPING" => next_is("SETS"),
        "SETS" => after(&["GROUPING"]),
        "CUBE" | "ROLLUP" => shape::next_token_is(lexemes, at, &Token::LParen),
        "EXCLUDE" | "REPLACE" => is_wildcard_option(lexemes, at),
        "NAME" => after(&["BY"]) && at >= 2 && lexemes[at - 2].is_any(&["UNION", "ALL", "DISTINCT"]),
        _ => false,
    }
}

/// `TABLE(` of `FROM TABLE(f(x))`, `JOIN TABLE(f(x))`, `LATERAL TABLE(f(x))`.
fn is_table_call(lexemes: &[Lexeme], at: usize) -> bool {
    lexemes.get(at).is_some_and(|lexeme| lexeme.is_word("TABLE"))
        && shape::next_token_is(lexemes, at, &Token::LParen)
        && (shape::follows_any(lexemes, at, &["FROM", "JOIN", "LATERAL"]) || shape::follows(lexemes, at, &Token::Comma))
}

/// Words that start a special form of expression.
fn is_form(lexemes: &[Lexeme], at: usize, word: &str) -> bool {
    let call = || shape::next_token_is(lexemes, at, &Token::LParen);
    let next = lexemes.get(at + 1).map(|lexeme| &lexeme.token);
    match word {
        "TRY_CAST" | "STRUCT" | "MAP" => call(),
        "ARRAY" => matches!(next, Some(Token::LBracket)),
        "DATE" | "TIME" | "TIMESTAMP" | "DECIMAL" => matches!(next, Some(Token::SingleQuotedString(_))),
        "INTERVAL" => matches!(next, Some(Token::SingleQuotedString(_) | Token::Number(..))),
        "EXTRACT" => call() && has_inside(lexemes, at, &["FROM"]),
        "POSITION" => call() && has_inside(lexemes, at, &["IN"]),
        "SUBSTRING" => call() && has_inside(lexemes, at, &["FROM", "FOR"]),
        "OVERLAY" => call() && has_inside(lexemes, at, &["PLACING"]),
        "TRIM" => call() && has_inside(lexemes, at, &["FROM", "BOTH", "LEADING", "TRAILING"]),
        "FOR" | "PLACING" => is_inside_form(lexemes, at),
        "CURRENT_DATE" | "CURRENT_TIME" | "CURRENT_TIMESTAMP" => true,
        _ => is_interval_unit(lexemes, at) || is_extract_field(lexemes, at),
    }
}

fn starts_operand(lexemes: &[Lexeme], at: usize) -> bool {
    lexemes.get(at).is_some_and(|lexeme| match &lexeme.token {
        Token::Word(word) => word.quote_style.is_some() || !words::is_reserved(&word.value) || lexeme.is_word("CASE"),
        Token::Number(..) | Token::SingleQuotedString(_) | Token::LParen => true,
        _ => false,
    })
}

fn is_frame(lexemes: &[Lexeme], at: usize) -> bool {
    lexemes.get(at + 1).is_some_and(|next| {
        next.is_any(&["BETWEEN", "UNBOUNDED", "CURRENT", "INTERVAL"])
            || matches!(next.token, Token::Number(..) | Token::SingleQuotedString(_))
    })
}

/// `INTERVAL '5' DAY` or `INTERVAL '1-2' YEAR TO MONTH`.
fn is_interval_unit(lexemes: &[Lexeme], at: usize) -> bool {
    let is_literal = |at: usize| matches!(lexemes[at].token, Token::SingleQuotedString(_) | Token::Number(..));
    (at >= 2 && is_literal(at - 1) && lexemes[at - 2].is_word("INTERVAL"))
        || (at >= 4 && lexemes[at - 1].is_word("TO") && is_literal(at - 3) && lexemes[at - 4].is_word("INTERVAL"))
}

fn is_extract_field(lexemes: &[Lexeme], at: usize) -> bool {
    at >= 2 && shape::next_is(lexemes, at, "FROM") && lexemes[at - 2].is_word("EXTRACT")
}

/// `* EXCLUDE (a)` and `* REPLACE (e AS a)`: the star is a SELECT item of its own, not a multiplication.
fn is_wildcard_option(lexemes: &[Lexeme], at: usize) -> bool {
    shape::follows(lexemes, at, &Token::Mul) && shape::ends_operand(lexemes, at)
}

/// True when one of `words` stands right inside of the bracket behind `at`.
fn has_inside(lexemes: &[Lexeme], at: usize, words: &[&str]) -> bool {
    let mut depth = 0_usize;
    for lexeme in &lexemes[at + 1..] {
        match lexeme.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => {
                depth -= 1;
                if depth == 0 {
                    return false;
                }
            }
            _ if depth == 1 && lexeme.is_any(words) => return true,
            _ => {}
        }
    }
    false
}

/// True when the bracket around `at` is that of SUBSTRING or OVERLAY.
fn is_inside_form(lexemes: &[Lexeme], at: usize) -> bool {
    let mut depth = 0_usize;
    for i in (1..at).rev().take(FORM_TOKENS_MAX) {
        match lexemes[i].token {
            Token::RParen | Token::RBracket => depth += 1,
            Token::LParen | Token::LBracket if depth == 0 => {
                return lexemes[i - 1].is_any(&["SUBSTRING", "OVERLAY"]);
            }
            Token::LParen | Token::LBracket => depth -= 1,
            _ => {}
        }
    }
    false
}
