//! Splits one file into byte ranges that begin and end at records, so that several readers can share it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::super::Error;
use super::splitter::Splitter;
use super::{failed, malformed};
use crate::types::limits::RECORD_BYTES_MAX;

/// Bytes that are read at once while a boundary is sought.
const PROBE_BYTES: usize = 1 << 20;
/// The mark that some editors put before UTF-8 text.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The ranges (start, end) of `partitions` readers; they cover the file without gaps, some may be empty. With `follow`
/// the last has no end.
pub(super) fn line_ranges(
    path: &Path,
    splitter: Splitter,
    partitions: i32,
    follow: bool,
) -> Result<Vec<(u64, Option<u64>)>, Error> {
    let mut file = File::open(path).map_err(|error| failed(path, error))?;
    let size = file.metadata().map_err(|error| failed(path, error))?.len();
    // In 128 bits: the product of a size and a number may not fit in 64.
    let count = u128::from(partitions.unsigned_abs());
    let targets: Vec<u64> = (1..count)
        .filter_map(|number| u64::try_from(u128::from(size) * number / count).ok())
        .collect();
    let mut starts = vec![0];
    match splitter {
        Splitter::Lines => {
            for target in targets {
                let start = line_start(&mut file, path, target, size)?;
                starts.push(start);
            }
        }
        Splitter::Quoted { .. } if targets.is_empty() => {}
        // Whether a newline is inside of quotes only the text before it tells: the file is read once up to the last target.
        Splitter::Quoted { .. } => starts.extend(record_starts(&mut file, path, splitter, &targets, size)?),
    }
    let ends = starts[1..].iter().copied().map(Some);
    let last = if follow { None } else { Some(size) };
    Ok(starts.iter().copied().zip(ends.chain([last])).collect())
}

/// The first line start at or after `target`.
fn line_start(file: &mut File, path: &Path, target: u64, size: u64) -> Result<u64, Error> {
    if target == 0 {
        return Ok(0);
    }
    // A line that starts just at the target has its newline one byte before.
    let mut at = target - 1;
    file.seek(SeekFrom::Start(at)).map_err(|error| failed(path, error))?;
    let mut probe = Vec::new();
    while at < size {
        probe.clear();
        let read = fill(file, path, &mut probe, PROBE_BYTES)?;
        if let Some(newline) = memchr::memchr(b'\n', &probe) {
            return Ok((at + newline as u64 + 1).min(size));
        }
        if read == 0 {
            break;
        }
        at += read as u64;
    }
    Ok(size)
}

/// For each target the first record start at or after it.
fn record_starts(
    file: &mut File,
    path: &Path,
    splitter: Splitter,
    targets: &[u64],
    size: u64,
) -> Result<Vec<u64>, Error> {
    let mut starts = Vec::new();
    let (mut held, mut base) = (Vec::new(), 0_u64);
    while starts.len() < targets.len() {
        if held.len() > RECORD_BYTES_MAX {
            return Err(too_long(path, base));
        }
        let read = fill(file, path, &mut held, PROBE_BYTES)?;
        // A quote behind a byte order mark is the first byte of its field.
        let mut start = if base == 0 && held.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        let first = start;
        while let Some(newline) = splitter.record_end(&held, start) {
            start = newline + 1;
            let at = base + start as u64;
            while starts.len() < targets.len() && targets[starts.len()] <= at {
                starts.push(at.min(size));
            }
        }
        if start > first {
            held.drain(..start);
            base += start as u64;
        }
        if read == 0 {
            starts.resize(targets.len(), size);
        }
    }
    // A target at 0 is the file's own start.
    for (start, target) in starts.iter_mut().zip(targets) {
        if *target == 0 {
            *start = 0;
        }
    }
    Ok(starts)
}

/// Appends up to `bytes` bytes of the file to `buffer` and says how many.
pub(super) fn fill(file: &mut File, path: &Path, buffer: &mut Vec<u8>, bytes: usize) -> Result<usize, Error> {
    buffer.reserve(bytes);
    file.take(bytes as u64)
        .read_to_end(buffer)
        .map_err(|error| failed(path, error))
}

/// The error for a record that does not come to its end.
pub(super) fn too_long(path: &Path, byte: u64) -> Error {
    malformed(
        path,
        format!(
            "the record that starts at byte {byte} is longer than {} MiB; is a newline or a closing quote missing?",
            RECORD_BYTES_MAX >> 20
        ),
    )
}
