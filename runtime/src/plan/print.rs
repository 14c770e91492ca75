//! The dataflow of PRINT: the keys and values of a topic's records as text, without any declaration of what they mean.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DFSchema, Result as PlanResult};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, ident, lit,
};
use datafusion::physical_expr::create_physical_expr;

use super::{Dataflow, Error, NodeKind, Scan};
use crate::catalog::{BadRecordPolicy, Definition, Storage};
use crate::operator::Expression;
use crate::types::schema::{Column, ColumnRole, ROWOFFSET, ROWPARTITION, ROWTIME, SqlType};
use crate::types::storage::{Format, FormatSpec, SourceKind};

const KEY: &str = "KEY";
const VALUE: &str = "VALUE";

/// Which records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Printing {
    /// Of each partition every n-th record, by offset.
    pub interval: Option<u64>,
    /// The first n of them, then the end.
    pub limit: Option<u64>,
}

/// The dataflow that prints a topic: ROWTIME, PARTITION, OFFSET, KEY and VALUE.
///
/// # Errors
/// Never in practice: nothing of it comes from a user.
pub fn print(topic: &str, printing: Printing) -> Result<Dataflow, Error> {
    let definition = records_of(topic);
    let schema = definition.query_schema();
    let order = [ROWTIME, ROWPARTITION, ROWOFFSET, KEY, VALUE];
    let projection = order
        .iter()
        .filter_map(|name| schema.index_of(name).ok())
        .collect::<Vec<_>>();
    let read: SchemaRef = Arc::new(
        schema
            .project(&projection)
            .map_err(datafusion::error::DataFusionError::from)?,
    );
    let mut dataflow = Dataflow::default();
    let scan = NodeKind::Scan(Scan {
        definition: Arc::new(definition),
        projection,
        stream_times: false,
        headers: false,
    });
    let mut node = dataflow.add(scan, vec![], Arc::clone(&read));
    let columns = DFSchema::try_from(read.as_ref().clone())?;
    let expression = |expr: &Expr, data_type: &DataType| -> Result<Expression, Error> {
        let physical = create_physical_expr(
            expr,
            &columns,
            &ExecutionProps::new(),
            &PhysicalPlanningContext::default(),
        )?;
        Ok(Expression::new(physical, expr.to_string(), data_type.clone()))
    };
    if let Some(interval) = printing.interval.filter(|interval| *interval > 1) {
        let interval = i64::try_from(interval).unwrap_or(i64::MAX);
        let is_nth = (ident(ROWOFFSET) % lit(interval)).eq(lit(0_i64));
        let filter = NodeKind::Filter(expression(&is_nth, &DataType::Boolean)?);
        node = dataflow.add(filter, vec![node], Arc::clone(&read));
    }
    let text = ScalarUDF::from(BytesText::new());
    let shown = [
        ("ROWTIME", ident(ROWTIME), DataType::Int64),
        ("PARTITION", ident(ROWPARTITION), DataType::Int32),
        ("OFFSET", ident(ROWOFFSET), DataType::Int64),
        (KEY, text.call(vec![ident(KEY)]), DataType::Utf8),
        (VALUE, text.call(vec![ident(VALUE)]), DataType::Utf8),
    ];
    let expressions = shown.iter().map(|(_, expr, data_type)| expression(expr, data_type));
    let expressions = expressions.collect::<Result<Vec<_>, Error>>()?;
    let fields = shown
        .iter()
        .map(|(name, _, data_type)| Field::new(*name, data_type.clone(), true));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    node = dataflow.add(NodeKind::Project(expressions), vec![node], Arc::clone(&schema));
    if let Some(limit) = printing.limit {
        dataflow.add(NodeKind::Limit(limit), vec![node], schema);
    }
    Ok(dataflow)
}

/// Any topic as a stream of bytes.
fn records_of(topic: &str) -> Definition {
    let column = |name: &str, role| Column {
        name: name.into(),
        sql_type: SqlType::Bytes,
        role,
    };
    let format = FormatSpec {
        format: Format::Kafka,
        delimiter: b',',
        wrap_single: false,
    };
    Definition {
        name: topic.into(),
        kind: SourceKind::Stream,
        columns: vec![column(KEY, ColumnRole::Key), column(VALUE, ColumnRole::Value)],
        storage: Storage {
            topic: topic.into(),
            connector: None,
            options: BTreeMap::new(),
            keys_in_value: false,
            key_window: None,
            key_format: format.clone(),
            value_format: format,
        },
        event_time: None,
        bad_records: BadRecordPolicy::Skip,
        read_only: true,
        statement: format!("PRINT '{topic}'"),
    }
}

/// Bytes as text: text as it is, four and eight bytes as Kafka's serializers write numbers, all else in hexadecimal.
fn bytes_text(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.chars().any(|c| c.is_control() && !c.is_whitespace())
    {
        return text.to_owned();
    }
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return i32::from_be_bytes(bytes).to_string();
    }
    if let Ok(bytes) = <[u8; 8]>::try_from(bytes) {
        let number = i64::from_be_bytes(bytes);
        let double = f64::from_be_bytes(bytes);
        // Doubles of ordinary size are, as integers, far beyond any count or time that somebody stores.
        let is_double = (1e-9..1e18).contains(&double.abs());
        return if is_double {
            double.to_string()
        } else {
            number.to_string()
        };
    }
    let mut text = String::from("0x");
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct BytesText {
    signature: Signature,
}

impl BytesText {
    fn new() -> Self {
        Self {
            signature: Signature::exact(vec![DataType::Binary], Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for BytesText {
    fn name(&self) -> &'static str {
        "text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> PlanResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let texts: StringArray = columns[0]
            .as_binary::<i32>()
            .iter()
            .map(|bytes| bytes.map(bytes_text))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(texts) as ArrayRef))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_what_they_most_likely_are() {
        assert_eq!(bytes_text(b"{\"a\": 1}"), "{\"a\": 1}");
        assert_eq!(bytes_text("Grüße".as_bytes()), "Grüße");
        assert_eq!(bytes_text(&7_i32.to_be_bytes()), "7");
        assert_eq!(bytes_text(&(-7_i64).to_be_bytes()), "-7");
        assert_eq!(bytes_text(&1_700_000_000_000_i64.to_be_bytes()), "1700000000000");
        assert_eq!(bytes_text(&1.5_f64.to_be_bytes()), "1.5");
        assert_eq!(bytes_text(&[0, 255, 1]), "0x00ff01");
        assert_eq!(bytes_text(b""), "");
    }
}
