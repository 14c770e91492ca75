//! Values of every type go to bytes and come back.

use std::sync::Arc;

use datafusion::arrow::array::builder::{Int32Builder, MapFieldNames};
use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, Float64Array,
    Int32Array, Int64Array, LargeStringArray, ListArray, MapBuilder, NullArray, StringArray, StringBuilder,
    StringViewArray, StructArray, Time32MillisecondArray, TimestampMillisecondArray, UInt64Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field};

use super::super::state_reader::StateReader;
use super::{Decoder, Encoder, is_supported};

fn bytes(array: &dyn Array) -> Vec<Vec<u8>> {
    let encoder = Encoder::new(array).unwrap();
    (0..array.len())
        .map(|row| {
            let mut out = Vec::new();
            encoder.write(row, &mut out);
            out
        })
        .collect()
}

fn back(data_type: &DataType, values: &[Vec<u8>]) -> ArrayRef {
    let mut decoder = Decoder::new(data_type).unwrap();
    for value in values {
        let mut reader = StateReader::new(value);
        decoder.append(&mut reader).unwrap();
        assert!(reader.is_empty());
    }
    decoder.finish().unwrap()
}

fn map(entries: &[&[(&str, i32)]]) -> ArrayRef {
    let names = MapFieldNames {
        entry: "entries".into(),
        key: "key".into(),
        value: "value".into(),
    };
    let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), Int32Builder::new());
    for row in entries {
        for (key, value) in *row {
            builder.keys().append_value(key);
            builder.values().append_value(*value);
        }
        builder.append(true).unwrap();
    }
    builder.append(false).unwrap();
    Arc::new(builder.finish())
}

fn columns() -> Vec<ArrayRef> {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("one"), None, Some(""), Some("größer")]));
    let structs: ArrayRef = Arc::new(StructArray::from(vec![
        (Arc::new(Field::new("A", DataType::Utf8, true)), Arc::clone(&texts)),
        (
            Arc::new(Field::new("B", DataType::Int32, true)),
            Arc::new(Int32Array::from(vec![None, Some(2), Some(3), None])) as ArrayRef,
        ),
    ]));
    let lists: ArrayRef = Arc::new(ListArray::new(
        Arc::new(Field::new("item", structs.data_type().clone(), true)),
        OffsetBuffer::from_lengths([2, 0, 1, 1]),
        Arc::clone(&structs),
        Some(vec![true, false, true, true].into()),
    ));
    vec![
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        Arc::new(Int32Array::from(vec![Some(-1), None, Some(i32::MAX)])),
        Arc::new(Int64Array::from(vec![Some(i64::MIN), None])),
        Arc::new(UInt64Array::from(vec![Some(u64::MAX), None])),
        Arc::new(Float64Array::from(vec![Some(-0.0), None, Some(f64::NAN), Some(1.5)])),
        Arc::new(
            Decimal128Array::from(vec![Some(-12345), None])
                .with_precision_and_scale(10, 2)
                .unwrap(),
        ),
        Arc::new(Date32Array::from(vec![Some(19_000), None])),
        Arc::new(Time32MillisecondArray::from(vec![Some(86_399_999), None])),
        Arc::new(TimestampMillisecondArray::from(vec![Some(-5), None])),
        Arc::new(BinaryArray::from(vec![Some(&b"\xff\x00"[..]), None, Some(b"")])),
        Arc::new(LargeStringArray::from(vec![Some("x"), None])),
        Arc::new(StringViewArray::from(vec![
            Some("x"),
            None,
            Some("longer than twelve bytes"),
        ])),
        Arc::new(BinaryViewArray::from(vec![Some(&b"x"[..]), None])),
        Arc::new(NullArray::new(2)),
        map(&[&[("a", 1), ("b", 2)], &[]]),
        texts,
        structs,
        lists,
    ]
}

#[test]
fn every_type_comes_back_also_from_slices() {
    for column in columns() {
        is_supported(column.data_type()).unwrap();
        assert_eq!(
            &back(column.data_type(), &bytes(&column)),
            &column,
            "{}",
            column.data_type()
        );
        let slice = column.slice(1, column.len() - 1);
        assert_eq!(
            &back(slice.data_type(), &bytes(&slice)),
            &slice,
            "{}",
            slice.data_type()
        );
    }
}

#[test]
fn equal_values_have_equal_bytes() {
    let maps = bytes(&map(&[
        &[("a", 1), ("b", 2)],
        &[("b", 2), ("a", 1)],
        &[("a", 2), ("b", 1)],
    ]));
    assert_eq!(maps[0], maps[1]);
    assert_ne!(maps[0], maps[2]);
    let doubles = bytes(&Float64Array::from(vec![f64::NAN, -f64::NAN, 0.0, -0.0]));
    assert_eq!(doubles[0], doubles[1]);
    assert_ne!(doubles[2], doubles[3]);
}

#[test]
fn damaged_bytes_are_an_error() {
    for column in columns() {
        for value in bytes(&column) {
            let mut decoder = Decoder::new(column.data_type()).unwrap();
            assert!(
                decoder
                    .append(&mut StateReader::new(&value[..value.len() - 1]))
                    .is_err()
            );
            let mut decoder = Decoder::new(column.data_type()).unwrap();
            assert!(decoder.append(&mut StateReader::new(&[7])).is_err());
        }
    }
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    assert!(is_supported(&dictionary).is_err());
}
