//! Table functions, which make several rows of one: EXPLODE and CUBE_EXPLODE.
//!
//! Both give the elements of an array, which the plan's unnest node does; CUBE_EXPLODE makes that array first.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, ListArray, UInt32Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;

use super::FunctionDoc;
use super::column::Argument;
use super::operators::internal;
use super::row_error::{Fault, report};
use crate::types::limits::CUBE_ELEMENTS_MAX;
use crate::types::schema::SqlType;

/// Lower-case name of the function that EXPLODE gives the elements of: its argument, which must be an array.
pub const ELEMENTS: &str = "ww_elements";
/// Lower-case name of the function that CUBE_EXPLODE gives the elements of.
pub const CUBE: &str = "ww_cube";

static CUBE_FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| internal(CUBE, "CUBE({0})", 1, cube_type, cube));

static ELEMENTS_FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    internal(ELEMENTS, "{0}", 1, elements_type, |args, _, _| {
        Ok(Arc::clone(&args[0].array))
    })
});

/// A table function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFunction {
    /// A row for each element of an array.
    Explode,
    /// A row for each combination of the elements of an array and NULL.
    CubeExplode,
}

impl TableFunction {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Explode, Self::CubeExplode];

    /// The table function of that name, in any case of letters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.name().eq_ignore_ascii_case(name))
    }

    /// Its lower-case name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Explode => "explode",
            Self::CubeExplode => "cube_explode",
        }
    }

    pub(super) fn doc(self) -> FunctionDoc {
        let (signature, doc) = match self {
            Self::Explode => ("EXPLODE(ARRAY<T>) -> T", "a row for each element of the array"),
            Self::CubeExplode => (
                "CUBE_EXPLODE(ARRAY<T>) -> ARRAY<T>",
                "a row for each way to leave elements of the array as they are or make them NULL",
            ),
        };
        FunctionDoc {
            name: self.name().to_uppercase(),
            signatures: vec![signature.to_owned()],
            doc: doc.to_owned(),
        }
    }
}

/// The functions whose arrays plans unnest.
pub(super) fn array_functions() -> [Arc<ScalarUDF>; 2] {
    [Arc::clone(&CUBE_FUNCTION), Arc::clone(&ELEMENTS_FUNCTION)]
}

fn elements_type(types: &[DataType]) -> Result<DataType> {
    match types {
        [list @ DataType::List(_)] => Ok(list.clone()),
        [DataType::Null] => plan_err!("EXPLODE takes an array, not NULL"),
        [other] => match SqlType::from_arrow(other) {
            Some(other) => plan_err!("EXPLODE takes an array, not {other}"),
            None => plan_err!("EXPLODE takes an array, not {other}"),
        },
        _ => plan_err!("EXPLODE takes one array"),
    }
}

fn cube_type(types: &[DataType]) -> Result<DataType> {
    match types {
        [list] => match SqlType::from_arrow(list) {
            Some(array @ SqlType::Array(_)) => Ok(SqlType::Array(Box::new(array)).to_arrow()),
            _ => plan_err!("CUBE_EXPLODE takes an array, not {list}"),
        },
        _ => plan_err!("CUBE_EXPLODE takes one array"),
    }
}

/// For each array its combinations: in each an element is there or NULL, counted up in binary with the last element moving
/// first. An element that is NULL anyhow is not counted, so that no combination comes twice (ksqlDB: `Cube`).
fn cube(args: &[Argument], rows: usize, return_type: &DataType) -> Result<ArrayRef> {
    let [argument] = args else {
        return exec_err!("CUBE_EXPLODE takes one array");
    };
    let lists = argument.array.as_list::<i32>();
    let offsets = lists.value_offsets();
    let index = |offset: i32| usize::try_from(offset).expect("offsets are not negative");
    let mut picked: Vec<Option<u32>> = Vec::new();
    let (mut inner, mut outer) = (vec![0_i32], vec![0_i32]);
    let mut valid = Vec::with_capacity(rows);
    for row in 0..rows {
        let at = argument.at(row);
        let range = index(offsets[at])..index(offsets[at + 1]);
        let known: Vec<usize> = range
            .clone()
            .filter(|element| lists.values().is_valid(*element))
            .collect();
        let mut is_valid = lists.is_valid(at);
        if is_valid && known.len() > CUBE_ELEMENTS_MAX {
            is_valid = false;
            let fault = format!("it takes at most {CUBE_ELEMENTS_MAX} elements, not {}", known.len());
            report("CUBE_EXPLODE", &Fault(fault.into()))?;
        }
        if is_valid {
            for combination in 0..1_u32 << known.len() {
                let mut bit = known.len();
                picked.extend(range.clone().map(|element| {
                    let place = u32::try_from(element).ok()?;
                    lists.values().is_valid(element).then(|| {
                        bit -= 1;
                        (combination >> bit & 1 == 1).then_some(place)
                    })?
                }));
                inner.push(offset(picked.len())?);
            }
        }
        valid.push(is_valid);
        outer.push(offset(inner.len() - 1)?);
    }
    let elements = take(lists.values(), &UInt32Array::from(picked), None)?;
    let (DataType::List(outer_field), DataType::List(inner_field)) = (return_type, lists.data_type()) else {
        return exec_err!("CUBE_EXPLODE gives arrays of arrays, not {return_type}");
    };
    let combinations = ListArray::try_new(Arc::clone(inner_field), offsets_of(inner), elements, None)?;
    let nulls = Some(NullBuffer::from(valid));
    let arrays = ListArray::try_new(
        Arc::clone(outer_field),
        offsets_of(outer),
        Arc::new(combinations),
        nulls,
    )?;
    Ok(Arc::new(arrays))
}

fn offset(length: usize) -> Result<i32> {
    match i32::try_from(length) {
        Ok(offset) => Ok(offset),
        Err(_) => exec_err!("CUBE_EXPLODE gives more than {} elements in one batch", i32::MAX),
    }
}

fn offsets_of(offsets: Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::types::Int32Type;

    use super::*;

    fn cubes(rows: Vec<Option<Vec<Option<i32>>>>) -> Vec<String> {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>(rows);
        let return_type = cube_type(&[list.data_type().clone()]).expect("an array");
        let rows = list.len();
        let argument = Argument {
            array: Arc::new(list),
            constant: false,
        };
        let result = cube(&[argument], rows, &return_type).expect("combinations");
        let options = datafusion::arrow::util::display::FormatOptions::default().with_null("-");
        let shown = datafusion::arrow::util::display::ArrayFormatter::try_new(&result, &options).expect("a formatter");
        (0..rows).map(|row| shown.value(row).to_string()).collect()
    }

    #[test]
    fn combinations_count_up_and_leave_nulls_out() {
        assert_eq!(
            cubes(vec![
                Some(vec![Some(1), Some(2)]),
                Some(vec![Some(1), None, Some(3)]),
                Some(vec![]),
                None
            ]),
            [
                "[[-, -], [-, 2], [1, -], [1, 2]]",
                "[[-, -, -], [-, -, 3], [1, -, -], [1, -, 3]]",
                "[[]]",
                "-"
            ]
        );
    }
}
