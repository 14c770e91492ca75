//! `DELIMITED` records that were read and written read and write the same way again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use waterwheel::format::{Format, FormatSpec, decoder, encoder};
use waterwheel::types::BytesColumn;
use waterwheel::types::schema::{Column, ColumnRole, SqlType};

fn columns() -> Vec<Column> {
    [SqlType::String, SqlType::Double, SqlType::String, SqlType::Decimal(9, 2)]
        .into_iter()
        .enumerate()
        .map(|(i, sql_type)| Column {
            name: format!("C{i}"),
            sql_type,
            role: ColumnRole::Value,
        })
        .collect()
}

/// Reads records, gives the written good ones.
fn rewrite(spec: &FormatSpec, records: &BytesColumn) -> (BytesColumn, usize) {
    let columns = columns();
    let decoded = decoder(spec, &columns, &[0, 1, 2, 3]).expect("the columns suit DELIMITED").decode(records);
    let mut out = BytesColumn::new();
    encoder(spec, &columns)
        .expect("the columns suit DELIMITED")
        .encode(&decoded.columns, records.len(), None, &mut out)
        .expect("decoded columns have the declared types");
    (out, decoded.bad.len())
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, records)) = input.split_first() else {
        return;
    };
    let mut spec = FormatSpec::new(Format::Delimited);
    spec.delimiter = b",|\t ;"[usize::from(choice % 5)];
    let records: BytesColumn = records.split(|byte| *byte == 0).map(Some).collect();
    let (once, _) = rewrite(&spec, &records);
    let (twice, bad) = rewrite(&spec, &once);
    assert_eq!(bad, 0);
    assert!(once.iter().eq(twice.iter()));
});
