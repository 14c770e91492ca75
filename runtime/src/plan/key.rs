//! Which columns of a query's result are the key of the stream that it makes.

use datafusion::logical_expr::{Expr, LogicalPlan};

use super::names::SourceTable;

/// Positions of the key in the result of `plan`: the key of the stream that it reads, where all its columns are selected.
///
/// Empty where the stream has no key; `Err` names the key columns that are missing from the result.
pub(crate) fn result_key(plan: &LogicalPlan) -> Result<Vec<usize>, Vec<String>> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let Some(table) = scan.source.downcast_ref::<SourceTable>() else {
                return Ok(vec![]);
            };
            let read: Vec<usize> = match &scan.projection {
                Some(projection) => projection.clone(),
                None => (0..table.definition.query_schema().fields().len()).collect(),
            };
            let places = table.definition.key_columns().map(|key| {
                let place = read.iter().position(|column| *column == key);
                place.ok_or_else(|| table.definition.columns[key].name.clone())
            });
            all_or_missing(places)
        }
        LogicalPlan::Projection(projection) => {
            let places = result_key(&projection.input)?.into_iter().map(|key| {
                let (relation, field) = projection.input.schema().qualified_field(key);
                let is_key = |expr: &Expr| match unaliased(expr) {
                    Expr::Column(column) => {
                        column.name == *field.name()
                            && (column.relation.is_none() || column.relation.as_ref() == relation)
                    }
                    _ => false,
                };
                let place = projection.expr.iter().position(is_key);
                place.ok_or_else(|| field.name().clone())
            });
            all_or_missing(places)
        }
        LogicalPlan::Filter(filter) => result_key(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => result_key(&alias.input),
        LogicalPlan::Limit(limit) => result_key(&limit.input),
        _ => Ok(vec![]),
    }
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

fn all_or_missing(places: impl Iterator<Item = Result<usize, String>>) -> Result<Vec<usize>, Vec<String>> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for place in places {
        match place {
            Ok(position) => found.push(position),
            Err(name) => missing.push(name),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(missing) }
}
