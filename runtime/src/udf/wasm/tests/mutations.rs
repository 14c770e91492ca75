//! Seeded changes of what is good, some thousands in each run, through the same doors as the targets of `tests/fuzz`.

use super::*;
use crate::udf::wasm::fuzz;

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    fn byte(&mut self) -> u8 {
        // The edges of ranges are where faults are.
        [0, 1, 0x7f, 0x80, 0xff, self.below(256) as u8, self.below(256) as u8][self.below(7)]
    }

    /// Changes a few places: a byte, a bit, four bytes at once, a piece left out, put in or written twice.
    fn change(&mut self, bytes: &mut Vec<u8>, words: &[&str]) {
        for _ in 0..=self.below(3) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            let end = (at + 1 + self.below(16)).min(bytes.len());
            match self.below(7) {
                0 => bytes[at] = self.byte(),
                1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes[at..end].fill(self.byte()),
                3 => drop(bytes.drain(at..end)),
                4 => {
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    drop(bytes.splice(to..to, piece));
                }
                5 if !words.is_empty() => {
                    let word = words[self.below(words.len())];
                    drop(bytes.splice(at..at, word.bytes()));
                }
                _ => bytes.truncate(end),
            }
        }
    }
}

/// One of `good`, changed, `count` times. Enough of them must be taken, else little was tried.
fn try_changed(seed: u64, count: usize, good: &[Vec<u8>], words: &[&str], try_one: fn(&[u8]) -> bool) {
    let mut random = Random(seed);
    for (number, input) in good.iter().enumerate() {
        assert!(try_one(input), "good input {number} is taken");
    }
    let taken = (0..count).filter(|_| {
        let mut input = good[random.below(good.len())].clone();
        random.change(&mut input, words);
        try_one(&input)
    });
    let taken = taken.count();
    assert!((count / 200..count).contains(&taken), "{taken} of {count} taken");
}

#[test]
fn changed_manifests_do_no_harm() {
    let good = [
        r#"{"version":"1.2.0","functions":[{"name":"f","kind":"scalar","args":[{"name":"a","type":"DECIMAL(10, 2)"}],"returns":"ARRAY<STRUCT<a INT, `b c` MAP<STRING, DATE>>>","nulls":"pass","volatility":"stable","doc":"ü"}]}"#,
        r#"{"functions":[{"name":"s","kind":"stream","export":"x","args":[{"name":"n","type":"INT","constant":true}],"returns":"DOUBLE","constants":"pass","state_version":2,"reads_state_versions":[1]},{"name":"t","kind":"aggregate","args":[{"name":"a","type":"BYTES"}],"returns":"BYTES","x_tool":[{}]}]}"#,
    ];
    let good: Vec<Vec<u8>> = good.iter().map(|text| text.as_bytes().to_vec()).collect();
    let words = [
        "{",
        "}",
        "[",
        "]",
        "\"",
        ",",
        ":",
        "\\u0000",
        "\\ud800",
        "null",
        "1e999",
        "-1",
        "99999999999999999999",
        "ARRAY<",
        "STRUCT<",
        ">",
        "DECIMAL(39, 40)",
        "\"name\":\"f\",",
        "\"kind\":\"table\",",
        "constant",
        "\u{feff}",
        "`",
    ];
    try_changed(1, 30_000, &good, &words, fuzz::describe);
    let deep = [b"{\"functions\":".to_vec(), vec![b'['; 50_000]].concat();
    fuzz::describe(&deep);
    let types = format!(
        r#"{{"functions":[{{"name":"f","kind":"scalar","args":[],"returns":"{}"}}]}}"#,
        "ARRAY<".repeat(10_000)
    );
    fuzz::describe(types.as_bytes());
}

/// A memory of a column of this type: eight descriptors, each the parent of the next, rising offsets, and zeros as values.
fn memory_of(data_type: usize, random: &mut Random) -> Vec<u8> {
    const FIRST: u32 = 16;
    const OFFSETS: u32 = FIRST + 8 * 32;
    const VALUES: u32 = OFFSETS + 128;
    let rows = 1 + random.below(9);
    let mut memory = vec![0; FIRST as usize];
    for place in 0..8 {
        let children = FIRST + (place + 1) * 32;
        // rows, flags, nulls, validity, values, bytes of values, offsets, children
        for field in [rows as u32, 0, 0, 0, VALUES, 160, OFFSETS, children] {
            memory.extend(field.to_le_bytes());
        }
    }
    let mut offset = 0;
    for _ in 0..32 {
        memory.extend((offset as u32).to_le_bytes());
        offset += random.below(2);
    }
    memory.extend([0; 160]);
    [vec![data_type as u8, rows as u8, (FIRST / 4) as u8], memory].concat()
}

#[test]
fn changed_memories_do_no_harm() {
    let mut random = Random(2);
    let good: Vec<Vec<u8>> = (0..fuzz::type_count() * 8)
        .map(|i| memory_of(i % fuzz::type_count(), &mut random))
        .collect();
    try_changed(3, 100_000, &good, &[], fuzz::memory);
}

#[test]
fn changed_levels_do_no_harm() {
    // Each begins with its type and three rows: a kind, no nulls, three values; then what is inside.
    let good: Vec<Vec<u8>> = [
        vec![0, 3, 0, 0, 3, 1, 0, 1],
        vec![1, 3, 1, 0, 3, 5, 6, 7],
        vec![4, 3, 4, 1, 3, 0, 1, 0, 3, 9, 0, 9, 1, 9, 0],
        vec![5, 3, 5, 0, 3, b'a', b'b', b'c'],
        vec![6, 3, 6, 0, 3, 1, 2, 3],
        vec![7, 3, 1, 0, 3, 1, 2, 3],
        vec![10, 3, 7, 0, 3, 1, 0, 2, 5, 0, 3, b'a', b'b', b'c'],
        vec![11, 3, 8, 0, 3, 1, 1, 1, 5, 0, 3, b'a', b'b', b'c', 3, 0, 3, 1, 2, 3],
        vec![12, 3, 9, 0, 0, 0, 3, 1, 0, 1, 4, 0, 3, 1, 0, 2, 0, 3, 0],
    ]
    .into();
    try_changed(4, 100_000, &good, &[], fuzz::levels);
}

#[test]
fn changed_modules_do_no_harm() {
    let text = |text: &str| wat::parse_str(text).unwrap();
    let total = entry("total", "stream", &["BIGINT", "BIGINT constant"], "BIGINT", "");
    let good = [
        text(&guest(
            &[
                function("f", &["BIGINT"], "BIGINT", ""),
                function("g", &["STRING"], "STRING", ""),
            ],
            &(echo("f") + &echo("g")),
        )),
        text(&guest(&[total], super::stream::TOTAL)),
        text(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/fuzz/seeds/component.wat"
        ))),
        text(
            r#"(module (memory 1) (global $g (mut i32) (i32.const 0)) (table 2 funcref) (elem (i32.const 0) $add)
            (type $t (func (param f64 f64) (result f64)))
            (func $add (export "add") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
            (func (export "count") (param i32) (result i32) (global.set $g (i32.add (global.get $g) (local.get 0))) (global.get $g))
            (func (export "any") (param i32 f64) (result f64) (call_indirect (type $t) (local.get 1) (local.get 1) (local.get 0)))
            (func (export "loop") (param i64) (result i64) (loop (br_if 0 (i64.eqz (local.get 0)))) (local.get 0)))"#,
        ),
    ];
    try_changed(5, 3_000, &good, &[], fuzz::module);
}
