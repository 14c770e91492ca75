//! The streaming part of SQL, brought into a form that DataFusion plans.
//!
//! On sqlparser's AST, before any name is resolved: `*` becomes the declared columns (pseudo-columns are left out, joined
//! columns get the prefix of their relation), expressions without a name get ksqlDB's `KSQL_COL_n`, calls of stream
//! functions get their key, and the streaming clauses that the engine does not run are refused.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableFactor, WindowType, visit_expressions_mut,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::alias::Aliases;
use super::lateral::Lateral;
use super::stream_marker::marker_name;
use super::table_marker::{refuse_misplaced, refuse_nested};
use super::{
    Error, FunctionSet, Purpose, asof, checks, counted, frames, join_key, lambda_arrays, lateral, partition_by,
    struct_star, subqueries, windowed_join, windows, within_marker,
};
use crate::catalog::{Catalog, Definition};
use crate::function::type_integer_literals;
use crate::sql::ast::{Emit, Query, SelectClauses};
use crate::types::schema::{ROWOFFSET, ROWPARTITION, ROWTIME, SqlType};
use crate::types::storage::KeyWindow;

/// A query that DataFusion plans, and the key that it asks for.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) body: ast::Query,
    /// Positions in the projection of the outer SELECT's PARTITION BY; `None` where it has none.
    pub(crate) partition_by: Option<Vec<usize>>,
    /// The window that is a part of the result's key; its bounds are the last two columns.
    pub(crate) key_window: Option<KeyWindow>,
}

/// Rewrites `query`.
pub(crate) fn rewrite(
    query: &Query,
    catalog: &Catalog,
    functions: &FunctionSet,
    purpose: Purpose,
) -> Result<Rewritten, Error> {
    let mut rewriter = Rewriter {
        query,
        catalog,
        functions,
        purpose,
        partition_by: None,
        key_window: None,
        ctes: Vec::new(),
    };
    let mut body = (*query.body).clone();
    rewriter.query(&mut body, Depth::Outer)?;
    Ok(Rewritten {
        body,
        partition_by: rewriter.partition_by,
        key_window: rewriter.key_window,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Outer,
    Inner,
}

struct Rewriter<'a> {
    query: &'a Query,
    catalog: &'a Catalog,
    functions: &'a FunctionSet,
    purpose: Purpose,
    partition_by: Option<Vec<usize>>,
    key_window: Option<KeyWindow>,
    /// Names of WITH that are known here, the outermost first.
    ctes: Vec<String>,
}

/// A relation of a FROM: how its columns are called, and what it is where that is known.
struct Relation<'a> {
    alias: Ident,
    definition: Option<&'a Definition>,
}

impl Rewriter<'_> {
    fn query(&mut self, query: &mut ast::Query, depth: Depth) -> Result<(), Error> {
        let outer_ctes = self.ctes.len();
        if let Some(with) = &mut query.with {
            let is_recursive = with.recursive;
            for table in &mut with.cte_tables {
                if is_recursive {
                    self.ctes.push(table.alias.name.value.clone());
                }
                self.query(&mut table.query, Depth::Inner)?;
                self.ctes.push(table.alias.name.value.clone());
            }
        }
        self.set_expr(&mut query.body, depth)?;
        self.ctes.truncate(outer_ctes);
        Ok(())
    }

    fn is_cte(&self, name: &str) -> bool {
        self.ctes.iter().any(|cte| cte == name)
    }

    fn set_expr(&mut self, body: &mut SetExpr, depth: Depth) -> Result<(), Error> {
        match body {
            SetExpr::Select(select) => self.select(select, depth),
            SetExpr::Query(query) => self.query(query, depth),
            SetExpr::SetOperation { left, right, .. } => {
                self.set_expr(left, Depth::Inner)?;
                self.set_expr(right, Depth::Inner)
            }
            _ => Ok(()),
        }
    }

    fn select(&mut self, select: &mut ast::Select, depth: Depth) -> Result<(), Error> {
        subqueries::rewrite(select, &mut |query| self.query(query, Depth::Inner))?;
        let laterals = lateral::take(select, self.functions)?;
        for from in &mut select.from {
            self.table_factor(&mut from.relation)?;
            for join in &mut from.joins {
                self.table_factor(&mut join.relation)?;
            }
        }
        let start = select.select_token.0.span.start;
        let mut clauses = self
            .query
            .clauses
            .get(&(start.line, start.column))
            .cloned()
            .unwrap_or_default();
        spell_out(select, &mut clauses);
        let relations = self.relations(select);
        let selects_all = select
            .projection
            .iter()
            .any(|item| matches!(item, SelectItem::Wildcard(_)));
        let definitions = || relations.iter().filter_map(|relation| relation.definition);
        let names =
            || definitions().flat_map(|definition| definition.columns.iter().map(|column| column.name.as_str()));
        let mut aliases = Aliases::new(select, names(), shared_names(definitions()));
        let synthetic_key = join_key::synthetic_name(names());
        let star = Star {
            synthetic_key: join_key::has_synthetic_key(select).then_some(synthetic_key.as_str()),
            is_prefixed: relations.len() > 1,
            purpose: self.purpose,
            has_pseudo_columns: relations.len() > 1 && !clauses.partition_by.is_empty(),
            has_keys_last: !clauses.partition_by.is_empty(),
        };
        let is_result = depth == Depth::Outer && checks::is_result(self.purpose);
        let named = relations.iter().map(|relation| (&relation.alias, relation.definition));
        let named = named.chain(laterals.iter().map(|lateral| (&lateral.alias.name, None)));
        let scope = checks::Scope::new(named, self.functions, is_result);
        checks::before(select, &clauses, &scope)?;
        expand_wildcards(select, &relations, &laterals, &star)?;
        aliases.name_all(select);
        checks::names(select, &scope)?;
        refuse_misplaced(select, self.functions)?;
        frames::settle(select)?;
        self.key_stream_functions(select, &relations)?;
        let laterals = self.lateral_calls(laterals, &relations)?;
        asof::apply(select, &clauses)?;
        join_key::replace_synthetic_key(select, &synthetic_key);
        let sources: Vec<_> = relations.iter().map(|r| (r.alias.clone(), r.definition)).collect();
        let is_pull = self.purpose == Purpose::Transient && self.query.emit == Emit::Unsaid;
        if !is_pull {
            // A pull query joins as SQL does: on what ON says, and nothing else.
            windowed_join::apply(select, &sources)?;
        }
        within_marker::apply(select, &clauses);
        lateral::put_back(select, laterals);
        let windowed = windows::apply(select, &clauses, self.query.emit)?;
        if depth == Depth::Outer && self.purpose == Purpose::Persistent && clauses.partition_by.is_empty() {
            self.key_window = windows::keep_bounds(select, windowed, &sources);
        }
        if !clauses.partition_by.is_empty() {
            if depth == Depth::Inner {
                return Err(Error::new(
                    "partition-by-in-subquery",
                    "PARTITION BY is only for the outermost SELECT",
                )
                .help("put it after the last FROM ... WHERE of the statement"));
            }
            self.partition_by = Some(partition_by::positions(&clauses, select, selects_all, &mut aliases)?);
        }
        Ok(())
    }

    fn table_factor(&mut self, factor: &mut TableFactor) -> Result<(), Error> {
        match factor {
            TableFactor::Derived { subquery, .. } => self.query(subquery, Depth::Inner),
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.table_factor(&mut table_with_joins.relation)?;
                for join in &mut table_with_joins.joins {
                    self.table_factor(&mut join.relation)?;
                }
                Ok(())
            }
            factor if lateral::is_lateral(factor) => lateral::refuse_inside(factor),
            TableFactor::Table { name, .. } => self.known_relation(name),
            _ => Ok(()),
        }
    }

    /// Unknown names are reported here because DataFusion's error has no place; CTEs are known to DataFusion alone.
    fn known_relation(&self, name: &ObjectName) -> Result<(), Error> {
        let Some(ident) = name.0.last().and_then(ObjectNamePart::as_ident) else {
            return Ok(());
        };
        if self.catalog.source(&ident.value).is_some() || self.is_cte(&ident.value) {
            return Ok(());
        }
        let error = Error::new(
            "unknown-source",
            format!("stream or table `{}` does not exist", ident.value),
        )
        .at(ident.span);
        Err(match self.catalog.nearest_source(&ident.value) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help("SHOW STREAMS and SHOW TABLES list what there is; CREATE STREAM makes one over a topic"),
        })
    }

    fn relations<'a>(&'a self, select: &ast::Select) -> Vec<Relation<'a>> {
        let factors = select
            .from
            .iter()
            .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
        factors.filter_map(|factor| self.relation(factor)).collect()
    }

    fn relation(&self, factor: &TableFactor) -> Option<Relation<'_>> {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let ident = name.0.last()?.as_ident()?;
                let is_cte = self.is_cte(&ident.value);
                Some(Relation {
                    alias: alias.as_ref().map_or(ident, |alias| &alias.name).clone(),
                    definition: (!is_cte)
                        .then(|| self.catalog.source(&ident.value))
                        .flatten()
                        .map(AsRef::as_ref),
                })
            }
            TableFactor::Derived { alias: Some(alias), .. } => Some(Relation {
                alias: alias.name.clone(),
                definition: None,
            }),
            _ => None,
        }
    }

    /// Gives every call of a stream function its key: `f(a) OVER (PARTITION BY k)` becomes a marker call `f(a, k)`.
    fn key_stream_functions(&self, select: &mut ast::Select, relations: &[Relation<'_>]) -> Result<(), Error> {
        let flow = visit_expressions_mut(&mut select.projection, |expr| self.key_call(expr, relations));
        let flow = match flow {
            ControlFlow::Continue(()) => {
                visit_expressions_mut(&mut select.selection, |expr| self.key_call(expr, relations))
            }
            stop @ ControlFlow::Break(_) => stop,
        };
        match flow {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    /// The forms and keys of the calls in FROM, as of those in the SELECT list.
    fn lateral_calls(&self, mut laterals: Vec<Lateral>, relations: &[Relation<'_>]) -> Result<Vec<Lateral>, Error> {
        for lateral in &mut laterals {
            refuse_nested(&lateral.calls, self.functions)?;
            lambda_arrays::rewrite_all(&mut lateral.calls);
            type_integer_literals(&mut lateral.calls);
            let flow = visit_expressions_mut(&mut lateral.calls, |expr| self.key_call(expr, relations));
            if let ControlFlow::Break(error) = flow {
                return Err(error);
            }
        }
        Ok(laterals)
    }

    fn key_call(&self, expr: &mut Expr, relations: &[Relation<'_>]) -> ControlFlow<Error> {
        let Expr::Function(call) = expr else {
            return ControlFlow::Continue(());
        };
        let Some(name) = single_ident(&call.name) else {
            return ControlFlow::Continue(());
        };
        let function = name.value.to_lowercase();
        let span = name.span;
        if self.functions.stream(&function).is_none() {
            return ControlFlow::Continue(());
        }
        let keys = match call.over.take() {
            Some(over) => over_keys(over, &function, span),
            None => own_keys(relations, &function, span),
        };
        match keys {
            Ok(keys) => {
                call.name = ObjectName::from(vec![Ident {
                    value: marker_name(&function, keys.len()),
                    quote_style: Some('"'),
                    span,
                }]);
                if let FunctionArguments::List(list) = &mut call.args {
                    let keys = keys
                        .into_iter()
                        .map(|key| FunctionArg::Unnamed(FunctionArgExpr::Expr(key)));
                    list.args.extend(keys);
                }
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// Forms that stand for others: arrays in lambdas, integer literals with their types, `COUNT(1)`.
fn spell_out(select: &mut ast::Select, clauses: &mut SelectClauses) {
    lambda_arrays::rewrite(&mut clauses.partition_by);
    lambda_arrays::rewrite(select);
    type_integer_literals(&mut clauses.partition_by);
    type_integer_literals(&mut select.projection);
    type_integer_literals(&mut select.selection);
    type_integer_literals(&mut select.having);
    type_integer_literals(&mut select.group_by);
    type_integer_literals(&mut select.from);
    counted::count_rows(&mut select.projection);
    counted::count_rows(&mut select.having);
}

pub(super) fn single_ident(name: &ObjectName) -> Option<&Ident> {
    match name.0.as_slice() {
        [part] => part.as_ident(),
        _ => None,
    }
}

/// The key of `OVER (PARTITION BY ...)`.
fn over_keys(over: WindowType, function: &str, span: Span) -> Result<Vec<Expr>, Error> {
    let WindowType::WindowSpec(spec) = over else {
        return Err(
            Error::new("stream-function-over", format!("{function} takes no named window"))
                .at(span)
                .help("write OVER (PARTITION BY key)"),
        );
    };
    if spec.window_frame.is_some() || !spec.order_by.is_empty() {
        return Err(Error::new(
            "stream-function-over",
            format!("{function} sees its rows in the order of their arrival"),
        )
        .at(span)
        .help("leave ORDER BY and the frame out: OVER (PARTITION BY key)"));
    }
    Ok(spec.partition_by)
}

/// The key of the stream, for a call without OVER.
fn own_keys(relations: &[Relation<'_>], function: &str, span: Span) -> Result<Vec<Expr>, Error> {
    let [
        Relation {
            alias,
            definition: Some(definition),
        },
    ] = relations
    else {
        return Err(Error::new(
            "stream-function-key",
            format!("it is not clear which key {function} keeps its state by"),
        )
        .at(span)
        .help(format!("name it: {function}(...) OVER (PARTITION BY key)")));
    };
    Ok(definition
        .key_columns()
        .map(|position| column(alias, &definition.columns[position].name))
        .collect())
}

pub(super) fn column(alias: &Ident, name: &str) -> Expr {
    let quoted = |value: &str| Ident {
        value: value.to_owned(),
        quote_style: Some('"'),
        span: Span::empty(),
    };
    Expr::CompoundIdentifier(vec![quoted(&alias.value), quoted(name)])
}

pub(super) fn quoted(value: String) -> Ident {
    Ident {
        value,
        quote_style: Some('"'),
        span: Span::empty(),
    }
}

/// Names of columns, pseudo-columns among them, that more than one source of a FROM has.
fn shared_names<'a>(definitions: impl Iterator<Item = &'a Definition>) -> BTreeSet<String> {
    let (mut seen, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for definition in definitions {
        for field in definition.query_schema().fields() {
            if !seen.insert(field.name().clone()) {
                shared.insert(field.name().clone());
            }
        }
    }
    shared
}

/// What `*` stands for.
#[derive(Clone, Copy)]
struct Star<'a> {
    /// The name of the join's key, where no column of the sources is it.
    synthetic_key: Option<&'a str>,
    /// Whether columns get the name of their relation in front.
    is_prefixed: bool,
    /// Bounds of windows are shown, not stored.
    purpose: Purpose,
    /// Whether ROWTIME, ROWPARTITION and ROWOFFSET are among the columns (ksqlDB: of a join with PARTITION BY).
    has_pseudo_columns: bool,
    /// Whether the key columns, which become ordinary ones, come behind the others (ksqlDB: with PARTITION BY).
    has_keys_last: bool,
}

/// `*` and `t.*` of declared streams and tables; of subqueries DataFusion knows the columns.
fn expand_wildcards(
    select: &mut ast::Select,
    relations: &[Relation<'_>],
    laterals: &[Lateral],
    star: &Star<'_>,
) -> Result<(), Error> {
    let all_of = |alias: &Ident, options| {
        let name = ObjectName::from(vec![alias.clone()]);
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
    };
    let mut expanded = Vec::with_capacity(select.projection.len());
    for item in std::mem::take(&mut select.projection) {
        match item {
            SelectItem::Wildcard(options) if relations.iter().any(|relation| relation.definition.is_some()) => {
                if let Some(key) = star.synthetic_key {
                    // Without it the result would have no key (ksqlDB adds it too).
                    expanded.push(SelectItem::UnnamedExpr(Expr::Identifier(quoted(key.to_owned()))));
                }
                for relation in relations {
                    expand_relation(relation, star, &options, &mut expanded);
                }
                let aliases = laterals.iter().map(|lateral| &lateral.alias.name);
                expanded.extend(aliases.map(|alias| all_of(alias, options.clone())));
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                let wanted = name.0.last().and_then(ObjectNamePart::as_ident);
                let relation = relations
                    .iter()
                    .find(|r| Some(&r.alias.value) == wanted.map(|ident| &ident.value));
                match (relation, wanted) {
                    (Some(relation), _) => {
                        let own = Star {
                            has_pseudo_columns: false,
                            has_keys_last: false,
                            ..*star
                        };
                        expand_relation(relation, &own, &options, &mut expanded);
                    }
                    (None, Some(ident)) if laterals.iter().any(|lateral| lateral.alias.name.value == ident.value) => {
                        expanded.push(all_of(ident, options));
                    }
                    (None, Some(ident)) => {
                        return Err(
                            Error::new("unknown-source", format!("`{}` is not in FROM", ident.value)).at(ident.span),
                        );
                    }
                    (None, None) => expanded.push(SelectItem::QualifiedWildcard(
                        SelectItemQualifiedWildcardKind::ObjectName(name),
                        options,
                    )),
                }
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(structure), _) => {
                expanded.extend(struct_star::fields(&structure, &|relation, name| {
                    column_type(relations, relation, name)
                })?);
            }
            other => expanded.push(other),
        }
    }
    select.projection = expanded;
    Ok(())
}

/// The type of a column of a declared stream or table.
fn column_type(relations: &[Relation<'_>], alias: Option<&str>, name: &str) -> Option<SqlType> {
    let mut relations = relations
        .iter()
        .filter(|relation| alias.is_none_or(|alias| relation.alias.value == alias));
    relations.find_map(|relation| {
        let column = relation.definition?.columns.iter().find(|column| column.name == name)?;
        Some(column.sql_type.clone())
    })
}

fn expand_relation(
    relation: &Relation<'_>,
    star: &Star<'_>,
    options: &ast::WildcardAdditionalOptions,
    out: &mut Vec<SelectItem>,
) {
    let Some(definition) = relation.definition else {
        let name = ObjectName::from(vec![relation.alias.clone()]);
        out.push(SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            options.clone(),
        ));
        return;
    };
    let is_key = |name: &str| definition.key_columns().any(|key| definition.columns[key].name == name);
    let names = windows::all_columns(definition, star.purpose);
    let (late, early): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| star.has_keys_last && is_key(name));
    let pseudo = [ROWTIME, ROWPARTITION, ROWOFFSET]
        .into_iter()
        .filter(|_| star.has_pseudo_columns);
    for name in early.into_iter().chain(pseudo).chain(late) {
        let expr = column(&relation.alias, name);
        let alias = if star.is_prefixed {
            format!("{}_{name}", relation.alias.value)
        } else {
            name.to_owned()
        };
        out.push(SelectItem::ExprWithAlias {
            expr,
            alias: quoted(alias),
        });
    }
}
