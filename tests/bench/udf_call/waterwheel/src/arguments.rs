//! Arguments of calls as Arrow arrays, and results as texts.

use std::sync::Arc;

use anyhow::{Result, bail};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Decimal128Type, Float64Type};
use arrow_array::{Array, ArrayRef, Decimal128Array, Float64Array, ListArray, StringArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use sampler::inputs;

/// Makes so many rows of arguments.
pub type Make = fn(usize) -> Vec<ArrayRef>;

/// Columns of DOUBLE.
pub fn numbers(rows: usize, count: usize) -> Vec<ArrayRef> {
    let columns = inputs::numbers(rows).into_iter().take(count);
    columns
        .map(|column| Arc::new(Float64Array::from(column)) as ArrayRef)
        .collect()
}

/// A column of STRING.
pub fn texts(rows: usize) -> Vec<ArrayRef> {
    vec![Arc::new(StringArray::from_iter_values(inputs::texts(rows)))]
}

/// Two columns of DECIMAL(18, 4).
pub fn decimals(rows: usize) -> Vec<ArrayRef> {
    let decimals = |column: Vec<i128>| {
        let array = Decimal128Array::from(column).with_precision_and_scale(18, 4);
        Arc::new(array.expect("18 and 4 are allowed")) as ArrayRef
    };
    inputs::decimals(rows).map(decimals).into()
}

/// A column of ARRAY<DOUBLE>.
pub fn lists(rows: usize) -> Vec<ArrayRef> {
    let elements = Arc::new(Float64Array::from(inputs::elements(rows)));
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(inputs::ELEMENTS, rows));
    let element = Arc::new(Field::new_list_field(DataType::Float64, true));
    vec![Arc::new(ListArray::new(element, offsets, elements, None))]
}

/// The values of a result, one after the other, parts of nested ones included.
pub fn values(array: &dyn Array) -> Result<Vec<String>> {
    Ok(match array.data_type() {
        DataType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>().iter();
            numbers
                .map(|number| number.map_or("null".to_owned(), |number| number.to_string()))
                .collect()
        }
        DataType::Utf8 => array.as_string::<i32>().iter().flatten().map(str::to_owned).collect(),
        DataType::Decimal128(_, _) => {
            let decimals = array.as_primitive::<Decimal128Type>();
            (0..decimals.len()).map(|row| decimals.value_as_string(row)).collect()
        }
        DataType::Struct(_) => {
            let parts = array.as_struct().columns().iter().map(|part| values(part.as_ref()));
            let parts: Vec<Vec<String>> = parts.collect::<Result<_>>()?;
            (0..array.len())
                .flat_map(|row| parts.iter().map(move |part| part[row].clone()))
                .collect()
        }
        DataType::List(_) => values(array.as_list::<i32>().values())?,
        other => bail!("a result of type {other}"),
    })
}
