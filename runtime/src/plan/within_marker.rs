//! WITHIN of a stream join while DataFusion plans: a call in the join's condition that carries the bounds as constants. Lowering takes
//! it out again; no such call is ever evaluated.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast::{self, BinaryOperator};
use datafusion::sql::sqlparser::tokenizer::Span;

use crate::sql::ast::SelectClauses;

const FUNCTION: &str = "within@";

/// How far apart the rows of a stream join may be, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Within {
    /// How much earlier the right row may be than the left one.
    pub(crate) before_ms: i64,
    /// How much later.
    pub(crate) after_ms: i64,
    /// How long after that late rows still count, where GRACE PERIOD is said.
    pub(crate) grace_ms: Option<i64>,
}

/// Puts the WITHIN clauses of a SELECT into the conditions of its joins.
pub(super) fn apply(select: &mut ast::Select, clauses: &SelectClauses) {
    let joins = select.from.iter_mut().flat_map(|from| &mut from.joins);
    for (number, join) in joins.enumerate() {
        let Some(within) = clauses.within.get(&number) else {
            continue;
        };
        let Some(condition) = super::join_key::on_mut(&mut join.join_operator) else {
            continue;
        };
        let marker = call(Within {
            before_ms: within.before.ms,
            after_ms: within.after.ms,
            grace_ms: within.grace.map(|grace| grace.ms),
        });
        *condition = ast::Expr::BinaryOp {
            left: Box::new(ast::Expr::Nested(Box::new(condition.clone()))),
            op: BinaryOperator::And,
            right: Box::new(marker),
        };
    }
}

fn call(within: Within) -> ast::Expr {
    let number = |value: i64| {
        let value = ast::Value::SingleQuotedString(value.to_string()).with_empty_span();
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Value(value)))
    };
    ast::Expr::Function(ast::Function {
        name: ast::ObjectName::from(vec![ast::Ident {
            value: FUNCTION.into(),
            quote_style: Some('"'),
            span: Span::empty(),
        }]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args: [within.before_ms, within.after_ms, within.grace_ms.unwrap_or(-1)]
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

/// The function of that name, where it is ours.
pub(crate) fn within_function(name: &str) -> Option<Arc<ScalarUDF>> {
    (name == FUNCTION).then(|| {
        Arc::new(ScalarUDF::from(WithinMarker {
            signature: Signature::any(3, Volatility::Volatile),
        }))
    })
}

/// The bounds that an expression carries.
pub(crate) fn as_within(expr: &Expr) -> Option<Within> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let inner: &dyn ScalarUDFImpl = call.func.inner().as_ref();
    (inner as &dyn Any).downcast_ref::<WithinMarker>()?;
    let numbers: Vec<i64> = call.args.iter().filter_map(number).collect();
    let [before_ms, after_ms, grace_ms] = numbers[..] else {
        return None;
    };
    Some(Within {
        before_ms,
        after_ms,
        grace_ms: (grace_ms >= 0).then_some(grace_ms),
    })
}

fn number(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) => text.parse().ok(),
        _ => None,
    }
}

#[derive(Debug)]
struct WithinMarker {
    signature: Signature,
}

impl PartialEq for WithinMarker {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for WithinMarker {}

impl Hash for WithinMarker {
    fn hash<H: Hasher>(&self, state: &mut H) {
        FUNCTION.hash(state);
    }
}

impl ScalarUDFImpl for WithinMarker {
    fn name(&self) -> &str {
        FUNCTION
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("{FUNCTION} was left in an expression")
    }
}
