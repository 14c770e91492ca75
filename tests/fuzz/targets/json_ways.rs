//! The two ways of reading JSON agree on any records.

#![no_main]

use libfuzzer_sys::fuzz_target;
use waterwheel::format::Decoder as _;
use waterwheel::format::json::{JsonDecoder, Speculation};
use waterwheel::types::BytesColumn;
use waterwheel::types::schema::{Column, ColumnRole, SqlType};

fn columns() -> Vec<Column> {
    let map = SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::Double));
    [
        ("A", SqlType::Bigint),
        ("b", SqlType::String),
        ("B", SqlType::String),
        ("C", SqlType::Double),
        ("D", SqlType::Decimal(12, 3)),
        ("E", SqlType::Boolean),
        ("F", SqlType::Integer),
        ("G", SqlType::Bytes),
        ("H", SqlType::Time),
        ("I", SqlType::Array(Box::new(SqlType::String))),
        ("M", map),
        ("S", SqlType::Struct(vec![("X".into(), SqlType::Bigint), ("y".into(), SqlType::String)])),
    ]
    .into_iter()
    .map(|(name, sql_type)| Column {
        name: name.into(),
        sql_type,
        role: ColumnRole::Value,
    })
    .collect()
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, records)) = input.split_first() else {
        return;
    };
    let columns = columns();
    let projection: Vec<usize> = match choice % 4 {
        0 => (0..columns.len()).collect(),
        1 => (0..columns.len()).filter(|index| index % 2 == 0).collect(),
        2 => vec![0],
        _ => Vec::new(),
    };
    let mut fast = JsonDecoder::new(&columns, &projection, true, Speculation::On).expect("the columns suit JSON");
    let mut general = JsonDecoder::new(&columns, &projection, true, Speculation::Off).expect("the columns suit JSON");
    let records: BytesColumn = records.split(|byte| *byte == 0).map(Some).collect();
    let expected = general.decode(&records);
    // The second time, the shapes of all records are known.
    for _ in 0..2 {
        let found = fast.decode(&records);
        assert_eq!(found.bad, expected.bad);
        assert_eq!(found.columns, expected.columns);
    }
});
