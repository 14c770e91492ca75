//! Functions of maps. They walk a map in the order in which ksqlDB does.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, ListArray, MapArray, StringArray, StructArray, new_null_array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;

use super::array::{ListArg, Picked};
use crate::function::column::{Argument, Call};
use crate::function::definition::{Definition, define};
use crate::function::java_hash::java_map_order;
use crate::function::value_key::write_key;
use crate::types::schema::SqlType;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define("map_keys", "the keys of a map").on("(MAP<K, V>) -> ARRAY<K>", |c| part(c, 0)),
        define("map_values", "the values of a map").on("(MAP<K, V>) -> ARRAY<V>", |c| part(c, 1)),
        define(
            "map_union",
            "the entries of both maps; where both have a key, the value of the second",
        )
        .on("(MAP<K, V>, MAP<K, V>) -> MAP<K, V>", union),
        define(
            "as_map",
            "a map of an array of keys and an array of values; what a key has no value for is NULL",
        )
        .on("(ARRAY<STRING>, ARRAY<V>) -> MAP<STRING, V>", as_map),
        define(
            "entries",
            "the entries of a map as structs of K and V: ENTRIES(map, sorted)",
        )
        .on_with("(MAP<STRING, V>, BOOLEAN) -> ARRAY<V>", entry_structs, entries),
    ]
}

/// A map argument and its entries.
struct MapArg<'a> {
    argument: &'a Argument,
    map: &'a MapArray,
}

impl<'a> MapArg<'a> {
    fn of(call: &Call<'a>, index: usize) -> Self {
        let argument = &call.args[index];
        Self {
            argument,
            map: argument.array.as_map(),
        }
    }

    /// Where the entries of a row stand.
    fn range(&self, row: usize) -> Option<std::ops::Range<usize>> {
        let at = self.argument.at(row);
        if self.map.is_null(at) {
            return None;
        }
        let offsets = self.map.value_offsets();
        let index = |offset: i32| usize::try_from(offset).expect("offsets are not negative");
        Some(index(offsets[at])..index(offsets[at + 1]))
    }

    /// The entries of a row in Java's order.
    fn ordered(&self, row: usize) -> Option<Vec<usize>> {
        let range = self.range(row)?;
        let keys = self.map.keys().slice(range.start, range.len());
        Some(java_map_order(&keys).into_iter().map(|at| range.start + at).collect())
    }
}

/// Keys (0) or values (1).
fn part(call: &Call<'_>, column: usize) -> Result<ArrayRef> {
    let map = MapArg::of(call, 0);
    let mut rows = Picked::new(call.rows);
    for row in 0..call.rows {
        rows.push(map.ordered(row).map(|order| order.into_iter().map(|at| (0, at))));
    }
    rows.finish(&[map.map.entries().column(column)])
}

/// Maps that are made of entries of other maps or arrays.
#[derive(Default)]
pub(in crate::function) struct PickedEntries {
    /// Source and position of each key and of each value.
    entries: Vec<((usize, usize), (usize, usize))>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl PickedEntries {
    /// Adds a row; `None` is NULL.
    pub(in crate::function) fn push(&mut self, entries: Option<Vec<((usize, usize), (usize, usize))>>) {
        self.valid.push(entries.is_some());
        let entries = entries.unwrap_or_default();
        self.lengths.push(entries.len());
        self.entries.extend(entries);
    }

    pub(in crate::function) fn finish(self, keys: &[&ArrayRef], values: &[&ArrayRef]) -> Result<ArrayRef> {
        fn pick(sources: &[&ArrayRef], places: &[(usize, usize)]) -> Result<ArrayRef> {
            let sources: Vec<&dyn Array> = sources.iter().map(AsRef::as_ref).collect();
            Ok(interleave(&sources, places)?)
        }
        let (key_places, value_places): (Vec<_>, Vec<_>) = self.entries.into_iter().unzip();
        let (keys, values) = (pick(keys, &key_places)?, pick(values, &value_places)?);
        let fields = Fields::from(vec![
            Field::new("key", keys.data_type().clone(), false),
            Field::new("value", values.data_type().clone(), true),
        ]);
        let entries = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
        let field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let nulls = NullBuffer::from(self.valid);
        Ok(Arc::new(MapArray::try_new(
            field,
            offsets,
            entries,
            Some(nulls),
            false,
        )?))
    }
}

fn union(call: &Call<'_>) -> Result<ArrayRef> {
    let maps = [MapArg::of(call, 0), MapArg::of(call, 1)];
    let mut rows = PickedEntries::default();
    for row in 0..call.rows {
        let ranges = [maps[0].range(row), maps[1].range(row)];
        if ranges.iter().all(Option::is_none) {
            rows.push(None);
            continue;
        }
        let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut entries: Vec<((usize, usize), (usize, usize))> = Vec::new();
        for (source, range) in ranges.into_iter().enumerate() {
            for at in range.into_iter().flatten() {
                let mut key = Vec::new();
                write_key(maps[source].map.keys(), at, &mut key);
                let place = *places.entry(key).or_insert(entries.len());
                if place == entries.len() {
                    entries.push(((source, at), (source, at)));
                } else {
                    entries[place].1 = (source, at);
                }
            }
        }
        rows.push(Some(entries));
    }
    rows.finish(
        &[maps[0].map.keys(), maps[1].map.keys()],
        &[maps[0].map.values(), maps[1].map.values()],
    )
}

fn as_map(call: &Call<'_>) -> Result<ArrayRef> {
    let (keys, values) = (ListArg::of(call, 0), ListArg::of(call, 1));
    let no_value = new_null_array(values.values().data_type(), 1);
    // Java's maps have a key that is NULL; as a text it is `null`.
    let null_key: ArrayRef = Arc::new(StringArray::from(vec!["null"]));
    let texts = keys.values().as_string::<i32>();
    let mut rows = PickedEntries::default();
    for row in 0..call.rows {
        rows.push(keys.range(row).zip(values.range(row)).map(|(range, own)| {
            let mut places: HashMap<Option<&str>, usize> = HashMap::new();
            let mut entries = Vec::with_capacity(range.len());
            for (position, at) in range.enumerate() {
                let key = texts.is_valid(at).then(|| texts.value(at));
                let value = if position < own.len() {
                    (0, own.start + position)
                } else {
                    (1, 0)
                };
                let place = *places.entry(key).or_insert(entries.len());
                let entry = (if key.is_some() { (0, at) } else { (1, 0) }, value);
                if place == entries.len() {
                    entries.push(entry);
                } else {
                    entries[place] = entry;
                }
            }
            entries
        }));
    }
    rows.finish(&[keys.values(), &null_key], &[values.values(), &no_value])
}

fn entry_structs(arguments: &[SqlType]) -> Option<SqlType> {
    match arguments {
        [SqlType::Map(key, value), _] => Some(SqlType::Array(Box::new(SqlType::Struct(vec![
            ("K".into(), (**key).clone()),
            ("V".into(), (**value).clone()),
        ])))),
        _ => None,
    }
}

fn entries(call: &Call<'_>) -> Result<ArrayRef> {
    let map = MapArg::of(call, 0);
    let sorted = call.reader::<bool>(1);
    let texts = map.map.keys().as_string::<i32>();
    let mut places = Vec::new();
    let mut lengths = Vec::with_capacity(call.rows);
    let mut valid = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let order = map.ordered(row).zip(sorted.get(row)).map(|(mut order, sorted)| {
            if sorted {
                order.sort_by_key(|at| texts.value(*at));
            }
            order
        });
        valid.push(order.is_some());
        let order = order.unwrap_or_default();
        lengths.push(order.len());
        places.extend(order.into_iter().map(|at| (0, at)));
    }
    let keys = interleave(&[map.map.keys().as_ref()], &places)?;
    let values = interleave(&[map.map.values().as_ref()], &places)?;
    let fields = Fields::from(vec![
        Field::new("K", keys.data_type().clone(), true),
        Field::new("V", values.data_type().clone(), true),
    ]);
    let structs = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    let field = Arc::new(Field::new("item", DataType::Struct(fields), true));
    Ok(Arc::new(ListArray::try_new(
        field,
        OffsetBuffer::from_lengths(lengths),
        Arc::new(structs),
        Some(NullBuffer::from(valid)),
    )?))
}
