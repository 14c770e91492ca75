//! Joins: which operator serves a JOIN, by what its two sides are.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Join, JoinType, Operator as SqlOperator};

use super::relation::{EqualKeys, uncast};
use super::{Lowering, Relation, arrow_schema};
use crate::function::NESTED_EQUAL;
use crate::operator::join::{
    AsofJoinPlan, ForeignKeyJoinPlan, JoinKind, StreamStreamJoinPlan, StreamTableJoinPlan, TableTableJoinPlan,
    Unmatched,
};
use crate::plan::asof::as_asof;
use crate::plan::within_marker::{Within, as_within};
use crate::plan::{Distribution, Error, JoinPlan, NodeKind};
use crate::types::schema::{WINDOWEND, WINDOWSTART};
use crate::types::storage::SourceKind;

/// A key and what it is equal to, as in [`Relation`].
type Key = (Result<Vec<Vec<usize>>, Vec<String>>, Vec<EqualKeys>);

/// Two rows of one key that fail the condition would both be results of that key.
fn full_with_condition() -> Error {
    Error::new(
        "join-type",
        "a FULL JOIN of two tables can have no condition beside the equality of their keys: where it fails, the row of either side \
         would be the one row of their key",
    )
    .help("put the condition into WHERE, or filter the tables before: FROM (SELECT ... FROM left WHERE ...) ...")
}

/// The condition of a join in its parts.
struct Condition {
    /// What is equal: an expression over the left side, one over the right side.
    equal: Vec<(Expr, Expr)>,
    /// Everything else.
    rest: Option<Expr>,
    within: Option<Within>,
    /// It is an ASOF join, whose right rows may be this much older than the left ones, milliseconds.
    asof: Option<i64>,
}

impl Condition {
    /// The equalities but those of windows, which are no columns of a key.
    fn keys(&self) -> impl Iterator<Item = &(Expr, Expr)> {
        let is_bound = |expr: &Expr| matches!(uncast(expr), Expr::Column(column) if [WINDOWSTART, WINDOWEND].contains(&&*column.name));
        self.equal
            .iter()
            .filter(move |(left, right)| !is_bound(left) || !is_bound(right))
    }
}

impl Lowering {
    pub(super) fn join(&mut self, join: &Join) -> Result<Relation, Error> {
        let kind = join_kind(join.join_type)?;
        let condition = condition(join);
        if condition.equal.is_empty() {
            return Err(Error::new(
                "join-without-equality",
                "a join needs an equality between its two sides, by which rows can be brought together",
            )
            .help("write ON left.column = right.column"));
        }
        let left = self.node(&join.left)?;
        let right = self.node(&join.right)?;
        if let Some(retention_ms) = condition.asof {
            return self.asof(join, retention_ms, &condition, &left, &right);
        }
        match (left.kind, right.kind) {
            (SourceKind::Stream, SourceKind::Stream) => self.stream_stream(join, kind, &condition, &left, &right),
            (SourceKind::Stream, SourceKind::Table) => self.stream_table(join, kind, &condition, &left, &right),
            (SourceKind::Table, SourceKind::Table) => self.table_table(join, kind, &condition, &left, &right),
            (SourceKind::Table, SourceKind::Stream) => Err(Error::new(
                "table-stream-join",
                "a table cannot be joined with a stream on its right: only rows of the stream give results",
            )
            .help("put the stream first: FROM stream JOIN table ON ...")),
        }
    }

    fn stream_stream(
        &mut self,
        join: &Join,
        kind: JoinKind,
        condition: &Condition,
        left: &Relation,
        right: &Relation,
    ) -> Result<Relation, Error> {
        let Some(within) = condition.within else {
            return Err(Error::new(
                "join-without-within",
                "a join of two streams needs WITHIN: without it all rows of both would have to be kept for ever",
            )
            .help("say how far apart the rows may be: JOIN right WITHIN 1 HOUR ON ..."));
        };
        let (left_keys, right_keys) = self.keys(join, condition)?;
        let plan = StreamStreamJoinPlan {
            kind,
            filter: self.rest(join, condition)?,
            before_ms: within.before,
            after_ms: within.after,
            grace_ms: within.grace,
            left_schema: self.schema(left.node),
            right_schema: self.schema(right.node),
            schema: arrow_schema(&join.schema),
            left_keys: left_keys.clone(),
            right_keys: right_keys.clone(),
        };
        let inputs = [(left, left_keys), (right, right_keys)].map(|(side, keys)| self.exchange(side, keys));
        let key = joined_key(join, condition, left, right);
        Ok(self.joined(join, JoinPlan::StreamStream(plan), inputs, SourceKind::Stream, key))
    }

    fn asof(
        &mut self,
        join: &Join,
        retention_ms: i64,
        condition: &Condition,
        left: &Relation,
        right: &Relation,
    ) -> Result<Relation, Error> {
        if left.kind == SourceKind::Table || right.kind == SourceKind::Table {
            return Err(Error::new(
                "asof-join",
                "ASOF JOIN is for two streams: a table holds only the last row of each key",
            )
            .help("join a stream with a table by LEFT JOIN, or declare the table's topic as a stream"));
        }
        let (left_keys, right_keys) = self.keys(join, condition)?;
        let plan = AsofJoinPlan {
            unmatched: Unmatched::PadWithNulls,
            filter: self.rest(join, condition)?,
            retention_ms,
            left_schema: self.schema(left.node),
            right_schema: self.schema(right.node),
            schema: arrow_schema(&join.schema),
            left_keys: left_keys.clone(),
            right_keys: right_keys.clone(),
        };
        let inputs = [(left, left_keys), (right, right_keys)].map(|(side, keys)| self.exchange(side, keys));
        let key = joined_key(join, condition, left, right);
        Ok(self.joined(join, JoinPlan::Asof(plan), inputs, SourceKind::Stream, key))
    }

    fn stream_table(
        &mut self,
        join: &Join,
        kind: JoinKind,
        condition: &Condition,
        left: &Relation,
        right: &Relation,
    ) -> Result<Relation, Error> {
        no_within(condition)?;
        let unmatched = match kind {
            JoinKind::Inner => Unmatched::LeaveOut,
            JoinKind::Left => Unmatched::PadWithNulls,
            JoinKind::Right | JoinKind::Full => {
                return Err(Error::new(
                    "join-type",
                    "a stream and a table can be joined by INNER and LEFT JOIN only: rows of the table alone give no results",
                )
                .help("write LEFT JOIN"));
            }
        };
        let right_exprs: Vec<&Expr> = condition.keys().map(|pair| &pair.1).collect();
        if !right.is_key_of(join.right.schema(), &right_exprs) {
            return Err(Error::new(
                "join-not-by-key",
                "a stream is joined with a table by the table's primary key, all of it, so that a row has one partner",
            )
            .help("write ON stream.column = table.primary_key"));
        }
        let (left_keys, right_keys) = self.keys(join, condition)?;
        let plan = StreamTableJoinPlan {
            unmatched,
            filter: self.rest(join, condition)?,
            left_schema: self.schema(left.node),
            right_schema: self.schema(right.node),
            schema: arrow_schema(&join.schema),
            left_keys: left_keys.clone(),
            right_keys: right_keys.clone(),
        };
        let inputs = [(left, left_keys), (right, right_keys)].map(|(side, keys)| self.exchange(side, keys));
        let key = joined_key(join, condition, left, right);
        Ok(self.joined(join, JoinPlan::StreamTable(plan), inputs, SourceKind::Stream, key))
    }

    fn table_table(
        &mut self,
        join: &Join,
        kind: JoinKind,
        condition: &Condition,
        left: &Relation,
        right: &Relation,
    ) -> Result<Relation, Error> {
        no_within(condition)?;
        if (left.has_window() || right.has_window()) && condition.keys().count() == condition.equal.len() {
            return Err(Error::new(
                "join-windows",
                "a row of a windowed table is told apart by its window too, and the condition of the join leaves the windows out",
            )
            .help("add AND left.WINDOWSTART = right.WINDOWSTART, and select WINDOWSTART in the subqueries"));
        }
        let is_key = |relation: &Relation, schema: &DFSchema, side: fn(&(Expr, Expr)) -> &Expr| {
            relation.is_key_of(schema, &condition.keys().map(side).collect::<Vec<_>>())
        };
        let left_is_key = is_key(left, join.left.schema(), |pair| &pair.0);
        let right_is_key = is_key(right, join.right.schema(), |pair| &pair.1);
        match (left_is_key, right_is_key) {
            (true, true) => {
                if kind == JoinKind::Full && condition.rest.is_some() {
                    return Err(full_with_condition());
                }
                let (left_keys, right_keys) = self.keys(join, condition)?;
                let plan = TableTableJoinPlan {
                    kind,
                    filter: self.rest(join, condition)?,
                    left_schema: self.schema(left.node),
                    right_schema: self.schema(right.node),
                    schema: arrow_schema(&join.schema),
                    left_keys: left_keys.clone(),
                    right_keys: right_keys.clone(),
                };
                let inputs = [(left, left_keys), (right, right_keys)].map(|(side, keys)| self.exchange(side, keys));
                let key = joined_key(join, condition, left, right);
                let joined = self.joined(join, JoinPlan::TableTable(plan), inputs, SourceKind::Table, key);
                Ok(Relation {
                    window: joined_window(join, left, right),
                    ..joined
                })
            }
            (false, true) => self.foreign_key(join, kind, condition, left, right),
            (true | false, false) => Err(Error::new(
                "join-not-by-key",
                "two tables are joined by the primary key of the right one, so that a row of the left one has one partner",
            )
            .help("write ON left.column = right.primary_key, or put the other table first")),
        }
    }

    /// Tables of which only the right one is joined by its primary key.
    fn foreign_key(
        &mut self,
        join: &Join,
        kind: JoinKind,
        condition: &Condition,
        left: &Relation,
        right: &Relation,
    ) -> Result<Relation, Error> {
        let unmatched = match kind {
            JoinKind::Inner => Unmatched::LeaveOut,
            JoinKind::Left => Unmatched::PadWithNulls,
            JoinKind::Right | JoinKind::Full => {
                return Err(Error::new(
                    "join-type",
                    "tables can be joined by a foreign key by INNER and LEFT JOIN only",
                )
                .help("join by the primary keys of both tables, or write LEFT JOIN"));
            }
        };
        let columns = join.left.schema().columns();
        let keys = left.row_key_positions().map_err(|missing| missing_key(&missing))?;
        let primary: Vec<Expr> = keys
            .iter()
            .map(|position| Expr::Column(columns[*position].clone()))
            .collect();
        let primary_keys = self.expressions(&primary, join.left.schema())?;
        let (left_keys, right_keys) = self.keys(join, condition)?;
        let plan = ForeignKeyJoinPlan {
            unmatched,
            left_primary_keys: primary_keys.clone(),
            filter: self.rest(join, condition)?,
            left_schema: self.schema(left.node),
            right_schema: self.schema(right.node),
            schema: arrow_schema(&join.schema),
            left_keys: left_keys.clone(),
            right_keys: right_keys.clone(),
        };
        let inputs = [(left, left_keys), (right, right_keys)].map(|(side, keys)| self.exchange(side, keys));
        let joined = self.joined(
            join,
            JoinPlan::ForeignKey(plan),
            inputs,
            SourceKind::Table,
            (left.key.clone(), left.equal.clone()),
        );
        // Rows moved by their foreign keys; what follows wants all changes of a row in one shard again.
        let node = self.exchange(&joined, primary_keys);
        let schema = self.schema(node);
        let node = self.dataflow.add(NodeKind::Settle { keys }, vec![node], schema);
        Ok(Relation {
            node,
            window: left.window.clone(),
            ..joined
        })
    }

    fn keys(
        &self,
        join: &Join,
        condition: &Condition,
    ) -> Result<(Vec<crate::operator::Expression>, Vec<crate::operator::Expression>), Error> {
        for (left, right) in &condition.equal {
            let (a, b) = (left.get_type(join.left.schema())?, right.get_type(join.right.schema())?);
            if holds_map(&a) {
                return Err(Error::new(
                    "map-key",
                    format!("`{left}` cannot be a key, by which rows are joined: it holds a MAP"),
                )
                .help("join by something else, or turn the map into text or an array"));
            }
            if a != b {
                return Err(Error::new(
                    "join-types",
                    format!(
                        "the two sides of a join condition have different types: `{left}` is {a}, `{right}` is {b}"
                    ),
                )
                .help("CAST one of them"));
            }
        }
        let left: Vec<Expr> = condition.equal.iter().map(|(left, _)| left.clone()).collect();
        let right: Vec<Expr> = condition.equal.iter().map(|(_, right)| right.clone()).collect();
        Ok((
            self.expressions(&left, join.left.schema())?,
            self.expressions(&right, join.right.schema())?,
        ))
    }

    fn rest(&self, join: &Join, condition: &Condition) -> Result<Option<crate::operator::Expression>, Error> {
        condition
            .rest
            .as_ref()
            .map(|rest| self.expression(rest, &join.schema))
            .transpose()
    }

    fn exchange(&mut self, side: &Relation, keys: Vec<crate::operator::Expression>) -> crate::plan::NodeId {
        let schema = self.schema(side.node);
        self.dataflow
            .add(NodeKind::Exchange(Distribution::Hash(keys)), vec![side.node], schema)
    }

    fn joined(
        &mut self,
        join: &Join,
        plan: JoinPlan,
        inputs: [crate::plan::NodeId; 2],
        kind: SourceKind,
        (key, equal): Key,
    ) -> Relation {
        let node = self.dataflow.add(
            NodeKind::Join(Box::new(plan)),
            inputs.to_vec(),
            arrow_schema(&join.schema),
        );
        Relation {
            node,
            kind,
            key,
            window: Ok(vec![]),
            equal,
            key_exprs: vec![],
        }
    }
}

fn join_kind(join_type: JoinType) -> Result<JoinKind, Error> {
    Ok(match join_type {
        JoinType::Inner => JoinKind::Inner,
        JoinType::Left => JoinKind::Left,
        JoinType::Right => JoinKind::Right,
        JoinType::Full => JoinKind::Full,
        other => {
            return Err(
                Error::new("not-supported", format!("{other} joins are not possible on streams"))
                    .help("write an INNER, LEFT, RIGHT or FULL JOIN"),
            );
        }
    })
}

fn no_within(condition: &Condition) -> Result<(), Error> {
    if condition.within.is_some() {
        return Err(Error::new(
            "join-within",
            "WITHIN is for joins of two streams: a table has one row for each key at any time",
        )
        .help("leave WITHIN out"));
    }
    Ok(())
}

fn missing_key(missing: &[String]) -> Error {
    Error::new(
        "key-not-selected",
        format!(
            "the key of the left table, {}, is not among its columns",
            missing.join(", ")
        ),
    )
}

/// Takes a join's condition apart.
fn condition(join: &Join) -> Condition {
    let mut equal = join.on.clone();
    let (mut within, mut rest, mut asof) = (None, None, None);
    let parts = join.filter.clone().map(split_conjunction_owned).unwrap_or_default();
    for part in parts {
        if let Some(retention_ms) = as_asof(&part) {
            asof = Some(retention_ms);
            continue;
        }
        if let Some(found) = as_within(&part) {
            within = Some(found);
            continue;
        }
        match sides(&part, join) {
            Some(pair) => equal.push(pair),
            None => {
                rest = Some(match rest {
                    None => part,
                    Some(before) => Expr::and(before, part),
                });
            }
        }
    }
    Condition {
        equal,
        rest,
        within,
        asof,
    }
}

/// Both sides of an equality, the left table's first, where each side of it reads one side of the join only.
fn sides(part: &Expr, join: &Join) -> Option<(Expr, Expr)> {
    let (left, right) = match part {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: SqlOperator::Eq,
            right,
        }) => (&**left, &**right),
        // Of arrays, maps and structs.
        Expr::ScalarFunction(call) if call.func.name() == NESTED_EQUAL && call.args.len() == 2 => {
            (&call.args[0], &call.args[1])
        }
        _ => return None,
    };
    let reads = |expr: &Expr, schema: &DFSchema| {
        let columns = expr.column_refs();
        !columns.is_empty() && columns.iter().all(|column| schema.has_column(column))
    };
    let (left_schema, right_schema) = (join.left.schema(), join.right.schema());
    if reads(left, left_schema) && reads(right, right_schema) {
        return Some((left.clone(), right.clone()));
    }
    if reads(right, left_schema) && reads(left, right_schema) {
        return Some((right.clone(), left.clone()));
    }
    None
}

/// The window of a joined row: that of the side which every row has.
fn joined_window(join: &Join, left: &Relation, right: &Relation) -> Result<Vec<Vec<usize>>, Vec<String>> {
    if join.join_type != JoinType::Right {
        return left.window.clone();
    }
    let left_columns = join.left.schema().fields().len();
    let moved = |places: Vec<usize>| places.into_iter().map(|place| place + left_columns).collect();
    right.window.clone().map(|parts| parts.into_iter().map(moved).collect())
}

/// The key of a joined row: for each equality of the condition the columns that it makes equal, those of keys that it goes on from
/// among them. Of a FULL join, or where no column is on either side, only the synthetic key has it.
fn joined_key(join: &Join, condition: &Condition, left: &Relation, right: &Relation) -> Key {
    let left_columns = join.left.schema().fields().len();
    let mut equal = Vec::with_capacity(condition.equal.len());
    let mut places = Vec::with_capacity(condition.equal.len());
    for (left_expr, right_expr) in condition.keys() {
        let of_left = left.equal_to(join.left.schema(), left_expr);
        let of_right = right.equal_to(join.right.schema(), right_expr);
        let place = |expr: &Expr, schema: &DFSchema| match uncast(expr) {
            Expr::Column(column) => schema.maybe_index_of_column(column),
            _ => None,
        };
        let viable = |keys: &EqualKeys, expr: &Expr, relation: &Relation, schema: &DFSchema| -> Vec<usize> {
            // A key that none of its columns holds is not made visible by a further join.
            let exprs = if relation.key.is_ok() {
                keys.exprs.as_slice()
            } else {
                std::slice::from_ref(expr)
            };
            exprs.iter().filter_map(|expr| place(expr, schema)).collect()
        };
        let mut found = viable(&of_left, left_expr, left, join.left.schema());
        let of_right_side = viable(&of_right, right_expr, right, join.right.schema());
        found.extend(of_right_side.into_iter().map(|place| place + left_columns));
        places.push(if join.join_type == JoinType::Full || found.is_empty() {
            Err("ROWKEY".to_owned())
        } else {
            Ok(found)
        });
        equal.push(EqualKeys {
            may_lack_one: join.join_type != JoinType::Inner || of_left.may_lack_one || of_right.may_lack_one,
            exprs: of_left.exprs.into_iter().chain(of_right.exprs).collect(),
        });
    }
    (super::relation::all_or_missing(places.into_iter()), equal)
}

/// A map has no one form: its entries have no order.
fn holds_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(element) => holds_map(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_map(field.data_type())),
        _ => false,
    }
}
