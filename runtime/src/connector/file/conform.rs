//! Makes the columns of a Parquet file the declared ones: fields found by name without case, values cast where no value
//! can be lost unseen.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, make_array};
use datafusion::arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use datafusion::arrow::datatypes::{DataType, FieldRef, TimeUnit};

use crate::catalog::nearest;

/// Values that do not fit are errors, not nulls.
const STRICT: CastOptions<'static> = CastOptions {
    safe: false,
    format_options: datafusion::arrow::util::display::FormatOptions::new(),
};

/// The position of the field that is meant by `name`: the one of exactly that name, or the only one but for case.
pub(super) fn find_field<'a>(name: &str, fields: impl Iterator<Item = &'a str> + Clone) -> Result<usize, String> {
    if let Some(exact) = fields.clone().position(|field| field == name) {
        return Ok(exact);
    }
    let folded = name.to_uppercase();
    let alike: Vec<usize> = fields
        .clone()
        .enumerate()
        .filter(|(_, field)| field.to_uppercase() == folded)
        .map(|(position, _)| position)
        .collect();
    match alike[..] {
        [only] => Ok(only),
        [] => Err(match nearest(name, fields.clone()) {
            Some(near) => format!("has no column `{name}`; did you mean `{near}`?"),
            None => format!(
                "has no column `{name}`; there are {}",
                fields.collect::<Vec<_>>().join(", ")
            ),
        }),
        _ => Err(format!("has several columns `{name}` that differ only in case")),
    }
}

/// `array` as `target`, an Arrow form of a SQL type. `path` names the column in errors.
pub(super) fn conform(array: &ArrayRef, target: &DataType, path: &str) -> Result<ArrayRef, String> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), target) {
        (DataType::Dictionary(_, values), _) => {
            let plain =
                cast_with_options(array, values, &STRICT).map_err(|error| format!("column `{path}`: {error}"))?;
            conform(&plain, target, path)
        }
        (DataType::Struct(_), DataType::Struct(wanted)) => conform_struct(array.as_struct(), wanted, path),
        (DataType::List(_), DataType::List(item)) => conform_list(array.as_list(), item, path),
        (DataType::LargeList(item) | DataType::FixedSizeList(item, _), DataType::List(_)) => {
            let list = DataType::List(Arc::clone(item));
            let list = cast_with_options(array, &list, &STRICT).map_err(|error| format!("column `{path}`: {error}"))?;
            conform(&list, target, path)
        }
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => conform_map(array.as_map(), entries, *sorted, path),
        (from, to) if casts(from, to) && can_cast_types(from, to) => cast_scalar(array, to, path),
        (from, to) => Err(format!(
            "column `{path}` is {from} in the file, which cannot be read as {}",
            sql_name(to)
        )),
    }
}

fn conform_struct(
    array: &StructArray,
    wanted: &datafusion::arrow::datatypes::Fields,
    path: &str,
) -> Result<ArrayRef, String> {
    let columns = wanted
        .iter()
        .map(|field| {
            let names = array.fields().iter().map(|field| field.name().as_str());
            let position = find_field(field.name(), names).map_err(|reason| format!("column `{path}` {reason}"))?;
            let path = format!("{path}->{}", field.name());
            conform(array.column(position), field.data_type(), &path)
        })
        .collect::<Result<Vec<_>, _>>()?;
    StructArray::try_new_with_length(wanted.clone(), columns, array.nulls().cloned(), array.len())
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(|error| format!("column `{path}`: {error}"))
}

fn conform_list(array: &ListArray, item: &FieldRef, path: &str) -> Result<ArrayRef, String> {
    let values = conform(array.values(), item.data_type(), &format!("{path}[]"))?;
    ListArray::try_new(
        Arc::clone(item),
        array.offsets().clone(),
        values,
        array.nulls().cloned(),
    )
    .map(|array| Arc::new(array) as ArrayRef)
    .map_err(|error| format!("column `{path}`: {error}"))
}

fn conform_map(array: &MapArray, entries: &FieldRef, sorted: bool, path: &str) -> Result<ArrayRef, String> {
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(format!("column `{path}` is declared as a map without entries"));
    };
    // Keys and values are told by position: other writers name them otherwise.
    let columns = [array.keys(), array.values()]
        .into_iter()
        .zip(fields)
        .map(|(column, field)| conform(column, field.data_type(), &format!("{path}->{}", field.name())))
        .collect::<Result<Vec<_>, _>>()?;
    StructArray::try_new_with_length(fields.clone(), columns, None, array.entries().len())
        .and_then(|structs| {
            MapArray::try_new(
                Arc::clone(entries),
                array.offsets().clone(),
                structs,
                array.nulls().cloned(),
                sorted,
            )
        })
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(|error| format!("column `{path}`: {error}"))
}

fn cast_scalar(array: &ArrayRef, to: &DataType, path: &str) -> Result<ArrayRef, String> {
    let array = match array.data_type() {
        // Stored timestamps count from the epoch in UTC whatever zone they are shown in.
        DataType::Timestamp(unit, Some(_)) => {
            let naive = array
                .to_data()
                .into_builder()
                .data_type(DataType::Timestamp(*unit, None))
                .build();
            make_array(naive.map_err(|error| format!("column `{path}`: {error}"))?)
        }
        _ => Arc::clone(array),
    };
    let cast = |array: &ArrayRef, to: &DataType| {
        cast_with_options(array, to, &STRICT).map_err(|error| {
            let text = error.to_string();
            let text = text.strip_prefix("Cast error: ").unwrap_or(&text);
            format!("column `{path}`, declared {}: {text}", sql_name(to))
        })
    };
    match (array.data_type(), to) {
        // BIGINT event times are milliseconds, whatever the file's unit is.
        (DataType::Timestamp(_, _), DataType::Int64) => {
            let millis = cast(&array, &DataType::Timestamp(TimeUnit::Millisecond, None))?;
            cast(&millis, to)
        }
        _ => cast(&array, to),
    }
}

/// True where a cast keeps the meaning: widening, or narrowing that fails on values that do not fit, or reading text.
fn casts(from: &DataType, to: &DataType) -> bool {
    let is_text = matches!(from, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let is_bytes = matches!(
        from,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
    );
    let is_decimal = matches!(
        from,
        DataType::Decimal32(_, _) | DataType::Decimal64(_, _) | DataType::Decimal128(_, _) | DataType::Decimal256(_, _)
    );
    match to {
        _ if *from == DataType::Null => true,
        DataType::Int32 => from.is_integer() || is_text,
        DataType::Int64 => from.is_integer() || is_text || matches!(from, DataType::Timestamp(_, _)),
        DataType::Float64 | DataType::Decimal128(_, _) => {
            from.is_integer() || from.is_floating() || is_decimal || is_text
        }
        DataType::Utf8 => !from.is_nested(),
        DataType::Binary => is_text || is_bytes,
        DataType::Boolean => is_text,
        DataType::Time32(_) => matches!(from, DataType::Time32(_) | DataType::Time64(_)) || is_text,
        DataType::Date32 => matches!(from, DataType::Date64) || is_text,
        DataType::Timestamp(_, _) => {
            matches!(
                from,
                DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 | DataType::Int64
            ) || is_text
        }
        _ => false,
    }
}

fn sql_name(data_type: &DataType) -> String {
    crate::types::schema::SqlType::from_arrow(data_type).map_or_else(|| data_type.to_string(), |ty| ty.to_string())
}
