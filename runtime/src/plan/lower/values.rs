//! Rows that stand in the plan itself: `SELECT 1`, `VALUES (...)`.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::datatypes::Schema;
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::create_physical_expr;

use super::{Lowering, Relation, arrow_schema};
use crate::plan::{Error, NodeKind};

impl Lowering {
    pub(super) fn rows(&mut self, one_row: bool, schema: &DFSchemaRef) -> Result<Relation, Error> {
        let schema = arrow_schema(schema);
        let options = RecordBatchOptions::new().with_row_count(Some(usize::from(one_row)));
        let batch = RecordBatch::try_new_with_options(
            Arc::clone(&schema),
            schema
                .fields()
                .iter()
                .map(|f| new_null_array(f.data_type(), usize::from(one_row)))
                .collect(),
            &options,
        )
        .map_err(DataFusionError::from)?;
        Ok(Relation::stream(self.dataflow.add(
            NodeKind::Rows(batch),
            vec![],
            schema,
        )))
    }

    pub(super) fn values(&mut self, values: &datafusion::logical_expr::Values) -> Result<Relation, Error> {
        let empty = DFSchema::empty();
        let one_row = RecordBatch::try_new_with_options(
            Arc::new(Schema::empty()),
            vec![],
            &RecordBatchOptions::new().with_row_count(Some(1)),
        )
        .map_err(DataFusionError::from)?;
        let schema = arrow_schema(&values.schema);
        let mut columns = Vec::new();
        for (index, field) in schema.fields().iter().enumerate() {
            let mut cells = Vec::new();
            for row in &values.values {
                let physical =
                    create_physical_expr(&row[index], &empty, &self.props, &PhysicalPlanningContext::default())?;
                let cell = physical.evaluate(&one_row)?.into_array(1)?;
                cells.push(cast(&cell, field.data_type()).map_err(DataFusionError::from)?);
            }
            let cells: Vec<_> = cells.iter().map(AsRef::as_ref).collect();
            columns.push(concat(&cells).map_err(DataFusionError::from)?);
        }
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(DataFusionError::from)?;
        Ok(Relation::stream(self.dataflow.add(
            NodeKind::Rows(batch),
            vec![],
            schema,
        )))
    }
}
