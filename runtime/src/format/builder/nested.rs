//! Columns of arrays, maps and structs, over the builders of their elements.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, ListArray, MapArray, StructArray, UInt64Array};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{FieldRef, Fields};

use super::ColumnBuilder;
use super::names::{FieldNames, Fit};
use super::validity::Validity;
use super::variable::VariableBuilder;

/// Up to this many entries, double map keys are looked for pair by pair.
const PAIRWISE_MAX: usize = 8;

/// An `ARRAY` column under construction: push the elements, then close the array.
#[derive(Debug)]
pub(in crate::format) struct ArrayBuilder {
    field: FieldRef,
    offsets: Vec<i32>,
    validity: Validity,
    /// The elements of all arrays, one after the other.
    pub(in crate::format) element: ColumnBuilder,
}

impl ArrayBuilder {
    pub(super) fn new(field: FieldRef, element: ColumnBuilder) -> Self {
        Self {
            field,
            offsets: vec![0],
            validity: Validity::default(),
            element,
        }
    }

    /// Ends an array whose elements were pushed since the last one ended.
    pub(in crate::format) fn close(&mut self) {
        self.validity.push_valid(self.len());
        self.push_offset();
    }

    pub(super) fn push_null(&mut self) {
        self.validity.push_null(self.len());
        self.push_offset();
    }

    fn push_offset(&mut self) {
        self.offsets.push(offset(self.element.len()));
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.offsets.truncate(length + 1);
        self.element.truncate(self.offsets[length] as usize);
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let nulls = self.validity.finish(self.len());
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        Arc::new(ListArray::new(
            Arc::clone(&self.field),
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            self.element.finish(),
            nulls,
        ))
    }
}

/// A `MAP` column under construction: push keys and values, then close the map. Of entries with one key the last counts.
#[derive(Debug)]
pub(in crate::format) struct MapBuilder {
    entries: FieldRef,
    offsets: Vec<i32>,
    validity: Validity,
    /// The keys of all maps, one after the other.
    pub(in crate::format) keys: VariableBuilder,
    /// The values of all maps, one after the other.
    pub(in crate::format) values: ColumnBuilder,
    /// Entries whose key came again later in the same map, in no order.
    overwritten: HashSet<usize>,
}

impl MapBuilder {
    pub(super) fn new(entries: FieldRef, values: ColumnBuilder) -> Self {
        Self {
            entries,
            offsets: vec![0],
            validity: Validity::default(),
            keys: VariableBuilder::default(),
            values,
            overwritten: HashSet::new(),
        }
    }

    /// Where the map that is being filled starts among all entries.
    fn start(&self) -> usize {
        self.offsets[self.len()] as usize
    }

    /// True when a later entry of the map that is being filled has the key of `entry`. Valid until the map is closed.
    pub(in crate::format) fn is_overwritten(&self, entry: usize) -> bool {
        (entry + 1..self.keys.len()).any(|later| self.keys.value(later) == self.keys.value(entry))
    }

    /// Ends a map whose entries were pushed since the last one ended.
    pub(in crate::format) fn close(&mut self) {
        self.mark_overwritten();
        self.validity.push_valid(self.len());
        self.offsets.push(offset(self.keys.len()));
    }

    fn mark_overwritten(&mut self) {
        let (start, end) = (self.start(), self.keys.len());
        if end - start <= PAIRWISE_MAX {
            for entry in start..end {
                if self.is_overwritten(entry) {
                    self.overwritten.insert(entry);
                }
            }
            return;
        }
        let mut seen = hashbrown::HashSet::<&[u8], foldhash::fast::FixedState>::default();
        for entry in (start..end).rev() {
            if !seen.insert(self.keys.value(entry)) {
                self.overwritten.insert(entry);
            }
        }
    }

    pub(super) fn push_null(&mut self) {
        self.validity.push_null(self.len());
        self.offsets.push(offset(self.keys.len()));
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.offsets.truncate(length + 1);
        let entries = self.offsets[length] as usize;
        self.keys.truncate(entries);
        self.values.truncate(entries);
        self.overwritten.retain(|entry| *entry < entries);
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let nulls = self.validity.finish(self.len());
        let mut offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let mut keys = self.keys.finish_strings();
        let mut values = self.values.finish();
        let overwritten = std::mem::take(&mut self.overwritten);
        if !overwritten.is_empty() {
            let kept = (0..keys.len()).filter(|entry| !overwritten.contains(entry));
            let kept: Vec<u64> = kept.map(|entry| entry as u64).collect();
            for end in &mut offsets {
                *end = offset(kept.partition_point(|entry| *entry < *end as u64));
            }
            let kept = UInt64Array::from(kept);
            keys = take(&keys, &kept, None).expect("the kept entries are within the map");
            values = take(&values, &kept, None).expect("the kept entries are within the map");
        }
        let fields = match self.entries.data_type() {
            datafusion::arrow::datatypes::DataType::Struct(fields) => fields.clone(),
            other => unreachable!("the entries of a map are a struct, not {other}"),
        };
        Arc::new(MapArray::new(
            Arc::clone(&self.entries),
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            StructArray::new(fields, vec![keys, values], None),
            nulls,
            false,
        ))
    }
}

/// A `STRUCT` column under construction: fill each field once, then close the struct.
#[derive(Debug)]
pub(in crate::format) struct StructBuilder {
    arrow_fields: Fields,
    /// Finds the field that a name means.
    pub(in crate::format) names: FieldNames,
    /// One column a field, in declared order.
    pub(in crate::format) fields: Vec<ColumnBuilder>,
    /// How the value that each field holds in the current struct was found.
    pub(in crate::format) fits: Vec<Fit>,
    validity: Validity,
    length: usize,
}

impl StructBuilder {
    /// Over one column a field.
    pub(in crate::format) fn new(arrow_fields: Fields, fields: Vec<ColumnBuilder>) -> Self {
        let names = FieldNames::new(arrow_fields.iter().map(|f| f.name().clone()));
        Self {
            names,
            fits: vec![Fit::None; fields.len()],
            arrow_fields,
            fields,
            validity: Validity::default(),
            length: 0,
        }
    }

    /// Ends a struct; fields that were not filled since the last one are null.
    pub(in crate::format) fn close(&mut self) {
        self.validity.push_valid(self.length);
        self.length += 1;
        for field in &mut self.fields {
            if field.len() < self.length {
                field.push_null();
            }
        }
    }

    /// Ends a struct whose fields have all been filled.
    #[inline]
    pub(in crate::format) fn close_filled(&mut self) {
        self.validity.push_valid(self.length);
        self.length += 1;
    }

    /// Appends a null, which is null in every field too.
    pub(in crate::format) fn push_null(&mut self) {
        self.validity.push_null(self.length);
        self.length += 1;
        for field in &mut self.fields {
            field.push_null();
        }
    }

    pub(in crate::format) fn len(&self) -> usize {
        self.length
    }

    /// Takes back all structs from `length` on, including the parts of one that was not closed.
    pub(in crate::format) fn truncate(&mut self, length: usize) {
        self.length = length;
        for field in &mut self.fields {
            field.truncate(length);
        }
    }

    /// Makes room for `rows` structs.
    pub(in crate::format) fn reserve(&mut self, rows: usize) {
        for field in &mut self.fields {
            field.reserve(rows);
        }
    }

    /// The fields as Arrow arrays, nulls of the structs left out; the builder starts the next ones.
    pub(in crate::format) fn finish_fields(&mut self) -> Vec<ArrayRef> {
        self.validity.finish(std::mem::take(&mut self.length));
        self.fields.iter_mut().map(ColumnBuilder::finish).collect()
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        let length = self.length;
        let nulls = self.validity.finish(length);
        let columns = self.finish_fields();
        Arc::new(
            StructArray::try_new_with_length(self.arrow_fields.clone(), columns, nulls, length)
                .expect("every field of a struct has as many values as the struct"),
        )
    }
}

fn offset(entries: usize) -> i32 {
    i32::try_from(entries).expect("a decoder takes at most BATCH_DECODED_BYTES_MAX in one batch")
}
