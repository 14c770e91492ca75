//! How a table function travels through DataFusion's planner: as a volatile scalar function, which is taken out of the SELECT list
//! before anything is optimized (`table_function_node`). Where no table function may stand is checked here, on sqlparser's AST.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use datafusion::sql::sqlparser::ast::{
    self, Expr, GroupByExpr, Ident, ObjectNamePart, SelectItem, Visit, visit_expressions,
};

use super::{Error, FunctionSet};
use crate::operator::table_function::TableFunction;

/// The name of EXPLODE where it is called as UNNEST, whatever a plugin calls EXPLODE.
pub(crate) const UNNEST: &str = "unnest@";

/// A table function as a scalar one.
#[derive(Debug)]
pub(crate) struct TableMarker {
    pub(crate) function: Arc<dyn TableFunction>,
    signature: Signature,
}

impl TableMarker {
    pub(crate) fn new(function: Arc<dyn TableFunction>) -> Self {
        Self {
            function,
            signature: Signature::user_defined(Volatility::Volatile),
        }
    }
}

impl PartialEq for TableMarker {
    fn eq(&self, other: &Self) -> bool {
        self.function.name() == other.function.name()
    }
}

impl Eq for TableMarker {}

impl Hash for TableMarker {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name().hash(state);
    }
}

impl ScalarUDFImpl for TableMarker {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce(arg_types).map_err(DataFusionError::Plan)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.function.return_type(arg_types).map_err(DataFusionError::Plan)
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("table function {} was left in an expression", self.function.name())
    }
}

/// The marker inside of a scalar function, if it is one.
pub(crate) fn as_table_marker(function: &dyn ScalarUDFImpl) -> Option<&TableMarker> {
    (function as &dyn Any).downcast_ref::<TableMarker>()
}

/// Refuses table functions where they have no meaning: outside of the SELECT list, inside of each other, beside aggregates
/// (ksqlDB: `Analyzer.TableFunctionsVisitor`).
pub(super) fn refuse_misplaced(select: &ast::Select, functions: &FunctionSet) -> std::result::Result<(), Error> {
    let finder = Finder { functions };
    let mut first = None;
    for item in &select.projection {
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
            continue;
        };
        first = first.or(finder.find(expr));
        finder.refuse_nested(expr)?;
    }
    let elsewhere = [&select.selection, &select.having].into_iter().flatten();
    let grouped: &[Expr] = match &select.group_by {
        GroupByExpr::Expressions(keys, _) => keys,
        GroupByExpr::All(_) => &[],
    };
    for expr in elsewhere.chain(grouped) {
        if let Some(name) = finder.find(expr) {
            return Err(Error::new(
                "table-function-place",
                format!(
                    "the table function {} stands only in the SELECT list and in FROM",
                    name.value.to_uppercase()
                ),
            )
            .at(name.span)
            .help("put it into FROM, as in FROM s, LATERAL f(s.x) AS w, and use its column"));
        }
    }
    match first {
        Some(name) if !grouped.is_empty() || finder.aggregates(select) => Err(Error::new(
            "table-function-place",
            "table functions cannot be used with aggregations",
        )
        .at(name.span)
        .help("put the table function into FROM, as in FROM s, LATERAL f(s.x) AS w, and aggregate its columns")),
        _ => Ok(()),
    }
}

/// Refuses table functions in the arguments of those in FROM.
pub(super) fn refuse_nested(calls: &[Expr], functions: &FunctionSet) -> std::result::Result<(), Error> {
    let finder = Finder { functions };
    calls.iter().try_for_each(|call| match call {
        Expr::Function(call) => match finder.find_in(&call.args) {
            Some(inner) => Err(nested(&call.name.to_string(), &inner)),
            None => Ok(()),
        },
        _ => Ok(()),
    })
}

fn nested(outer: &str, inner: &Ident) -> Error {
    let outer = outer.trim_end_matches('@').to_uppercase();
    Error::new(
        "table-function-place",
        format!(
            "table functions cannot be nested: {outer}({}())",
            inner.value.to_uppercase()
        ),
    )
    .at(inner.span)
    .help("put the inner one into FROM before it, and use its column")
}

struct Finder<'a> {
    functions: &'a FunctionSet,
}

impl Finder<'_> {
    /// The name of the first table function in `expr`.
    fn find(&self, expr: &Expr) -> Option<Ident> {
        self.find_in(expr)
    }

    fn find_in<V: Visit>(&self, part: &V) -> Option<Ident> {
        let found = visit_expressions(part, |expr| match self.name(expr) {
            Some(name) => ControlFlow::Break(name.clone()),
            None => ControlFlow::Continue(()),
        });
        match found {
            ControlFlow::Break(name) => Some(name),
            ControlFlow::Continue(()) => None,
        }
    }

    fn name<'e>(&self, expr: &'e Expr) -> Option<&'e Ident> {
        let Expr::Function(call) = expr else { return None };
        let name = call.name.0.last().and_then(ObjectNamePart::as_ident)?;
        self.functions.table(&name.value.to_lowercase()).map(|_| name)
    }

    fn refuse_nested(&self, expr: &Expr) -> std::result::Result<(), Error> {
        let found = visit_expressions(expr, |expr| {
            let (Expr::Function(call), Some(outer)) = (expr, self.name(expr)) else {
                return ControlFlow::Continue(());
            };
            match self.find_in(&call.args) {
                Some(inner) => ControlFlow::Break((outer.clone(), inner)),
                None => ControlFlow::Continue(()),
            }
        });
        match found {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break((outer, inner)) => Err(nested(&outer.value, &inner)),
        }
    }

    fn aggregates(&self, select: &ast::Select) -> bool {
        let found = visit_expressions(&select.projection, |expr| match expr {
            Expr::Function(call) if call.over.is_none() => {
                let name = call.name.0.last().and_then(ObjectNamePart::as_ident);
                let aggregate = name.and_then(|name| self.functions.aggregate(&name.value.to_lowercase()));
                if aggregate.is_some() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            }
            _ => ControlFlow::Continue(()),
        });
        found.is_break()
    }
}
