//! The order in which Java's `HashMap` walks its entries.
//!
//! ksqlDB keeps maps in `HashMap`s, so this order shows wherever a map is walked: MAP_KEYS, MAP_VALUES, ENTRIES, REDUCE,
//! and maps as text. It depends on the keys alone as long as the table is as small as it can be.

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};

/// `String.hashCode`.
pub(crate) fn string_hash(text: &str) -> i32 {
    text.encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// The entries of a map in Java's order, as positions in `keys`.
pub(crate) fn java_map_order(keys: &ArrayRef) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    let hash_of: Box<dyn Fn(usize) -> i32> = match keys.data_type() {
        DataType::Utf8 => {
            let keys = keys.as_string::<i32>();
            Box::new(|at| string_hash(keys.value(at)))
        }
        DataType::Int32 => {
            let keys = keys.as_primitive::<Int32Type>();
            Box::new(|at| keys.value(at))
        }
        DataType::Int64 => {
            let keys = keys.as_primitive::<Int64Type>();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "Java folds the upper half into the lower"
            )]
            Box::new(|at| (keys.value(at) ^ (keys.value(at) >> 32)) as i32)
        }
        // Keys of other types are as rare as an order of them is meaningless.
        _ => return order,
    };
    let mask = table_size(keys.len()) - 1;
    order.sort_by_key(|&at| {
        let hash = hash_of(at).cast_unsigned();
        (hash ^ (hash >> 16)) as usize & mask
    });
    order
}

/// The smallest power of two of which three quarters hold `entries`.
fn table_size(entries: usize) -> usize {
    let mut size = 1_usize;
    while entries > size * 3 / 4 {
        size *= 2;
    }
    size
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn maps_are_walked_as_java_walks_them() {
        let keys: ArrayRef = Arc::new(StringArray::from(vec!["yes, thanks", "nope", "sure, yeah"]));
        assert_eq!(java_map_order(&keys), [0, 2, 1]);
        let keys: ArrayRef = Arc::new(StringArray::from(vec!["foo", "bar", "baz", "apple"]));
        let order: Vec<&str> = java_map_order(&keys)
            .into_iter()
            .map(|at| keys.as_string::<i32>().value(at))
            .collect();
        assert_eq!(order, ["apple", "bar", "baz", "foo"]);
        let keys: ArrayRef = Arc::new(StringArray::from(vec!["gd8s", "9qgy", "5mlx", "2zco"]));
        assert_eq!(java_map_order(&keys), [0, 1, 3, 2]);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![9, 8, 1]));
        assert_eq!(java_map_order(&numbers), [1, 0, 2]);
        assert_eq!(string_hash("Ünïcode"), 0x3ee6_9f8a_u32.cast_signed());
    }
}
