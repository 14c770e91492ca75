//! Arrow columns as the lists of a component, and back. What comes back is checked as that of the columnar door is: the
//! number of rows, the kind of values, decimals, times, keys of maps. Text is UTF-8 when it gets here.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, Decimal128Array, ListArray, MapArray,
    PrimitiveArray, StringArray, StructArray,
};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float64Type, Int32Type, Int64Type, Time32MillisecondType, TimeUnit,
    TimestampMillisecondType,
};

use super::types::{Column, Level, Values};

/// Milliseconds of a day.
const DAY_MS: i32 = 86_400_000;

/// The levels of `array`, whose type is one of `SqlType::to_arrow`.
pub(super) fn to_column(array: &ArrayRef) -> Column {
    let mut levels = Vec::with_capacity(1);
    write(array, &mut levels);
    levels
}

fn write(array: &dyn Array, levels: &mut Column) {
    let nulls = match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        Some(nulls) => nulls.iter().map(|valid| !valid).collect(),
        None => Vec::new(),
    };
    let mut children: Vec<ArrayRef> = Vec::new();
    let values = match array.data_type() {
        DataType::Boolean => Values::Booleans(array.as_boolean().values().iter().collect()),
        DataType::Int32 => Values::Integers(array.as_primitive::<Int32Type>().values().to_vec()),
        DataType::Date32 => Values::Integers(array.as_primitive::<Date32Type>().values().to_vec()),
        DataType::Time32(_) => Values::Integers(array.as_primitive::<Time32MillisecondType>().values().to_vec()),
        DataType::Int64 => Values::Bigints(array.as_primitive::<Int64Type>().values().to_vec()),
        DataType::Timestamp(_, _) => {
            Values::Bigints(array.as_primitive::<TimestampMillisecondType>().values().to_vec())
        }
        DataType::Float64 => Values::Doubles(array.as_primitive::<Float64Type>().values().to_vec()),
        DataType::Decimal128(_, _) => {
            let decimals = array.as_primitive::<Decimal128Type>().values();
            Values::Decimals(decimals.iter().map(|decimal| halves(*decimal)).collect())
        }
        DataType::Utf8 => {
            let strings = array.as_string::<i32>().iter();
            Values::Strings(strings.map(|text| text.unwrap_or_default().to_owned()).collect())
        }
        DataType::Binary => {
            let bytes = array.as_binary::<i32>().iter();
            Values::Bytes(bytes.map(|bytes| bytes.unwrap_or_default().to_vec()).collect())
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            children.push(inside(list.offsets(), list.values()));
            Values::Arrays(lengths(list.offsets()))
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            children.push(inside(map.offsets(), map.keys()));
            children.push(inside(map.offsets(), map.values()));
            Values::Maps(lengths(map.offsets()))
        }
        DataType::Struct(_) => {
            children.extend(array.as_struct().columns().iter().map(Arc::clone));
            Values::Structs
        }
        other => unreachable!("arguments have the declared types, and no SQL type is {other}"),
    };
    levels.push(Level { nulls, values });
    for child in children {
        write(&child, levels);
    }
}

/// The low and the high half of a decimal.
fn halves(decimal: i128) -> (u64, i64) {
    let bytes = decimal.to_le_bytes();
    let (mut low, mut high) = ([0; 8], [0; 8]);
    low.copy_from_slice(&bytes[..8]);
    high.copy_from_slice(&bytes[8..]);
    (u64::from_le_bytes(low), i64::from_le_bytes(high))
}

/// The part of `child` that the rows use.
fn inside(offsets: &OffsetBuffer<i32>, child: &ArrayRef) -> ArrayRef {
    let (first, last) = (offsets[0].cast_unsigned(), offsets[offsets.len() - 1].cast_unsigned());
    child.slice(first as usize, (last - first) as usize)
}

fn lengths(offsets: &OffsetBuffer<i32>) -> Vec<u32> {
    offsets
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).cast_unsigned())
        .collect()
}

/// The array of a column that a component gave; the error says which rule it broke.
pub(super) fn to_array(column: Column, data_type: &DataType, rows: usize) -> Result<ArrayRef, String> {
    let mut levels = column.into_iter();
    let array = read(&mut levels, data_type, rows)?;
    match levels.len() {
        0 => Ok(array),
        more => Err(format!("a column has {more} more levels than its type {data_type}")),
    }
}

fn read(levels: &mut impl Iterator<Item = Level>, data_type: &DataType, rows: usize) -> Result<ArrayRef, String> {
    let level = levels
        .next()
        .ok_or_else(|| format!("a column lacks a level of type {data_type}"))?;
    let nulls = match level.nulls.len() {
        0 => None,
        given if given == rows => Some(level.nulls.iter().map(|null| !null).collect::<NullBuffer>()),
        given => return Err(format!("{given} nulls for {rows} rows")),
    };
    Ok(match (data_type, level.values) {
        (DataType::Boolean, Values::Booleans(values)) => {
            due(values.len(), rows)?;
            Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls))
        }
        (DataType::Int32, Values::Integers(values)) => fixed::<Int32Type>(values, nulls, rows)?,
        (DataType::Date32, Values::Integers(values)) => fixed::<Date32Type>(values, nulls, rows)?,
        (DataType::Time32(TimeUnit::Millisecond), Values::Integers(values)) => times(values, nulls, rows)?,
        (DataType::Int64, Values::Bigints(values)) => fixed::<Int64Type>(values, nulls, rows)?,
        (DataType::Timestamp(TimeUnit::Millisecond, None), Values::Bigints(values)) => {
            fixed::<TimestampMillisecondType>(values, nulls, rows)?
        }
        (DataType::Float64, Values::Doubles(values)) => fixed::<Float64Type>(values, nulls, rows)?,
        (DataType::Decimal128(precision, scale), Values::Decimals(values)) => {
            decimals(&values, nulls, rows, *precision, *scale)?
        }
        (DataType::Utf8, Values::Strings(values)) => {
            due(values.len(), rows)?;
            let array = StringArray::from_iter_values(values);
            Arc::new(StringArray::try_new(array.offsets().clone(), array.values().clone(), nulls).map_err(text)?)
        }
        (DataType::Binary, Values::Bytes(values)) => {
            due(values.len(), rows)?;
            let array = BinaryArray::from_iter_values(values);
            Arc::new(BinaryArray::try_new(array.offsets().clone(), array.values().clone(), nulls).map_err(text)?)
        }
        (DataType::List(field), Values::Arrays(lengths)) => {
            let (offsets, inner) = offsets(&lengths, rows)?;
            let values = field_of(levels, field, inner)?;
            Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, nulls).map_err(text)?)
        }
        (DataType::Map(entries, _), Values::Maps(lengths)) => {
            let DataType::Struct(fields) = entries.data_type() else {
                unreachable!("SqlType::to_arrow makes the entries of a map a struct");
            };
            let (offsets, inner) = offsets(&lengths, rows)?;
            let columns = vec![
                field_of(levels, &fields[0], inner)?,
                field_of(levels, &fields[1], inner)?,
            ];
            let both = StructArray::try_new(fields.clone(), columns, None).map_err(text)?;
            Arc::new(MapArray::try_new(Arc::clone(entries), offsets, both, nulls, false).map_err(text)?)
        }
        (DataType::Struct(fields), Values::Structs) => {
            let columns = fields
                .iter()
                .map(|field| field_of(levels, field, rows))
                .collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, rows).map_err(text)?)
        }
        (data_type, other) => return Err(format!("{} came for a column of type {data_type}", other.name())),
    })
}

fn field_of(levels: &mut impl Iterator<Item = Level>, field: &Field, rows: usize) -> Result<ArrayRef, String> {
    let array = read(levels, field.data_type(), rows)?;
    if !field.is_nullable() && array.null_count() > 0 {
        return Err(format!("a {} of a map is null", field.name()));
    }
    Ok(array)
}

fn due(given: usize, rows: usize) -> Result<(), String> {
    if given == rows {
        Ok(())
    } else {
        Err(format!("a column of {rows} rows was due, one of {given} came"))
    }
}

fn fixed<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
    rows: usize,
) -> Result<ArrayRef, String> {
    due(values.len(), rows)?;
    Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)))
}

fn times(values: Vec<i32>, nulls: Option<NullBuffer>, rows: usize) -> Result<ArrayRef, String> {
    due(values.len(), rows)?;
    let times = PrimitiveArray::<Time32MillisecondType>::new(values.into(), nulls);
    match times.iter().flatten().find(|time| !(0..DAY_MS).contains(time)) {
        Some(time) => Err(format!(
            "{time} is not a TIME: milliseconds of the day are 0 to 86399999"
        )),
        None => Ok(Arc::new(times)),
    }
}

fn decimals(
    values: &[(u64, i64)],
    nulls: Option<NullBuffer>,
    rows: usize,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef, String> {
    due(values.len(), rows)?;
    let whole = |(low, high): &(u64, i64)| (i128::from(*high) << 64) | i128::from(*low);
    let decimals = Decimal128Array::new(values.iter().map(whole).collect(), nulls)
        .with_precision_and_scale(precision, scale)
        .map_err(text)?;
    decimals.validate_decimal_precision(precision).map_err(text)?;
    Ok(Arc::new(decimals))
}

/// The offsets of rows of these lengths, and how many rows lie inside.
fn offsets(lengths: &[u32], rows: usize) -> Result<(OffsetBuffer<i32>, usize), String> {
    due(lengths.len(), rows)?;
    let mut last = 0_i32;
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(last);
    for length in lengths {
        last = i32::try_from(*length)
            .ok()
            .and_then(|length| last.checked_add(length))
            .ok_or("the rows of an ARRAY or MAP have more than 2147483647 elements together")?;
        offsets.push(last);
    }
    Ok((OffsetBuffer::new(offsets.into()), last.cast_unsigned() as usize))
}

fn text(error: datafusion::arrow::error::ArrowError) -> String {
    error.to_string()
}
