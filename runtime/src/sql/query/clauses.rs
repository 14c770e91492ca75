//! Takes the streaming clauses out of a query's tokens.
//!
//! sqlparser's SELECT has no place for WINDOW, PARTITION BY, WITHIN and EMIT. So one walk over the tokens finds them,
//! notes which SELECT (by its keyword) and which JOIN (by its number) each belongs to, and leaves the rest to sqlparser.
//! A bracket that starts a subquery has clauses of its own; `OVER (PARTITION BY ...)` has none and is left alone.

use std::ops::Range;

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::shape;
use super::window::{WINDOW_TYPES, window_clause, within_clause};
use crate::sql::ast::{Emit, SelectClauses, Span};
use crate::sql::cursor::{Cursor, group_length};
use crate::sql::error::{Code, Result};
use crate::sql::lexer::Lexeme;
use crate::sql::words;

/// What the walk found.
#[derive(Debug)]
pub(super) struct Extracted {
    /// The tokens that are left, in order.
    pub(super) rest: Vec<Lexeme>,
    /// Each SELECT by the place of its keyword.
    pub(super) selects: Vec<(Span, SelectClauses)>,
    /// EMIT of the whole query.
    pub(super) emit: Emit,
}

/// Whether a SELECT may do without FROM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum From {
    /// `SELECT 1` is fine.
    Optional,
    /// The query feeds a stream or table.
    Required,
}

/// Reads expressions for the walk: `PARTITION BY a, b`.
pub(super) type ReadExpression<'r> = &'r dyn Fn(&[Lexeme], usize) -> Result<ast::Expr>;

/// Walks over the tokens of one query, which end before byte `end`.
pub(super) fn extract(lexemes: &[Lexeme], end: usize, from: From, read: ReadExpression<'_>) -> Result<Extracted> {
    let mut walk = Walk {
        lexemes,
        end,
        from,
        read,
        groups: vec![Group::default()],
        selects: Vec::new(),
        removed: Vec::new(),
        emit: None,
    };
    let mut at = 0;
    while at < lexemes.len() {
        at = walk.step(at)?;
    }
    walk.finish()
}

/// Where in a SELECT the walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Items,
    From,
    /// Behind an ON: the join that it belongs to has all its clauses.
    On,
    Behind,
}

/// A SELECT as far as it was seen.
#[derive(Debug)]
struct Select {
    keyword: Span,
    /// Brackets around it.
    depth: usize,
    phase: Phase,
    has_from: bool,
    joins: usize,
    partition: Option<Span>,
    clauses: SelectClauses,
}

/// An open bracket, or the query itself.
#[derive(Debug, Default, Clone, Copy)]
struct Group {
    /// The SELECT that stands right in it.
    select: Option<usize>,
    /// The SELECT whose FROM it is a part of: `FROM (a JOIN b ON ...)`.
    host: Option<usize>,
}

struct Walk<'a, 'r> {
    lexemes: &'a [Lexeme],
    end: usize,
    from: From,
    read: ReadExpression<'r>,
    groups: Vec<Group>,
    selects: Vec<Select>,
    removed: Vec<Range<usize>>,
    emit: Option<(Emit, Span)>,
}

impl<'a> Walk<'a, '_> {
    /// Looks at token `at`; gives the next one to look at.
    fn step(&mut self, at: usize) -> Result<usize> {
        let lexeme = &self.lexemes[at];
        match &lexeme.token {
            Token::LParen | Token::LBracket => {
                let group = self.group();
                let in_from = group
                    .select
                    .filter(|select| matches!(self.selects[*select].phase, Phase::From | Phase::On));
                self.groups.push(Group {
                    select: None,
                    host: in_from.or(group.host.filter(|_| group.select.is_none())),
                });
            }
            Token::RParen | Token::RBracket if self.groups.len() > 1 => {
                self.groups.pop();
            }
            Token::Word(word) if word.quote_style.is_none() && !shape::names_something(self.lexemes, at) => {
                return self.word(at, &word.value.to_ascii_uppercase());
            }
            _ => {}
        }
        Ok(at + 1)
    }

    fn word(&mut self, at: usize, word: &str) -> Result<usize> {
        match word {
            "SELECT" => self.start_select(at),
            "FROM" if !shape::is_distinct_from(self.lexemes, at) => self.enter(Phase::From),
            "JOIN" => {
                if let Some(select) = self.host() {
                    select.joins += 1;
                    select.phase = Phase::From;
                }
            }
            "ON" => {
                if let Some(select) = self.host().filter(|select| select.phase == Phase::From) {
                    select.phase = Phase::On;
                }
            }
            "GROUP" if !shape::next_is(self.lexemes, at, "BY") => {}
            "WHERE" | "GROUP" | "HAVING" => {
                self.needs_from(at, word)?;
                self.enter(Phase::Behind);
            }
            "LIMIT" | "QUALIFY" => self.enter(Phase::Behind),
            "ORDER" if shape::next_is(self.lexemes, at, "BY") => self.enter(Phase::Behind),
            "UNION" | "INTERSECT" | "EXCEPT" if shape::is_set_operator(self.lexemes, at) => {
                if let Some(group) = self.groups.last_mut() {
                    group.select = None;
                }
            }
            "WINDOW" if self.is_window(at) => return self.window(at),
            "PARTITION" if shape::next_is(self.lexemes, at, "BY") => return self.partition(at),
            "WITHIN" if !shape::next_is(self.lexemes, at, "GROUP") => return self.within(at),
            "EMIT" if shape::ends_operand(self.lexemes, at) => return self.emit(at),
            _ => {}
        }
        Ok(at + 1)
    }

    fn group(&self) -> Group {
        self.groups.last().copied().unwrap_or_default()
    }

    /// The SELECT that stands right in this bracket.
    fn own(&mut self) -> Option<&mut Select> {
        let select = self.group().select?;
        self.selects.get_mut(select)
    }

    /// The SELECT whose FROM a JOIN here belongs to.
    fn host(&mut self) -> Option<&mut Select> {
        let group = self.group();
        self.selects.get_mut(group.select.or(group.host)?)
    }

    fn enter(&mut self, phase: Phase) {
        if let Some(select) = self.own() {
            select.has_from |= phase == Phase::From;
            select.phase = phase;
        }
    }

    fn start_select(&mut self, at: usize) {
        let select = Select {
            keyword: self.lexemes[at].span,
            depth: self.groups.len() - 1,
            phase: Phase::Items,
            has_from: false,
            joins: 0,
            partition: None,
            clauses: SelectClauses::default(),
        };
        self.selects.push(select);
        let number = self.selects.len() - 1;
        if let Some(group) = self.groups.last_mut() {
            group.select = Some(number);
        }
    }

    /// A clause that works on rows needs a FROM before it.
    fn needs_from(&mut self, at: usize, clause: &str) -> Result<()> {
        let span = self.lexemes[at].span;
        match self.own() {
            Some(select) if !select.has_from => Err(missing_from(span, &format!("{clause} without FROM"))),
            _ => Ok(()),
        }
    }

    /// WINDOW of ours is followed by a window type and a bracket, or a misspelling of that; `WINDOW w AS (` is SQL's.
    fn is_window(&self, at: usize) -> bool {
        let is = |ahead: usize, words: &[&str]| self.lexemes.get(at + ahead).is_some_and(|lexeme| lexeme.is_any(words));
        let word = |ahead: usize| {
            let word = self.lexemes.get(at + ahead).and_then(Lexeme::word);
            word.is_some_and(|word| !words::is_reserved(&word))
        };
        let bracket = |ahead: usize| self.lexemes.get(at + ahead).is_some_and(|l| l.token == Token::LParen);
        let misspelt = word(1) && (bracket(2) || (word(2) && bracket(3)));
        shape::ends_operand(self.lexemes, at) && (is(1, &WINDOW_TYPES) || is(2, &WINDOW_TYPES) || misspelt)
    }

    fn window(&mut self, at: usize) -> Result<usize> {
        self.needs_from(at, "WINDOW")?;
        let mut cursor = self.cursor(at);
        let clause = window_clause(&mut cursor)?;
        let taken = cursor.position();
        let Some(select) = self.own() else {
            return Err(misplaced(clause.span, "WINDOW belongs to a SELECT"));
        };
        if let Some(first) = select.clauses.window.replace(clause) {
            return Err(twice("WINDOW", clause.span, first.span));
        }
        Ok(self.remove(at, taken))
    }

    fn within(&mut self, at: usize) -> Result<usize> {
        let mut cursor = self.cursor(at);
        let start = cursor.here();
        let (phase, joins) = self
            .host()
            .map_or((Phase::Behind, 0), |select| (select.phase, select.joins));
        let is_clause = shape::ends_operand(self.lexemes, at)
            && matches!(
                self.lexemes.get(at + 1).map(|l| &l.token),
                Some(Token::Number(..) | Token::LParen | Token::Minus)
            );
        match (phase, joins) {
            (Phase::From, 1..) => {}
            (Phase::On, _) if is_clause => {
                return Err(misplaced(
                    start,
                    "WITHIN stands before ON, right behind the joined stream",
                ));
            }
            (Phase::Items, _) => return Ok(at + 1),
            _ if is_clause => return Err(misplaced(start, "WITHIN belongs to a JOIN")),
            _ => return Ok(at + 1),
        }
        let clause = within_clause(&mut cursor)?;
        let taken = cursor.position();
        if let Some(select) = self.host()
            && let Some(first) = select.clauses.within.insert(joins - 1, clause)
        {
            return Err(twice("WITHIN", clause.span, first.span));
        }
        Ok(self.remove(at, taken))
    }

    fn partition(&mut self, at: usize) -> Result<usize> {
        // `OVER (PARTITION BY ...)`: the bracket has no SELECT of its own.
        if self.own().is_none() {
            return Ok(at + 1);
        }
        self.needs_from(at, "PARTITION BY")?;
        let start = self.lexemes[at].span;
        let length = self.list_length(at + 2);
        let (from, to) = (at + 2, at + 2 + length);
        let mut list = &self.lexemes[from..to];
        let end = self.lexemes.get(to).map_or(self.end, |next| next.span.start);
        if list.is_empty() {
            let found = self.lexemes.get(to);
            let place = found.map_or(Span { start: end, end }, |lexeme| lexeme.span);
            let finding = crate::sql::cursor::unexpected(found, place, "an expression after PARTITION BY", &[]);
            return Err(finding.into());
        }
        if list[0].token == Token::LParen && group_length(list) == Some(list.len()) {
            list = &list[1..list.len() - 1];
        }
        let mut expressions = Vec::new();
        for part in Cursor::new(list, end).split_commas() {
            let end = part.end();
            expressions.push((self.read)(part.clone().take_rest(), end)?);
        }
        let span = Span {
            start: start.start,
            end: self.lexemes[to - 1].span.end,
        };
        if expressions.is_empty() {
            return Err(Code::UnexpectedToken
                .found("PARTITION BY needs an expression")
                .at(span)
                .into());
        }
        if let Some(select) = self.own() {
            if let Some(first) = select.partition.replace(span) {
                return Err(twice("PARTITION BY", span, first));
            }
            select.clauses.partition_by = expressions;
        }
        Ok(self.remove(at, 2 + length))
    }

    /// How many tokens from `from` on belong to a list of expressions.
    fn list_length(&self, from: usize) -> usize {
        let mut depth = 0_usize;
        for (i, lexeme) in self.lexemes[from..].iter().enumerate() {
            match lexeme.token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket if depth == 0 => return i,
                Token::RParen | Token::RBracket => depth -= 1,
                _ if depth == 0 && self.ends_list(from + i) => return i,
                _ => {}
            }
        }
        self.lexemes.len() - from
    }

    fn ends_list(&self, at: usize) -> bool {
        let lexeme = &self.lexemes[at];
        if shape::names_something(self.lexemes, at) {
            return false;
        }
        lexeme.is_any(&["FROM", "WHERE", "GROUP", "HAVING", "LIMIT"])
            || (lexeme.is_any(&["ORDER", "PARTITION"]) && shape::next_is(self.lexemes, at, "BY"))
            || (lexeme.is_word("WINDOW") && self.is_window(at))
            || (lexeme.is_any(&["EMIT", "QUALIFY"]) && shape::ends_operand(self.lexemes, at))
            || shape::is_set_operator(self.lexemes, at)
    }

    fn emit(&mut self, at: usize) -> Result<usize> {
        let next = self.lexemes.get(at + 1);
        let emit = match next {
            Some(next) if next.is_word("CHANGES") => Emit::Changes,
            Some(next) if next.is_word("FINAL") => Emit::Final,
            // Behind FROM, two words in a row are no SQL: the second was meant to be CHANGES or FINAL.
            None => return Err(self.bad_emit(at)),
            Some(next) if next.word().is_some_and(|word| !words::is_reserved(&word)) => return Err(self.bad_emit(at)),
            Some(_) => return Ok(at + 1),
        };
        let behind = self.lexemes.get(at + 2);
        let in_items = self.own().is_some_and(|select| select.phase == Phase::Items);
        // `SELECT emit changes FROM s` is a column with another name.
        if in_items && behind.is_some_and(|lexeme| lexeme.token == Token::Comma || lexeme.is_any(&["FROM", "AS"])) {
            return Ok(at + 2);
        }
        let span = Span {
            start: self.lexemes[at].span.start,
            end: self.lexemes[at + 1].span.end,
        };
        if let Some((_, first)) = self.emit {
            return Err(twice("EMIT", span, first));
        }
        if self.groups.len() > 1 {
            let finding = Code::MisplacedEmit.found("a subquery cannot have EMIT").at(span);
            return Err(finding.help("write EMIT at the end of the whole query").into());
        }
        if self.lexemes[..at]
            .last()
            .is_some_and(|last| matches!(last.token, Token::Number(..)))
            && at >= 2
            && self.lexemes[at - 2].is_word("LIMIT")
        {
            let finding = Code::MisplacedEmit.found("EMIT stands behind LIMIT").at(span);
            return Err(finding.help("write EMIT before LIMIT").into());
        }
        self.needs_from(at, "EMIT")?;
        if behind.is_some_and(|lexeme| !lexeme.is_any(&["LIMIT", "OFFSET", "FETCH"])) {
            let finding = Code::MisplacedEmit
                .found("EMIT is not at the end of the query")
                .at(span);
            return Err(finding.help("only LIMIT may follow EMIT").into());
        }
        self.emit = Some((emit, span));
        Ok(self.remove(at, 2))
    }

    fn bad_emit(&self, at: usize) -> Box<crate::sql::Diagnostic> {
        let mut cursor = self.cursor(at);
        cursor.advance();
        cursor.unexpected("CHANGES or FINAL", &["CHANGES", "FINAL"])
    }

    fn cursor(&self, at: usize) -> Cursor<'a> {
        Cursor::new(&self.lexemes[at..], self.end)
    }

    fn remove(&mut self, at: usize, length: usize) -> usize {
        self.removed.push(at..at + length);
        at + length
    }

    fn finish(self) -> Result<Extracted> {
        let rowless = self.selects.iter().find(|select| select.depth == 0 && !select.has_from);
        if let Some(select) = rowless
            && self.from == From::Required
        {
            return Err(missing_from(select.keyword, "the query has no FROM"));
        }
        let mut removed = self.removed.into_iter().peekable();
        let mut rest = Vec::with_capacity(self.lexemes.len());
        for (i, lexeme) in self.lexemes.iter().enumerate() {
            while removed.next_if(|range| range.end <= i).is_some() {}
            if !removed.peek().is_some_and(|range| range.contains(&i)) {
                rest.push(lexeme.clone());
            }
        }
        Ok(Extracted {
            rest,
            selects: self
                .selects
                .into_iter()
                .map(|select| (select.keyword, select.clauses))
                .collect(),
            emit: self.emit.map_or(Emit::Unsaid, |(emit, _)| emit),
        })
    }
}

fn missing_from(span: Span, message: &str) -> Box<crate::sql::Diagnostic> {
    let help = "name the stream or table that the rows come from: SELECT ... FROM name";
    Code::MissingFrom.found(message).at(span).help(help).into()
}

fn misplaced(span: Span, message: &str) -> Box<crate::sql::Diagnostic> {
    let help = "a query is SELECT ... FROM ... [JOIN ... WITHIN ... ON ...] [WINDOW ...] [WHERE ...] [GROUP BY ...] \
                [PARTITION BY ...] [HAVING ...] [EMIT ...] [LIMIT ...]";
    Code::MisplacedClause.found(message).at(span).help(help).into()
}

fn twice(clause: &str, span: Span, first: Span) -> Box<crate::sql::Diagnostic> {
    Code::DuplicateClause
        .found(format!("{clause} is given twice"))
        .at(span)
        .related(first, "first here")
        .into()
}
