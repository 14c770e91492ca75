//! All functions that SQL can call, by lower-case name: DataFusion's, ksqlDB's, and those of plugins.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};

use crate::function::{self, AggregateLimits};
use crate::operator::table_function::{self, PluginTable, TableFunction};
use crate::types::Clock;
use crate::udf::{FunctionSource, OverloadedTable, StreamFunction, aggregate_udf, scalar_udf};

/// The functions of one moment; a query keeps the set that it was planned with.
#[derive(Debug, Clone)]
pub struct FunctionSet {
    scalars: HashMap<String, Arc<ScalarUDF>>,
    higher_order: HashMap<String, Arc<HigherOrderUDF>>,
    aggregates: HashMap<String, Arc<AggregateUDF>>,
    windows: HashMap<String, Arc<WindowUDF>>,
    streams: BTreeMap<String, Vec<Arc<dyn StreamFunction>>>,
    tables: BTreeMap<String, Arc<dyn TableFunction>>,
    expr_planners: Vec<Arc<dyn ExprPlanner>>,
}

impl FunctionSet {
    /// DataFusion's functions, then ksqlDB's, then those of `plugins`; of two with one name the later one wins.
    #[must_use]
    pub fn new(plugins: &dyn FunctionSource, clock: &Arc<dyn Clock>) -> Self {
        let mut set = Self::built_in_only(clock);
        set.add_plugins(plugins);
        set
    }

    /// DataFusion's functions, then ksqlDB's.
    #[must_use]
    pub fn built_in_only(clock: &Arc<dyn Clock>) -> Self {
        let mut set = Self {
            scalars: HashMap::new(),
            higher_order: HashMap::new(),
            aggregates: HashMap::new(),
            windows: HashMap::new(),
            streams: BTreeMap::new(),
            tables: BTreeMap::new(),
            expr_planners: vec![Arc::new(function::KsqlExprPlanner)],
        };
        set.expr_planners.extend(SessionStateDefaults::default_expr_planners());
        for function in SessionStateDefaults::default_scalar_functions() {
            for name in function.aliases() {
                set.scalars.insert(name.to_lowercase(), Arc::clone(&function));
            }
            set.scalars
                .insert(function.name().to_lowercase(), Arc::clone(&function));
        }
        for function in SessionStateDefaults::default_higher_order_functions() {
            set.higher_order.insert(function.name().to_lowercase(), function);
        }
        for function in SessionStateDefaults::default_aggregate_functions() {
            for name in function.aliases() {
                set.aggregates.insert(name.to_lowercase(), Arc::clone(&function));
            }
            set.aggregates
                .insert(function.name().to_lowercase(), Arc::clone(&function));
        }
        for function in SessionStateDefaults::default_window_functions() {
            set.windows.insert(function.name().to_lowercase(), function);
        }
        set.set_aggregate_limits(AggregateLimits::default());
        for scalar in function::scalar_functions(clock) {
            set.scalars.insert(scalar.name().to_lowercase(), scalar);
        }
        for higher_order in function::higher_order_functions() {
            let name = higher_order.name().to_lowercase();
            set.scalars.remove(&name);
            set.higher_order.insert(name, higher_order);
        }
        for table in table_function::built_in() {
            set.tables.insert(table.name().to_owned(), table);
        }
        set
    }

    /// Sets how much ksqlDB's aggregates may collect.
    pub fn set_aggregate_limits(&mut self, limits: AggregateLimits) {
        for aggregate in function::aggregate_functions(limits) {
            self.aggregates.insert(aggregate.name().to_lowercase(), aggregate);
        }
    }

    /// Adds the functions of plugins, which win over those of the same name.
    pub fn add_plugins(&mut self, plugins: &dyn FunctionSource) {
        for info in plugins.functions() {
            let name = info.name.to_lowercase();
            let streams = plugins.stream(&info.name);
            if !streams.is_empty() {
                self.streams.insert(name.clone(), streams);
            }
            if let Some(function) = scalar_udf(plugins, &info.name, function::note_row_error) {
                self.scalars.insert(name.clone(), Arc::new(function));
                // A built-in one would be found first.
                self.tables.remove(&name);
            }
            if let Some(function) = OverloadedTable::new(plugins, &info.name) {
                self.tables.insert(name.clone(), Arc::new(PluginTable(function)));
            }
            if let Some(function) = aggregate_udf(plugins, &info.name, function::note_row_error) {
                self.aggregates.insert(name.clone(), Arc::new(function));
            }
        }
    }

    /// Built-in functions with their kind, by name; some of them are hidden behind a plugin's function of the same name.
    pub fn built_in(&self) -> impl Iterator<Item = (String, &'static str)> {
        let named = |name: &String, kind| (name.clone(), kind);
        let scalars = self.scalars.keys().map(move |name| named(name, "scalar"));
        let lambdas = self.higher_order.keys().map(move |name| named(name, "scalar"));
        let aggregates = self.aggregates.keys().map(move |name| named(name, "aggregate"));
        let tables = self.tables.keys().map(move |name| named(name, "table"));
        let windows = self.windows.keys().map(move |name| named(name, "over"));
        scalars.chain(lambdas).chain(aggregates).chain(tables).chain(windows)
    }

    /// A built-in function for people: how it is called and what it does.
    #[must_use]
    pub fn describe(&self, name: &str) -> Option<String> {
        let name = name.to_lowercase();
        if let Some(doc) = function::docs()
            .into_iter()
            .find(|doc| doc.name.eq_ignore_ascii_case(&name))
        {
            return Some(format!("{}\n  {}\n", doc.signatures.join("\n"), doc.doc));
        }
        let scalar = self.scalars.get(&name).map(|function| function.documentation());
        let aggregate = self.aggregates.get(&name).map(|function| function.documentation());
        let window = self.windows.get(&name).map(|function| function.documentation());
        let documentation = scalar.or(aggregate).or(window)?;
        Some(match documentation {
            Some(doc) => format!("{}\n  {}\n", doc.syntax_example.to_uppercase(), doc.description.trim()),
            None => format!("{}\n  built in\n", name.to_uppercase()),
        })
    }

    /// The scalar function of that lower-case name.
    #[must_use]
    pub fn scalar(&self, name: &str) -> Option<&Arc<ScalarUDF>> {
        self.scalars.get(name)
    }

    /// The function over lambdas of that lower-case name.
    #[must_use]
    pub fn higher_order(&self, name: &str) -> Option<&Arc<HigherOrderUDF>> {
        self.higher_order.get(name)
    }

    /// The aggregate function of that lower-case name.
    #[must_use]
    pub fn aggregate(&self, name: &str) -> Option<&Arc<AggregateUDF>> {
        self.aggregates.get(name)
    }

    /// The window function (for OVER) of that lower-case name.
    #[must_use]
    pub fn window(&self, name: &str) -> Option<&Arc<WindowUDF>> {
        self.windows.get(name)
    }

    /// The overloads of the stream function of that lower-case name.
    #[must_use]
    pub fn stream(&self, name: &str) -> Option<&[Arc<dyn StreamFunction>]> {
        self.streams.get(name).map(Vec::as_slice)
    }

    /// The table function of that lower-case name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Arc<dyn TableFunction>> {
        self.tables.get(name)
    }

    /// DataFusion's extension points for expressions.
    #[must_use]
    pub fn expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.expr_planners
    }

    /// Names of all functions that stand where an expression stands.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.scalars
            .keys()
            .chain(self.higher_order.keys())
            .chain(self.aggregates.keys())
            .chain(self.windows.keys())
            .chain(self.streams.keys())
            .chain(self.tables.keys())
            .map(String::as_str)
    }
}
