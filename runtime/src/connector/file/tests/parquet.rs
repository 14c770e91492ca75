//! Parquet: exact values, foreign and broken files, splits, updates.

use datafusion::arrow::array::*;
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int32Type, Schema};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;

use super::*;
use crate::connector::ColumnBatch;
use crate::types::ChangeBatch;
use crate::types::schema::arrow_schema;

/// One column of every type with two rows, the second null.
#[expect(clippy::too_many_lines, reason = "a list of all types")]
fn every_type() -> Vec<(SqlType, ArrayRef)> {
    let list = |item: SqlType, values: ArrayRef| -> (SqlType, ArrayRef) {
        let sql_type = SqlType::Array(Box::new(item));
        let DataType::List(item) = sql_type.to_arrow() else {
            unreachable!()
        };
        let offsets = OffsetBuffer::from_lengths([values.len(), 0]);
        (
            sql_type,
            Arc::new(ListArray::new(item, offsets, values, Some(vec![true, false].into()))),
        )
    };
    let inner = SqlType::Struct(vec![("X".into(), SqlType::Double), ("y z".into(), SqlType::String)]);
    let DataType::Struct(fields) = inner.to_arrow() else {
        unreachable!()
    };
    let structs: ArrayRef = Arc::new(StructArray::new(
        fields,
        vec![
            Arc::new(Float64Array::from(vec![Some(f64::MIN_POSITIVE), None])),
            Arc::new(StringArray::from(vec![Some(""), None])),
        ],
        Some(vec![true, false].into()),
    ));
    let map_type = SqlType::Map(Box::new(SqlType::String), Box::new(inner.clone()));
    let DataType::Map(entries, _) = map_type.to_arrow() else {
        unreachable!()
    };
    let DataType::Struct(entry_fields) = entries.data_type().clone() else {
        unreachable!()
    };
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["k1", "k2"]));
    let map: ArrayRef = Arc::new(MapArray::new(
        entries,
        OffsetBuffer::from_lengths([2, 0]),
        StructArray::new(entry_fields, vec![keys, Arc::clone(&structs)], None),
        Some(vec![true, false].into()),
        false,
    ));
    let decimals = Decimal128Array::from(vec![Some(-(10_i128.pow(38) - 1)), None]);
    vec![
        (SqlType::Boolean, Arc::new(BooleanArray::from(vec![Some(true), None]))),
        (SqlType::Integer, Arc::new(Int32Array::from(vec![Some(i32::MIN), None]))),
        (SqlType::Bigint, Arc::new(Int64Array::from(vec![Some(i64::MAX), None]))),
        (SqlType::Double, Arc::new(Float64Array::from(vec![Some(-0.1), None]))),
        (
            SqlType::Decimal(38, 10),
            Arc::new(decimals.with_precision_and_scale(38, 10).unwrap()),
        ),
        (
            SqlType::Decimal(4, 2),
            Arc::new(
                Decimal128Array::from(vec![Some(-1), None])
                    .with_precision_and_scale(4, 2)
                    .unwrap(),
            ),
        ),
        (SqlType::String, Arc::new(StringArray::from(vec![Some("é\n"), None]))),
        (
            SqlType::Bytes,
            Arc::new(BinaryArray::from(vec![Some(&b"\0\xff"[..]), None])),
        ),
        (
            SqlType::Time,
            Arc::new(Time32MillisecondArray::from(vec![Some(86_399_999), None])),
        ),
        (SqlType::Date, Arc::new(Date32Array::from(vec![Some(-1), None]))),
        (
            SqlType::Timestamp,
            Arc::new(TimestampMillisecondArray::from(vec![Some(-1), None])),
        ),
        list(SqlType::Date, Arc::new(Date32Array::from(vec![Some(1), None]))),
        list(inner.clone(), Arc::clone(&structs)),
        (inner, structs),
        (map_type, map),
    ]
}

pub(super) fn changes(columns: &[Column], arrays: Vec<ArrayRef>, weights: Option<Vec<i8>>) -> ChangeBatch {
    let records = RecordBatch::try_new(arrow_schema(columns), arrays).unwrap();
    ChangeBatch {
        event_times: Int64Array::from(vec![0; records.num_rows()]),
        records,
        weights: weights.map(Int8Array::from),
        stream_times: None,
    }
}

fn write_parquet(spec: &ConnectorSpec, batches: &[ChangeBatch]) -> Result<(), Error> {
    let Sink::Columns(mut sink) = Files.open_sink(spec, ShardOf { index: 0, count: 1 }, Writing::Anew)? else {
        panic!("columns are expected")
    };
    for batch in batches {
        sink.write(batch)?;
        sink.flush()?;
    }
    sink.close()
}

fn drain_columns(reader: &mut dyn PartitionReader, rows_max: usize) -> Result<Vec<ColumnBatch>, Error> {
    let mut batches = Vec::new();
    loop {
        match reader.poll(limits(rows_max))? {
            Polled::Columns(batch) => {
                assert!(batch.records.num_rows() <= rows_max && batch.timestamps.values().iter().all(|t| *t == 77));
                batches.push(batch);
            }
            Polled::End => return Ok(batches),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_type_comes_back_from_parquet_as_it_was() {
    let directory = TempDir::new().unwrap();
    let (types, arrays): (Vec<_>, Vec<_>) = every_type().into_iter().unzip();
    let columns: Vec<Column> = types
        .into_iter()
        .enumerate()
        .map(|(number, ty)| column(&format!("C{number}"), ty))
        .collect();
    for compression in ["none", "snappy", "zstd", "gzip", "lz4", "brotli"] {
        let path = directory.path().join(format!("{compression}.parquet"));
        let spec = spec(&path, &columns, &[("COMPRESSION", compression)]);
        write_parquet(&spec, &[changes(&columns, arrays.clone(), None)]).unwrap();
        for rows_max in [1, 10] {
            let mut reader = open(&spec_without_compression(&spec)).unwrap().remove(0);
            assert_eq!(reader.lag(), Some(2));
            let batches = drain_columns(&mut *reader, rows_max).unwrap();
            assert_eq!(reader.lag(), Some(0));
            let offsets: Vec<i64> = batches.iter().flat_map(|b| b.offsets.values().to_vec()).collect();
            assert_eq!(offsets, [0, 1]);
            let records: Vec<_> = batches.iter().map(|batch| &batch.records).collect();
            let all = concat_batches(&arrow_schema(&columns), records).unwrap();
            for (read, written) in all.columns().iter().zip(&arrays) {
                assert_eq!(read, written);
            }
        }
    }
}

fn spec_without_compression(spec: &ConnectorSpec) -> ConnectorSpec {
    let mut spec = spec.clone();
    spec.options.remove("COMPRESSION");
    spec
}

/// Writes a file as another program would.
fn foreign(path: &Path, columns: Vec<(&str, ArrayRef)>, rows_per_group: usize) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(rows_per_group))
        .build();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn read_columns(path: &Path, columns: &[Column]) -> Result<RecordBatch, String> {
    let mut readers = open(&spec(path, columns, &[])).map_err(|error| error.to_string())?;
    let batches = drain_columns(&mut *readers[0], 100).map_err(|error| error.to_string())?;
    let records: Vec<_> = batches.iter().map(|batch| &batch.records).collect();
    Ok(concat_batches(&arrow_schema(columns), records).unwrap())
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of casts")]
fn columns_of_foreign_files_are_found_by_name_and_cast() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("x.parquet");
    let dictionary: DictionaryArray<Int32Type> = vec!["a", "b"].into_iter().collect();
    let structs = StructArray::new(
        Fields::from(vec![
            Field::new("extra", DataType::Int8, true),
            Field::new("lat", DataType::Float32, true),
        ]),
        vec![
            Arc::new(Int8Array::from(vec![1, 2])),
            Arc::new(Float32Array::from(vec![1.5, 2.5])),
        ],
        None,
    );
    let micros = TimestampMicrosecondArray::from(vec![1_767_225_600_123_456, -1]).with_timezone("+02:00");
    foreign(
        &path,
        vec![
            ("unused", Arc::new(Int32Array::from(vec![9, 9])) as ArrayRef),
            ("Ts", Arc::new(micros.clone())),
            ("ts_big", Arc::new(micros)),
            ("small", Arc::new(Int16Array::from(vec![1, -2]))),
            ("Name", Arc::new(dictionary)),
            ("text", Arc::new(LargeStringArray::from(vec!["12.5", "-0.01"]))),
            ("place", Arc::new(structs)),
            (
                "price",
                Arc::new(
                    Decimal128Array::from(vec![1_234, -1])
                        .with_precision_and_scale(9, 3)
                        .unwrap(),
                ),
            ),
            ("float", Arc::new(Float32Array::from(vec![0.5, 1.0]))),
        ],
        100,
    );
    let columns = [
        column("FLOAT", SqlType::Double),
        column("TS", SqlType::Timestamp),
        column("TS_BIG", SqlType::Bigint),
        column("SMALL", SqlType::Bigint),
        column("NAME", SqlType::String),
        column("TEXT", SqlType::Decimal(5, 2)),
        column("PLACE", SqlType::Struct(vec![("LAT".into(), SqlType::Double)])),
        column("PRICE", SqlType::Decimal(9, 3)),
    ];
    let rows = read_columns(&path, &columns).unwrap();
    assert_eq!(rows.column(0).as_ref(), &Float64Array::from(vec![0.5, 1.0]));
    let millis = vec![1_767_225_600_123, 0];
    assert_eq!(
        rows.column(1).as_ref(),
        &TimestampMillisecondArray::from(millis.clone())
    );
    assert_eq!(rows.column(2).as_ref(), &Int64Array::from(millis));
    assert_eq!(rows.column(3).as_ref(), &Int64Array::from(vec![1, -2]));
    assert_eq!(rows.column(4).as_ref(), &StringArray::from(vec!["a", "b"]));
    let text = Decimal128Array::from(vec![1_250, -1])
        .with_precision_and_scale(5, 2)
        .unwrap();
    assert_eq!(rows.column(5).as_ref(), &text);
    assert_eq!(
        rows.column(6).as_struct().column(0).as_ref(),
        &Float64Array::from(vec![1.5, 2.5])
    );
    assert_eq!(
        read_columns(&path, &[])
            .unwrap_or_else(|_| RecordBatch::new_empty(Arc::new(Schema::empty())))
            .num_columns(),
        0
    );
}

#[test]
fn foreign_files_that_do_not_fit_are_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("x.parquet");
    let nanos = Time64NanosecondArray::from(vec![1, 2]);
    foreign(
        &path,
        vec![
            ("price", Arc::new(Float64Array::from(vec![1.0, 2.5])) as ArrayRef),
            ("big", Arc::new(Int64Array::from(vec![1, 3_000_000_000]))),
            ("word", Arc::new(StringArray::from(vec!["7", "seven"]))),
            ("at", Arc::new(nanos)),
            ("x", Arc::new(Int32Array::from(vec![1, 2]))),
            ("X", Arc::new(Int32Array::from(vec![1, 2]))),
        ],
        100,
    );
    let failure = |name: &str, ty: SqlType| read_columns(&path, &[column(name, ty)]).unwrap_err();
    assert!(failure("PRCE", SqlType::Double).contains("has no column `PRCE`; did you mean `price`?"));
    assert!(failure("QUANTITY", SqlType::Double).contains("has no column `QUANTITY`; there are price, big"));
    assert!(
        failure("PRICE", SqlType::Bigint)
            .contains("column `PRICE` is Float64 in the file, which cannot be read as BIGINT")
    );
    assert!(failure("AT", SqlType::Timestamp).contains("cannot be read as TIMESTAMP"));
    assert!(failure("PRICE", SqlType::Array(Box::new(SqlType::Double))).contains("cannot be read as ARRAY<DOUBLE>"));
    let error = failure("BIG", SqlType::Integer);
    assert!(
        error.contains("column `BIG`, declared INTEGER") && error.contains("3000000000"),
        "{error}"
    );
    let error = failure("WORD", SqlType::Integer);
    assert!(error.contains("seven") && error.contains("rows from 0 on"), "{error}");
    read_columns(&path, &[column("x", SqlType::Integer), column("X", SqlType::Integer)]).unwrap();
    let lower_and_upper = directory.path().join("y.parquet");
    foreign(
        &lower_and_upper,
        vec![
            ("ab", Arc::new(Int32Array::from(vec![1])) as ArrayRef),
            ("aB", Arc::new(Int32Array::from(vec![1]))),
        ],
        100,
    );
    let error = read_columns(&lower_and_upper, &[column("AB", SqlType::Integer)]).unwrap_err();
    assert!(error.contains("differ only in case"), "{error}");
}

#[test]
fn broken_parquet_files_are_named() {
    let directory = TempDir::new().unwrap();
    let columns = [column("A", SqlType::Integer)];
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..10_000));
    let whole = directory.path().join("whole.parquet");
    foreign(&whole, vec![("a", numbers)], 10_000);
    let bytes = fs::read(&whole).unwrap();
    for (name, content) in [
        ("empty", Vec::new()),
        ("text", b"this is no parquet file".to_vec()),
        ("cut", bytes[..bytes.len() / 2].to_vec()),
    ] {
        let path = directory.path().join(format!("{name}.parquet"));
        fs::write(&path, content).unwrap();
        let error = read_columns(&path, &columns).unwrap_err();
        assert!(
            error.contains(&format!("{name}.parquet: is not a readable Parquet file")),
            "{error}"
        );
    }
    // The footer is whole, the pages are not.
    let path = directory.path().join("pages.parquet");
    let mut broken = bytes.clone();
    broken[4..64].fill(0xff);
    fs::write(&path, broken).unwrap();
    let error = read_columns(&path, &columns).unwrap_err();
    assert!(error.contains("pages.parquet: rows from 0 on"), "{error}");
}

#[test]
fn parquet_files_are_split_by_row_groups_and_resumed_by_row() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("x.parquet");
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..1_000));
    foreign(&path, vec![("n", numbers)], 100);
    let columns = [column("N", SqlType::Integer)];
    let value = |batches: &[ColumnBatch]| -> Vec<i32> {
        batches
            .iter()
            .flat_map(|b| b.records.column(0).as_primitive::<Int32Type>().values().to_vec())
            .collect()
    };
    for partitions in ["1", "3", "20"] {
        let mut all = Vec::new();
        for reader in &mut open(&spec(&path, &columns, &[("PARTITIONS", partitions)])).unwrap() {
            all.extend(value(&drain_columns(&mut **reader, 64).unwrap()));
        }
        assert_eq!(all, (0..1_000).collect::<Vec<_>>());
    }
    for resume in [0, 150, 999, 1_000, 2_000] {
        let next = BTreeMap::from([(0, resume)]);
        let mut reader = open_with(&spec(&path, &columns, &[]), StopAt::Never, &next)
            .unwrap()
            .remove(0);
        let batches = drain_columns(&mut *reader, 64).unwrap();
        assert_eq!(
            value(&batches),
            (i32::try_from(resume).unwrap()..1_000).collect::<Vec<_>>()
        );
        if let Some(first) = batches.first() {
            assert_eq!(first.offsets.value(0), resume);
        }
    }
}

#[test]
fn parquet_updates_are_written_and_deletes_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("x.parquet");
    let key = Column {
        role: ColumnRole::Key,
        ..column("K", SqlType::String)
    };
    let columns = [key, column("V", SqlType::Integer)];
    let batch = |rows: &[(&str, i32, i8)]| {
        changes(
            &columns,
            vec![
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))),
                Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.1))),
            ],
            Some(rows.iter().map(|row| row.2).collect()),
        )
    };
    let spec = spec(&path, &columns, &[]);
    let updates = [
        batch(&[("a", 1, 1), ("b", 1, 1)]),
        batch(&[("a", 1, -1), ("a", 2, 1), ("b", 1, -1), ("b", 7, 1)]),
    ];
    write_parquet(&spec, &updates).unwrap();
    let rows = read_columns(&path, &columns).unwrap();
    assert_eq!(rows.column(1).as_ref(), &Int32Array::from(vec![1, 1, 2, 7]));
    for deleted in [batch(&[("a", 1, -1), ("b", 2, 1)]), batch(&[("a", 1, 1), ("a", 1, -1)])] {
        let error = write_parquet(&spec, &[deleted]).unwrap_err().to_string();
        assert!(error.contains("a file cannot forget"), "{error}");
    }
    let stream = [column("K", SqlType::String), column("V", SqlType::Integer)];
    let error = write_parquet(&super::spec(&path, &stream, &[]), &[updates[1].clone()])
        .unwrap_err()
        .to_string();
    assert!(error.contains("a file cannot forget"), "{error}");
    let wrong = changes(
        &[column("K", SqlType::Integer)],
        vec![Arc::new(Int32Array::from(vec![1]))],
        None,
    );
    let error = write_parquet(&spec, &[wrong]).unwrap_err().to_string();
    assert!(error.contains("do not fit the declared columns"), "{error}");
}
