//! Casts of arrays, maps and structs, part by part.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, ListArray, MapArray, StructArray, UInt32Array, new_null_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;

use super::{Casted, cast_values, nulls_with};
use crate::function::row_error::Fault;
use crate::function::value_key::write_key;
use crate::types::schema::SqlType;

/// Casts the elements of lists.
pub(super) fn cast_list(array: &ArrayRef, element: &SqlType) -> Result<Casted> {
    let list = array.as_list::<i32>();
    let values = cast_values(list.values(), element)?;
    let faults = rows_of(&values.faults, list.offsets());
    let field = Arc::new(Field::new("item", element.to_arrow(), true));
    let nulls = nulls_with(list.nulls(), list.len(), &faults);
    let casted = ListArray::try_new(field, list.offsets().clone(), values.array, nulls)?;
    Ok(Casted {
        array: Arc::new(casted),
        faults,
    })
}

/// Casts keys and values. Of keys that become equal the last stays.
pub(super) fn cast_map(array: &ArrayRef, key: &SqlType, value: &SqlType) -> Result<Casted> {
    let map = array.as_map();
    let keys = cast_values(map.keys(), key)?;
    let values = cast_values(map.values(), value)?;
    let mut faults = rows_of(&keys.faults, map.offsets());
    faults.extend(rows_of(&values.faults, map.offsets()));
    faults.sort_by_key(|(row, _)| *row);
    faults.dedup_by_key(|(row, _)| *row);
    let nulls = nulls_with(map.nulls(), map.len(), &faults);
    let (kept, offsets) = last_of_equal_keys(&keys.array, map.offsets());
    let keys = take(&keys.array, &kept, None)?;
    let values = take(&values.array, &kept, None)?;
    let fields = Fields::from(vec![
        Field::new("key", key.to_arrow(), false),
        Field::new("value", value.to_arrow(), true),
    ]);
    // A failed key is NULL, which only rows that are NULL themselves may hold.
    let keys = if keys.null_count() == 0 {
        keys
    } else {
        without_nulls(&keys)
    };
    let entries = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    let field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
    let casted = MapArray::try_new(field, offsets, entries, nulls, false)?;
    Ok(Casted {
        array: Arc::new(casted),
        faults,
    })
}

/// The same values, marked as not NULL.
fn without_nulls(array: &ArrayRef) -> ArrayRef {
    let data = array.to_data().into_builder().nulls(None).null_count(0);
    match data.build() {
        Ok(data) => datafusion::arrow::array::make_array(data),
        Err(_) => Arc::clone(array),
    }
}

/// Casts fields by name; a field that only the target has is NULL.
pub(super) fn cast_struct(array: &ArrayRef, fields: &[(String, SqlType)]) -> Result<Casted> {
    let from = array.as_struct();
    let mut faults: Vec<(usize, Fault)> = Vec::new();
    let mut columns = Vec::with_capacity(fields.len());
    for (name, wanted) in fields {
        let Some(column) = from.column_by_name(name) else {
            columns.push(new_null_array(&wanted.to_arrow(), from.len()));
            continue;
        };
        let casted = cast_values(column, wanted)?;
        faults.extend(casted.faults.into_iter().filter(|(row, _)| from.is_valid(*row)));
        columns.push(casted.array);
    }
    faults.sort_by_key(|(row, _)| *row);
    faults.dedup_by_key(|(row, _)| *row);
    let DataType::Struct(arrow_fields) = SqlType::Struct(fields.to_vec()).to_arrow() else {
        unreachable!("a struct type is an Arrow struct");
    };
    let nulls = nulls_with(from.nulls(), from.len(), &faults);
    let casted = if columns.is_empty() {
        StructArray::new_empty_fields(from.len(), nulls)
    } else {
        StructArray::try_new(arrow_fields, columns, nulls)?
    };
    Ok(Casted {
        array: Arc::new(casted),
        faults,
    })
}

/// Faults of elements as faults of the rows that they belong to, one a row.
fn rows_of(faults: &[(usize, Fault)], offsets: &OffsetBuffer<i32>) -> Vec<(usize, Fault)> {
    let mut rows: Vec<(usize, Fault)> = Vec::new();
    for (element, fault) in faults {
        let Ok(element) = i32::try_from(*element) else {
            continue;
        };
        let row = offsets.partition_point(|start| *start <= element);
        // Elements before the first row or behind the last belong to no row of a sliced list.
        if row == 0 || row >= offsets.len() || rows.last().is_some_and(|(last, _)| *last == row - 1) {
            continue;
        }
        rows.push((row - 1, fault.clone()));
    }
    rows
}

/// The entries that stay when of equal keys the last wins, and the offsets of the maps that they make.
fn last_of_equal_keys(keys: &ArrayRef, offsets: &OffsetBuffer<i32>) -> (UInt32Array, OffsetBuffer<i32>) {
    let mut kept: Vec<u32> = Vec::with_capacity(keys.len());
    let mut lengths = Vec::with_capacity(offsets.len());
    for window in offsets.windows(2) {
        let (start, end) = (index(window[0]), index(window[1]));
        let mut seen: Vec<(Vec<u8>, usize)> = Vec::with_capacity(end - start);
        let first = kept.len();
        for at in start..end {
            let mut key = Vec::new();
            write_key(keys, at, &mut key);
            let at = u32::try_from(at).expect("a list offset fits 31 bits");
            match seen.iter().find(|(other, _)| *other == key) {
                Some((_, position)) => kept[*position] = at,
                None => {
                    seen.push((key, kept.len()));
                    kept.push(at);
                }
            }
        }
        lengths.push(kept.len() - first);
    }
    (UInt32Array::from(kept), OffsetBuffer::from_lengths(lengths))
}

fn index(offset: i32) -> usize {
    usize::try_from(offset).expect("offsets are not negative")
}
