//! The scalar functions by topic; each topic is a list of definitions.

mod array;
mod array_set;
mod bytes;
mod calendar;
mod conditional;
mod extremum;
mod geo;
mod java_regex;
mod json;
mod json_path;
mod map;
mod mask;
mod math;
mod regexp;
mod rounding;
mod string;
mod string_bytes;
mod time_text;
mod url;
mod utf16;

#[cfg(test)]
mod tests;

pub(in crate::function) use array::Picked;
pub(in crate::function) use map::PickedEntries;

use super::definition::Definition;

/// Every scalar function.
pub(super) fn definitions() -> Vec<Definition> {
    [
        math::functions(),
        rounding::functions(),
        extremum::functions(),
        geo::functions(),
        string::functions(),
        string_bytes::functions(),
        mask::functions(),
        regexp::functions(),
        bytes::functions(),
        json::functions(),
        array::functions(),
        array_set::functions(),
        map::functions(),
        calendar::functions(),
        time_text::functions(),
        url::functions(),
        conditional::functions(),
    ]
    .concat()
}
