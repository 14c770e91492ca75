//! Calls that carry what DataFusion's plans have no place for, as constants, until lowering takes them out again: the bounds of a window,
//! the reach of a join. No such call is ever evaluated.

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

/// A kind of marker: a name that no function of a user has, how many numbers it carries, and the type that it passes for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Marker {
    pub(crate) name: &'static str,
    pub(crate) numbers: usize,
    pub(crate) returns: DataType,
}

impl Marker {
    /// A call of it in sqlparser's form. The numbers go as texts, because numbers would be typed by the rules of ksqlDB's literals.
    pub(crate) fn call(&self, numbers: &[i64]) -> ast::Expr {
        let argument = |number: &i64| {
            let value = ast::Value::SingleQuotedString(number.to_string()).with_empty_span();
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(value)))
        };
        ast::Expr::Function(ast::Function {
            name: ast::ObjectName::from(vec![ast::Ident {
                value: self.name.into(),
                quote_style: Some('"'),
                span: Span::empty(),
            }]),
            uses_odbc_syntax: false,
            parameters: ast::FunctionArguments::None,
            args: ast::FunctionArguments::List(ast::FunctionArgumentList {
                duplicate_treatment: None,
                args: numbers.iter().map(argument).collect(),
                clauses: vec![],
            }),
            filter: None,
            null_treatment: None,
            over: None,
            within_group: vec![],
        })
    }

    /// What DataFusion takes it for.
    pub(crate) fn function(&self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::from(MarkerFunction {
            marker: self.clone(),
            signature: Signature::any(self.numbers, Volatility::Volatile),
        }))
    }

    /// The numbers that an expression carries, where it is a call of this marker.
    pub(crate) fn numbers_of(&self, expr: &Expr) -> Option<Vec<i64>> {
        let call = match expr {
            Expr::Alias(alias) => return self.numbers_of(&alias.expr),
            Expr::ScalarFunction(call) => call,
            _ => return None,
        };
        let inner: &dyn ScalarUDFImpl = call.func.inner().as_ref();
        let function = (inner as &dyn Any).downcast_ref::<MarkerFunction>()?;
        if function.marker != *self {
            return None;
        }
        call.args.iter().map(number).collect()
    }
}

fn number(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => text.parse().ok(),
        _ => None,
    }
}

#[derive(Debug)]
struct MarkerFunction {
    marker: Marker,
    signature: Signature,
}

impl PartialEq for MarkerFunction {
    fn eq(&self, other: &Self) -> bool {
        self.marker == other.marker
    }
}

impl Eq for MarkerFunction {}

impl Hash for MarkerFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.marker.hash(state);
    }
}

impl ScalarUDFImpl for MarkerFunction {
    fn name(&self) -> &str {
        self.marker.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.marker.returns.clone())
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{} was left in an expression", self.marker.name)
    }
}
