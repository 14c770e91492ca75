//! The same functions where DataFusion itself runs a query.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator as _};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::{Call, call, column, text};
use crate::function::aggregate::many_groups::ManyGroups;
use crate::function::aggregate::{AggregateLimits, aggregate_functions};
use crate::function::docs;

/// Runs a query over a table T with columns `g`, `v` and `s`, in several partitions.
fn query(sql: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(3));
        for function in aggregate_functions(AggregateLimits::default()) {
            context.register_udaf(function.as_ref().clone());
        }
        let columns: Vec<ArrayRef> = vec![
            column("[1, 2, 1, 2, 1]"),
            column("[10L, null, 30L, 40L, 10L]"),
            column("['a', 'b', 'c', 'd', 'a']"),
        ];
        let fields = ["g", "v", "s"].iter().zip(&columns);
        let fields: Vec<Field> = fields
            .map(|(name, c)| Field::new(*name, c.data_type().clone(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let parts = vec![vec![batch.slice(0, 2)], vec![batch.slice(2, 3)]];
        let table = datafusion::datasource::MemTable::try_new(schema, parts).unwrap();
        context.register_table("t", Arc::new(table)).unwrap();
        let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
        let mut rows = Vec::new();
        for batch in batches {
            for row in 0..batch.num_rows() {
                let cells: Vec<String> = batch.columns().iter().map(|column| text(column, row)).collect();
                rows.push(cells.join(" "));
            }
        }
        rows
    })
}

#[test]
fn groups_are_computed_by_datafusion_too() {
    assert_eq!(
        query(
            "SELECT g, count(*), count(v), sum(v), avg(v), max(s), count_distinct(v), topk(v, 2), count(DISTINCT v) \
             FROM t GROUP BY g ORDER BY g"
        ),
        ["1 3 3 50 16.666666666666668 c 2 [30, 10] 2", "2 2 1 40 40.0 d 1 [40] 1"]
    );
    assert_eq!(
        query("SELECT count(*), sum(v), histogram(s) FROM t WHERE g > 5"),
        ["0 0 {}"]
    );
    assert_eq!(
        query("SELECT sum(v) OVER (ORDER BY s ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t WHERE g = 1 ORDER BY s"),
        ["10", "20", "40"]
    );
    assert_eq!(
        query("SELECT min(v) OVER (ORDER BY v ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) FROM t WHERE g = 1 ORDER BY v"),
        ["10", "10", "30"]
    );
}

#[test]
fn a_frame_that_is_asked_again_gives_the_same() {
    let counts = query("SELECT count(*) OVER (ORDER BY s) FROM t ORDER BY s");
    assert_eq!(counts, ["2", "2", "3", "4", "5"]);
}

#[test]
fn people_are_told_about_every_function() {
    let docs = docs();
    for function in aggregate_functions(AggregateLimits::default()) {
        let doc = docs.iter().find(|doc| doc.name.eq_ignore_ascii_case(function.name()));
        let doc = doc.unwrap_or_else(|| panic!("{} is not told about", function.name()));
        assert!(!doc.signatures.is_empty() && !doc.doc.is_empty());
    }
}

fn many(call: &Call) -> ManyGroups {
    let spec = call.spec.clone();
    ManyGroups::new(Box::new(move || spec.accumulator()), vec![0]).unwrap()
}

#[test]
fn groups_that_stay_move_down_when_others_are_emitted() {
    for name in ["sum", "collect_list", "latest_by_offset", "max"] {
        let call = call(name, &["[10, 20, 30, 40, 50, 60]"], &[]);
        let mut grouped = many(&call);
        let keep = BooleanArray::from(vec![Some(true), Some(true), Some(true), Some(true), None, Some(false)]);
        grouped
            .update_batch(&call.args, &[0, 1, 2, 2, 0, 1], Some(&keep), 3)
            .unwrap();
        let mut other = many(&call);
        other.update_batch(&call.args, &[1, 0, 1, 1, 1, 1], None, 2).unwrap();
        let first = grouped.evaluate(EmitTo::First(1)).unwrap();
        // The groups that were 1 and 2 are 0 and 1 now; a state is merged into the latter.
        let states = other.state(EmitTo::First(1)).unwrap();
        grouped.merge_batch(&states, &[1], 2).unwrap();
        let rest = grouped.evaluate(EmitTo::All).unwrap();
        let found = [text(&first, 0), text(&rest, 0), text(&rest, 1)];
        let expected = match name {
            "sum" => ["10", "20", "90"],
            "collect_list" => ["[10]", "[20]", "[30, 40, 20]"],
            "latest_by_offset" => ["10", "20", "40"],
            _ => ["10", "20", "40"],
        };
        assert_eq!(found, expected, "{name}");
        assert_eq!(grouped.evaluate(EmitTo::All).unwrap().len(), 0);
        // Rows as states: those that a filter leaves out are states of nothing.
        let rows = grouped.convert_to_state(&call.args, Some(&keep)).unwrap();
        assert_eq!(rows[0].len(), 6);
        grouped.merge_batch(&rows, &[0; 6], 1).unwrap();
        let all = grouped.evaluate(EmitTo::All).unwrap();
        let expected = if name == "sum" {
            "100"
        } else if name == "collect_list" {
            "[10, 20, 30, 40]"
        } else {
            "40"
        };
        assert_eq!(text(&all, 0), expected, "{name}");
        assert!(grouped.size() > 0);
    }
}
