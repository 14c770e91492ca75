//! The plan graph of one query: a tree of nodes, each with one consumer, ending in the root that feeds the sink.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;

use crate::catalog::{Definition, EventTimeColumn};
use crate::operator::group_by::GroupBy;
use crate::operator::join::{
    AsofJoin, AsofJoinPlan, Durable, ForeignKeyJoin, ForeignKeyJoinPlan, InTime, StreamStreamJoin,
    StreamStreamJoinPlan, StreamTableJoin, StreamTableJoinPlan, TableTableJoin, TableTableJoinPlan,
};
use crate::operator::over::OverCall;
use crate::operator::table_function::TableCalls;
use crate::operator::top_n::TopNSpec;
use crate::operator::{self, Expression, Gathered, LateRows, Operator, RowErrors, StreamCall};

/// Number of a node in [`Dataflow::nodes`].
pub type NodeId = usize;

/// The nodes of one query; a node's inputs stand before it, the root is the last one.
#[derive(Debug, Clone, Default)]
pub struct Dataflow {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// After how many milliseconds of event time without a row the state of a key goes; `None`: never.
    pub state_ttl_ms: Option<i64>,
}

/// One node.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it does.
    pub kind: NodeKind,
    /// Where its batches come from, by port.
    pub inputs: Vec<NodeId>,
    /// The columns that it gives.
    pub schema: SchemaRef,
}

/// What a node does.
#[derive(Debug, Clone)]
pub enum NodeKind {
    /// Reads a stream or table.
    Scan(Scan),
    /// Gives rows that the plan holds (`SELECT 1`, `VALUES`).
    Rows(datafusion::arrow::array::RecordBatch),
    /// Keeps rows for which the predicate is true.
    Filter(Expression),
    /// Computes the columns of its schema.
    Project(Vec<Expression>),
    /// Appends a column for each call; the state is kept by the keys.
    StreamFunction {
        /// What the state is kept by; none: one state for all rows.
        keys: Vec<Expression>,
        /// The calls.
        calls: Vec<StreamCall>,
    },
    /// Gives rows the event time that a column holds.
    EventTime {
        /// Position of the column.
        position: usize,
        /// What is declared of it.
        declared: EventTimeColumn,
    },
    /// Sends each row to the shard that it belongs to.
    Exchange(Distribution),
    /// Makes changes of a table from the records of its topic.
    TableSource {
        /// Positions of the primary key.
        keys: Vec<usize>,
        /// Whether the old row of a key comes with its new one.
        old_rows: bool,
    },
    /// Groups rows and aggregates them.
    GroupBy(Box<GroupBy>),
    /// Joins its two inputs.
    Join(Box<JoinPlan>),
    /// Gives for each row the rows of table functions, a column for each call behind its own columns.
    TableFunction(TableCalls),
    /// Appends a column for each call with `OVER`; all calls share one key and order.
    Over {
        /// PARTITION BY; none: one state for all rows.
        keys: Vec<Expression>,
        /// The calls.
        calls: Vec<OverCall>,
        /// Whether they have ORDER BY, which is the time of the rows.
        ordered: bool,
    },
    /// The first rows of each key.
    TopN(Box<TopNSpec>),
    /// Each row once.
    Distinct,
    /// Gives the changes of each key in order, after they came from several shards.
    Settle {
        /// Positions of the key.
        keys: Vec<usize>,
    },
    /// Lets the first rows through, over all shards.
    Limit(u64),
    /// Rows of all inputs.
    Union,
    /// Keeps the rows of its inputs for a query that is computed when they have ended; gives none itself.
    Gather(Arc<Gathered>),
}

/// A join, by what its sides are.
#[derive(Debug, Clone)]
pub enum JoinPlan {
    /// Two streams within a time window.
    StreamStream(StreamStreamJoinPlan),
    /// A stream and a table.
    StreamTable(StreamTableJoinPlan),
    /// Two tables by their primary keys.
    TableTable(TableTableJoinPlan),
    /// Two tables by a foreign key.
    ForeignKey(ForeignKeyJoinPlan),
    /// A stream with what was there last on another.
    Asof(AsofJoinPlan),
}

impl JoinPlan {
    /// The operator of one shard.
    ///
    /// # Errors
    /// When a key has a type that cannot be a key.
    pub(crate) fn operator(
        &self,
        errors: &Arc<RowErrors>,
        late: Arc<LateRows>,
    ) -> Result<Box<dyn Operator>, operator::Error> {
        let form = self.state_form();
        Ok(match self.clone() {
            Self::StreamStream(plan) => Box::new(Durable::new(StreamStreamJoin::new(plan, late, errors)?, form)),
            Self::StreamTable(plan) => {
                let (stream, table) = (Arc::clone(&plan.left_schema), Arc::clone(&plan.right_schema));
                let join = InTime::new(StreamTableJoin::new(plan, errors)?, stream, table);
                Box::new(Durable::new(join, form))
            }
            Self::TableTable(plan) => Box::new(Durable::new(TableTableJoin::new(plan, errors)?, form)),
            Self::ForeignKey(plan) => Box::new(Durable::new(ForeignKeyJoin::new(plan, errors)?, form)),
            Self::Asof(plan) => Box::new(Durable::new(AsofJoin::new(plan, late, errors)?, form)),
        })
    }

    /// What the saved state of the join looks like, in words.
    fn state_form(&self) -> String {
        let types = |schema: &SchemaRef| -> String {
            let types: Vec<_> = schema
                .fields()
                .iter()
                .map(|field| field.data_type().to_string())
                .collect();
            types.join(", ")
        };
        let keys = |keys: &[Expression]| -> String {
            let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
            keys.join(", ")
        };
        let (left_keys, right_keys, left, right) = match self {
            Self::StreamStream(plan) => (&plan.left_keys, &plan.right_keys, &plan.left_schema, &plan.right_schema),
            Self::StreamTable(plan) => (&plan.left_keys, &plan.right_keys, &plan.left_schema, &plan.right_schema),
            Self::TableTable(plan) => (&plan.left_keys, &plan.right_keys, &plan.left_schema, &plan.right_schema),
            Self::ForeignKey(plan) => (&plan.left_keys, &plan.right_keys, &plan.left_schema, &plan.right_schema),
            Self::Asof(plan) => (&plan.left_keys, &plan.right_keys, &plan.left_schema, &plan.right_schema),
        };
        let kind = match self {
            Self::StreamStream(plan) => format!(
                "{:?} stream-stream join 1, {} ms before, {} ms after, grace {:?} ms",
                plan.kind, plan.before_ms, plan.after_ms, plan.grace_ms
            ),
            Self::StreamTable(_) => "stream-table join 1".to_owned(),
            Self::TableTable(plan) => format!("{:?} table-table join 1", plan.kind),
            Self::ForeignKey(plan) => format!("foreign-key join 1 of ({})", keys(&plan.left_primary_keys)),
            Self::Asof(plan) => format!("as-of join 1, {} ms kept", plan.retention_ms),
        };
        format!(
            "{kind} on ({}) = ({}): ({}) with ({})",
            keys(left_keys),
            keys(right_keys),
            types(left),
            types(right)
        )
    }
}

/// Where the rows of an exchange go.
#[derive(Debug, Clone)]
pub enum Distribution {
    /// To the shard of the hash of these values.
    Hash(Vec<Expression>),
    /// All to one shard.
    Single,
}

impl Distribution {
    /// Where rows of a key must meet; without a key all meet.
    #[must_use]
    pub fn by(keys: &[Expression]) -> Self {
        if keys.is_empty() {
            Self::Single
        } else {
            Self::Hash(keys.to_vec())
        }
    }
}

/// A stream or table as a query reads it.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Its definition.
    pub definition: Arc<Definition>,
    /// The columns read, as positions in [`Definition::query_schema`], in the order of the node's schema.
    pub projection: Vec<usize>,
    /// Whether rows get their stream times, which windows and stream joins read.
    pub stream_times: bool,
    /// Whether one more column at the end holds all headers of the record.
    pub headers: bool,
}

impl Dataflow {
    /// Adds a node, gives its number.
    pub fn add(&mut self, kind: NodeKind, inputs: Vec<NodeId>, schema: SchemaRef) -> NodeId {
        self.nodes.push(Node { kind, inputs, schema });
        self.nodes.len() - 1
    }

    /// The last node, which feeds the sink. Panics on an empty dataflow, which planning never gives.
    #[must_use]
    pub fn root(&self) -> &Node {
        self.nodes.last().expect("a planned dataflow has nodes")
    }

    /// True when rows wait for rows after them (LEAD, FOLLOWING), and are given without them only at the end of all input.
    #[must_use]
    pub fn looks_ahead(&self) -> bool {
        self.nodes.iter().any(|node| match &node.kind {
            NodeKind::Over { calls, .. } => calls.iter().any(|call| call.frame.waits() > 0),
            _ => false,
        })
    }

    /// True when some operator remembers rows or results beyond a step.
    #[must_use]
    pub fn has_state(&self) -> bool {
        self.nodes.iter().any(|node| match &node.kind {
            NodeKind::StreamFunction { .. }
            | NodeKind::TableSource { .. }
            | NodeKind::GroupBy(_)
            | NodeKind::Join(_)
            | NodeKind::Over { .. }
            | NodeKind::TopN(_)
            | NodeKind::Distinct
            | NodeKind::Limit(_) => true,
            NodeKind::Scan(_)
            | NodeKind::Rows(_)
            | NodeKind::Filter(_)
            | NodeKind::Project(_)
            | NodeKind::TableFunction(_)
            | NodeKind::Settle { .. }
            | NodeKind::EventTime { .. }
            | NodeKind::Exchange(_)
            // It serves a query that ends, of which nothing outlives the process.
            | NodeKind::Gather(_)
            | NodeKind::Union => false,
        })
    }

    /// The time to live of the keys of a node in milliseconds, where it has one: it keeps state for ever by the keys of a stream. What is made of
    /// a table's rows stays as long as these do.
    #[must_use]
    pub fn ttl_ms(&self, id: NodeId) -> Option<i64> {
        let node = &self.nodes[id];
        let expires = match &node.kind {
            NodeKind::StreamFunction { .. } | NodeKind::Over { .. } => true,
            NodeKind::GroupBy(group_by) => {
                group_by.window.is_none() && !group_by.keys.is_empty() && !self.changes(node)
            }
            NodeKind::TopN(spec) => !spec.keys.is_empty() && !self.changes(node),
            NodeKind::Distinct => !self.changes(node),
            _ => false,
        };
        self.state_ttl_ms.filter(|_| expires)
    }

    /// True when what comes into a node are the changes of a table.
    fn changes(&self, node: &Node) -> bool {
        node.inputs.iter().any(|input| {
            let input = &self.nodes[*input];
            match &input.kind {
                NodeKind::TableSource { .. } | NodeKind::GroupBy(_) | NodeKind::TopN(_) => true,
                NodeKind::Join(join) => matches!(**join, JoinPlan::TableTable(_) | JoinPlan::ForeignKey(_)),
                _ => self.changes(input),
            }
        })
    }

    /// The scans.
    pub fn scans(&self) -> impl Iterator<Item = (NodeId, &Scan)> {
        self.nodes.iter().enumerate().filter_map(|(id, node)| match &node.kind {
            NodeKind::Scan(scan) => Some((id, scan)),
            _ => None,
        })
    }
}
