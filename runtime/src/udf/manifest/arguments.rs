//! Arguments that a call may leave out or give any number of times.

use super::ArgSpec;

/// What may stand after what: the arguments that a call may leave out are the last ones, and no other comes after a variadic one.
pub(super) fn check_order(place: &str, before: Option<&ArgSpec>, arg: &ArgSpec) -> Result<(), String> {
    let Some(before) = before else { return Ok(()) };
    if before.variadic {
        return Err(format!(
            "{place}: a variadic argument is the last one, and {} is not",
            before.name
        ));
    }
    if before.default.is_some() && arg.default.is_none() {
        return Err(format!(
            "{place}: {} has a default, so every argument after it has one; {} has none",
            before.name, arg.name
        ));
    }
    Ok(())
}
