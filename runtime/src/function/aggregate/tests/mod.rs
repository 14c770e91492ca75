//! What each aggregate gives, and what holds for all of them.
//!
//! Columns are written as arrays in the notation of [`crate::function::test_values`]: `[1, null, 3]`.

mod datafusion_functions;
mod functions;
mod laws;
mod plugin;
mod properties;
mod udaf;

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{AggregateUDF, TypeSignature};
use datafusion::scalar::ScalarValue;

use super::{Accumulator, AggregateLimits, AggregateSpec, SharedInstance, aggregate_functions};
use crate::function::cast::write_inside;
use crate::function::test_values::value;
use crate::types::schema::SqlType;

/// A function with a column for each argument, all of the same number of rows, and literals after them.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) spec: AggregateSpec,
    /// The columns that updates take.
    pub(super) args: Vec<ArrayRef>,
}

/// The rows of a column in the notation.
pub(super) fn column(text: &str) -> ArrayRef {
    value(text).as_list::<i32>().value(0)
}

/// ksqlDB's function of that name, or else DataFusion's.
pub(super) fn function(name: &str, limits: AggregateLimits) -> Arc<AggregateUDF> {
    let mut known = aggregate_functions(limits);
    known.extend(SessionStateDefaults::default_aggregate_functions());
    known
        .into_iter()
        .find(|function| function.name() == name)
        .unwrap_or_else(|| panic!("there is no function {name}"))
}

pub(super) fn try_call(name: &str, columns: &[ArrayRef], literals: &[&str]) -> Result<Call> {
    call_of(&function(name, AggregateLimits::default()), columns, literals)
}

pub(super) fn call(name: &str, columns: &[&str], literals: &[&str]) -> Call {
    let columns: Vec<ArrayRef> = columns.iter().map(|text| column(text)).collect();
    try_call(name, &columns, literals).unwrap()
}

pub(super) fn call_of(function: &Arc<AggregateUDF>, columns: &[ArrayRef], literals: &[&str]) -> Result<Call> {
    let literals: Vec<ArrayRef> = literals.iter().map(|text| value(text)).collect();
    let given: Vec<DataType> = columns
        .iter()
        .chain(&literals)
        .map(|array| array.data_type().clone())
        .collect();
    let types = match function.signature().type_signature {
        TypeSignature::UserDefined => function.coerce_types(&given)?,
        _ => given,
    };
    let mut constants = vec![None; columns.len()];
    for (literal, data_type) in literals.iter().zip(&types[columns.len()..]) {
        constants.push(Some(ScalarValue::try_from_array(&cast(literal, data_type)?, 0)?));
    }
    let fields: Vec<FieldRef> = types
        .iter()
        .map(|data_type| Arc::new(Field::new("a", data_type.clone(), true)))
        .collect();
    let result = function.return_field(&fields)?.data_type().clone();
    let rows = columns.first().map_or(0, Array::len);
    let spec = AggregateSpec {
        function: Arc::clone(function),
        types,
        constants,
        order: Vec::new(),
        distinct: false,
        ignore_nulls: false,
        result,
        retracting: false,
        instance: SharedInstance::default(),
    };
    spec.accumulator()?;
    let args = spec
        .inputs()
        .into_iter()
        .map(|input| match &spec.constants[input] {
            Some(value) => value.to_array_of_size(rows),
            None => Ok(cast(&columns[input], &spec.types[input])?),
        })
        .collect::<Result<_>>()?;
    Ok(Call { spec, args })
}

impl Call {
    pub(super) fn accumulator(&self) -> Box<dyn Accumulator> {
        self.spec.accumulator().unwrap()
    }

    pub(super) fn retracting(mut self) -> Self {
        self.spec.retracting = true;
        self
    }

    pub(super) fn distinct(mut self) -> Self {
        self.spec.distinct = true;
        self
    }

    pub(super) fn rows(&self) -> usize {
        self.args.first().map_or(0, Array::len)
    }

    /// Rows of the arguments.
    pub(super) fn slice(&self, start: usize, length: usize) -> Vec<ArrayRef> {
        self.args.iter().map(|arg| arg.slice(start, length)).collect()
    }

    /// Takes the rows from `start` to before `end` into `group`.
    pub(super) fn feed(&self, accumulator: &mut dyn Accumulator, group: u32, start: usize, end: usize, weight: i8) {
        let rows = end - start;
        let weights = (weight < 0).then(|| vec![weight; rows]);
        accumulator
            .update(
                &self.slice(start, rows),
                &vec![group; rows],
                weights.as_deref(),
                group as usize + 1,
            )
            .unwrap();
    }

    /// The result over all rows.
    pub(super) fn result(&self) -> String {
        let mut accumulator = self.accumulator();
        self.feed(&mut *accumulator, 0, 0, self.rows(), 1);
        self.value(&mut *accumulator, 0)
    }

    /// The value of a group as text; it has the type that was planned.
    pub(super) fn value(&self, accumulator: &mut dyn Accumulator, group: u32) -> String {
        let values = accumulator.evaluate(&[group]).unwrap();
        assert_eq!(values.data_type(), &self.spec.result, "{}", self.spec.function.name());
        assert_eq!(values.len(), 1);
        text(&values, 0)
    }
}

pub(super) fn text(values: &ArrayRef, row: usize) -> String {
    // In the form that SQL types have.
    let canonical = SqlType::from_arrow(values.data_type()).unwrap().to_arrow();
    let values = cast(values, &canonical).unwrap();
    let mut text = String::new();
    write_inside(&values, row, &mut text);
    text
}

/// Whether two results are the same, but for the last digits of doubles.
pub(super) fn same(a: &str, b: &str) -> bool {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => (x.is_nan() && y.is_nan()) || x == y || (x - y).abs() <= 1e-9 * x.abs().max(y.abs()).max(1.0),
        _ => a == b,
    }
}
