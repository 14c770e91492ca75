//! What the files hold, read by plain code.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The visible files of a sink in the order of their epochs.
pub(super) fn files(directory: &Path, stem: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("the directory is ours");
    let name_of = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the directory is ours").path())
        .filter(|path| name_of(path).starts_with(&format!("{stem}-")) && !name_of(path).ends_with(".partial"))
        .collect();
    files.sort();
    files
}

/// Lines of all files of a sink.
pub(crate) fn lines(directory: &Path, stem: &str) -> Vec<String> {
    let text = |path: &PathBuf| std::fs::read_to_string(path).expect("the file can be read");
    let texts: Vec<String> = files(directory, stem).iter().map(text).collect();
    assert!(texts.iter().all(|text| text.ends_with('\n')), "{stem}: whole lines");
    texts.iter().flat_map(|text| text.lines().map(str::to_owned)).collect()
}

/// The field `N` of each line of JSON.
pub(super) fn json_numbers(directory: &Path, stem: &str) -> Vec<i64> {
    let lines = lines(directory, stem);
    lines.iter().map(|line| int(&parsed(line), "N")).collect()
}

/// The first field of each line of CSV behind the header.
pub(super) fn csv_numbers(directory: &Path, stem: &str) -> Vec<i64> {
    let lines = lines(directory, stem);
    assert_eq!(
        lines.iter().filter(|line| *line == "N,K").count(),
        files(directory, stem).len()
    );
    let rows = lines.iter().filter(|line| *line != "N,K");
    rows.map(|line| line.split(',').next().unwrap_or_default().parse().expect("a number"))
        .collect()
}

/// The first column of all Parquet files.
pub(super) fn parquet_numbers(directory: &Path, stem: &str) -> Vec<i64> {
    let mut numbers = Vec::new();
    for path in files(directory, stem) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).expect("it is there"));
        for batch in reader.expect("it is complete").build().expect("it can be read") {
            let batch = batch.expect("it can be read");
            numbers.extend(batch.column(0).as_primitive::<Int64Type>().values().iter().copied());
        }
    }
    numbers
}

/// Count and sum of each key, in the order in which they were written.
pub(super) fn sums(directory: &Path, stem: &str) -> BTreeMap<String, Vec<(i64, i64)>> {
    let mut sums: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for line in lines(directory, stem) {
        let row = parsed(&line);
        let key = row["K"].as_str().expect("a text").to_owned();
        sums.entry(key).or_default().push((int(&row, "C"), int(&row, "S")));
    }
    sums
}

fn parsed(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn int(row: &serde_json::Value, field: &str) -> i64 {
    row[field].as_i64().unwrap_or_else(|| panic!("{row} has no {field}"))
}
