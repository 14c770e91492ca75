//! `a->*`: all fields of a struct.

use datafusion::sql::sqlparser::ast::{
    self, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, SelectItem,
};

use super::Error;
use super::rewrite::single_ident;
use crate::types::schema::SqlType;

/// The fields of `structure` as unnamed select items. `column` gives the type of a column, with its relation where one is written.
pub(super) fn fields(
    structure: &Expr,
    column: &impl Fn(Option<&str>, &str) -> Option<SqlType>,
) -> Result<Vec<SelectItem>, Error> {
    let Some(SqlType::Struct(fields)) = type_of(structure, column) else {
        return Err(Error::new(
            "struct-star",
            format!("`{structure}->*` needs a column that is a struct, or a field of one"),
        )
        .help("name the fields: a->b, a->c"));
    };
    let field = |name: &str| SelectItem::UnnamedExpr(get_field(structure, name));
    Ok(fields.iter().map(|(name, _)| field(name)).collect())
}

fn type_of(expr: &Expr, column: &impl Fn(Option<&str>, &str) -> Option<SqlType>) -> Option<SqlType> {
    match expr {
        Expr::Identifier(ident) => column(None, &ident.value),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [relation, name] => column(Some(&relation.value), &name.value),
            _ => None,
        },
        Expr::Nested(inner) => type_of(inner, column),
        Expr::Function(call) if single_ident(&call.name)?.value == "get_field" => {
            let FunctionArguments::List(list) = &call.args else {
                return None;
            };
            let [
                FunctionArg::Unnamed(FunctionArgExpr::Expr(structure)),
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(name))),
            ] = list.args.as_slice()
            else {
                return None;
            };
            let (SqlType::Struct(fields), Some(name)) = (type_of(structure, column)?, name.value.clone().into_string())
            else {
                return None;
            };
            fields
                .into_iter()
                .find(|(field, _)| *field == name)
                .map(|(_, sql_type)| sql_type)
        }
        _ => None,
    }
}

/// `structure->name`, as the SQL front writes it.
fn get_field(structure: &Expr, name: &str) -> Expr {
    let argument = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
    let name = ast::Value::SingleQuotedString(name.to_owned());
    Expr::Function(Function {
        name: ast::ObjectName::from(vec![ast::Ident::new("get_field")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![argument(structure.clone()), argument(Expr::Value(name.into()))],
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}
