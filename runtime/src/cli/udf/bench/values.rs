//! Made-up arguments: the same ones in each run.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use serde_json::{Value, json};

/// A sequence of numbers that looks random (SplitMix64).
#[derive(Debug)]
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Elements of an array.
const ELEMENTS: usize = 4;

/// A value as JSON has it: numbers from 1 to 100, texts and bytes of 16, arrays of four, maps of two. None for a type of no SQL.
pub(super) fn value(numbers: &mut Numbers, data_type: &DataType) -> Option<Value> {
    Some(match data_type {
        DataType::Boolean => json!(numbers.below(2) == 1),
        DataType::Int32 | DataType::Int64 => json!(1 + numbers.below(100)),
        DataType::Float64 => json!(1.0 + numbers.below(9_900) as f64 / 100.0),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => json!(letters(numbers)),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            json!(format!("{:016x}{:016x}", numbers.next(), numbers.next()))
        }
        DataType::Decimal128(precision, scale) => decimal(numbers, *precision, *scale),
        DataType::Date32 => json!(format!("2026-01-{:02}", 1 + numbers.below(28))),
        DataType::Time32(_) => json!(format!("{:02}:{:02}:07", numbers.below(24), numbers.below(60))),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            json!(format!(
                "2026-01-{:02}T09:{:02}:07",
                1 + numbers.below(28),
                numbers.below(60)
            ))
        }
        DataType::List(element) => {
            let elements = (0..ELEMENTS).map(|_| value(numbers, element.data_type()));
            Value::Array(elements.collect::<Option<_>>()?)
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else {
                return None;
            };
            let mut map = serde_json::Map::new();
            for key in ["first", "second"] {
                map.insert(key.into(), value(numbers, fields.get(1)?.data_type())?);
            }
            Value::Object(map)
        }
        DataType::Struct(fields) => {
            let mut object = serde_json::Map::new();
            for field in fields {
                object.insert(field.name().clone(), value(numbers, field.data_type())?);
            }
            Value::Object(object)
        }
        _ => return None,
    })
}

/// What a constant of the query is where nobody says: a small window, a share, a text.
pub(super) fn constant(data_type: &DataType) -> Option<Value> {
    match data_type {
        DataType::Int32 | DataType::Int64 => Some(json!(16)),
        DataType::Float64 => Some(json!(0.5)),
        other => value(&mut Numbers(1), other),
    }
}

fn letters(numbers: &mut Numbers) -> String {
    let letter = |_| char::from(b'a' + u8::try_from(numbers.below(26)).unwrap_or(0));
    (0..16).map(letter).collect()
}

/// With at most two digits before the point.
fn decimal(numbers: &mut Numbers, precision: u8, scale: i8) -> Value {
    let scale = usize::try_from(scale).unwrap_or(0);
    let whole = match usize::from(precision).saturating_sub(scale) {
        0 => 0,
        1 => 1 + numbers.below(9),
        _ => 1 + numbers.below(99),
    };
    match scale {
        0 => json!(whole.to_string()),
        _ => json!(format!("{whole}.{}", 1 + numbers.below(9))),
    }
}
