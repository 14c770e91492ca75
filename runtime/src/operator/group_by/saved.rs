//! What GROUP BY saves of a group, and reads back.
//!
//! Entries of panes: `01`, start of the window, key; the value is the event time of the group, then the state of each aggregate. Entries of sessions: `01`,
//! key; the value is the list of the key's sessions: start, end, the state of each aggregate. `00` is the watermark in both.

use super::GroupBy;
use crate::operator::aggregate::Accumulator;
use crate::operator::{Error, StateForm};
use crate::state::{self, Changes, Entry, Reader, Writer};

/// The entry of what belongs to no group.
pub(super) const WATERMARK: &[u8] = &[0];
/// The first byte of keys of groups.
pub(super) const GROUP: u8 = 1;

/// A number in an order of bytes that is its own.
pub(crate) fn ordered(number: i64) -> [u8; 8] {
    ((number as u64) ^ (1 << 63)).to_be_bytes()
}

/// The number that [`ordered`] made.
pub(crate) fn from_ordered(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)) as i64
}

/// Says that the states of these groups are written next.
pub(super) fn begin_save(accumulators: &mut [Box<dyn Accumulator>], groups: &[u32]) -> Result<(), Error> {
    accumulators.iter_mut().try_for_each(|each| each.begin_save(groups))
}

/// Says that all states that were there are read.
pub(super) fn end_load(accumulators: &mut [Box<dyn Accumulator>]) -> Result<(), Error> {
    accumulators.iter_mut().try_for_each(|each| each.end_load())
}

/// Writes the state of one group.
pub(super) fn write_states(
    accumulators: &mut [Box<dyn Accumulator>],
    group: u32,
    scratch: &mut Vec<u8>,
    value: &mut Writer,
) -> Result<(), Error> {
    for accumulator in accumulators {
        scratch.clear();
        accumulator.save(group, scratch)?;
        value.bytes(scratch);
    }
    Ok(())
}

/// Reads what [`write_states`] wrote.
pub(super) fn read_states(
    accumulators: &mut [Box<dyn Accumulator>],
    group: u32,
    value: &mut Reader<'_>,
) -> Result<(), Error> {
    for accumulator in accumulators {
        accumulator.load(group, value.bytes()?)?;
    }
    Ok(())
}

/// Writes the watermark.
pub(super) fn write_watermark(watermark: i64, changes: &mut Changes) {
    let mut value = Writer::new();
    value.number(watermark);
    changes.put(WATERMARK, value.written());
}

/// The watermark, where this is its entry.
pub(super) fn read_watermark((key, value): &Entry) -> Result<Option<i64>, Error> {
    if &**key != WATERMARK {
        return Ok(None);
    }
    Ok(Some(Reader::new(value)?.number()?))
}

pub(super) fn damaged(reason: &str) -> Error {
    state::Error::damaged("GROUP BY", reason).into()
}

/// What the state of a GROUP BY looks like.
pub(super) fn form(plan: &GroupBy) -> StateForm {
    let keys: Vec<_> = plan.keys.iter().map(|key| key.data_type().to_string()).collect();
    let window = plan
        .window
        .as_ref()
        .map_or_else(|| "no window".to_owned(), ToString::to_string);
    let mut form = StateForm::default();
    form.words(&format!("group by 1 ({}), {window}: ", keys.join(", ")));
    for (place, call) in plan.calls.iter().enumerate() {
        let semicolon = if place == 0 { "" } else { "; " };
        let types: Vec<_> = call.args.iter().map(|arg| arg.data_type().to_string()).collect();
        form.words(&format!(
            "{semicolon}{} over ({}) as {}",
            call.label,
            types.join(", "),
            call.data_type
        ));
        form.version(call.plugin_state());
    }
    form
}
