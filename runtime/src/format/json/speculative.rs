//! The speculative way to read a record: expect it to look like one that was read before.
//!
//! Records of a topic come from few programs, so their names, order and white space repeat. A [`Template`] is learned
//! from a record that the general way has read; where the next record fits, it costs a comparison a name and no search.
//! Where none fits, the row is taken back and read the general way. This changes what a record costs, never what it
//! means: the fuzz target and the differential test compare the two ways row by row.

use super::general::Reader;
use super::template::Template;
use crate::format::builder::StructBuilder;

/// Shapes that are remembered at once: a topic with several kinds of records has one or two each.
const TEMPLATES_MAX: usize = 8;
/// The share of misses is looked at every this many records.
const WINDOW_ROWS: u32 = 1_024;
/// When more than half of a window missed, this many records are read the general way before the next try.
const PAUSE_ROWS: u32 = 16_384;

/// The shapes that were seen and how well they do.
#[derive(Debug, Default)]
pub(super) struct Speculator {
    templates: Vec<Template>,
    /// The template that fitted last.
    current: usize,
    /// The template that a new one replaces when there are too many.
    oldest: usize,
    tried: u32,
    missed: u32,
    paused: u32,
    /// Records that a template fitted, since the start.
    hits: u64,
}

impl Speculator {
    /// Reads the record `buffer[..length]` into a new row of `columns`, if a template fits; `buffer` may go on behind it.
    /// On `false` the columns are as they were.
    #[inline]
    pub(super) fn read(
        &mut self,
        buffer: &[u8],
        length: usize,
        columns: &mut StructBuilder,
        reader: &mut Reader,
    ) -> bool {
        if self.paused > 0 {
            self.paused -= 1;
            return false;
        }
        self.tried += 1;
        if let Some(template) = self.templates.get(self.current) {
            let row = columns.len();
            if template.read(buffer, length, columns, reader).is_some() {
                self.hits += 1;
                return true;
            }
            columns.truncate(row);
        }
        self.read_with_others(buffer, length, columns, reader)
    }

    #[cold]
    fn read_with_others(
        &mut self,
        buffer: &[u8],
        length: usize,
        columns: &mut StructBuilder,
        reader: &mut Reader,
    ) -> bool {
        let row = columns.len();
        for (index, template) in self.templates.iter().enumerate() {
            if index == self.current {
                continue;
            }
            if template.read(buffer, length, columns, reader).is_some() {
                self.current = index;
                self.hits += 1;
                return true;
            }
            columns.truncate(row);
        }
        self.missed += 1;
        false
    }

    /// Takes the shape of `record`, which fitted none and was read without fault.
    pub(super) fn learn(&mut self, record: &[u8], columns: &mut StructBuilder) {
        if self.paused > 0 {
            return;
        }
        if self.tried >= WINDOW_ROWS {
            if self.missed > self.tried / 2 {
                self.templates.clear();
                self.paused = PAUSE_ROWS;
            }
            (self.tried, self.missed) = (0, 0);
        }
        let width = columns.fields.len();
        if let Some(template) = Template::learn(record, &mut columns.names, width) {
            if self.templates.len() < TEMPLATES_MAX {
                self.current = self.templates.len();
                self.templates.push(template);
            } else {
                self.current = self.oldest;
                self.templates[self.oldest] = template;
                self.oldest = (self.oldest + 1) % TEMPLATES_MAX;
            }
        }
    }

    /// Records that a template fitted, since the start.
    pub(super) fn hits(&self) -> u64 {
        self.hits
    }
}
