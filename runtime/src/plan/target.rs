//! The last node of a query that writes to a stream: columns in the target's order, with SQL's types.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_expr::expressions::{CastExpr, Column as ColumnExpr};
use datafusion::physical_plan::PhysicalExpr;

use super::{Dataflow, Error, NodeKind};
use crate::catalog::EventTimeColumn;
use crate::operator::Expression;
use crate::types::schema::{Column, SqlType};

/// The schema of a result with each column's type made one of SQL's.
///
/// # Errors
/// When a column has a type that SQL has not.
pub fn event_time_only_types(schema: &SchemaRef) -> Result<SchemaRef, Error> {
    let fields = schema.fields().iter().map(|field| {
        let sql_type = SqlType::from_arrow(field.data_type()).ok_or_else(|| {
            Error::new(
                "type-not-supported",
                format!(
                    "column `{}` has the type {}, which no SQL type carries",
                    field.name(),
                    field.data_type()
                ),
            )
            .help("CAST it")
        })?;
        Ok(Field::new(field.name(), sql_type.to_arrow(), true))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, Error>>()?)))
}

/// Adds a projection so that the dataflow gives its columns in this order, unless it does already.
pub fn reorder(dataflow: &mut Dataflow, order: &[usize]) {
    if order.iter().copied().eq(0..order.len()) {
        return;
    }
    let schema = Arc::clone(&dataflow.root().schema);
    let picked = || order.iter().map(|position| (*position, schema.field(*position)));
    let expressions = picked().map(|(position, field)| {
        let column: Arc<dyn PhysicalExpr> = Arc::new(ColumnExpr::new(field.name(), position));
        Expression::new(column, field.name().clone(), field.data_type().clone())
    });
    let expressions = expressions.collect();
    let reordered = Arc::new(Schema::new(
        picked().map(|(_, field)| field.clone()).collect::<Vec<Field>>(),
    ));
    let input = dataflow.nodes.len() - 1;
    dataflow.add(NodeKind::Project(expressions), vec![input], reordered);
}

/// Adds a projection so that the dataflow gives exactly `columns`, by position, unless it does already. The last `hidden` columns
/// of the dataflow stay behind them.
///
/// # Errors
/// When the number of columns differs, or a type cannot be converted without loss of meaning.
pub fn align_to(dataflow: &mut Dataflow, columns: &[Column], hidden: usize) -> Result<(), Error> {
    let schema = Arc::clone(&dataflow.root().schema);
    let given = schema.fields().len() - hidden;
    if given != columns.len() {
        return Err(Error::new(
            "column-count",
            format!("the query gives {} columns, the target has {}", given, columns.len()),
        ));
    }
    let own = crate::types::schema::arrow_schema(columns);
    let target: SchemaRef = Arc::new(Schema::new(
        (own.fields().iter().chain(&schema.fields()[given..]))
            .map(Arc::clone)
            .collect::<Vec<_>>(),
    ));
    if schema
        .fields()
        .iter()
        .zip(target.fields())
        .all(|(a, b)| a.data_type() == b.data_type() && a.name() == b.name())
    {
        return Ok(());
    }
    let mut expressions = Vec::with_capacity(target.fields().len());
    for (index, (from, to)) in schema.fields().iter().zip(target.fields()).enumerate() {
        if !converts(from.data_type(), to.data_type()) {
            let name =
                |data_type| SqlType::from_arrow(data_type).map_or_else(|| data_type.to_string(), |t| t.to_string());
            return Err(Error::new(
                "column-type",
                format!(
                    "column {} of the query, `{}`, is {}, but the target's `{}` is {}",
                    index + 1,
                    from.name(),
                    name(from.data_type()),
                    to.name(),
                    name(to.data_type())
                ),
            )
            .help("CAST it in the SELECT list"));
        }
        let column: Arc<dyn PhysicalExpr> = Arc::new(ColumnExpr::new(from.name(), index));
        let physical = if from.data_type() == to.data_type() {
            column
        } else {
            Arc::new(CastExpr::new(column, to.data_type().clone(), None))
        };
        expressions.push(Expression::new(physical, to.name().clone(), to.data_type().clone()));
    }
    let input = dataflow.nodes.len() - 1;
    dataflow.add(NodeKind::Project(expressions), vec![input], target);
    Ok(())
}

/// Whether a column may be stored as another type: the same SQL type in another Arrow form, or a wider number.
fn converts(from: &DataType, to: &DataType) -> bool {
    let (Some(from), Some(to)) = (SqlType::from_arrow(from), SqlType::from_arrow(to)) else {
        return false;
    };
    let rank = |sql_type: &SqlType| match sql_type {
        SqlType::Integer => Some(0),
        SqlType::Bigint => Some(1),
        SqlType::Decimal(..) => Some(2),
        SqlType::Double => Some(3),
        _ => None,
    };
    match (rank(&from), rank(&to)) {
        (Some(from), Some(to)) => from <= to,
        _ => from == to,
    }
}

/// Has the rows of a dataflow carry the event time of one of its columns.
pub fn set_event_time(dataflow: &mut Dataflow, declared: &EventTimeColumn) {
    let schema = Arc::clone(&dataflow.root().schema);
    let Ok(position) = schema.index_of(&declared.column) else {
        return;
    };
    let input = dataflow.nodes.len() - 1;
    let kind = NodeKind::EventTime {
        position,
        declared: declared.clone(),
    };
    dataflow.add(kind, vec![input], schema);
}
