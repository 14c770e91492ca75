//! `m['k']`, and the constructor `MAP(k := v)`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, ListArray, StringArray, new_null_array};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;

use super::internal::internal;
use crate::function::cast;
use crate::function::column::Argument;
use crate::function::row_error::report;
use crate::function::scalar::PickedEntries;
use crate::function::value_key::write_key;
use crate::types::schema::SqlType;

static GET: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| internal("ww_map_get", "{0}[{1}]", 2, get_type, get));
static MAP: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| internal("map", "MAP({0}, {1})", 2, map_type, map));

/// The function that gives the value of a key, or NULL.
pub(super) fn map_get() -> Arc<ScalarUDF> {
    Arc::clone(&GET)
}

/// The function that makes a map of an array of keys and one of values, as long as each other.
///
/// Of equal keys the last stays. A NULL key is the text `null`, as it is when ksqlDB writes such a map as JSON.
pub(super) fn map_of() -> Arc<ScalarUDF> {
    Arc::clone(&MAP)
}

fn parts(map: &DataType) -> Option<(SqlType, SqlType)> {
    match SqlType::from_arrow(map)? {
        SqlType::Map(key, value) => Some((*key, *value)),
        _ => None,
    }
}

fn get_type(types: &[DataType]) -> Result<DataType> {
    match types {
        [map, _] => match parts(map) {
            Some((_, value)) => Ok(value.to_arrow()),
            None => plan_err!("{map} is not a map"),
        },
        _ => plan_err!("a map is read by one key"),
    }
}

fn get(args: &[Argument], rows: usize, return_type: &DataType) -> Result<ArrayRef> {
    let [map_argument, key_argument] = args else {
        return plan_err!("a map is read by one key");
    };
    let map = map_argument.array.as_map();
    let (Some((key_type, _)), offsets) = (parts(map.data_type()), map.value_offsets()) else {
        return plan_err!("{} is not a map", map.data_type());
    };
    let wanted = cast::cast(&key_argument.array, &key_type)?;
    let mut places = Vec::with_capacity(rows);
    let (mut key, mut other) = (Vec::new(), Vec::new());
    let index = |offset: i32| usize::try_from(offset).expect("offsets are not negative");
    for row in 0..rows {
        let at = map_argument.at(row);
        key.clear();
        write_key(&wanted, key_argument.at(row), &mut key);
        let found = if map.is_null(at) {
            None
        } else {
            (index(offsets[at])..index(offsets[at + 1])).find(|entry| {
                other.clear();
                write_key(map.keys(), *entry, &mut other);
                other == key
            })
        };
        places.push(found.map_or((1, 0), |entry| (0, entry)));
    }
    let null = new_null_array(return_type, 1);
    Ok(interleave(&[map.values().as_ref(), null.as_ref()], &places)?)
}

fn map_type(types: &[DataType]) -> Result<DataType> {
    let element = |ty: &DataType| match SqlType::from_arrow(ty) {
        Some(SqlType::Array(element)) => Some(*element),
        _ => None,
    };
    match types {
        [keys, values] => match (element(keys), element(values)) {
            (Some(key), Some(value)) => Ok(SqlType::Map(Box::new(key), Box::new(value)).to_arrow()),
            _ => plan_err!("a map is made of an array of keys and an array of values, not of {keys} and {values}"),
        },
        _ => plan_err!("a map is made of an array of keys and an array of values"),
    }
}

/// Where the elements of a row stand.
fn range(list: &ListArray, at: usize) -> Option<std::ops::Range<usize>> {
    let offsets = list.value_offsets();
    let index = |offset: i32| usize::try_from(offset).expect("offsets are not negative");
    list.is_valid(at).then(|| index(offsets[at])..index(offsets[at + 1]))
}

fn map(args: &[Argument], rows: usize, _: &DataType) -> Result<ArrayRef> {
    let [key_argument, value_argument] = args else {
        return plan_err!("a map is made of an array of keys and an array of values");
    };
    let (keys, values) = (
        key_argument.array.as_list::<i32>(),
        value_argument.array.as_list::<i32>(),
    );
    let null_key: ArrayRef = match keys.values().data_type() {
        DataType::Utf8 => Arc::new(StringArray::from(vec!["null"])),
        other => new_null_array(other, 0),
    };
    let mut maps = PickedEntries::default();
    for row in 0..rows {
        let ranges = range(keys, key_argument.at(row)).zip(range(values, value_argument.at(row)));
        let entries = match ranges {
            Some((own_keys, own_values)) if own_keys.len() != own_values.len() => {
                report(
                    "MAP",
                    &format!("{} keys and {} values", own_keys.len(), own_values.len()).into(),
                )?;
                None
            }
            Some((own_keys, own_values)) => {
                let entries = entries(keys.values(), own_keys, own_values, !null_key.is_empty());
                if entries.is_none() {
                    report("MAP", &"a key is NULL".into())?;
                }
                entries
            }
            None => None,
        };
        maps.push(entries);
    }
    maps.finish(&[keys.values(), &null_key], &[values.values()])
}

type Entries = Vec<((usize, usize), (usize, usize))>;

/// `None` where a key is NULL and no text.
fn entries(
    keys: &ArrayRef,
    own_keys: std::ops::Range<usize>,
    own_values: std::ops::Range<usize>,
    null_has_text: bool,
) -> Option<Entries> {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut entries: Entries = Vec::with_capacity(own_keys.len());
    for (key_at, value_at) in own_keys.zip(own_values) {
        let is_null = keys.is_null(key_at);
        if is_null && !null_has_text {
            return None;
        }
        let mut key = Vec::new();
        write_key(keys, key_at, &mut key);
        let entry = (if is_null { (1, 0) } else { (0, key_at) }, (0, value_at));
        let place = *places.entry(key).or_insert(entries.len());
        if place == entries.len() {
            entries.push(entry);
        } else {
            entries[place].1 = entry.1;
        }
    }
    Some(entries)
}
