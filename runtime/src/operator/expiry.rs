//! Time to live of keys: which keys no row has touched for so long that their state goes.
//!
//! Whether a row finds its key's state depends on event times alone: a row that comes more than the time to live after the latest row of its
//! key begins anew, whatever the size of steps and the number of shards. Keys of which no row comes any more are swept when the
//! watermark has passed their time; until then they only cost memory.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::state::{self, Reader};

/// No key has this slot, or it is not known when the key was touched.
const UNTOUCHED: i64 = i64::MIN;
/// Into how many parts a time to live is divided: a key goes at most one part late.
const PARTS: i64 = 16;

/// When each key was touched, by slot.
#[derive(Debug)]
pub(crate) struct Expiry {
    ttl_ms: i64,
    /// Latest event time of each slot's rows, in milliseconds.
    touched: Vec<i64>,
    /// Slots by the part of time in which their time may be up; each slot with a key stands in one of them.
    due: BTreeMap<i64, Vec<u32>>,
    /// The run in which a slot was last touched.
    run_of: Vec<u64>,
    run: u64,
    /// Slots of keys that were loaded without a time.
    unknown: Vec<u32>,
}

/// Rows of a batch that can be worked on in one go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) rows: Range<usize>,
    /// Keys that begin anew in it: their state is to be forgotten before.
    pub(crate) anew: Vec<u32>,
}

impl Run {
    /// All rows of a batch, where no key has a time to live.
    pub(crate) fn whole(rows: usize) -> Vec<Self> {
        let (rows, anew) = (0..rows, Vec::new());
        vec![Self { rows, anew }]
    }
}

impl Expiry {
    /// Keys go `ttl_ms` milliseconds after their latest row.
    pub(crate) fn new(ttl_ms: i64) -> Self {
        Self {
            ttl_ms,
            touched: Vec::new(),
            due: BTreeMap::new(),
            run_of: Vec::new(),
            run: 0,
            unknown: Vec::new(),
        }
    }

    /// Takes in that each row touches its key, and cuts the rows where a key begins anew that had rows before it in the same run.
    pub(crate) fn runs(&mut self, slots: &[u32], event_times: &[i64]) -> Vec<Run> {
        let mut runs = Vec::new();
        let (mut from, mut anew) = (0, Vec::new());
        self.run += 1;
        for (row, (slot, time)) in slots.iter().zip(event_times).enumerate() {
            if self.touch(*slot, *time) {
                if self.run_of[*slot as usize] == self.run {
                    let anew = std::mem::take(&mut anew);
                    runs.push(Run { rows: from..row, anew });
                    from = row;
                    self.run += 1;
                }
                anew.push(*slot);
            }
            self.run_of[*slot as usize] = self.run;
        }
        let rows = from..slots.len();
        runs.push(Run { rows, anew });
        runs
    }

    /// True when the time of the key was up before this row.
    pub(crate) fn touch(&mut self, slot: u32, time: i64) -> bool {
        let place = slot as usize;
        if self.touched.len() <= place {
            self.touched.resize(place + 1, UNTOUCHED);
            self.run_of.resize(place + 1, 0);
        }
        let known = self.touched[place];
        self.touched[place] = known.max(time);
        if known == UNTOUCHED {
            self.enlist(slot, time);
            return false;
        }
        time.saturating_sub(known) > self.ttl_ms
    }

    /// When a key was touched last.
    pub(crate) fn touched(&self, slot: u32) -> i64 {
        self.touched.get(slot as usize).copied().unwrap_or(UNTOUCHED)
    }

    /// Takes back when a key was touched last. State that was saved without a time to live does not say; such a key counts as touched when
    /// the watermark is known next.
    pub(crate) fn load(&mut self, slot: u32, touched: Option<i64>) {
        match touched {
            Some(time) => drop(self.touch(slot, time)),
            None => self.unknown.push(slot),
        }
    }

    /// Takes it back from what is left of the saved value of a key, whether it is wanted or not.
    ///
    /// # Errors
    /// When the value ends in the middle of a number.
    pub(crate) fn load_rest(expiry: Option<&mut Self>, slot: u32, rest: &mut Reader<'_>) -> Result<(), state::Error> {
        let touched = if rest.is_at_end() { None } else { Some(rest.number()?) };
        if let Some(expiry) = expiry {
            expiry.load(slot, touched);
        }
        Ok(())
    }

    /// Gives keys of unknown times the watermark's.
    fn settle_unknown(&mut self, watermark: i64) {
        for slot in std::mem::take(&mut self.unknown) {
            if self.touched(slot) == UNTOUCHED {
                self.touch(slot, watermark);
            }
        }
    }

    fn part_ms(&self) -> i64 {
        (self.ttl_ms / PARTS).max(1)
    }

    /// The part of time in which the time of a key is up that was touched at `time`.
    fn due_part(&self, time: i64) -> i64 {
        time.saturating_add(self.ttl_ms).div_euclid(self.part_ms())
    }

    fn enlist(&mut self, slot: u32, time: i64) {
        let part = self.due_part(time);
        self.due.entry(part).or_default().push(slot);
    }

    /// The slots whose time is up; they count as free from now on. Which these are depends on the watermark and on when each was touched last, and on
    /// nothing that is gone after a restart.
    pub(crate) fn sweep(&mut self, watermark: i64) -> Vec<u32> {
        // At the end of all input nothing more is to be kept small, and what is there is asked for.
        if watermark == i64::MIN || watermark == i64::MAX {
            return Vec::new();
        }
        self.settle_unknown(watermark);
        let part = watermark.div_euclid(self.part_ms());
        if self.due.first_key_value().is_none_or(|(first, _)| *first >= part) {
            return Vec::new();
        }
        let later = self.due.split_off(&part);
        let over = std::mem::replace(&mut self.due, later);
        let mut expired = Vec::new();
        for slot in over.into_values().flatten() {
            let touched = self.touched[slot as usize];
            if self.due_part(touched) < part {
                self.touched[slot as usize] = UNTOUCHED;
                expired.push(slot);
            } else {
                self.enlist(slot, touched);
            }
        }
        expired
    }

    /// Memory held, in bytes, roughly.
    pub(crate) fn state_bytes(&self) -> usize {
        // Each slot stands in one list, too.
        self.touched.capacity() * (size_of::<i64>() + size_of::<u32>()) + self.run_of.capacity() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Writer;

    fn run(rows: Range<usize>, anew: &[u32]) -> Run {
        let anew = anew.to_vec();
        Run { rows, anew }
    }

    #[test]
    fn a_row_after_the_time_to_live_begins_its_key_anew() {
        let mut expiry = Expiry::new(100);
        assert_eq!(expiry.runs(&[0, 1, 0], &[0, 10, 100]), [run(0..3, &[])]);
        // Slot 1 is touched in time, slot 0 is not; none had a row in this batch before.
        assert_eq!(expiry.runs(&[0, 1], &[201, 110]), [run(0..2, &[0])]);
        // The second row of a key in one batch begins a run of its own.
        assert_eq!(
            expiry.runs(&[0, 1, 0, 1], &[202, 300, 400, 401]),
            [run(0..2, &[1]), run(2..4, &[0, 1])]
        );
    }

    #[test]
    fn a_row_out_of_order_neither_begins_anew_nor_shortens_the_time() {
        let mut expiry = Expiry::new(100);
        assert_eq!(expiry.runs(&[0, 0, 0], &[1000, 0, 1090]), [run(0..3, &[])]);
        assert_eq!(expiry.touched(0), 1090);
    }

    #[test]
    fn keys_are_swept_once_the_watermark_has_passed_their_time() {
        let mut expiry = Expiry::new(160);
        expiry.runs(&[0, 1, 2], &[0, 5, 100]);
        assert_eq!(expiry.sweep(160), [] as [u32; 0]);
        expiry.runs(&[1], &[160]);
        assert_eq!(expiry.sweep(171), [0]);
        assert_eq!(expiry.sweep(300), [2]);
        assert_eq!(expiry.sweep(i64::MAX), [] as [u32; 0]);
        // Slot 0 is free, so whoever has it next is new.
        assert_eq!(expiry.runs(&[0], &[9000]), [run(0..1, &[])]);
        assert_eq!(expiry.sweep(340), [1]);
    }

    #[test]
    fn a_loaded_key_goes_when_it_would_have_gone_without_a_restart() {
        let mut through = Expiry::new(160);
        through.runs(&[0], &[0]);
        through.runs(&[0], &[12]);
        assert_eq!(through.sweep(165), [] as [u32; 0]);
        // Far behind the watermark, within a part of time that was swept.
        through.runs(&[1], &[-50]);
        let mut loaded = Expiry::new(160);
        loaded.load(0, Some(12));
        loaded.load(1, Some(-50));
        for expiry in [&mut through, &mut loaded] {
            assert_eq!(
                [168, 174, 179, 180].map(|time| expiry.sweep(time)),
                [vec![1], vec![], vec![], vec![0]]
            );
        }
    }

    #[test]
    fn loaded_keys_are_swept_too_and_unknown_times_count_from_the_watermark() {
        let mut expiry = Expiry::new(16);
        let mut value = Writer::new();
        value.number(50);
        Expiry::load_rest(Some(&mut expiry), 3, &mut Reader::new(value.written()).unwrap()).unwrap();
        Expiry::load_rest(Some(&mut expiry), 4, &mut Reader::new(Writer::new().written()).unwrap()).unwrap();
        assert_eq!(expiry.sweep(100), [3]);
        assert_eq!(expiry.sweep(116), [] as [u32; 0]);
        assert_eq!(expiry.sweep(118), [4]);
    }
}
