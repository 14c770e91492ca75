//! ksqlDB's spellings as forms that `DataFusion` plans.
//!
//! | written | emitted |
//! |---|---|
//! | `a->b` | `get_field(a, 'B')` |
//! | `a->*` | `ww_all_fields(a)`, which `normalize` turns into a wildcard of the SELECT list |
//! | `x => e`, `(x, y) => e` | `Expr::Lambda` |
//! | `STRUCT(f := v)` | `named_struct('F', v)` |
//! | `MAP(k := v)` | `map([k], [v])` |
//! | `CAST(e AS t)`, `e::t`, `TRY_CAST` | `Expr::Cast` where `DataFusion` has our Arrow type, else `ww_cast(e, 't')` or `ww_try_cast(e, 't')` |
//! | `DATE '...'`, `TIMESTAMP '...'`, `DECIMAL '...'`, `TIME '...'` | `Expr::TypedString`, or `ww_cast` for TIME |
//! | `1E3` | `CAST(1E3 AS DOUBLE)` |
//! | `a IS DISTINCT FROM b` | the same, with `b` no further than the next AND |
//! | `x IN (...)` | a list, or a subquery where the bracket starts with one |

use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, CastKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, LambdaFunction, LambdaFunctionParameter, LambdaSyntax, ObjectName, OneOrManyWithParens,
    TypedString, Value,
};
use datafusion::sql::sqlparser::dialect::{Dialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Span as AstSpan, Token, Word};

use super::dialect::{Grammar, next_name};
use super::target_type;
use crate::sql::ast::{Span, TypeExpr};
use crate::sql::cursor::Cursor;
use crate::sql::error::Code;
use crate::sql::lexer::Lexeme;
use crate::sql::types;
use crate::types::schema::SqlType;

/// The function that stands for `a->*` until the SELECT list is looked at.
pub(super) const ALL_FIELDS: &str = "ww_all_fields";

/// A call of `name` as if it stood at `span`.
pub(super) fn call(name: &str, args: Vec<Expr>, span: AstSpan) -> Expr {
    let name = Ident {
        value: name.to_owned(),
        quote_style: None,
        span,
    };
    Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args
                .into_iter()
                .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn text(value: impl Into<String>, span: AstSpan) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.into()).with_span(span))
}

/// Takes a run of `->field`, with what follows each in brackets, and perhaps a `->*` at its end.
pub(super) fn fields(grammar: &Grammar, parser: &mut Parser, base: Expr) -> Result<Expr, ParserError> {
    let mut access = base;
    while parser.peek_token_ref().token == Token::Arrow {
        let arrow = parser.next_token().span;
        let place = grammar.place(parser.index());
        let found = parser.next_token();
        access = match found.token {
            Token::Mul => return Ok(call(ALL_FIELDS, vec![access], arrow)),
            Token::Word(word) if word.keyword == Keyword::NoKeyword => {
                let access = call("get_field", vec![access, text(word.value, found.span)], arrow);
                parser.parse_compound_expr(access, Vec::new())?
            }
            other => {
                let message = format!(
                    "expected the name of a field, found {}",
                    crate::sql::cursor::show(&other)
                );
                return Err(grammar.raise(Code::UnexpectedToken.found(message).at(place)));
            }
        };
    }
    Ok(access)
}

/// True where `(x, y) =>` stands.
pub(super) fn is_lambda(parser: &Parser) -> bool {
    let mut at = 1;
    loop {
        if !matches!(parser.peek_nth_token_ref(at).token, Token::Word(_)) {
            return false;
        }
        match parser.peek_nth_token_ref(at + 1).token {
            Token::Comma => at += 2,
            Token::RParen => return parser.peek_nth_token_ref(at + 2).token == Token::RArrow,
            _ => return false,
        }
    }
}

/// Takes a lambda, which stands here.
pub(super) fn lambda(parser: &mut Parser) -> Result<Expr, ParserError> {
    let params = if parser.consume_token(&Token::LParen) {
        let params = parser.parse_comma_separated(lambda_parameter)?;
        parser.expect_token(&Token::RParen)?;
        OneOrManyWithParens::Many(params)
    } else {
        OneOrManyWithParens::One(lambda_parameter(parser)?)
    };
    parser.expect_token(&Token::RArrow)?;
    Ok(Expr::Lambda(LambdaFunction {
        params,
        body: Box::new(parser.parse_expr()?),
        syntax: LambdaSyntax::Arrow,
    }))
}

fn lambda_parameter(parser: &mut Parser) -> Result<LambdaFunctionParameter, ParserError> {
    match parser.peek_token_ref().token.clone() {
        Token::Word(word) => Ok(LambdaFunctionParameter {
            name: next_name(parser, &word),
            data_type: None,
        }),
        _ => parser.expected("the name of a lambda's argument", parser.peek_token()),
    }
}

/// Takes a number: out of range is an error, and one with an exponent is a DOUBLE.
pub(super) fn number(grammar: &Grammar, parser: &mut Parser) -> Result<Expr, ParserError> {
    let index = parser.index();
    let value = parser.parse_value()?;
    let Value::Number(digits, _) = &value.value else {
        return Ok(Expr::Value(value));
    };
    let refuse = |message: String| {
        let finding = Code::BadNumber.found(message).at(grammar.place(index));
        Err(grammar.raise(finding))
    };
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // The smallest BIGINT has no positive twin.
        let smallest = digits.trim_start_matches('0') == "9223372036854775808" && follows_sign(parser);
        if digits.parse::<i64>().is_err() && !smallest {
            return refuse(format!("{digits} does not fit into BIGINT"));
        }
        return Ok(Expr::Value(value));
    }
    if digits.bytes().any(|byte| byte == b'e' || byte == b'E') {
        if digits.parse::<f64>().is_ok_and(f64::is_finite) {
            let double = TypeExpr::Sql(SqlType::Double);
            let span = value.span;
            // As text, because DataFusion reads numbers as decimals, and 1E308 is none.
            let text = Value::SingleQuotedString(digits.clone());
            let text = Expr::Value(text.with_span(span));
            return Ok(target_type::cast(CastKind::Cast, text, &double, span));
        }
        return refuse(format!("{digits} does not fit into DOUBLE"));
    }
    Ok(Expr::Value(value))
}

/// True when the number just taken follows a minus that is a sign and no subtraction.
fn follows_sign(parser: &Parser) -> bool {
    let next = parser.index();
    let token = |back: usize| next.checked_sub(back).map(|at| &parser.token_at(at).token);
    token(2) == Some(&Token::Minus)
        && match token(3) {
            None => true,
            Some(Token::Word(word)) => word.keyword != Keyword::NoKeyword,
            Some(before) => !matches!(
                before,
                Token::Number(..) | Token::SingleQuotedString(_) | Token::RParen | Token::RBracket
            ),
        }
}

/// Takes `CAST(e AS t)` or `TRY_CAST(e AS t)`.
pub(super) fn cast(grammar: &Grammar, parser: &mut Parser) -> Result<Expr, ParserError> {
    let word = parser.next_token();
    let kind = match &word.token {
        Token::Word(Word {
            keyword: Keyword::TRY_CAST,
            ..
        }) => CastKind::TryCast,
        _ => CastKind::Cast,
    };
    parser.expect_token(&Token::LParen)?;
    let expr = parser.parse_expr()?;
    parser.expect_keyword(Keyword::AS)?;
    let target = type_here(grammar, parser)?;
    parser.expect_token(&Token::RParen)?;
    Ok(target_type::cast(kind, expr, &target, word.span))
}

/// Takes `::t`.
pub(super) fn double_colon(grammar: &Grammar, parser: &mut Parser, expr: Expr) -> Result<Expr, ParserError> {
    let span = parser.next_token().span;
    let target = type_here(grammar, parser)?;
    Ok(target_type::cast(CastKind::DoubleColon, expr, &target, span))
}

/// Takes a type with our own reader: the tokens that can belong to one are handed to it.
fn type_here(grammar: &Grammar, parser: &mut Parser) -> Result<TypeExpr, ParserError> {
    let start = parser.index();
    let mut lexemes = Vec::new();
    let mut brackets = 0_usize;
    loop {
        let token = parser.peek_nth_token_ref(lexemes.len()).token.clone();
        match token {
            Token::LParen => brackets += 1,
            Token::RParen if brackets == 0 => break,
            Token::RParen => brackets -= 1,
            Token::Word(_) | Token::Lt | Token::Gt | Token::Comma | Token::Number(..) => {}
            _ => break,
        }
        let span: Span = grammar.place(start + lexemes.len());
        lexemes.push(Lexeme { token, span });
    }
    let end = grammar.place(start + lexemes.len()).start;
    let mut cursor = Cursor::new(&lexemes, end);
    let target = types::type_expr(&mut cursor).map_err(|finding| grammar.raise(*finding))?;
    for _ in 0..cursor.position() {
        parser.advance_token();
    }
    Ok(target)
}

/// Takes `DATE '...'` and its like.
pub(super) fn typed_literal(grammar: &Grammar, parser: &mut Parser, word: &Word) -> Result<Expr, ParserError> {
    let span = parser.next_token().span;
    let place = grammar.place(parser.index());
    let value = parser.parse_value()?;
    let literal = match word.keyword {
        Keyword::DATE => SqlType::Date,
        Keyword::TIME => SqlType::Time,
        Keyword::TIMESTAMP => SqlType::Timestamp,
        _ => {
            let digits = value.value.clone().into_string().unwrap_or_default();
            decimal_type(&digits).ok_or_else(|| {
                let finding = Code::BadNumber.found("this is no DECIMAL").at(place);
                grammar.raise(finding.help("write digits and a point: DECIMAL '12.50'"))
            })?
        }
    };
    let literal = TypeExpr::Sql(literal);
    Ok(match target_type::data_type(&literal) {
        Some(data_type) => Expr::TypedString(TypedString {
            data_type,
            value,
            uses_odbc_syntax: false,
        }),
        None => target_type::cast(CastKind::Cast, Expr::Value(value), &literal, span),
    })
}

/// The narrowest DECIMAL that holds the number in `text`.
fn decimal_type(text: &str) -> Option<SqlType> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let precision = (whole.trim_start_matches('0').len() + fraction.len()).max(1);
    match (u8::try_from(precision), i8::try_from(fraction.len())) {
        (Ok(precision @ 1..=38), Ok(scale)) => Some(SqlType::Decimal(precision, scale)),
        _ => None,
    }
}

/// Takes `STRUCT(f := v, ...)`; without `:=` it is a call of `struct`.
pub(super) fn struct_of(grammar: &Grammar, parser: &mut Parser) -> Result<Expr, ParserError> {
    let span = parser.next_token().span;
    parser.expect_token(&Token::LParen)?;
    let mut args = Vec::new();
    if parser.consume_token(&Token::RParen) {
        return Ok(call("named_struct", args, span));
    }
    if parser.peek_nth_token_ref(1).token != Token::Assignment {
        let args = parser.parse_comma_separated(Parser::parse_expr)?;
        parser.expect_token(&Token::RParen)?;
        return Ok(call("struct", args, span));
    }
    loop {
        let place = grammar.place(parser.index());
        let name = parser.next_token();
        let Token::Word(word) = name.token else {
            let message = format!(
                "expected the name of a field, found {}",
                crate::sql::cursor::show(&name.token)
            );
            return Err(grammar.raise(
                Code::UnexpectedToken
                    .found(message)
                    .at(place)
                    .help("write STRUCT(NAME := value)"),
            ));
        };
        parser.expect_token(&Token::Assignment)?;
        args.push(text(word.value, name.span));
        args.push(parser.parse_expr()?);
        if !parser.consume_token(&Token::Comma) {
            break;
        }
    }
    parser.expect_token(&Token::RParen)?;
    Ok(call("named_struct", args, span))
}

/// Takes `MAP(k := v, ...)`; without `:=` it is a call of `map`.
pub(super) fn map_of(grammar: &Grammar, parser: &mut Parser) -> Result<Expr, ParserError> {
    let span = parser.next_token().span;
    parser.expect_token(&Token::LParen)?;
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    let list = |elem: Vec<Expr>| Expr::Array(Array { elem, named: true });
    if parser.consume_token(&Token::RParen) {
        return Ok(call("map", vec![list(keys), list(values)], span));
    }
    loop {
        let key = parser.parse_expr()?;
        if keys.is_empty() && parser.peek_token_ref().token != Token::Assignment {
            let mut args = vec![key];
            if parser.consume_token(&Token::Comma) {
                args.extend(parser.parse_comma_separated(Parser::parse_expr)?);
            }
            parser.expect_token(&Token::RParen)?;
            return Ok(call("map", args, span));
        }
        let place = grammar.place(parser.index());
        if !parser.consume_token(&Token::Assignment) {
            let shown = crate::sql::cursor::show(&parser.peek_token_ref().token);
            let finding = Code::UnexpectedToken
                .found(format!("expected `:=`, found {shown}"))
                .at(place);
            return Err(grammar.raise(finding.help("write MAP(key := value)")));
        }
        keys.push(key);
        values.push(parser.parse_expr()?);
        if !parser.consume_token(&Token::Comma) {
            break;
        }
    }
    parser.expect_token(&Token::RParen)?;
    Ok(call("map", vec![list(keys), list(values)], span))
}

/// Takes `SUBSTRING(e FROM a FOR b)` as a call of `substring`, like the spelling with commas.
pub(super) fn substring(parser: &mut Parser) -> Result<Expr, ParserError> {
    let span = parser.peek_token_ref().span;
    match parser.parse_substring()? {
        Expr::Substring {
            expr,
            substring_from: Some(from),
            substring_for,
            ..
        } => {
            let args = [Some(expr), Some(from), substring_for];
            Ok(call(
                "substring",
                args.into_iter().flatten().map(|arg| *arg).collect(),
                span,
            ))
        }
        Expr::Substring {
            expr, substring_for, ..
        } => {
            let one = Expr::Value(Value::Number("1".to_owned(), false).with_span(span));
            let args = [Some(*expr), Some(one), substring_for.map(|length| *length)];
            Ok(call("substring", args.into_iter().flatten().collect(), span))
        }
        other => Ok(other),
    }
}

/// True where `IS [NOT] DISTINCT FROM` stands.
pub(super) fn is_distinct_from(parser: &Parser) -> bool {
    let is = |at: usize, keyword: Keyword| matches!(&parser.peek_nth_token_ref(at).token, Token::Word(word) if word.keyword == keyword);
    is(1, Keyword::DISTINCT) || (is(1, Keyword::NOT) && is(2, Keyword::DISTINCT))
}

/// Takes `IS [NOT] DISTINCT FROM b`. sqlparser would take all of `b AND c` for `b`.
pub(super) fn distinct_from(grammar: &Grammar, parser: &mut Parser, left: Expr) -> Result<Expr, ParserError> {
    parser.expect_keyword(Keyword::IS)?;
    let negated = parser.parse_keyword(Keyword::NOT);
    parser.expect_keywords(&[Keyword::DISTINCT, Keyword::FROM])?;
    let right = Box::new(parser.parse_subexpr(grammar.prec_value(Precedence::Is))?);
    let left = Box::new(left);
    Ok(if negated {
        Expr::IsNotDistinctFrom(left, right)
    } else {
        Expr::IsDistinctFrom(left, right)
    })
}

/// Takes `[NOT] IN (...)`; `None` where something else stands. sqlparser would try a subquery first and then a list,
/// which doubles the work with every nesting.
pub(super) fn in_list(_grammar: &Grammar, parser: &mut Parser, expr: &Expr) -> Option<Result<Expr, ParserError>> {
    let is = |at: usize, keyword: Keyword| matches!(&parser.peek_nth_token_ref(at).token, Token::Word(word) if word.keyword == keyword);
    let negated = is(0, Keyword::NOT);
    let at = usize::from(negated);
    if !is(at, Keyword::IN) || parser.peek_nth_token_ref(at + 1).token != Token::LParen {
        return None;
    }
    let subquery = is(at + 2, Keyword::SELECT) || is(at + 2, Keyword::WITH) || is(at + 2, Keyword::VALUES);
    Some(in_brackets(parser, expr.clone(), negated, subquery))
}

fn in_brackets(parser: &mut Parser, expr: Expr, negated: bool, subquery: bool) -> Result<Expr, ParserError> {
    let expr = Box::new(expr);
    for _ in 0..usize::from(negated) + 2 {
        parser.advance_token();
    }
    let found = if subquery {
        Expr::InSubquery {
            expr,
            subquery: parser.parse_query()?,
            negated,
        }
    } else {
        let mut list = parser.parse_comma_separated(Parser::parse_expr)?;
        match (list.pop(), list.is_empty()) {
            // `IN ((SELECT ...))` has one bracket too many.
            (Some(Expr::Subquery(subquery)), true) => Expr::InSubquery {
                expr,
                subquery,
                negated,
            },
            (rightmost, _) => {
                list.extend(rightmost);
                Expr::InList { expr, list, negated }
            }
        }
    };
    parser.expect_token(&Token::RParen)?;
    Ok(found)
}

/// The operators whose chains are balanced.
pub(super) fn is_logical(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::And | BinaryOperator::Or)
}
