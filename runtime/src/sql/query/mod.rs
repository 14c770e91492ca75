//! Queries and expressions: our clauses out, sqlparser for the rest, our forms in.
//!
//! `clauses` takes WINDOW, PARTITION BY, WITHIN and EMIT out of the tokens; `tokens` gives each word its meaning;
//! `dialect` and `forms` steer sqlparser; `normalize` settles what is left; `failure` makes errors readable.

mod clauses;
mod dialect;
mod failure;
mod forms;
mod normalize;
mod shape;
mod target_type;
mod tokens;
mod window;

#[cfg(test)]
mod datafusion_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, Word};

pub(super) use clauses::From;
use dialect::Grammar;
use tokens::ParserTokens;

use super::ast::Query;
use super::error::{Code, Result};
use super::lexer::Lexeme;
use super::limits::{EXPRESSION_DEPTH_MAX, QUERY_DEPTH_MAX};
use super::source::Source;

/// Reads a query from exactly these tokens, which end before byte `end`.
pub(super) fn query(source: &Source, lexemes: &[Lexeme], end: usize, from: From) -> Result<Query> {
    let read = |part: &[Lexeme], end: usize| expression(source, part, end);
    let extracted = clauses::extract(lexemes, end, from, &read)?;
    let prepared = tokens::prepare(source, &extracted.rest)?;
    subqueries_first(&prepared, end)?;
    let mut body = run(&prepared, end, "the end of the query", parse_query)?;
    normalize::query(source, &mut body)?;
    let clauses: BTreeMap<_, _> = extracted
        .selects
        .into_iter()
        .map(|(keyword, clauses)| {
            let place = source.location(keyword.start);
            ((place.line, place.column), clauses)
        })
        .collect();
    Ok(Query {
        body,
        clauses,
        emit: extracted.emit,
    })
}

/// Reads an expression from exactly these tokens, which end before byte `end`.
pub(super) fn expression(source: &Source, lexemes: &[Lexeme], end: usize) -> Result<ast::Expr> {
    let prepared = tokens::prepare(source, lexemes)?;
    subqueries_first(&prepared, end)?;
    let mut expr = run(&prepared, end, "the end of the expression", parse_expr)?;
    normalize::expression(source, &mut expr)?;
    Ok(expr)
}

/// Parses every subquery on its own, innermost first. sqlparser tries some brackets as a subquery and then as something
/// else, which hides the error inside and doubles the work with every nesting; after this no subquery fails.
fn subqueries_first(prepared: &ParserTokens, end: usize) -> Result<()> {
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut depth = 0;
    for (i, token) in prepared.tokens.iter().enumerate() {
        match token.token {
            Token::LParen | Token::LBracket => {
                let starts_query = matches!(
                    prepared.tokens.get(i + 1).map(|next| &next.token),
                    Some(Token::Word(Word {
                        keyword: Keyword::SELECT | Keyword::WITH,
                        ..
                    }))
                );
                depth += usize::from(starts_query);
                if depth > QUERY_DEPTH_MAX {
                    let message = format!("queries may nest at most {QUERY_DEPTH_MAX} deep");
                    return Err(Code::TooDeep.found(message).at(prepared.spans[i]).into());
                }
                open.push((i, starts_query));
            }
            Token::RParen | Token::RBracket => {
                if let Some((start, true)) = open.pop() {
                    depth -= 1;
                    let inside = ParserTokens {
                        tokens: prepared.tokens[start + 1..i].to_vec(),
                        spans: prepared.spans[start + 1..i].to_vec(),
                    };
                    let end = prepared.spans.get(i).map_or(end, |closing| closing.start);
                    run(&inside, end, "the end of the subquery", parse_query)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn parse_query(parser: &mut Parser<'_>) -> std::result::Result<Box<ast::Query>, ParserError> {
    parser.parse_query()
}

fn parse_expr(parser: &mut Parser<'_>) -> std::result::Result<ast::Expr, ParserError> {
    parser.parse_expr()
}

/// Runs sqlparser over all of the tokens.
fn run<T>(
    prepared: &ParserTokens,
    end: usize,
    behind: &str,
    parse: impl FnOnce(&mut Parser<'_>) -> std::result::Result<T, ParserError>,
) -> Result<T> {
    let grammar = Grammar::new(prepared.spans.clone(), end);
    let mut parser = Parser::new(&grammar)
        .with_recursion_limit(EXPRESSION_DEPTH_MAX)
        .with_tokens_with_locations(prepared.tokens.clone());
    match parse(&mut parser) {
        Ok(_) if parser.index() < prepared.tokens.len() => {
            Err(failure::leftover(parser.index(), &grammar, &prepared.tokens, behind))
        }
        Ok(parsed) => Ok(parsed),
        Err(error) => Err(failure::explain(&error, &parser, &grammar, &prepared.tokens)),
    }
}
