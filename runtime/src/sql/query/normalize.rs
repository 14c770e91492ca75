//! The last pass over sqlparser's AST.
//!
//! Most names were settled before parsing (`tokens`). What is left: keywords that stood for names, functions in FROM,
//! `a->*` in a SELECT list, GROUP BY with one bracket around all, joins without ON, and chains of AND and OR, which
//! become balanced trees so that a thousand of them nest ten deep.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, Cte, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, Spanned, TableAlias, TableFactor, TableWithJoins, VisitMut, VisitorMut,
    WildcardAdditionalOptions, WindowType,
};
use datafusion::sql::sqlparser::tokenizer::Span as AstSpan;

use super::forms::{ALL_FIELDS, is_logical};
use super::tokens::QUOTE;
use crate::sql::diagnostic::Diagnostic;
use crate::sql::error::{Code, Result};
use crate::sql::source::Source;

/// Settles names and forms of a whole query.
pub(super) fn query(source: &Source, query: &mut Query) -> Result<()> {
    finish(query.visit(&mut Pass { source }))
}

/// Settles names and forms of an expression.
pub(super) fn expression(source: &Source, expr: &mut Expr) -> Result<()> {
    finish(expr.visit(&mut Pass { source }))
}

fn finish(flow: ControlFlow<Box<Diagnostic>>) -> Result<()> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(finding) => Err(finding),
    }
}

struct Pass<'a> {
    source: &'a Source,
}

type Flow = ControlFlow<Box<Diagnostic>>;

impl Pass<'_> {
    fn refuse(&self, code: Code, message: &str, span: AstSpan, help: &str) -> Flow {
        let finding = code.found(message).help(help);
        ControlFlow::Break(Box::new(match self.source.span(span) {
            Some(span) => finding.at(span),
            None => finding,
        }))
    }
}

impl VisitorMut for Pass<'_> {
    type Break = Box<Diagnostic>;

    fn pre_visit_query(&mut self, query: &mut Query) -> Flow {
        for Cte { alias, .. } in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            mark_alias(alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> Flow {
        for item in &mut select.projection {
            match item {
                SelectItem::ExprWithAlias { expr, alias } => {
                    mark(alias);
                    if is_all_fields(expr) {
                        return self.refuse(
                            Code::UnexpectedToken,
                            "`->*` gives many columns and cannot have one name",
                            alias.span,
                            "leave the name out",
                        );
                    }
                }
                SelectItem::UnnamedExpr(expr) => {
                    if let Some(base) = take_all_fields(expr) {
                        *item = SelectItem::QualifiedWildcard(
                            SelectItemQualifiedWildcardKind::Expr(base),
                            WildcardAdditionalOptions::default(),
                        );
                    }
                }
                _ => {}
            }
        }
        if let GroupByExpr::Expressions(expressions, _) = &mut select.group_by {
            unwrap_list(expressions);
        }
        for window in &mut select.named_window {
            mark(&mut window.0);
        }
        if let Some(into) = &select.into {
            let help = "write CREATE STREAM name AS SELECT ... or CREATE TABLE name AS SELECT ...";
            return self.refuse(
                Code::NotSupported,
                "SELECT INTO is not supported",
                into.name.span(),
                help,
            );
        }
        for table in &mut select.from {
            self.joins(table)?;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> Flow {
        match factor {
            TableFactor::Table { with_hints, .. } if !with_hints.is_empty() => {
                let help = "write WITH before AS of a CREATE statement";
                let span = with_hints[0].span();
                return self.refuse(Code::UnexpectedToken, "a table of a query cannot have WITH", span, help);
            }
            TableFactor::Table { alias, args: None, .. } => alias.iter_mut().for_each(mark_alias),
            TableFactor::Derived { alias, .. } => alias.iter_mut().for_each(mark_alias),
            TableFactor::NestedJoin {
                alias,
                table_with_joins,
            } => {
                alias.iter_mut().for_each(mark_alias);
                self.joins(table_with_joins)?;
            }
            other => self.function(other)?,
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> Flow {
        // A function in FROM was made lower case and unquoted before, and stays so.
        for part in &mut relation.0 {
            if let ObjectNamePart::Identifier(ident) = part
                && ident.value.chars().any(char::is_uppercase)
            {
                mark(ident);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        match expr {
            Expr::Identifier(ident) => mark(ident),
            Expr::CompoundIdentifier(idents) => idents.iter_mut().for_each(mark),
            Expr::CompoundFieldAccess { access_chain, .. } => {
                for access in access_chain {
                    if let AccessExpr::Dot(Expr::Identifier(ident)) = access {
                        mark(ident);
                    }
                }
            }
            Expr::Function(function) if is_named(function, ALL_FIELDS) => {
                let span = function.name.span();
                let help = "write it as an item of its own: SELECT a->*, b FROM ...";
                return self.refuse(
                    Code::UnexpectedToken,
                    "`->*` can only stand in a SELECT list",
                    span,
                    help,
                );
            }
            Expr::Function(Function {
                over: Some(WindowType::NamedWindow(name)),
                ..
            }) => mark(name),
            Expr::BinaryOp { op, .. } if is_logical(op) && spine(expr) > SPINE_MAX => balance(expr),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Pass<'_> {
    /// The call of a function in FROM: `f(x)`, `LATERAL f(x)`, `TABLE(f(x))`; that of UNNEST has a form of its own.
    fn function(&self, factor: &mut TableFactor) -> Flow {
        let (name, args, alias, with_ordinality) = match factor {
            TableFactor::Table {
                name,
                args: Some(args),
                alias,
                with_ordinality,
                ..
            } => (name, &mut args.args, alias, *with_ordinality),
            TableFactor::Function {
                name,
                args,
                alias,
                with_ordinality,
                ..
            } => (name, args, alias, *with_ordinality),
            TableFactor::TableFunction { expr, alias } => match expr {
                Expr::Function(Function {
                    name,
                    args: FunctionArguments::List(list),
                    ..
                }) => (name, &mut list.args, alias, false),
                other => {
                    let help = "write TABLE(f(column)) AS name";
                    let message = "TABLE takes the call of a table function";
                    return self.refuse(Code::UnexpectedToken, message, other.span(), help);
                }
            },
            _ => return ControlFlow::Continue(()),
        };
        function_name(name);
        alias.iter_mut().for_each(mark_alias);
        let (name, args, alias) = (name.clone(), std::mem::take(args), alias.take());
        *factor = if name.to_string() == "unnest" {
            TableFactor::UNNEST {
                alias,
                array_exprs: args.into_iter().filter_map(expression_of).collect(),
                with_offset: false,
                with_offset_alias: None,
                with_ordinality,
            }
        } else {
            TableFactor::Function {
                lateral: true,
                name,
                args,
                with_ordinality,
                alias,
            }
        };
        ControlFlow::Continue(())
    }

    fn joins(&self, table: &mut TableWithJoins) -> Flow {
        for Join {
            join_operator,
            relation,
            ..
        } in &mut table.joins
        {
            let (JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)
            | JoinOperator::LeftSemi(constraint)
            | JoinOperator::RightSemi(constraint)
            | JoinOperator::LeftAnti(constraint)
            | JoinOperator::RightAnti(constraint)) = join_operator
            else {
                continue;
            };
            match constraint {
                JoinConstraint::Using(columns) => columns.iter_mut().for_each(mark_name),
                JoinConstraint::None => {
                    let is_function = matches!(
                        relation,
                        TableFactor::Function { .. }
                            | TableFactor::TableFunction { .. }
                            | TableFactor::Table { args: Some(_), .. }
                    );
                    let help = if is_function {
                        "add ON TRUE"
                    } else {
                        "add ON left_column = right_column"
                    };
                    return self.refuse(Code::MissingOn, "the join has no ON", relation.span(), help);
                }
                JoinConstraint::On(_) | JoinConstraint::Natural => {}
            }
        }
        ControlFlow::Continue(())
    }
}

/// Marks a name as settled. A keyword that stood for a name is already in upper case.
fn mark(ident: &mut Ident) {
    if ident.quote_style.is_none() {
        ident.quote_style = Some(QUOTE);
    }
}

fn mark_name(name: &mut ObjectName) {
    for part in &mut name.0 {
        if let ObjectNamePart::Identifier(ident) = part {
            mark(ident);
        }
    }
}

fn mark_alias(alias: &mut TableAlias) {
    mark(&mut alias.name);
    alias.columns.iter_mut().for_each(|column| mark(&mut column.name));
}

fn function_name(name: &mut ObjectName) {
    for part in &mut name.0 {
        if let ObjectNamePart::Identifier(ident) = part {
            ident.value = ident.value.to_lowercase();
            ident.quote_style = None;
        }
    }
}

fn expression_of(arg: FunctionArg) -> Option<Expr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

fn is_named(function: &Function, name: &str) -> bool {
    matches!(function.name.0.as_slice(), [ObjectNamePart::Identifier(ident)] if ident.value == name)
}

fn is_all_fields(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(function) if is_named(function, ALL_FIELDS))
}

/// The base of `base->*`.
fn take_all_fields(expr: &mut Expr) -> Option<Expr> {
    let Expr::Function(function) = expr else {
        return None;
    };
    if !is_named(function, ALL_FIELDS) {
        return None;
    }
    match &mut function.args {
        FunctionArguments::List(list) => list.args.pop().and_then(expression_of),
        _ => None,
    }
}

/// `GROUP BY (a, b)` is `GROUP BY a, b`.
fn unwrap_list(expressions: &mut Vec<Expr>) {
    match expressions.as_mut_slice() {
        [Expr::Tuple(list)] if !list.is_empty() => *expressions = std::mem::take(list),
        [Expr::Nested(_)] => {
            if let Some(Expr::Nested(inner)) = expressions.pop() {
                expressions.push(*inner);
            }
        }
        _ => {}
    }
}

/// Chains up to this length stay as they are; a balanced tree has none longer.
const SPINE_MAX: usize = 16;

/// How many operators equal to that of `expr` follow each other on the left.
fn spine(expr: &Expr) -> usize {
    let Expr::BinaryOp { op: chain_op, .. } = expr else {
        return 0;
    };
    let mut length = 0;
    let mut at = expr;
    while let Expr::BinaryOp { left, op, .. } = at
        && op == chain_op
    {
        length += 1;
        at = left;
    }
    length
}

/// Turns `((a AND b) AND c) AND d` into `(a AND b) AND (c AND d)`, without recursion over the chain. AND and OR are
/// associative also with NULL.
fn balance(expr: &mut Expr) {
    let Expr::BinaryOp { op, .. } = expr else {
        return;
    };
    let chain_op = op.clone();
    let mut parts = Vec::new();
    let mut rest = std::mem::replace(expr, Expr::Tuple(Vec::new()));
    loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == chain_op => {
                parts.push(Some(*right));
                rest = *left;
            }
            first => {
                parts.push(Some(first));
                break;
            }
        }
    }
    parts.reverse();
    *expr = tree(&chain_op, &mut parts);
}

fn tree(op: &BinaryOperator, parts: &mut [Option<Expr>]) -> Expr {
    if let [only] = parts {
        return only
            .take()
            .expect("each part is taken once, by the leaf that it becomes");
    }
    let (left, right) = parts.split_at_mut(parts.len().div_ceil(2));
    Expr::BinaryOp {
        left: Box::new(tree(op, left)),
        op: op.clone(),
        right: Box::new(tree(op, right)),
    }
}
