//! What `DELIMITED` records mean and how they are written.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::format::{Decoded, Format, FormatSpec, decoder, encoder};
use crate::types::BytesColumn;
use crate::types::schema::{Column, ColumnRole, SqlType};

fn columns(types: &[SqlType]) -> Vec<Column> {
    types
        .iter()
        .enumerate()
        .map(|(i, sql_type)| Column {
            name: format!("C{i}"),
            sql_type: sql_type.clone(),
            role: ColumnRole::Value,
        })
        .collect()
}

fn spec(delimiter: u8) -> FormatSpec {
    FormatSpec {
        delimiter,
        ..FormatSpec::new(Format::Delimited)
    }
}

fn decode(types: &[SqlType], record: &[u8]) -> Decoded {
    let all: Vec<usize> = (0..types.len()).collect();
    let rows: BytesColumn = [Some(record)].into_iter().collect();
    decoder(&spec(b','), &columns(types), &all).unwrap().decode(&rows)
}

fn cell(array: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::default().with_null("NULL");
    ArrayFormatter::try_new(array, &options).unwrap().value(row).to_string()
}

/// The cells of a record, or why it is bad.
fn row(types: &[SqlType], record: &str) -> Result<Vec<String>, String> {
    let decoded = decode(types, record.as_bytes());
    match decoded.bad.first() {
        Some(bad) => Err(bad.reason.clone()),
        None => Ok(decoded.columns.iter().map(|array| cell(array, 0)).collect()),
    }
}

/// A record decoded and written again.
fn rewritten(types: &[SqlType], record: &str) -> String {
    let decoded = decode(types, record.as_bytes());
    assert!(decoded.bad.is_empty(), "{:?}", decoded.bad);
    let mut out = BytesColumn::new();
    encoder(&spec(b','), &columns(types))
        .unwrap()
        .encode(&decoded.columns, 1, None, &mut out)
        .unwrap();
    String::from_utf8(out.get(0).unwrap().to_vec()).unwrap()
}

#[test]
fn each_type_is_read_by_its_rule() {
    use SqlType::{Bigint, Boolean, Bytes, Date, Decimal, Double, Integer, String, Time, Timestamp};
    for (sql_type, text, expected) in [
        (Boolean, "TRUE", "true"),
        (Boolean, "yes", "false"),
        (Integer, "+7", "7"),
        (Integer, "\"22\"", "22"),
        (Bigint, "998877665544332211", "998877665544332211"),
        (Double, " 1.5 ", "1.5"),
        (Double, "1e3", "1000.0"),
        (Decimal(33, 16), ".12", "0.1200000000000000"),
        (
            Decimal(33, 16),
            "12345678987654321.2345678987654321",
            "12345678987654321.2345678987654321",
        ),
        (Decimal(6, 4), "\"12.0\"", "12.0000"),
        (String, " a \"b\" ", " a \"b\" "),
        (String, "\"a\"\"b,c\"", "a\"b,c"),
        (Bytes, "Zm9v", "666f6f"),
        (Time, "3661000", "01:01:01"),
        (Date, "-10", "1969-12-22"),
        (Timestamp, "10", "1970-01-01T00:00:00.010"),
    ] {
        assert_eq!(row(&[sql_type], text).unwrap(), [expected], "{text}");
    }
}

#[test]
fn what_does_not_fit_is_bad() {
    use SqlType::{Bigint, Bytes, Date, Decimal, Double, Integer, Time, Timestamp};
    for (sql_type, text) in [
        (Integer, "2147483648"),
        (Integer, " 1"),
        (Integer, "1.0"),
        (Bigint, "a"),
        (Double, "1,5"),
        (Decimal(4, 2), "100"),
        (Decimal(4, 2), "0.001"),
        (Decimal(4, 2), " 1"),
        (Bytes, "*"),
        (Time, "86400000"),
        (Date, "2020-01-01"),
        (Timestamp, "now"),
    ] {
        assert!(row(&[sql_type], text).is_err(), "{text}");
    }
    assert_eq!(
        row(&[SqlType::String, SqlType::Integer], "a,x").unwrap_err(),
        "field C1: found \"x\", which does not fit INTEGER"
    );
}

#[test]
fn the_number_of_fields_is_the_number_of_columns() {
    let types = [SqlType::Bigint, SqlType::String, SqlType::Integer];
    assert_eq!(row(&types, "0,zero,1").unwrap(), ["0", "zero", "1"]);
    assert_eq!(row(&types, "0,,").unwrap(), ["0", "NULL", "NULL"]);
    assert_eq!(row(&types, "0,\"\",1").unwrap(), ["0", "NULL", "1"]);
    assert_eq!(row(&types, "0,zero").unwrap_err(), "found 2 fields, expected 3");
    assert_eq!(row(&types, "0,zero,1,2").unwrap_err(), "found 4 fields, expected 3");
    assert_eq!(
        row(&types, "").unwrap_err(),
        "the record is empty, expected a line of fields"
    );
    assert_eq!(row(&types, "0,zero,1\n2,two").unwrap(), ["0", "zero", "1"]);
    assert!(row(&types, "0,\"zero,1").unwrap_err().contains("does not end"));
    let decoded = decode(&types, b"0,\xFF,1");
    assert_eq!(decoded.bad[0].reason, "not valid UTF-8 at byte 2");
}

#[test]
fn projected_columns_come_in_the_asked_order() {
    let types = [SqlType::Bigint, SqlType::String, SqlType::Integer];
    let rows: BytesColumn = [
        Some(&b"x,one,1"[..]),
        None,
        Some(b"2"),
        Some(b"3,three,x"),
        Some(b"4,four,4"),
    ]
    .into_iter()
    .collect();
    let decoded = decoder(&spec(b','), &columns(&types), &[2, 1, 2])
        .unwrap()
        .decode(&rows);
    let bad: Vec<u32> = decoded.bad.iter().map(|bad| bad.row).collect();
    assert_eq!(bad, [2, 3], "a field that nobody reads is not looked at");
    let shown: Vec<String> = decoded
        .columns
        .iter()
        .map(|array| (0..5).map(|row| cell(array, row)).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        shown,
        ["1 NULL NULL NULL 4", "one NULL NULL NULL four", "1 NULL NULL NULL 4"]
    );
    assert!(decoder(&spec(b','), &columns(&types), &[3]).is_err());
}

#[test]
fn quotes_are_written_where_ksqldb_writes_them() {
    let text = SqlType::String;
    for (record, expected) in [
        ("a,b", "a,b"),
        ("\" a\",\" b\"", "\" a\",\" b\""),
        ("a ,b\t", "\"a \",\"b\t\""),
        ("\"_a\",_b", "\"_a\",_b"),
        ("\"ä\",ä", "\"ä\",ä"),
        ("\"a,b\",\"c\"\"d\"", "\"a,b\",\"c\"\"d\""),
        ("x,#", "x,\"#\""),
        ("x,$", "x,$"),
        ("x,\"a\nb\"", "x,\"a\nb\""),
    ] {
        assert_eq!(rewritten(&[text.clone(), text.clone()], record), expected, "{record}");
    }
    assert_eq!(rewritten(&[SqlType::Integer, SqlType::Integer], "-5,-5"), "\"-5\",-5");
}

#[test]
fn values_are_written_as_java_writes_them() {
    use SqlType::{Bigint, Boolean, Bytes, Date, Decimal, Double, Time, Timestamp};
    let types = [
        Double,
        Double,
        Decimal(6, 4),
        Bytes,
        Boolean,
        Time,
        Date,
        Timestamp,
        Bigint,
    ];
    assert_eq!(
        rewritten(&types, "1,1e10,-1,AP8=,TRUE,10,-10,-1,"),
        "1.0,1.0E10,-1.0000,AP8=,true,10,-10,-1,"
    );
}

#[test]
fn null_and_empty_text_are_told_apart_only_in_the_first_field() {
    let texts: ArrayRef = std::sync::Arc::new(datafusion::arrow::array::StringArray::from(vec![Some(""), None]));
    let mut out = BytesColumn::new();
    encoder(&spec(b'|'), &columns(&[SqlType::String, SqlType::String]))
        .unwrap()
        .encode(&[std::sync::Arc::clone(&texts), texts], 2, None, &mut out)
        .unwrap();
    assert_eq!(out.iter().collect::<Vec<_>>(), [Some(&b"\"\"|"[..]), Some(b"|")]);
}

#[test]
fn null_rows_and_no_columns_give_null_records() {
    let numbers: ArrayRef = std::sync::Arc::new(datafusion::arrow::array::Int32Array::from(vec![1, 2]));
    let nulls = vec![false, true].into();
    let mut out = BytesColumn::new();
    encoder(&spec(b','), &columns(&[SqlType::Integer]))
        .unwrap()
        .encode(&[numbers], 2, Some(&nulls), &mut out)
        .unwrap();
    encoder(&spec(b','), &[])
        .unwrap()
        .encode(&[], 1, None, &mut out)
        .unwrap();
    assert_eq!(out.iter().collect::<Vec<_>>(), [Some(&b"1"[..]), None, None]);
    let rows: BytesColumn = [Some(&b"ignored,\""[..])].into_iter().collect();
    assert!(decoder(&spec(b','), &[], &[]).unwrap().decode(&rows).bad.is_empty());
}

#[test]
fn other_delimiters() {
    for delimiter in [b'|', b'\t', b' ', b'$'] {
        let types = [SqlType::Bigint, SqlType::String];
        let record = [b"1".as_slice(), &[delimiter], b"one"].concat();
        let rows: BytesColumn = [Some(record.as_slice())].into_iter().collect();
        let decoded = decoder(&spec(delimiter), &columns(&types), &[0, 1])
            .unwrap()
            .decode(&rows);
        assert!(decoded.bad.is_empty());
        let mut out = BytesColumn::new();
        encoder(&spec(delimiter), &columns(&types))
            .unwrap()
            .encode(&decoded.columns, 1, None, &mut out)
            .unwrap();
        assert_eq!(out.get(0), Some(record.as_slice()));
    }
}

#[test]
fn nested_types_are_refused() {
    for sql_type in [
        SqlType::Array(Box::new(SqlType::Integer)),
        SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::Integer)),
        SqlType::Struct(vec![("A".into(), SqlType::Integer)]),
    ] {
        let columns = columns(&[SqlType::Integer, sql_type]);
        let error = decoder(&spec(b','), &columns, &[0]).unwrap_err().0;
        assert!(error.contains("DELIMITED") && error.contains("C1"), "{error}");
        assert!(encoder(&spec(b','), &columns).is_err());
    }
}
