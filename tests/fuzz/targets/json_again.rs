//! JSON that was read and written reads and writes the same way again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use waterwheel::format::{Format, FormatSpec, decoder, encoder};
use waterwheel::types::BytesColumn;
use waterwheel::types::schema::{Column, ColumnRole, SqlType};

fn column(name: &str, sql_type: SqlType) -> Column {
    Column {
        name: name.into(),
        sql_type,
        role: ColumnRole::Value,
    }
}

fn columns(choice: u8) -> Vec<Column> {
    let inner = SqlType::Struct(vec![
        ("X".into(), SqlType::Decimal(9, 2)),
        ("y".into(), SqlType::Array(Box::new(SqlType::Double))),
    ]);
    let map = SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::String));
    match choice % 4 {
        0 => vec![column("A", SqlType::String)],
        1 => vec![column("A", SqlType::Array(Box::new(map)))],
        2 => vec![column("A", inner)],
        _ => vec![
            column("A", SqlType::Double),
            column("b", SqlType::String),
            column("M", map),
            column("S", inner),
            column("G", SqlType::Bytes),
        ],
    }
}

/// Reads records and writes the good ones.
fn rewrite(spec: &FormatSpec, columns: &[Column], records: &BytesColumn, clean: bool) -> BytesColumn {
    let all: Vec<usize> = (0..columns.len()).collect();
    let decoded = decoder(spec, columns, &all).expect("the columns suit JSON").decode(records);
    assert!(!clean || decoded.bad.is_empty(), "{:?}", decoded.bad);
    let mut out = BytesColumn::new();
    encoder(spec, columns)
        .expect("the columns suit JSON")
        .encode(&decoded.columns, records.len(), None, &mut out)
        .expect("decoded columns have the declared types");
    out
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, records)) = input.split_first() else {
        return;
    };
    let columns = columns(*choice);
    let mut spec = FormatSpec::new(Format::Json);
    spec.wrap_single = choice & 4 == 0;
    let records: BytesColumn = records.split(|byte| *byte == 0).map(Some).collect();
    let once = rewrite(&spec, &columns, &records, false);
    // A negative zero given as text becomes a number, and as a number zero: from the second time on nothing changes.
    let twice = rewrite(&spec, &columns, &once, true);
    let thrice = rewrite(&spec, &columns, &twice, true);
    assert!(twice.iter().eq(thrice.iter()));
});
