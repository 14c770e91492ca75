//! The window in a record's key: its bounds stand behind the bytes of the key itself (Kafka Streams: `TimeWindowedSerializer`,
//! `SessionWindowedSerializer`).

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};

use crate::format::BadRow;
use crate::types::BytesColumn;
use crate::types::storage::KeyWindow;

/// The bounds of each row's window; none for a row without a key.
#[derive(Debug)]
pub(crate) struct WindowBounds {
    bounds: Vec<Option<(i64, i64)>>,
}

impl WindowBounds {
    /// Cuts the bounds off all keys; a key that is too short to hold them is a bad record.
    pub(crate) fn cut_from(keys: &mut BytesColumn, window: KeyWindow, bad: &mut Vec<BadRow>) -> Self {
        let mut bounds = Vec::with_capacity(keys.len());
        for row in 0..keys.len() {
            let own = keys
                .cut_suffix(row, window.suffix_len())
                .and_then(|suffix| window.read(suffix));
            if own.is_none() && !keys.is_null(row) {
                bad.push(BadRow {
                    row: u32::try_from(row).unwrap_or(u32::MAX),
                    reason: format!("the key is shorter than the {} bytes of a window", window.suffix_len()),
                });
            }
            bounds.push(own);
        }
        Self { bounds }
    }

    pub(crate) fn starts(&self) -> ArrayRef {
        Arc::new(
            self.bounds
                .iter()
                .map(|bounds| bounds.map(|(start, _)| start))
                .collect::<Int64Array>(),
        )
    }

    pub(crate) fn ends(&self) -> ArrayRef {
        Arc::new(
            self.bounds
                .iter()
                .map(|bounds| bounds.map(|(_, end)| end))
                .collect::<Int64Array>(),
        )
    }
}

/// Appends the bounds to encoded keys; a row without a key stays without.
pub(crate) fn append_bounds(
    keys: &BytesColumn,
    window: KeyWindow,
    starts: &Int64Array,
    ends: &Int64Array,
) -> BytesColumn {
    let mut windowed = BytesColumn::new();
    for (row, key) in keys.iter().enumerate() {
        match key {
            None => windowed.push(None),
            Some(key) => {
                let start = windowed.position();
                windowed.buffer().extend_from_slice(key);
                window.write(starts.value(row), ends.value(row), windowed.buffer());
                windowed.end_row(start);
            }
        }
    }
    windowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_survive_the_way_through_a_key() {
        for window in [KeyWindow::Time { size_ms: 10 }, KeyWindow::Session] {
            let mut keys = BytesColumn::new();
            keys.push(Some(b"key"));
            keys.push(None);
            let (starts, ends) = (Int64Array::from(vec![20, 20]), Int64Array::from(vec![30, 30]));
            let mut windowed = append_bounds(&keys, window, &starts, &ends);
            let mut bad = Vec::new();
            let bounds = WindowBounds::cut_from(&mut windowed, window, &mut bad);
            assert_eq!(bounds.bounds, [Some((20, 30)), None]);
            assert_eq!(windowed.get(0), Some(&b"key"[..]));
            assert!(bad.is_empty());
            let mut short = BytesColumn::new();
            short.push(Some(b"short"));
            WindowBounds::cut_from(&mut short, window, &mut bad);
            assert_eq!(bad.len(), 1);
        }
    }
}
