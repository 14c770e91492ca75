//! Our dialect, as sqlparser's hooks take it.
//!
//! It parses every expression that starts with a word itself, so that sqlparser never tries a word as a type, a
//! keyword and a name in turn (which costs exponential time on hostile text), and turns ksqlDB's spellings into forms
//! that `DataFusion` plans. What the forms are `forms` says.

use std::cell::RefCell;

use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName};
use datafusion::sql::sqlparser::dialect::{Dialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, Word};

use super::forms;
use super::tokens::QUOTE;
use crate::sql::ast::Span;
use crate::sql::diagnostic::Diagnostic;

/// The message of the error that stands for the finding in [`Grammar::raised`].
pub(super) const RAISED: &str = "see the finding";

/// The grammar for one run of tokens.
#[derive(Debug)]
pub(super) struct Grammar {
    /// The bytes of each token.
    spans: Vec<Span>,
    /// Where the tokens end in the text.
    end: usize,
    /// The finding furthest in the text; sqlparser's errors are texts and cannot carry one.
    raised: RefCell<Option<Diagnostic>>,
}

impl Grammar {
    /// A grammar for tokens at these places, which end before byte `end`.
    pub(super) fn new(spans: Vec<Span>, end: usize) -> Self {
        Self {
            spans,
            end,
            raised: RefCell::new(None),
        }
    }

    /// The bytes of token `index`; behind the last, the end.
    pub(super) fn place(&self, index: usize) -> Span {
        self.spans.get(index).copied().unwrap_or(Span {
            start: self.end,
            end: self.end,
        })
    }

    /// Keeps `finding` and gives the error that stands for it.
    pub(super) fn raise(&self, finding: Diagnostic) -> ParserError {
        let start = |finding: &Diagnostic| finding.span.map_or(0, |span| span.start);
        let mut raised = self.raised.borrow_mut();
        if raised.as_ref().is_none_or(|known| start(known) <= start(&finding)) {
            *raised = Some(finding);
        }
        ParserError::ParserError(RAISED.to_owned())
    }

    /// The finding furthest in the text.
    pub(super) fn take_raised(&self) -> Option<Diagnostic> {
        self.raised.borrow_mut().take()
    }
}

impl Dialect for Grammar {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_ascii_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_ascii_alphanumeric() || ch == '_' || ch == '@'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`' || ch == '"'
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_wildcard_replace(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_order_by_all(&self) -> bool {
        true
    }

    // `f(x => e)` is a lambda and no argument by name.
    fn supports_named_fn_args_with_rarrow_operator(&self) -> bool {
        false
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        keyword != Keyword::NoKeyword
    }

    fn is_column_alias(&self, keyword: &Keyword, _parser: &mut Parser) -> bool {
        *keyword == Keyword::NoKeyword
    }

    fn is_table_alias(&self, keyword: &Keyword, _parser: &mut Parser) -> bool {
        *keyword == Keyword::NoKeyword
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        match &parser.peek_token_ref().token {
            Token::Word(word) => {
                let word = word.clone();
                Some(self.word(parser, &word))
            }
            Token::LParen if forms::is_lambda(parser) => Some(forms::lambda(parser)),
            Token::Number(..) => Some(forms::number(self, parser)),
            Token::SingleQuotedString(_) | Token::HexStringLiteral(_) => Some(parser.parse_value().map(Expr::Value)),
            _ => None,
        }
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, _precedence: u8) -> Option<Result<Expr, ParserError>> {
        match &parser.peek_token_ref().token {
            Token::Arrow => Some(forms::fields(self, parser, expr.clone())),
            Token::DoubleColon => Some(forms::double_colon(self, parser, expr.clone())),
            Token::Word(Word {
                keyword: Keyword::IS, ..
            }) if forms::is_distinct_from(parser) => Some(forms::distinct_from(self, parser, expr.clone())),
            Token::Word(Word {
                keyword: Keyword::IN | Keyword::NOT,
                ..
            }) => forms::in_list(self, parser, expr),
            _ => None,
        }
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        let precedence = match parser.peek_token_ref().token {
            // `-a->b::INT` is `-((a->b)::INT)`.
            Token::Arrow => self.prec_value(Precedence::DoubleColon) + 10,
            // ksqlDB's `||` binds weaker than `+`.
            Token::StringConcat => self.prec_value(Precedence::PlusMinus) - 1,
            // `k := v` and `a[1:2]` are no operators.
            Token::Assignment | Token::Colon => self.prec_unknown(),
            _ => return None,
        };
        Some(Ok(precedence))
    }
}

impl Grammar {
    fn word(&self, parser: &mut Parser, word: &Word) -> Result<Expr, ParserError> {
        let call = parser.peek_nth_token_ref(1).token == Token::LParen;
        match word.keyword {
            Keyword::NoKeyword if parser.peek_nth_token_ref(1).token == Token::RArrow => forms::lambda(parser),
            Keyword::NoKeyword | Keyword::LEFT | Keyword::RIGHT if call => call_of(parser, word),
            Keyword::NoKeyword => Ok(Expr::Identifier(next_name(parser, word))),
            Keyword::TRUE | Keyword::FALSE | Keyword::NULL => parser.parse_value().map(Expr::Value),
            Keyword::CASE => {
                parser.advance_token();
                parser.parse_case_expr()
            }
            Keyword::NOT => {
                parser.advance_token();
                parser.parse_not()
            }
            Keyword::EXISTS if call => {
                parser.advance_token();
                parser.parse_exists_expr(false)
            }
            Keyword::CAST | Keyword::TRY_CAST if call => forms::cast(self, parser),
            Keyword::EXTRACT if call => {
                parser.advance_token();
                parser.parse_extract_expr()
            }
            Keyword::POSITION if call => {
                let name = next_name(parser, word);
                parser.parse_position_expr(name)
            }
            Keyword::SUBSTRING if call => forms::substring(parser),
            Keyword::OVERLAY if call => {
                parser.advance_token();
                parser.parse_overlay_expr()
            }
            Keyword::TRIM if call => {
                parser.advance_token();
                parser.parse_trim_expr()
            }
            Keyword::INTERVAL => {
                parser.advance_token();
                parser.parse_interval()
            }
            Keyword::ARRAY => {
                parser.advance_token();
                parser.advance_token();
                parser.parse_array_expr(true)
            }
            Keyword::STRUCT => forms::struct_of(self, parser),
            Keyword::MAP => forms::map_of(self, parser),
            Keyword::DATE | Keyword::TIME | Keyword::TIMESTAMP | Keyword::DECIMAL => {
                forms::typed_literal(self, parser, word)
            }
            Keyword::CURRENT_DATE | Keyword::CURRENT_TIME | Keyword::CURRENT_TIMESTAMP => {
                let name = function_name(&next_name(parser, word));
                parser.parse_time_functions(name)
            }
            _ if crate::sql::words::is_reserved(&word.value) => Err(self.raise(self.no_expression(parser, word))),
            _ => Ok(Expr::Identifier(next_name(parser, word))),
        }
    }

    fn no_expression(&self, parser: &Parser, word: &Word) -> Diagnostic {
        let place = self.place(parser.index());
        let message = format!("expected an expression, found {}", word.value);
        let finding = crate::sql::error::Code::UnexpectedToken.found(message).at(place);
        let after_comma = parser.get_current_token().token == Token::Comma && parser.index() > 0;
        if after_comma {
            finding.help(format!("remove the comma before {}", word.value))
        } else {
            finding.help(format!(
                "quote the word to use it as a name: `{}`",
                word.value.to_ascii_lowercase()
            ))
        }
    }
}

/// Takes the word here as a name.
pub(super) fn next_name(parser: &mut Parser, word: &Word) -> Ident {
    let span = parser.next_token().span;
    Ident {
        value: word.value.clone(),
        quote_style: Some(QUOTE),
        span,
    }
}

/// The name of a function: lower case and unquoted, since functions are found without regard to case.
pub(super) fn function_name(name: &Ident) -> ObjectName {
    ObjectName::from(vec![Ident {
        value: name.value.to_lowercase(),
        quote_style: None,
        span: name.span,
    }])
}

fn call_of(parser: &mut Parser, word: &Word) -> Result<Expr, ParserError> {
    let name = next_name(parser, word);
    parser.parse_function(function_name(&name))
}
