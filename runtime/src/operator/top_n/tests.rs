//! Top-N beside a sort of all rows after every change.

use datafusion::arrow::array::{Int64Array, StringArray};
use datafusion::arrow::datatypes::{Field, Schema, UInt64Type};
use datafusion::physical_expr::expressions::Column;
use rand::{RngExt, SeedableRng};

use super::*;

/// Key, value, number in the order of arrival.
type Row = (&'static str, i64, i64);

fn column(name: &str, position: usize, data_type: DataType) -> Expression {
    Expression::new(Arc::new(Column::new(name, position)), name.into(), data_type)
}

fn spec(counting: Counting, last: u64, shows_number: bool, input: Retractions) -> TopNSpec {
    let descending = SortOptions {
        descending: true,
        nulls_first: false,
    };
    TopNSpec {
        keys: vec![column("K", 0, DataType::Utf8)],
        order: vec![(column("V", 1, DataType::Int64), descending)],
        counting,
        skip: 0,
        last,
        shows_number,
        ties: Ties::OldestFirst,
        input,
    }
}

fn operator(spec: &TopNSpec) -> TopN {
    let mut fields = vec![
        Field::new("K", DataType::Utf8, true),
        Field::new("V", DataType::Int64, true),
        Field::new("ID", DataType::Int64, true),
    ];
    if spec.shows_number {
        fields.push(Field::new("N", DataType::UInt64, true));
    }
    TopN::new(
        spec.clone(),
        Arc::new(Schema::new(fields)),
        Arc::new(RowErrors::default()),
    )
    .unwrap()
}

fn batch(changes: &[(Row, i8)]) -> ChangeBatch {
    let keys: StringArray = changes.iter().map(|(row, _)| Some(row.0)).collect();
    let values: Int64Array = changes.iter().map(|(row, _)| Some(row.1)).collect();
    let ids: Int64Array = changes.iter().map(|(row, _)| Some(row.2)).collect();
    let schema = Schema::new(vec![
        Field::new("K", DataType::Utf8, true),
        Field::new("V", DataType::Int64, true),
        Field::new("ID", DataType::Int64, true),
    ]);
    let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(values), Arc::new(ids)];
    ChangeBatch {
        records: RecordBatch::try_new(Arc::new(schema), columns).unwrap(),
        event_times: changes.iter().map(|(row, _)| Some(row.2)).collect(),
        weights: Some(changes.iter().map(|(_, weight)| *weight).collect()),
        stream_times: None,
    }
}

/// Key, value, number of arrival, place, weight.
type Given = (String, i64, i64, u64, i8);

fn given(out: &[ChangeBatch]) -> Vec<Given> {
    let mut rows = Vec::new();
    for batch in out {
        let columns = batch.records.columns();
        for row in 0..batch.num_rows() {
            rows.push((
                columns[0].as_string::<i32>().value(row).to_owned(),
                columns[1].as_primitive::<Int64Type>().value(row),
                columns[2].as_primitive::<Int64Type>().value(row),
                columns
                    .get(3)
                    .map_or(0, |column| column.as_primitive::<UInt64Type>().value(row)),
                batch.weight(row),
            ));
        }
    }
    rows
}

fn push(top_n: &mut TopN, changes: &[(Row, i8)]) -> Vec<Given> {
    let mut out = Vec::new();
    top_n.push(0, batch(changes), &mut out).unwrap();
    given(&out)
}

#[test]
fn a_better_row_takes_the_place_of_a_worse_one() {
    let mut top_n = operator(&spec(Counting::RowNumber, 2, true, Retractions::Never));
    let k = || "k".to_owned();
    assert_eq!(push(&mut top_n, &[(("k", 5, 1), 1)]), [(k(), 5, 1, 1, 1)]);
    assert_eq!(
        push(&mut top_n, &[(("k", 3, 2), 1), (("k", 1, 3), 1)]),
        [(k(), 3, 2, 2, 1)]
    );
    assert_eq!(
        push(&mut top_n, &[(("k", 9, 4), 1)]),
        [
            (k(), 5, 1, 1, -1),
            (k(), 9, 4, 1, 1),
            (k(), 3, 2, 2, -1),
            (k(), 5, 1, 2, 1)
        ]
    );
    // Equal rows stay behind those that came before.
    assert_eq!(push(&mut top_n, &[(("k", 5, 5), 1)]), []);
}

#[test]
fn without_the_number_only_rows_that_come_and_go_are_given() {
    let mut top_n = operator(&spec(Counting::RowNumber, 2, false, Retractions::Never));
    push(&mut top_n, &[(("k", 5, 1), 1), (("k", 3, 2), 1)]);
    let k = || "k".to_owned();
    assert_eq!(
        push(&mut top_n, &[(("k", 9, 3), 1)]),
        [(k(), 3, 2, 0, -1), (k(), 9, 3, 0, 1)]
    );
}

#[test]
fn the_newest_of_equal_rows_is_kept_where_the_last_is_asked_for() {
    let mut latest = spec(Counting::RowNumber, 1, false, Retractions::Never);
    latest.ties = Ties::NewestFirst;
    let mut top_n = operator(&latest);
    let found = push(&mut top_n, &[(("k", 5, 1), 1), (("k", 5, 2), 1), (("k", 4, 3), 1)]);
    let k = || "k".to_owned();
    assert_eq!(found, [(k(), 5, 1, 0, 1), (k(), 5, 1, 0, -1), (k(), 5, 2, 0, 1)]);
}

#[test]
fn both_halves_of_an_update_make_one_change() {
    let mut top_n = operator(&spec(Counting::RowNumber, 1, false, Retractions::Possible));
    push(&mut top_n, &[(("k", 5, 1), 1), (("k", 3, 2), 1)]);
    let k = || "k".to_owned();
    let updated = push(&mut top_n, &[(("k", 5, 1), -1), (("k", 6, 1), 1)]);
    assert_eq!(updated, [(k(), 5, 1, 0, -1), (k(), 6, 1, 0, 1)]);
    let fallen = push(&mut top_n, &[(("k", 6, 1), -1)]);
    assert_eq!(fallen, [(k(), 6, 1, 0, -1), (k(), 3, 2, 0, 1)]);
}

/// The rows that must be shown.
fn expected(all: &[Row], spec: &TopNSpec) -> Vec<(String, i64, i64, u64)> {
    let mut shown = Vec::new();
    for key in ["a", "b"] {
        let mut rows: Vec<&Row> = all.iter().filter(|row| row.0 == key).collect();
        rows.sort_by_key(|row| (-row.1, row.2));
        for (place, row) in rows.iter().enumerate() {
            let better = rows.iter().filter(|other| other.1 > row.1);
            let number = match spec.counting {
                Counting::RowNumber => place as u64 + 1,
                Counting::Rank => better.count() as u64 + 1,
                Counting::DenseRank => {
                    better
                        .map(|other| other.1)
                        .collect::<std::collections::BTreeSet<_>>()
                        .len() as u64
                        + 1
                }
            };
            if (spec.skip + 1..=spec.last).contains(&number) {
                let number = if spec.shows_number { number } else { 0 };
                shown.push((key.to_owned(), row.1, row.2, number));
            }
        }
    }
    shown.sort();
    shown
}

#[test]
fn changes_add_up_to_the_first_rows() {
    for counting in [Counting::RowNumber, Counting::Rank, Counting::DenseRank] {
        for (input, shows_number) in [
            (Retractions::Never, true),
            (Retractions::Never, false),
            (Retractions::Possible, true),
            (Retractions::Possible, false),
        ] {
            let mut spec = spec(counting, 4, shows_number, input);
            spec.skip = 1;
            let mut top_n = operator(&spec);
            let mut random = rand::rngs::StdRng::seed_from_u64(11);
            let mut all: Vec<Row> = Vec::new();
            let mut shown: Vec<(String, i64, i64, u64)> = Vec::new();
            for id in 0..400 {
                let takes_back = input == Retractions::Possible && !all.is_empty() && random.random_bool(0.4);
                let change = if takes_back {
                    (all.swap_remove(random.random_range(0..all.len())), -1)
                } else {
                    let key = if random.random_bool(0.5) { "a" } else { "b" };
                    all.push((key, random.random_range(0..12), id));
                    (all[all.len() - 1], 1)
                };
                for (key, value, id, number, weight) in push(&mut top_n, &[change]) {
                    let row = (key, value, id, number);
                    if weight > 0 {
                        shown.push(row);
                    } else {
                        let place = shown
                            .iter()
                            .position(|other| *other == row)
                            .expect("it was given before");
                        shown.remove(place);
                    }
                }
                shown.sort();
                assert_eq!(shown, expected(&all, &spec), "{spec} after {id}");
            }
        }
    }
}
