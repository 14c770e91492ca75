//! Floor 2: ksqlDB's functions, aggregates, operators and casts, as DataFusion functions.
//!
//! The rest of the engine sees only this page. A function that fails for a row gives an error of that row, see
//! [`collect_row_errors`]. Not here: functions from plugins.

mod aggregate;
pub mod cast;
mod column;
mod definition;
mod java_hash;
mod java_number;
pub mod java_time;
mod lambda;
mod operators;
mod row_error;
mod scalar;
mod signature;
#[cfg(test)]
mod test_values;
mod udf;
mod value_key;

use std::sync::Arc;

use datafusion::logical_expr::{HigherOrderUDF, ScalarUDF};

pub use aggregate::{Accumulator, AggregateLimits, AggregateSpec, SharedInstance, aggregate_functions};
pub use definition::FunctionDoc;
pub use operators::{KsqlExprPlanner, KsqlSemantics, NESTED_EQUAL, type_integer_literals};
pub(crate) use row_error::note as note_row_error;
pub use row_error::{RowErrors, collect as collect_row_errors};

use crate::types::Clock;
use crate::types::clock::SystemClock;

/// Every scalar function, under its lower-case name. `clock` is what UNIX_TIMESTAMP and UNIX_DATE read.
///
/// Among them are those that SQL text is turned into before it is planned, which are not in [`docs`]: `map`, `ww_cast`
/// and `ww_try_cast`.
#[must_use]
pub fn scalar_functions(clock: &Arc<dyn Clock>) -> Vec<Arc<ScalarUDF>> {
    let mut functions: Vec<Arc<ScalarUDF>> = scalar::definitions()
        .into_iter()
        .map(|definition| Arc::new(ScalarUDF::from(udf::KsqlFunction::new(definition, Arc::clone(clock)))))
        .collect();
    functions.extend(operators::functions());
    functions
}

/// CONCAT, which the operator `||` is.
fn concat_udf() -> Arc<ScalarUDF> {
    let definition = scalar::definitions().into_iter().find(|d| d.name == "concat");
    let definition = definition.expect("there is a function CONCAT");
    Arc::new(ScalarUDF::from(udf::KsqlFunction::new(
        definition,
        Arc::new(SystemClock),
    )))
}

/// The functions that take lambdas: TRANSFORM, FILTER and REDUCE.
#[must_use]
pub fn higher_order_functions() -> Vec<Arc<HigherOrderUDF>> {
    lambda::functions()
}

/// What `SHOW FUNCTIONS` and `DESCRIBE FUNCTION` say about the functions of this module, by name.
#[must_use]
pub fn docs() -> Vec<FunctionDoc> {
    let mut docs: Vec<FunctionDoc> = scalar::definitions().iter().map(FunctionDoc::from).collect();
    docs.extend(lambda::docs());
    docs.extend(aggregate::docs());
    docs.sort_by(|a, b| a.name.cmp(&b.name));
    docs
}
