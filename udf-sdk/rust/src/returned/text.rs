//! Text that a function writes straight into its result column.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Display};

use super::{Answer, Builder, Return, Store};
use crate::STRIP;
use crate::descriptor::Descriptor;

/// There is always room for so many bytes behind a text, so that it can be copied and changed in blocks.
const BLOCK: usize = 16;

/// The text of a row, as a scalar or stream function writes it that has `out: &mut Text` as its last parameter.
///
/// It goes into the column as it is written: nothing is allocated for a row.
///
/// ```
/// use waterwheel_udf::{Text, scalar};
///
/// /// a text in capitals
/// #[scalar]
/// fn shout(text: &str, out: &mut Text) {
///     out.push_ascii_uppercase(text);
///     out.push('!');
/// }
/// let mut out = Text::default();
/// shout("stop", &mut out);
/// assert_eq!(out.as_str(), "STOP!");
/// ```
#[derive(Default)]
pub struct Text {
    /// As long as there is room; what lies behind `end` has no meaning.
    bytes: Vec<u8>,
    /// Where the text of this row begins ...
    begin: usize,
    /// ... and ends.
    end: usize,
}

impl Text {
    /// Adds a text; gives what was added, to be changed in its place.
    #[inline]
    pub fn push_str(&mut self, text: &str) -> &mut str {
        let from = self.append(text.as_bytes());
        // SAFETY: these bytes are the text.
        unsafe { core::str::from_utf8_unchecked_mut(self.bytes.get_unchecked_mut(from..self.end)) }
    }

    /// Adds a character.
    #[inline]
    pub fn push(&mut self, character: char) {
        self.append(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Adds a text with the letters a to z in upper case.
    #[inline]
    pub fn push_ascii_uppercase(&mut self, text: &str) {
        self.append_in_other_case(text, b'a');
    }

    /// Adds a text with the letters A to Z in lower case.
    #[inline]
    pub fn push_ascii_lowercase(&mut self, text: &str) {
        self.append_in_other_case(text, b'A');
    }

    /// What was written for this row.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        // SAFETY: whole texts were added.
        unsafe { core::str::from_utf8_unchecked(self.bytes.get_unchecked(self.begin..self.end)) }
    }

    /// Takes back what was written for this row.
    #[inline]
    pub fn clear(&mut self) {
        self.end = self.begin;
    }

    /// Forgets all rows, keeps the memory.
    pub(super) fn clear_all(&mut self) {
        (self.begin, self.end) = (0, 0);
    }

    /// Bytes of all rows.
    #[inline(always)]
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Where the bytes of all rows are, and how many.
    pub(super) fn place(&self) -> (usize, usize) {
        (self.bytes.as_ptr().expose_provenance(), self.end)
    }

    /// Adds bytes; gives where they begin.
    #[inline(always)]
    pub(super) fn append(&mut self, more: &[u8]) -> usize {
        let from = self.end;
        if self.bytes.len() - from < more.len() + BLOCK {
            self.grow(more.len());
        }
        // SAFETY: there is room for the bytes, now.
        unsafe { copy(more, self.bytes.as_mut_ptr().add(from)) };
        self.end = from + more.len();
        from
    }

    /// Adds a text, the 26 letters of ASCII from `first` on in their other case, in blocks of 16: the last one may go beyond its end,
    /// where nothing is yet.
    #[inline(always)]
    fn append_in_other_case(&mut self, text: &str, first: u8) {
        /// The blocks behind the first one: most texts are short, and a loop costs a check.
        #[inline(never)]
        unsafe fn more_blocks(from: *mut u8, end: *mut u8, first: u8) {
            let mut at = from;
            while at < end {
                // SAFETY: as the caller promises.
                unsafe { change_block(at, first) };
                at = at.wrapping_add(BLOCK);
            }
        }

        #[inline(always)]
        unsafe fn change_block(at: *mut u8, first: u8) {
            // SAFETY: as the caller promises.
            let block = unsafe { &mut *at.cast::<[[u8; 8]; 2]>() };
            for half in block {
                *half = in_other_case(u64::from_ne_bytes(*half), first).to_ne_bytes();
            }
        }

        let from = self.append(text.as_bytes());
        // SAFETY: `append` keeps a block free behind the text.
        unsafe {
            let at = self.bytes.as_mut_ptr().add(from);
            change_block(at, first);
            if text.len() > BLOCK {
                more_blocks(at.add(BLOCK), at.add(text.len()), first);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, more: usize) {
        let room = (self.end + more + BLOCK).max(2 * self.bytes.len()).max(1_024);
        self.bytes.resize(room, 0);
    }
}

/// Eight bytes at once: those of the 26 letters of ASCII from `first` on change their case.
#[inline(always)]
fn in_other_case(bytes: u64, first: u8) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    // In the highest bit of each byte: at least `first`, more than the last letter, not ASCII.
    let low = bytes & !HIGH;
    let reached = low + ONES * u64::from(0x80 - first);
    let passed = low + ONES * u64::from(0x80 - first - 26);
    let is_letter = (reached ^ passed) & !bytes & HIGH;
    // The bit between upper and lower case is two places below.
    bytes ^ is_letter >> 2
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Among the results are byte strings, too.
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.bytes[self.begin..self.end]), f)
    }
}

impl fmt::Write for Text {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

impl Extend<char> for Text {
    #[inline]
    fn extend<I: IntoIterator<Item = char>>(&mut self, characters: I) {
        characters.into_iter().for_each(|character| self.push(character));
    }
}

impl<'a> Extend<&'a str> for Text {
    #[inline]
    fn extend<I: IntoIterator<Item = &'a str>>(&mut self, texts: I) {
        for text in texts {
            self.push_str(text);
        }
    }
}

/// Copies bytes. Short ones by a few loads and stores, some of which overlap: in a plugin a copy of a number of bytes that the compiler
/// does not know is a call of the host.
///
/// # Safety
/// There is room for them at `to`.
#[inline(always)]
unsafe fn copy(bytes: &[u8], to: *mut u8) {
    /// Two blocks, one at the beginning and one at the end.
    #[inline(always)]
    unsafe fn ends<T: Copy>(from: *const u8, to: *mut u8, count: usize) {
        let last = count - size_of::<T>();
        // SAFETY: there are `count` bytes on both sides, at least as many as a block has.
        unsafe {
            let (first, second) = (
                from.cast::<T>().read_unaligned(),
                from.add(last).cast::<T>().read_unaligned(),
            );
            to.cast::<T>().write_unaligned(first);
            to.add(last).cast::<T>().write_unaligned(second);
        }
    }

    let (from, count) = (bytes.as_ptr(), bytes.len());
    // SAFETY: each block lies within the bytes, and there is as much room as the caller promises.
    unsafe {
        if count > 32 {
            core::ptr::copy_nonoverlapping(from, to, count);
        } else if count >= 16 {
            ends::<[u8; 16]>(from, to, count);
        } else if count >= 8 {
            ends::<[u8; 8]>(from, to, count);
        } else if count >= 4 {
            ends::<[u8; 4]>(from, to, count);
        } else if count > 0 {
            // The first, the middle and the last, which may be one.
            for i in [0, count / 2, count - 1] {
                *to.add(i) = *from.add(i);
            }
        }
    }
}

/// What a function that writes its text may return: `()`, `Option<()>` where it may be null, or a `Result` of these.
#[diagnostic::on_unimplemented(
    message = "a function that writes its text cannot return `{Self}`",
    note = "it returns nothing, Option<()>, Result<(), E> or Result<Option<()>, E>, where E implements Display"
)]
pub trait Wrote {
    /// As an answer.
    fn wrote(self) -> Answer<()>;
}

impl Wrote for () {
    #[inline(always)]
    fn wrote(self) -> Answer<()> {
        Answer::Done(Some(()))
    }
}

impl Wrote for Option<()> {
    #[inline(always)]
    fn wrote(self) -> Answer<()> {
        Answer::Done(self)
    }
}

impl<W: Wrote, E: Display> Wrote for Result<W, E> {
    #[inline(always)]
    fn wrote(self) -> Answer<()> {
        match self {
            Ok(wrote) => wrote.wrote(),
            Err(error) => Answer::Failed(error.to_string()),
        }
    }
}

/// A row whose text was written: where it ends.
#[derive(Debug)]
pub struct Written(i32);

/// Has a function write the text of a row. A row that is null or fails has none.
///
/// # Errors
/// Those of the function.
#[inline(always)]
pub fn write_row<W: Wrote>(text: &mut Text, f: impl FnOnce(&mut Text) -> W) -> Result<Option<Written>, String> {
    text.begin = text.end;
    match f(text).wrote() {
        // Memory ends before 2^31 bytes do.
        Answer::Done(Some(())) => Ok(Some(Written(text.end as i32))),
        Answer::Done(None) => {
            text.clear();
            Ok(None)
        }
        Answer::Failed(message) => {
            text.clear();
            Err(message)
        }
    }
}

/// Makes a call whose rows are written to `text`, and tells the host where they are.
///
/// # Safety
/// `out` is the result descriptor of the call, and `text` stays as it is until the next.
pub unsafe fn write_rows(text: &mut Text, out: usize, call: impl FnOnce(&mut Text) -> i32) -> i32 {
    text.clear_all();
    let status = call(text);
    // SAFETY: as the caller promises.
    let out = unsafe { &mut *core::ptr::with_exposed_provenance_mut::<Descriptor>(out) };
    (out.values, out.values_bytes) = text.place();
    status
}

/// The offsets of written texts.
#[derive(Debug, Default)]
pub struct Ends {
    offsets: Vec<i32>,
    last: i32,
}

impl Ends {
    /// Begins a column of so many rows.
    pub(super) fn begin(&mut self, rows: usize) {
        self.offsets.clear();
        self.offsets.reserve(rows + 1);
        self.offsets.push(0);
        self.last = 0;
    }

    /// Says where the text of a row ends.
    ///
    /// # Safety
    /// After `begin` with more rows than `row`.
    #[inline(always)]
    pub(super) unsafe fn set(&mut self, row: usize, end: i32) {
        // SAFETY: there is memory for one offset more than there are rows.
        unsafe { self.offsets.as_mut_ptr().add(row + 1).write(end) };
    }

    /// The address of the offsets.
    pub(super) fn place(&self) -> usize {
        self.offsets.as_ptr().expose_provenance()
    }
}

impl Store<Written> for Ends {
    unsafe fn begin(&mut self, out: &Descriptor) {
        Ends::begin(self, out.rows);
    }

    #[inline(always)]
    unsafe fn strip(&mut self, row: usize, mut next: impl FnMut(usize) -> Option<Written>) {
        for i in 0..STRIP {
            // SAFETY: as the caller promises.
            unsafe { self.one(row + i, next(i)) };
        }
    }

    #[inline(always)]
    unsafe fn one(&mut self, row: usize, value: Option<Written>) {
        if let Some(Written(end)) = value {
            self.last = end;
        }
        // SAFETY: as the caller promises.
        unsafe { self.set(row, self.last) };
    }

    fn end(&mut self, out: &mut Descriptor) {
        out.offsets = self.place();
    }
}

impl Return for Written {
    type Base = Written;
    type Store = Ends;
    type Builder = Ends;

    fn sql_type(out: &mut String) {
        out.push_str("STRING");
    }

    #[inline(always)]
    fn base(self) -> Option<Written> {
        Some(self)
    }
}

/// Written text is a whole column: it never lies inside of another.
impl Builder<Written> for Ends {
    fn clear(&mut self) {}

    fn push(&mut self, _value: Written) {}

    fn push_null(&mut self) {}

    fn describe(&mut self) -> Descriptor {
        Descriptor::default()
    }
}

#[cfg(test)]
mod tests;
