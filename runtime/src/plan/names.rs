//! Names to definitions: DataFusion's SQL planner over our catalog and functions, then its analyzer and the optimizer
//! rules that keep a stream a stream.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::{DFSchema, Result, TableReference};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner};
use datafusion::logical_expr::{
    AggregateUDF, ExprSchemable, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{Analyzer, AnalyzerRule, Optimizer, OptimizerContext};
use datafusion::physical_expr::create_physical_expr;
use datafusion::scalar::ScalarValue;
use datafusion::sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion::sql::sqlparser::ast;

use super::asof::asof_function;
use super::complete_calls::{self, CompleteCalls};
use super::join_key::key_function;
use super::lateral_relation::{self, LateralRelation};
use super::set_up::set_up;
use super::stream_marker::{StreamMarker, parse_marker_name};
use super::table_marker::{TableMarker, UNNEST};
use super::window_marker::window_function;
use super::within_marker::within_function;
use super::{Error, FunctionSet, table_function_node, top_n};
use crate::catalog::{Catalog, Definition};
use crate::function::{KsqlSemantics, type_integer_literals};
use crate::operator::table_function::Explode;

/// A stream or table as DataFusion's planner sees it.
#[derive(Debug)]
pub(crate) struct SourceTable {
    pub(crate) definition: Arc<Definition>,
    schema: SchemaRef,
}

impl TableSource for SourceTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// What DataFusion's planner asks for names.
struct Names<'a> {
    catalog: &'a Catalog,
    functions: &'a FunctionSet,
    options: ConfigOptions,
    relations: Vec<Arc<dyn RelationPlanner>>,
}

impl<'a> Names<'a> {
    fn new(catalog: &'a Catalog, functions: &'a FunctionSet) -> Self {
        Self {
            catalog,
            functions,
            options: config(),
            relations: vec![Arc::new(LateralRelation)],
        }
    }
}

impl ContextProvider for Names<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let table = name.table();
        match self.catalog.source(table) {
            Some(definition) => Ok(Arc::new(SourceTable {
                definition: Arc::clone(definition),
                schema: definition.query_schema(),
            })),
            None => Err(DataFusionError::Plan(format!(
                "stream or table `{table}` does not exist"
            ))),
        }
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.functions.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relations
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        if let Some((function, keys)) = parse_marker_name(name) {
            let overloads = self.functions.stream(function)?;
            return Some(Arc::new(ScalarUDF::from(StreamMarker::new(function, overloads, keys))));
        }
        if let Some(function) = window_function(name)
            .or_else(|| key_function(name))
            .or_else(|| within_function(name))
            .or_else(|| asof_function(name))
        {
            return Some(function);
        }
        if name == UNNEST {
            return Some(Arc::new(ScalarUDF::from(TableMarker::new(Arc::new(Explode)))));
        }
        if let Some(function) = self.functions.table(name) {
            return Some(Arc::new(ScalarUDF::from(TableMarker::new(Arc::clone(function)))));
        }
        self.functions.scalar(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.functions.higher_order(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.functions.aggregate(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.functions.window(name).cloned()
    }

    fn get_variable_type(&self, _variable_names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.functions.names().map(str::to_owned).collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// Asked for what stands before OVER and is not known; without any name its error would name nothing.
    fn udaf_names(&self) -> Vec<String> {
        self.udf_names()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A number with a point is a DECIMAL, as in ksqlDB. Every identifier is already folded and quoted; string types are plain Utf8, the only string of the engine.
fn parser_options() -> ParserOptions {
    ParserOptions::new()
        .with_enable_ident_normalization(false)
        .with_map_string_types_to_utf8view(false)
        .with_parse_float_as_decimal(true)
        .with_collect_spans(true)
}

fn config() -> ConfigOptions {
    let mut options = ConfigOptions::default();
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.collect_spans = true;
    // A stream has no end to sort towards; plans are only ever read by our own lowering.
    options.optimizer.max_passes = 2;
    options
}

/// The analyzed and simplified plan of a query that is streamed.
pub(crate) fn logical_plan(
    query: ast::Query,
    catalog: &Catalog,
    functions: &FunctionSet,
) -> Result<LogicalPlan, Error> {
    top_n::find(simplified_plan(query, catalog, functions)?)
}

/// The analyzed and simplified plan of a query.
pub(crate) fn simplified_plan(
    query: ast::Query,
    catalog: &Catalog,
    functions: &FunctionSet,
) -> Result<LogicalPlan, Error> {
    let names = Names::new(catalog, functions);
    let planner = SqlToRel::new_with_options(&names, parser_options());
    let plan = planner.sql_statement_to_plan(ast::Statement::Query(Box::new(query)))?;
    let plan = lateral_relation::settle(plan)?;
    // ksqlDB's meaning of operators first, because DataFusion's own coercion would settle them.
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(CompleteCalls), Arc::new(KsqlSemantics)];
    rules.extend(Analyzer::new().rules);
    let plan = Analyzer::with_rules(rules).execute_and_check(plan, &names.options, |_, _| {})?;
    let plan = table_function_node::take_out(plan)?;
    // Only rules that move no predicate across a node with state and add no node that we do not know.
    let optimizer = Optimizer::with_rules(vec![
        Arc::new(SimplifyExpressions::new()),
        Arc::new(OptimizeProjections::new()),
    ]);
    let context = OptimizerContext::new_with_config_options(Arc::new(config())).without_query_execution_start_time();
    let plan = optimizer.optimize(plan, &context, |_, _| {})?;
    set_up(&plan)?;
    Ok(plan)
}

/// The value of an expression without columns.
pub(crate) fn constant(
    expression: &ast::Expr,
    catalog: &Catalog,
    functions: &FunctionSet,
) -> Result<ScalarValue, Error> {
    let names = Names::new(catalog, functions);
    let planner = SqlToRel::new_with_options(&names, parser_options());
    let schema = DFSchema::empty();
    let mut expression = expression.clone();
    type_integer_literals(&mut expression);
    let logical = planner.sql_to_expr(expression, &schema, &mut PlannerContext::new())?;
    let logical = complete_calls::complete(logical, &schema)?;
    let coerced = datafusion::optimizer::simplify_expressions::ExprSimplifier::new(
        datafusion::logical_expr::simplify::SimplifyContext::builder()
            .with_schema(Arc::new(schema.clone()))
            .build(),
    )
    .coerce(logical, &schema)?;
    coerced.get_type(&schema)?;
    let physical = create_physical_expr(
        &coerced,
        &schema,
        &ExecutionProps::new(),
        &PhysicalPlanningContext::default(),
    )?;
    let one_row = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        vec![],
        &RecordBatchOptions::new().with_row_count(Some(1)),
    )
    .map_err(DataFusionError::from)?;
    let array = physical.evaluate(&one_row)?.into_array(1)?;
    Ok(ScalarValue::try_from_array(&array, 0)?)
}
