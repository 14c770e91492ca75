//! A join whose state is saved: its rows as pairs of bytes, how far time has come, and for joins in time the rows that wait.

use super::in_time::InTime;
use super::{AsofJoin, ForeignKeyJoin, StreamStreamJoin, StreamTableJoin, TableTableJoin};
use crate::operator::{Error, Operator, Progress};
use crate::state::{Changes, Entry, Reader, Writer};
use crate::types::ChangeBatch;

/// What changed in the rows of a join: keys with their new values, `None` where there is nothing any more.
pub type Saved = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The entry of how far time has come. Entries of rows begin with smaller bytes.
const TIMES: &[u8] = &[0xff];
/// The first byte of entries of rows that wait.
pub(super) const WAITING: u8 = 0xfe;

/// A join that says what changed in it.
pub trait SavedJoin: Operator {
    /// The next call of [`SavedJoin::save_rows`] gives all rows.
    fn forget_saved(&mut self);

    /// Rows that changed since the last call; the first call gives all.
    ///
    /// # Errors
    /// When a row cannot be encoded.
    fn save_rows(&mut self) -> Result<Saved, Error>;

    /// Takes rows back.
    ///
    /// # Errors
    /// When one is damaged.
    fn load_rows(&mut self, saved: &[Entry]) -> Result<(), Error>;

    /// How far time has come, where rows are judged by it.
    fn times(&self) -> [i64; 2] {
        [i64::MIN; 2]
    }

    /// Takes back what [`SavedJoin::times`] gave.
    fn set_times(&mut self, times: [i64; 2]) {
        let _ = times;
    }

    /// Rows that wait for their time.
    ///
    /// # Errors
    /// As [`SavedJoin::save_rows`].
    fn save_waiting(&mut self, changes: &mut Changes) -> Result<(), Error> {
        let _ = changes;
        Ok(())
    }

    /// Takes back one entry of rows that wait.
    ///
    /// # Errors
    /// As [`SavedJoin::load_rows`].
    fn load_waiting(&mut self, entry: &Entry) -> Result<(), Error> {
        let _ = entry;
        Ok(())
    }
}

/// A join with what its state looks like.
#[derive(Debug)]
pub struct Durable<J> {
    join: J,
    form: String,
    is_tracked: bool,
    /// The times that were saved last.
    saved_times: [i64; 2],
}

impl<J: SavedJoin> Durable<J> {
    /// `form` says in words what the saved rows depend on.
    pub fn new(join: J, form: String) -> Self {
        Self {
            join,
            form,
            is_tracked: false,
            saved_times: [i64::MIN; 2],
        }
    }
}

impl<J: SavedJoin> Operator for Durable<J> {
    fn push(&mut self, port: usize, changes: ChangeBatch, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        self.join.push(port, changes, out)
    }

    fn advance(&mut self, progress: Progress, out: &mut Vec<ChangeBatch>) -> Result<(), Error> {
        self.join.advance(progress, out)
    }

    fn state_bytes(&self) -> usize {
        self.join.state_bytes()
    }

    fn state_form(&self) -> Option<String> {
        Some(self.form.clone())
    }

    fn track_changes(&mut self) {
        self.is_tracked = true;
        self.join.forget_saved();
        self.saved_times = [i64::MIN; 2];
    }

    fn save(&mut self, changes: &mut Changes) -> Result<(), Error> {
        if !self.is_tracked {
            return Ok(());
        }
        for (key, value) in self.join.save_rows()? {
            match value {
                Some(value) => changes.put(&key, &value),
                None => changes.delete(&key),
            }
        }
        self.join.save_waiting(changes)?;
        let times = self.join.times();
        if times != self.saved_times {
            self.saved_times = times;
            let mut value = Writer::new();
            for time in times {
                value.number(time);
            }
            changes.put(TIMES, value.written());
        }
        Ok(())
    }

    fn load(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let rows = entries.partition_point(|(key, _)| key.first().is_some_and(|first| *first < WAITING));
        if rows > 0 {
            self.join.load_rows(&entries[..rows])?;
        }
        for entry in &entries[rows..] {
            if &*entry.0 == TIMES {
                let mut value = Reader::new(&entry.1)?;
                self.saved_times = [value.number()?, value.number()?];
                self.join.set_times(self.saved_times);
            } else {
                self.join.load_waiting(entry)?;
            }
        }
        Ok(())
    }
}

impl SavedJoin for TableTableJoin {
    fn forget_saved(&mut self) {
        self.forget_saved();
    }

    fn save_rows(&mut self) -> Result<Saved, Error> {
        self.save()
    }

    fn load_rows(&mut self, saved: &[Entry]) -> Result<(), Error> {
        self.load(saved)
    }
}

impl SavedJoin for ForeignKeyJoin {
    fn forget_saved(&mut self) {
        self.forget_saved();
    }

    fn save_rows(&mut self) -> Result<Saved, Error> {
        self.save()
    }

    fn load_rows(&mut self, saved: &[Entry]) -> Result<(), Error> {
        self.load(saved)
    }
}

impl SavedJoin for StreamTableJoin {
    fn forget_saved(&mut self) {
        self.forget_saved();
    }

    fn save_rows(&mut self) -> Result<Saved, Error> {
        self.save()
    }

    fn load_rows(&mut self, saved: &[Entry]) -> Result<(), Error> {
        self.load(saved)
    }
}

impl SavedJoin for StreamStreamJoin {
    fn forget_saved(&mut self) {
        self.forget_saved();
    }

    fn save_rows(&mut self) -> Result<Saved, Error> {
        self.save()
    }

    fn load_rows(&mut self, saved: &[Entry]) -> Result<(), Error> {
        self.load(saved)
    }

    fn times(&self) -> [i64; 2] {
        self.times()
    }

    fn set_times(&mut self, times: [i64; 2]) {
        self.set_times(times);
    }
}

impl SavedJoin for AsofJoin {
    fn forget_saved(&mut self) {
        self.forget_saved();
    }

    fn save_rows(&mut self) -> Result<Saved, Error> {
        self.save()
    }

    fn load_rows(&mut self, saved: &[Entry]) -> Result<(), Error> {
        self.load(saved)
    }

    fn times(&self) -> [i64; 2] {
        self.times()
    }

    fn set_times(&mut self, times: [i64; 2]) {
        self.set_times(times);
    }
}

impl SavedJoin for InTime {
    fn forget_saved(&mut self) {
        self.join_mut().forget_saved();
    }

    fn save_rows(&mut self) -> Result<Saved, Error> {
        self.join_mut().save()
    }

    fn load_rows(&mut self, saved: &[Entry]) -> Result<(), Error> {
        self.join_mut().load(saved)
    }

    fn save_waiting(&mut self, changes: &mut Changes) -> Result<(), Error> {
        self.save_sides(changes)
    }

    fn load_waiting(&mut self, entry: &Entry) -> Result<(), Error> {
        self.load_side(entry)
    }
}
