//! Instances of a scalar or table function that are set up with constants (section 4 of the ABI), kept by these.

use datafusion::arrow::array::{ArrayRef, new_empty_array};
use datafusion::scalar::ScalarValue;
use parking_lot::Mutex;

use super::batch::{Batch, to_declared};
use super::door::{Described, PluginCode};
use super::fault::Fault;

/// Sets of constants whose instances are kept, of one function over all queries. Beyond it those go that were not used for the longest time.
const KEPT_MAX: usize = 32;

/// Idle instances, by the constants that they were set up with; those used last are at the end.
#[derive(Debug)]
pub(super) struct SetUps<R> {
    kept: Mutex<Vec<SetUp<R>>>,
}

#[derive(Debug)]
struct SetUp<R> {
    constants: Vec<ArrayRef>,
    idle: Vec<R>,
}

impl<R> SetUps<R> {
    pub(super) fn new() -> Self {
        Self {
            kept: Mutex::new(Vec::new()),
        }
    }

    /// An instance that was set up with these constants.
    pub(super) fn take(&self, constants: &[ArrayRef]) -> Option<R> {
        let mut kept = self.kept.lock();
        let at = kept.iter().position(|kept| kept.constants == constants)?;
        kept[at..].rotate_left(1);
        kept.last_mut()?.idle.pop()
    }

    /// Keeps an instance for the next call with its constants.
    pub(super) fn give_back(&self, constants: Vec<ArrayRef>, instance: R) {
        let mut kept = self.kept.lock();
        match kept.iter_mut().rev().find(|kept| kept.constants == constants) {
            Some(kept) => kept.idle.push(instance),
            None => kept.push(SetUp {
                constants,
                idle: vec![instance],
            }),
        }
        let oldest = (kept.len() > KEPT_MAX).then(|| kept.remove(0));
        drop(kept);
        // Ending instances takes longer than others should wait.
        drop(oldest);
    }
}

/// The constants among the arguments of a batch that the function is set up with.
pub(super) fn of_batch(function: &Described, batch: &Batch<'_>) -> Result<Vec<ArrayRef>, Fault> {
    let info = &function.info;
    info.constants
        .iter()
        .map(|place| {
            if batch.constant[*place] {
                Ok(ArrayRef::clone(&batch.args[*place]))
            } else {
                Err(no_constant(&info.args[*place].0))
            }
        })
        .collect()
}

/// The constants among those of a query; `None` where one is NULL in a function that such a row does not reach.
pub(super) fn of_query(
    function: &Described,
    constants: &[Option<ScalarValue>],
) -> Result<Option<Vec<ArrayRef>>, Fault> {
    let info = &function.info;
    let mut values = Vec::with_capacity(info.constants.len());
    for place in &info.constants {
        let (name, data_type) = &info.args[*place];
        let Some(value) = constants.get(*place).and_then(Option::as_ref) else {
            return Err(no_constant(name));
        };
        if value.is_null() && info.null_in_null_out {
            return Ok(None);
        }
        let array = value
            .to_array()
            .map_err(|e| Fault::Arguments(format!("argument {name}: {e}")))?;
        values.push(to_declared(&array, name, data_type)?);
    }
    Ok(Some(values))
}

fn no_constant(name: &str) -> Fault {
    Fault::Arguments(format!("argument {name} must be a constant"))
}

/// Starts an instance that is set up with these constants.
pub(super) fn start<D: PluginCode>(
    code: &D,
    function: &Described,
    constants: &[ArrayRef],
) -> Result<D::Scalars, Fault> {
    let info = &function.info;
    let mut values: Vec<ArrayRef> = info.args.iter().map(|(_, ty)| new_empty_array(ty)).collect();
    let mut constant = vec![false; values.len()];
    for (place, value) in info.constants.iter().zip(constants) {
        values[*place] = ArrayRef::clone(value);
        constant[*place] = true;
    }
    code.set_up(function, &values, &constant)
}
