//! Arguments of calls, the same ones in every program.

/// Groups or keys of the rows of a function with state.
const SLOTS: u64 = 1_000;

/// A number from 0 (included) to 1 (not included) for each row, in no order that a branch predictor could learn.
fn fraction(row: usize, seed: u64) -> f64 {
    let mixed = (row as u64 + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 32) as f64 / (1u64 << 32) as f64
}

fn column(rows: usize, low: f64, high: f64, seed: u64) -> Vec<f64> {
    (0..rows).map(|row| low + (high - low) * fraction(row, seed)).collect()
}

/// Prices, averages and volumes that take all branches of a risk score.
pub fn numbers(rows: usize) -> [Vec<f64>; 3] {
    [
        column(rows, 80.0, 120.0, 1_000_000),
        column(rows, 90.0, 110.0, 2_000_000),
        column(rows, 0.0, 5_000.0, 3_000_000),
    ]
}

/// Texts of 16 small letters.
pub fn texts(rows: usize) -> Vec<String> {
    let letter = |row: usize, place: usize| char::from(b'a' + (fraction(row, place as u64 * 7_919) * 26.0) as u8);
    let text = |row| (0..16).map(|place| letter(row, place)).collect();
    (0..rows).map(text).collect()
}

/// Two columns of DECIMAL(18, 4): ten thousandths, of up to nine digits.
pub fn decimals(rows: usize) -> [Vec<i128>; 2] {
    [4_000_000, 5_000_000].map(|seed| (0..rows).map(|row| (fraction(row, seed) * 1e9) as i128).collect())
}

/// Elements of each array of [`elements`].
pub const ELEMENTS: usize = 4;

/// The elements of arrays of [`ELEMENTS`] each, one after the other.
pub fn elements(rows: usize) -> Vec<f64> {
    column(rows * ELEMENTS, 0.0, 100.0, 6_000_000)
}

/// The key or group of each row.
pub fn slots(rows: usize) -> Vec<u32> {
    (0..rows)
        .map(|row| (fraction(row, 7_000_000) * SLOTS as f64) as u32)
        .collect()
}
