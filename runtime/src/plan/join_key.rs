//! The key of a join that no column of its sources holds (ksqlDB: synthetic keys): of a FULL OUTER join, or where both sides of ON are
//! expressions. A query selects it under the name ROWKEY.

use std::any::Any;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::compute::{is_null, kernels::zip::zip};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, JoinConstraint, JoinOperator, visit_expressions_mut};
use datafusion::sql::sqlparser::tokenizer::Span;

/// ksqlDB's name of such a key; where a source has a column of that name it gets a number.
const ROWKEY: &str = "ROWKEY";
const FUNCTION: &str = "rowkey@";

/// The name of the synthetic key over sources with these columns (ksqlDB: `ColumnNames.generateSyntheticJoinKey`): `ROWKEY`, or
/// `ROWKEY_n` with a number above those of all columns that are called so.
pub(super) fn synthetic_name<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    let number = |name: &str| -> Option<u64> {
        let rest = name.strip_prefix(ROWKEY)?;
        if rest.is_empty() {
            return Some(0);
        }
        rest.strip_prefix('_')?.parse().ok()
    };
    match columns.filter_map(number).max() {
        None => ROWKEY.into(),
        Some(largest) => format!("{ROWKEY}_{}", largest + 1),
    }
}

/// Whether no column of the sources is the key of a SELECT's last join: each side may be missing (FULL), or neither side of its
/// condition is a column.
pub(super) fn has_synthetic_key(select: &ast::Select) -> bool {
    let Some(join) = select.from.iter().flat_map(|from| &from.joins).last() else {
        return false;
    };
    let is_column = |expr: &ast::Expr| matches!(expr, ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_));
    match &join.join_operator {
        JoinOperator::FullOuter(_) => true,
        operator => on(operator).is_some_and(|on| {
            let sides = equal_sides(on);
            !sides.is_empty() && !sides.iter().any(is_column)
        }),
    }
}

/// Replaces the name of the synthetic key by what it is: the first side of the joins' ON that is not null.
pub(super) fn replace_synthetic_key(select: &mut ast::Select, name: &str) {
    let sides: Vec<ast::Expr> = select
        .from
        .iter()
        .flat_map(|from| &from.joins)
        .filter_map(|join| on(&join.join_operator))
        .flat_map(equal_sides)
        .collect();
    if sides.is_empty() {
        return;
    }
    let replace = |expr: &mut ast::Expr| {
        if matches!(expr, ast::Expr::Identifier(ident) if ident.value == name) {
            *expr = call(&sides);
        }
        ControlFlow::<()>::Continue(())
    };
    for item in &mut select.projection {
        if let ast::SelectItem::UnnamedExpr(ast::Expr::Identifier(ident)) = item
            && ident.value == name
        {
            *item = ast::SelectItem::ExprWithAlias {
                expr: call(&sides),
                alias: quoted(name),
            };
        }
    }
    let _ = visit_expressions_mut(&mut select.projection, replace);
    let _ = visit_expressions_mut(&mut select.selection, replace);
}

/// The condition of a join.
pub(super) fn on(operator: &JoinOperator) -> Option<&ast::Expr> {
    match operator {
        JoinOperator::Join(JoinConstraint::On(on))
        | JoinOperator::Inner(JoinConstraint::On(on))
        | JoinOperator::Left(JoinConstraint::On(on))
        | JoinOperator::LeftOuter(JoinConstraint::On(on))
        | JoinOperator::Right(JoinConstraint::On(on))
        | JoinOperator::RightOuter(JoinConstraint::On(on))
        | JoinOperator::FullOuter(JoinConstraint::On(on)) => Some(on),
        _ => None,
    }
}

/// The condition of a join, to be added to.
pub(super) fn on_mut(operator: &mut JoinOperator) -> Option<&mut ast::Expr> {
    match operator {
        JoinOperator::Join(JoinConstraint::On(on))
        | JoinOperator::Inner(JoinConstraint::On(on))
        | JoinOperator::Left(JoinConstraint::On(on))
        | JoinOperator::LeftOuter(JoinConstraint::On(on))
        | JoinOperator::Right(JoinConstraint::On(on))
        | JoinOperator::RightOuter(JoinConstraint::On(on))
        | JoinOperator::FullOuter(JoinConstraint::On(on)) => Some(on),
        _ => None,
    }
}

/// Both sides of the first equality of a condition.
fn equal_sides(condition: &ast::Expr) -> Vec<ast::Expr> {
    match condition {
        ast::Expr::Nested(inner) => equal_sides(inner),
        ast::Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => vec![(**left).clone(), (**right).clone()],
        ast::Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            ..
        } => equal_sides(left),
        _ => vec![],
    }
}

fn quoted(value: &str) -> ast::Ident {
    ast::Ident {
        value: value.to_owned(),
        quote_style: Some('"'),
        span: Span::empty(),
    }
}

fn call(sides: &[ast::Expr]) -> ast::Expr {
    let args = sides
        .iter()
        .map(|side| ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(side.clone())));
    ast::Expr::Function(ast::Function {
        name: ast::ObjectName::from(vec![quoted(FUNCTION)]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args: args.collect(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// The function of that name, where it is ours.
pub(crate) fn key_function(name: &str) -> Option<Arc<ScalarUDF>> {
    (name == FUNCTION).then(|| {
        Arc::new(ScalarUDF::from(SyntheticKey {
            signature: Signature::user_defined(Volatility::Immutable),
        }))
    })
}

/// The first of these expressions that is not null.
pub(crate) fn first_known(exprs: Vec<Expr>) -> Option<Expr> {
    let function = key_function(FUNCTION)?;
    Some(Expr::ScalarFunction(
        datafusion::logical_expr::expr::ScalarFunction::new_udf(function, exprs),
    ))
}

/// Whether an expression is the synthetic key.
pub(crate) fn is_synthetic_key(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_synthetic_key(&alias.expr),
        Expr::ScalarFunction(call) => {
            let inner: &dyn ScalarUDFImpl = call.func.inner().as_ref();
            (inner as &dyn Any).is::<SyntheticKey>()
        }
        _ => false,
    }
}

/// The first argument that is not null.
#[derive(Debug)]
struct SyntheticKey {
    signature: Signature,
}

impl PartialEq for SyntheticKey {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for SyntheticKey {}

impl Hash for SyntheticKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        FUNCTION.hash(state);
    }
}

impl ScalarUDFImpl for SyntheticKey {
    fn name(&self) -> &str {
        FUNCTION
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let types: BTreeSet<String> = arg_types.iter().map(ToString::to_string).collect();
        match arg_types.first() {
            Some(first) => Ok(vec![first.clone(); arg_types.len()]),
            None => plan_err!("a join has no key of the types {types:?}"),
        }
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types.first() {
            Some(first) => Ok(first.clone()),
            None => plan_err!("a join without a condition has no key"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut sides = args.args.into_iter().map(|arg| arg.into_array(args.number_rows));
        let Some(first) = sides.next() else {
            return plan_err!("a join without a condition has no key");
        };
        let mut key = first?;
        for side in sides {
            if key.null_count() == 0 {
                break;
            }
            key = zip(&is_null(&key)?, &side?, &key)?;
        }
        Ok(ColumnarValue::Array(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_column_has() {
        let name = |columns: &[&str]| synthetic_name(columns.iter().copied());
        assert_eq!(name(&["ID", "ROWKEYS"]), "ROWKEY");
        assert_eq!(name(&["ROWKEY", "ID"]), "ROWKEY_1");
        assert_eq!(name(&["ROWKEY_5", "ROWKEY_2"]), "ROWKEY_6");
    }
}
