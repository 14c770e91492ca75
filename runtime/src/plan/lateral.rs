//! Table functions in FROM: `FROM s, LATERAL f(s.x) AS w(a, b)`, `LEFT JOIN LATERAL f(s.x) AS w ON TRUE`, `CROSS JOIN UNNEST(s.items) AS t(item)`.
//!
//! They are taken out of FROM before the rules for its streams and tables are applied, and put back behind those as calls that
//! [`super::lateral_relation`] plans.

use datafusion::sql::sqlparser::ast::{
    self, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, Join,
    JoinConstraint, JoinOperator, ObjectName, Spanned, TableAlias, TableFactor, TableWithJoins, Value,
};

use super::lateral_relation::RELATION;
use super::rewrite::{quoted, single_ident};
use super::table_marker::UNNEST;
use super::{Error, FunctionSet};

/// One table function of a FROM, or an UNNEST of several arrays.
#[derive(Debug, Clone)]
pub(super) struct Lateral {
    /// The calls; the rows of several are zipped.
    pub(super) calls: Vec<Expr>,
    /// Its name, and those of its columns where they are given.
    pub(super) alias: TableAlias,
    /// Whether a row without results stays (LEFT JOIN).
    keeps_rows: bool,
    ordinality: bool,
}

/// Takes the table functions out of FROM.
///
/// # Errors
/// When one stands where it cannot, or is none.
pub(super) fn take(select: &mut ast::Select, functions: &FunctionSet) -> Result<Vec<Lateral>, Error> {
    let mut laterals = Vec::new();
    let mut kept: Vec<TableWithJoins> = Vec::new();
    for TableWithJoins { relation, joins } in std::mem::take(&mut select.from) {
        if let Some(lateral) = lateral_of(&relation, functions)? {
            laterals.push(lateral);
        } else {
            refuse_behind(&relation, &laterals)?;
            let joins = vec![];
            kept.push(TableWithJoins { relation, joins });
        }
        for join in joins {
            match (lateral_of(&join.relation, functions)?, kept.last_mut()) {
                (Some(mut lateral), _) => {
                    lateral.keeps_rows = keeps_rows(&join.join_operator, &join.relation)?;
                    laterals.push(lateral);
                }
                (None, Some(last)) if laterals.is_empty() => last.joins.push(join),
                (None, _) => refuse_behind(&join.relation, &laterals)?,
            }
        }
    }
    if let ([_, second, ..], false) = (kept.as_slice(), laterals.is_empty()) {
        return Err(Error::new(
            "table-function-place",
            "a table function in FROM needs the streams and tables before it joined by JOIN",
        )
        .at(second.relation.span())
        .help("write JOIN or CROSS JOIN in the place of the comma"));
    }
    select.from = kept;
    Ok(laterals)
}

/// Puts them back as the last relations of FROM.
pub(super) fn put_back(select: &mut ast::Select, laterals: Vec<Lateral>) {
    for lateral in laterals {
        let operator = if lateral.keeps_rows {
            let yes = Expr::Value(Value::Boolean(true).into());
            JoinOperator::LeftOuter(JoinConstraint::On(yes))
        } else {
            JoinOperator::CrossJoin(JoinConstraint::None)
        };
        let relation = TableFactor::Function {
            lateral: true,
            name: ObjectName::from(vec![Ident::new(RELATION)]),
            args: lateral.calls.into_iter().map(argument).collect(),
            with_ordinality: lateral.ordinality,
            alias: Some(lateral.alias),
        };
        match select.from.last_mut() {
            Some(last) => last.joins.push(Join {
                relation,
                global: false,
                join_operator: operator,
            }),
            None => select.from.push(TableWithJoins {
                relation,
                joins: vec![],
            }),
        }
    }
}

/// Takes the last table function out of FROM again.
pub(super) fn take_last(select: &mut ast::Select) -> Option<TableFactor> {
    let is_ours =
        |factor: &TableFactor| matches!(factor, TableFactor::Function { name, .. } if name.to_string() == RELATION);
    let last = select.from.last_mut()?;
    if let Some(join) = last.joins.pop_if(|join| is_ours(&join.relation)) {
        return Some(join.relation);
    }
    let alone = select
        .from
        .pop_if(|from| from.joins.is_empty() && is_ours(&from.relation));
    alone.map(|from| from.relation)
}

/// Refuses a table function that is no direct part of FROM.
pub(super) fn refuse_inside(factor: &TableFactor) -> Result<(), Error> {
    if !is_lateral(factor) {
        return Ok(());
    }
    Err(Error::new(
        "table-function-place",
        "a table function cannot stand in the brackets of a join",
    )
    .at(factor.span())
    .help("leave the brackets out: FROM stream CROSS JOIN LATERAL f(column) AS name"))
}

/// Whether a relation is the call of a function.
pub(super) fn is_lateral(factor: &TableFactor) -> bool {
    matches!(factor, TableFactor::Function { .. } | TableFactor::UNNEST { .. })
}

/// How it is called in the query; the name of the function where it was given none.
pub(super) fn alias_of(factor: &TableFactor) -> Option<Ident> {
    let (alias, name) = match factor {
        TableFactor::Function { alias, name, .. } => (alias, single_ident(name)?.value.to_uppercase()),
        TableFactor::UNNEST { alias, .. } => (alias, "UNNEST".to_owned()),
        _ => return None,
    };
    Some(match alias {
        Some(alias) => alias.name.clone(),
        None => quoted(name),
    })
}

fn lateral_of(factor: &TableFactor, functions: &FunctionSet) -> Result<Option<Lateral>, Error> {
    let (calls, alias, ordinality) = match factor {
        TableFactor::Function {
            name,
            args,
            alias,
            with_ordinality,
            ..
        } => (vec![call_of(name, args, functions)?], alias, *with_ordinality),
        TableFactor::UNNEST {
            array_exprs,
            alias,
            with_ordinality,
            ..
        } => {
            let unnest = |array: &Expr| {
                let mut name = Ident::new(UNNEST);
                name.span = array.span();
                function(ObjectName::from(vec![name]), vec![argument(array.clone())])
            };
            if array_exprs.is_empty() {
                let error = Error::new("table-function-place", "UNNEST takes one ARRAY or several");
                return Err(error.at(factor.span()).help("write UNNEST(array) AS name(column)"));
            }
            (array_exprs.iter().map(unnest).collect(), alias, *with_ordinality)
        }
        _ => return Ok(None),
    };
    let name = alias_of(factor).unwrap_or_else(|| quoted("UNNEST".to_owned()));
    let alias = alias.clone().unwrap_or(TableAlias {
        explicit: true,
        name,
        columns: vec![],
        at: None,
    });
    Ok(Some(Lateral {
        calls,
        alias,
        keeps_rows: false,
        ordinality,
    }))
}

/// The call of a function that must be a table function.
fn call_of(name: &ObjectName, args: &[FunctionArg], functions: &FunctionSet) -> Result<Expr, Error> {
    let Some(ident) = single_ident(name) else {
        let error = Error::new("unknown-function", format!("function `{name}` does not exist"));
        return Err(error.at(name.span()));
    };
    let lower = ident.value.to_lowercase();
    if functions.table(&lower).is_some() {
        return Ok(function(name.clone(), args.to_vec()));
    }
    let shown = ident.value.to_uppercase();
    Err(if functions.names().any(|known| known == lower) {
        let error = Error::new("no-table-function", format!("{shown} is no table function")).at(ident.span);
        error.help(format!(
            "FROM takes functions that give rows; where {shown} gives an ARRAY, write UNNEST({shown}(...))"
        ))
    } else {
        let error = Error::new("unknown-function", format!("table function {shown} does not exist")).at(ident.span);
        error.help("SHOW FUNCTIONS lists the functions")
    })
}

fn function(name: ObjectName, args: Vec<FunctionArg>) -> Expr {
    Expr::Function(Function {
        name,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

fn argument(expr: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
}

/// Whether a join with a table function keeps rows without results.
fn keeps_rows(operator: &JoinOperator, relation: &TableFactor) -> Result<bool, Error> {
    let (constraint, keeps) = match operator {
        JoinOperator::CrossJoin(JoinConstraint::None) => return Ok(false),
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (constraint, false),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (constraint, true),
        _ => {
            let error = Error::new(
                "table-function-join",
                "a table function is joined by CROSS JOIN, JOIN or LEFT JOIN only",
            );
            return Err(error
                .at(relation.span())
                .help("it gives the rows of one row of the left side, so there are none without that"));
        }
    };
    let place = match constraint {
        JoinConstraint::On(on) if is_true(on) => return Ok(keeps),
        JoinConstraint::On(on) => on.span(),
        _ => relation.span(),
    };
    let help = if keeps {
        "write ON TRUE, and the condition into WHERE, or where rows without a match are to stay into a subquery in FROM"
    } else {
        "write ON TRUE, and the condition into WHERE"
    };
    Err(Error::new(
        "table-function-join",
        "the join with a table function takes no condition but TRUE",
    )
    .at(place)
    .help(help))
}

fn is_true(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_true(inner),
        Expr::Value(value) => value.value == Value::Boolean(true),
        _ => false,
    }
}

fn refuse_behind(relation: &TableFactor, laterals: &[Lateral]) -> Result<(), Error> {
    let Some(first) = laterals.first() else {
        return Ok(());
    };
    Err(Error::new(
        "table-function-place",
        format!(
            "table functions stand behind the streams and tables of FROM, and `{}` is before one",
            first.alias.name.value
        ),
    )
    .at(relation.span())
    .help("select from the table function in a subquery, and join that: FROM (SELECT ... FROM s, LATERAL f(s.x) AS w) AS s JOIN ..."))
}
