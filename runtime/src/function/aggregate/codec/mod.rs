//! Values of any type as bytes, and back to columns: how states keep values that are not numbers.
//!
//! The form is our own, because states outlive a version of Arrow. Equal values give equal bytes: entries of maps are sorted,
//! and there is one NaN; so bytes serve as keys of sets too. They do not compare as the values do, for that see
//! [`super::sort_key`].

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub(super) use decode::{Decoder, list_array};
pub(super) use encode::Encoder;

use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};

/// In front of each value: whether there is one.
const NULL: u8 = 0;
const VALUE: u8 = 1;

fn unsupported(data_type: &DataType) -> DataFusionError {
    DataFusionError::NotImplemented(format!(
        "an aggregate cannot keep values of type {data_type}: cast them to a type of SQL"
    ))
}

/// Whether values of this type can be kept.
pub(super) fn is_supported(data_type: &DataType) -> Result<()> {
    Decoder::new(data_type).map(drop)
}
