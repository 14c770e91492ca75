//! Headers of records that a query passes on, as Kafka Streams does: a record that comes of another one has its headers.
//!
//! Only where rows go straight through, one source and no state: elsewhere it depends on the size of a step which record a result
//! comes of.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;

use super::{Dataflow, NodeKind};
use crate::operator::Expression;
use crate::types::schema::headers_type;
use crate::types::storage::SourceKind;

/// The name of the column that carries the headers, for EXPLAIN; it is found by its place.
const HEADERS: &str = "ROWHEADERS";

/// Adds the headers as one more column at the end of every node, where the dataflow passes rows straight through from one topic;
/// says whether it did.
pub fn carry_headers(dataflow: &mut Dataflow) -> bool {
    if !is_straight(dataflow) {
        return false;
    }
    for number in 0..dataflow.nodes.len() {
        let input = dataflow.nodes[number].inputs.first().copied();
        // A node's input stands before it, so it has the column already.
        let last = input.map_or(0, |input| dataflow.nodes[input].schema.fields().len() - 1);
        let node = &mut dataflow.nodes[number];
        match &mut node.kind {
            NodeKind::Scan(scan) => scan.headers = true,
            NodeKind::Project(expressions) => {
                let own = std::mem::take(expressions).into_iter();
                let headers: Arc<dyn PhysicalExpr> = Arc::new(Column::new(HEADERS, last));
                let headers = Expression::new(headers, HEADERS.to_owned(), headers_type().to_arrow());
                *expressions = own
                    .map(|expression| expression.over_first(last))
                    .chain([headers])
                    .collect();
            }
            NodeKind::Filter(predicate) => *predicate = predicate.clone().over_first(last),
            _ => {}
        }
        node.schema = with_headers(&node.schema);
    }
    true
}

fn is_straight(dataflow: &Dataflow) -> bool {
    let passes = |kind: &NodeKind| match kind {
        NodeKind::Scan(scan) => {
            scan.definition.kind == SourceKind::Stream && scan.definition.storage.connector.is_none()
        }
        NodeKind::Filter(_)
        | NodeKind::Project(_)
        | NodeKind::Exchange(_)
        | NodeKind::EventTime { .. }
        | NodeKind::Limit(_) => true,
        _ => false,
    };
    dataflow.scans().count() == 1
        && dataflow
            .nodes
            .iter()
            .all(|node| passes(&node.kind) && node.inputs.len() <= 1)
}

fn with_headers(schema: &SchemaRef) -> SchemaRef {
    let field = Field::new(HEADERS, headers_type().to_arrow(), true);
    let fields = schema.fields().iter().map(|field| field.as_ref().clone());
    Arc::new(Schema::new(fields.chain([field]).collect::<Vec<_>>()))
}
