//! WINDOWSTART and WINDOWEND while DataFusion plans: calls that carry the window as constants. GROUP BY holds both, so that they can
//! be selected; lowering finds the window in them. No such call is ever evaluated.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Span;

use crate::operator::group_by::{Window, WindowShape};

/// Which end of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bound {
    /// `WINDOWSTART`.
    Start,
    /// `WINDOWEND`.
    End,
}

const START: &str = "windowstart@";
const END: &str = "windowend@";

/// A call that stands for one end of `window`, in sqlparser's form.
pub(crate) fn window_bound(bound: Bound, window: Window) -> ast::Expr {
    let (shape, size, advance) = match window.shape {
        WindowShape::Tumbling { size_ms } => (0, size_ms, size_ms),
        WindowShape::Hopping { size_ms, advance_ms } => (1, size_ms, advance_ms),
        WindowShape::Session { gap_ms } => (2, gap_ms, gap_ms),
    };
    let number = |value: i64| {
        // Texts, because numbers would be typed by the rules of ksqlDB's literals.
        let value = ast::Value::SingleQuotedString(value.to_string()).with_empty_span();
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(value)))
    };
    let name = match bound {
        Bound::Start => START,
        Bound::End => END,
    };
    ast::Expr::Function(ast::Function {
        name: ast::ObjectName::from(vec![ast::Ident {
            value: name.into(),
            quote_style: Some('"'),
            span: Span::empty(),
        }]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args: [shape, size, advance, window.grace_ms, window.retention_ms]
                .into_iter()
                .map(number)
                .collect(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// The function of that name, where it is one of ours.
pub(crate) fn window_function(name: &str) -> Option<Arc<ScalarUDF>> {
    let bound = match name {
        START => Bound::Start,
        END => Bound::End,
        _ => return None,
    };
    Some(Arc::new(ScalarUDF::from(WindowBound {
        bound,
        signature: Signature::any(5, Volatility::Volatile),
    })))
}

/// Which end of which window an expression stands for.
pub(crate) fn as_window_bound(expr: &Expr) -> Option<(Bound, Window)> {
    let call = match expr {
        Expr::Alias(alias) => return as_window_bound(&alias.expr),
        Expr::ScalarFunction(call) => call,
        _ => return None,
    };
    let inner: &dyn ScalarUDFImpl = call.func.inner().as_ref();
    let marker = (inner as &dyn Any).downcast_ref::<WindowBound>()?;
    let numbers: Vec<i64> = call.args.iter().filter_map(number).collect();
    let [shape, size_ms, advance_ms, grace_ms, retention_ms] = numbers[..] else {
        return None;
    };
    let shape = match shape {
        0 => WindowShape::Tumbling { size_ms },
        1 => WindowShape::Hopping { size_ms, advance_ms },
        _ => WindowShape::Session { gap_ms: size_ms },
    };
    let window = Window {
        shape,
        grace_ms,
        retention_ms,
    };
    Some((marker.bound, window))
}

fn number(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => text.parse().ok(),
        _ => None,
    }
}

#[derive(Debug)]
struct WindowBound {
    bound: Bound,
    signature: Signature,
}

impl PartialEq for WindowBound {
    fn eq(&self, other: &Self) -> bool {
        self.bound == other.bound
    }
}

impl Eq for WindowBound {}

impl Hash for WindowBound {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bound.hash(state);
    }
}

impl ScalarUDFImpl for WindowBound {
    fn name(&self) -> &str {
        match self.bound {
            Bound::Start => START,
            Bound::End => END,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} was left in an expression", self.name())
    }
}
