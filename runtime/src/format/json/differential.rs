//! The two ways of reading a record, held against each other and against serde_json on seeded, mutated records.
//!
//! The speculative decoder keeps its templates over all batches of a run, so that what it learned from broken and odd
//! records is tried on the next ones. The fuzz target `json_ways` does the same on bytes of any kind.

use std::fmt::Write as _;

use datafusion::arrow::array::Array;
use serde::de::IgnoredAny;

use super::{JsonDecoder, Speculation};
use crate::format::Decoder as _;
use crate::types::BytesColumn;
use crate::types::schema::{Column, ColumnRole, SqlType};

/// A small generator whose numbers are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn one_in(&mut self, chance: usize) -> bool {
        self.below(chance) == 0
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// A column of each type, quoted and unquoted names among them.
fn columns() -> Vec<Column> {
    let map = SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::Bigint));
    [
        ("AUCTION", SqlType::Bigint),
        ("PRICE", SqlType::Double),
        ("CHANNEL", SqlType::String),
        ("SMALL", SqlType::Integer),
        ("FLAG", SqlType::Boolean),
        ("DEC", SqlType::Decimal(9, 3)),
        ("TS", SqlType::Timestamp),
        ("T", SqlType::Time),
        ("D", SqlType::Date),
        ("RAW", SqlType::Bytes),
        ("TAGS", SqlType::Array(Box::new(SqlType::String))),
        ("M", map),
        ("lower", SqlType::String),
        ("LOWER", SqlType::Double),
        ("A_NAME_OF_MORE_THAN_SIXTEEN_LETTERS", SqlType::Bigint),
        (
            "ST",
            SqlType::Struct(vec![("X".into(), SqlType::Integer), ("y".into(), SqlType::String)]),
        ),
    ]
    .into_iter()
    .map(|(name, sql_type)| Column {
        name: name.into(),
        sql_type,
        role: ColumnRole::Value,
    })
    .collect()
}

const NUMBERS: [&str; 34] = [
    "0",
    "-0",
    "1",
    "-1",
    "7",
    "42",
    "1234567",
    "12345678",
    "123456789",
    "-123456789012345678",
    "1234567890123456",
    "1700000000000",
    "999999999999999999",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "2147483647",
    "2147483648",
    "-2147483648",
    "0.5",
    "-0.0",
    "3.14159",
    "123456.789",
    "0.001",
    "1e3",
    "1E-3",
    "1.5e+10",
    "1e400",
    "9007199254740993",
    "0.1234567890123456789",
    "12345678901234567.5",
    "100000000000000000000",
    "86399999",
    "99.9990",
];
const BROKEN_NUMBERS: [&str; 12] = [
    "01", "-", "1.", ".5", "1e", "+1", "0x1", "1.2.3", "--1", "1e+", "NaN", "00",
];
const STRINGS: [&str; 18] = [
    "",
    "a",
    "Google",
    "channel-8682",
    "sevench",
    "eightchr",
    "nine char",
    "0123456789abcdef",
    "0123456789abcdefg",
    "a text that is longer than thirty-two bytes, by far",
    "ä",
    "日本語のテキスト",
    "😀",
    "12",
    "1.5",
    "NaN",
    "Zm9v",
    "true",
];
const ESCAPES: [&str; 12] = [
    "\\n",
    "\\\"",
    "\\\\",
    "\\u0041",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\x",
    "\\u12",
    "\\",
    "\\/",
    "\\u0000",
];

fn string(random: &mut Random, odd: bool) -> String {
    let mut text = format!("\"{}", random.pick(&STRINGS));
    if odd && random.one_in(3) {
        text.push_str(random.pick(&ESCAPES));
        text.push_str(random.pick(&STRINGS));
    }
    if odd && random.one_in(40) {
        text.push(random.pick(&['\u{1}', '\n', '\t', '\u{1f}', '\u{7f}']));
    }
    text.push('"');
    text
}

/// Any value; `odd` ones need not be JSON.
fn any_value(random: &mut Random, depth: usize, odd: bool) -> String {
    match random.below(if depth > 3 { 6 } else { 9 }) {
        0 | 1 => random.pick(&NUMBERS).into(),
        2 | 3 => string(random, odd),
        4 => random.pick(&["true", "false", "null"]).into(),
        5 if odd && random.one_in(4) => random.pick(&BROKEN_NUMBERS).into(),
        5 if odd && random.one_in(8) => random
            .pick(&["tru", "nul", "True", "", "[", "{", "}", "]", "falsey"])
            .into(),
        5 => "null".into(),
        6 => {
            let elements: Vec<String> = (0..random.below(4))
                .map(|_| any_value(random, depth + 1, odd))
                .collect();
            format!("[{}]", elements.join(random.pick(&[",", ", ", " ,"])))
        }
        _ => object(random, depth + 1, odd),
    }
}

fn object(random: &mut Random, depth: usize, odd: bool) -> String {
    let members: Vec<String> = (0..random.below(4))
        .map(|_| {
            let name = random.pick(&["x", "X", "y", "Y", "a", "b", "a", "\\u0078"]);
            format!("\"{name}\":{}", any_value(random, depth, odd))
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

/// A value that suits the column.
fn fitting(random: &mut Random, sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Boolean => random.pick(&["true", "false"]).into(),
        SqlType::Integer | SqlType::Date => random.pick(&["0", "-7", "42", "1234567", "2147483647"]).into(),
        SqlType::Time => random.pick(&["0", "86399999", "12345678"]).into(),
        SqlType::Bigint | SqlType::Timestamp => {
            let bits = random.below(63);
            random.below(usize::MAX >> (63 - bits)).to_string()
        }
        SqlType::Double => format!("{}.{}", random.below(100_000), random.below(100_000)),
        SqlType::Decimal(..) => format!("{}.{}", random.below(1_000_000), random.below(999)),
        SqlType::String => string(random, false),
        SqlType::Bytes => random.pick(&["\"Zm9v\"", "\"\"", "\"AP8=\""]).into(),
        SqlType::Array(element) => {
            let elements: Vec<String> = (0..random.below(4)).map(|_| fitting(random, element)).collect();
            format!("[{}]", elements.join(","))
        }
        SqlType::Map(_, value) => {
            let entries: Vec<String> = (0..random.below(4))
                .map(|i| format!("\"k{i}\":{}", fitting(random, value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        SqlType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, field)| format!("\"{name}\":{}", fitting(random, field)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

/// How records of a run look.
#[derive(Clone, Copy)]
struct Style {
    /// Between the members, and between a name and its value.
    comma: &'static str,
    colon: &'static str,
    lower: bool,
    /// One value in this many does not suit its column, one record in as many has another order, and so on.
    odd_one_in: usize,
}

fn record(random: &mut Random, columns: &[Column], style: Style) -> Vec<u8> {
    let odd = |random: &mut Random| random.one_in(style.odd_one_in);
    let mut members: Vec<String> = Vec::new();
    for column in columns {
        let mut name = if style.lower && column.name != "LOWER" {
            column.name.to_lowercase()
        } else {
            column.name.clone()
        };
        if odd(random) {
            continue;
        }
        if odd(random) {
            name = match random.below(4) {
                0 => name.to_uppercase(),
                1 => name.to_lowercase(),
                2 => format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]),
                _ => format!("{name}é"),
            };
        }
        let value = match random.below(style.odd_one_in * 3) {
            0 => any_value(random, 0, true),
            1 => any_value(random, 0, false),
            2 | 3 => "null".into(),
            _ => fitting(random, &column.sql_type),
        };
        members.push(format!("\"{name}\"{}{value}", style.colon));
        if odd(random) {
            let broken = odd(random);
            let value = any_value(random, 0, broken);
            members.push(format!("\"{}\":{value}", random.pick(&["extra", "EXTRA", "x", &name])));
        }
    }
    if odd(random) && members.len() > 1 {
        let (a, b) = (random.below(members.len()), random.below(members.len()));
        members.swap(a, b);
    }
    let mut text = format!("{{{}}}", members.join(style.comma));
    if odd(random) {
        write!(text, "{}", random.pick(&[" ", "\n", "x", "}", "{}", ",", "\0"])).unwrap();
    }
    let mut bytes = text.into_bytes();
    if odd(random) {
        mutate(random, &mut bytes);
    }
    bytes
}

/// Damages the bytes themselves.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len());
    match random.below(5) {
        0 => bytes.truncate(at),
        1 => bytes[at] = random.pick(b"\"\\{}[],:0123456789.eE-+ \n\xFF\xC3\x00tfn"),
        2 => bytes.insert(at, random.pick(b"\"\\{}[],:0 \n\xFF\x80 1")),
        3 => drop(bytes.remove(at)),
        _ => {
            let other = random.below(bytes.len());
            bytes.swap(at, other);
        }
    }
}

fn style(random: &mut Random) -> Style {
    let (comma, colon) = random.pick(&[(",", ":"), (", ", ": "), (",\n  ", ": "), (" , ", " : ")]);
    Style {
        comma,
        colon,
        lower: random.one_in(2),
        odd_one_in: random.pick(&[15, 100, 1_000]),
    }
}

/// Decodes `batch` both ways and compares everything that they say.
fn compare(fast: &mut JsonDecoder, general: &mut JsonDecoder, batch: &BytesColumn) -> Vec<u32> {
    let expected = general.decode(batch);
    let found = fast.decode(batch);
    assert_eq!(found.bad, expected.bad);
    for (found, expected) in found.columns.iter().zip(&expected.columns) {
        assert_eq!(found.len(), batch.len());
        if found != expected {
            let row = (0..batch.len())
                .find(|row| found.slice(*row, 1) != expected.slice(*row, 1))
                .unwrap();
            panic!(
                "row {row} differs: {}\n{:?}\n{:?}",
                String::from_utf8_lossy(batch.get(row).unwrap()),
                found.slice(row, 1),
                expected.slice(row, 1)
            );
        }
    }
    expected.bad.iter().map(|bad| bad.row).collect()
}

#[test]
fn both_ways_say_the_same() {
    let mut random = Random(1);
    let (mut rows, mut bad, mut speculated) = (0, 0, 0);
    for _ in 0..60 {
        let mut columns = columns();
        if !random.one_in(4) {
            // Records with two names for one column, or two columns for one name, have no template.
            columns.retain(|column| column.name != "lower");
        }
        let projection: Vec<usize> = (0..columns.len()).filter(|_| !random.one_in(3)).collect();
        let mut fast = JsonDecoder::new(&columns, &projection, true, Speculation::On).unwrap();
        let mut general = JsonDecoder::new(&columns, &projection, true, Speculation::Off).unwrap();
        let style = style(&mut random);
        for _ in 0..5 {
            // Records of one stream lack the same fields.
            let present: Vec<Column> = columns.iter().filter(|_| !random.one_in(4)).cloned().collect();
            let mut batch = BytesColumn::new();
            for _ in 0..random.below(300) {
                let record = record(&mut random, &present, style);
                batch.push((!random.one_in(100)).then_some(&record));
            }
            bad += compare(&mut fast, &mut general, &batch).len();
            rows += batch.len();
        }
        speculated += fast.speculated_rows();
    }
    // The test means something only while both sides of it are walked.
    assert!(
        speculated as usize > rows / 2,
        "{speculated} of {rows} rows were speculated"
    );
    assert!(bad > rows / 20 && bad < rows / 2, "{bad} of {rows} rows were bad");
}

#[test]
fn every_cut_and_every_changed_byte_of_a_record_is_judged_alike() {
    let columns = columns();
    let all: Vec<usize> = (0..columns.len()).collect();
    let template: &[u8] =
        br#"{"auction":1000,"price":-12.5,"channel":"ch","small":1,"flag":true,"x":[1,{"y":"z"}],"ts":17}"#;
    let mut variants: Vec<Vec<u8>> = (0..template.len()).map(|end| template[..end].to_vec()).collect();
    variants.extend((1..template.len()).map(|start| template[start..].to_vec()));
    for at in 0..template.len() {
        for byte in b"\"\\{}[],:09.eE-+ n\x00\x1F\x80\xFF" {
            let mut changed = template.to_vec();
            changed[at] = *byte;
            variants.push(changed);
        }
    }
    for projection in [&all[..], &[0], &[3, 4], &[]] {
        let mut fast = JsonDecoder::new(&columns, projection, true, Speculation::On).unwrap();
        let mut general = JsonDecoder::new(&columns, projection, true, Speculation::Off).unwrap();
        for variants in variants.chunks(50) {
            // Each variant stands between good records, so that reading on behind it would find something.
            let mut batch: BytesColumn = [Some(template); 4].into_iter().collect();
            for variant in variants {
                batch.push(Some(variant));
                batch.push(Some(template));
            }
            compare(&mut fast, &mut general, &batch);
        }
    }
}

#[test]
fn what_is_json_is_what_serde_json_takes() {
    let columns = columns();
    let mut random = Random(2);
    let mut decoder = JsonDecoder::new(&columns, &[], true, Speculation::On).unwrap();
    for _ in 0..40 {
        let style = style(&mut random);
        let records: Vec<Vec<u8>> = (0..200).map(|_| record(&mut random, &columns, style)).collect();
        let batch: BytesColumn = records.iter().map(|record| Some(record.as_slice())).collect();
        let bad: Vec<usize> = decoder.decode(&batch).bad.iter().map(|bad| bad.row as usize).collect();
        let expected: Vec<usize> = (0..records.len())
            .filter(|row| {
                let record = &records[*row];
                std::str::from_utf8(record).is_err() || serde_json::from_slice::<IgnoredAny>(record).is_err()
            })
            .collect();
        assert_eq!(bad, expected);
    }
}
