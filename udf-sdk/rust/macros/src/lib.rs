//! The attributes and derives of `waterwheel-udf`; see there for how to use them.

use proc_macro::TokenStream;

mod aggregate;
mod arguments;
mod call;
mod function;
mod generic;
mod lifetimes;
mod record;
mod scalar;
mod signature;
mod state;
mod stream;
mod table;

/// Makes a function a scalar function of SQL: one value per row, from that row alone.
///
/// Options: `name = "..."` (SQL name), `volatile` (any call may differ), `stable` (the same within a query), `start = path` (makes something of the parameters
/// that are marked `#[constant]` and must be constants of the query, once, before any row; a reference to it is the first parameter then).
///
/// In all kinds `types(T: i64, f64)` makes a function of a `T`, declared as `<T>`, one for each of the types: overloads of one name in SQL.
///
/// A scalar or stream function whose last parameter is `&mut Text` writes its text there, and returns `()`, `Option<()>` or a `Result` of these.
///
/// In all kinds a parameter with `#[default(VALUE)]`, or `#[default]` for NULL, may be left out in a call, and all after it; the last one, a list, may be `#[variadic]`: a
/// call gives its elements one by one. The function stays an ordinary function.
#[proc_macro_attribute]
pub fn scalar(options: TokenStream, item: TokenStream) -> TokenStream {
    finish(scalar::expand(options.into(), item.into()))
}

/// Makes a function a stream function of SQL: one value per row, from that row and state kept per key.
///
/// The first parameter is the state, `&mut S`. A parameter marked `#[constant]` must be a constant of the query. Options:
/// `name = "..."` (SQL name), `start = path` (makes the state of a new key of the constants; without it `S::default()`),
/// `state_version = N`, `upgrade(N = path, ...)` (makes a state of one of format N).
#[proc_macro_attribute]
pub fn stream(options: TokenStream, item: TokenStream) -> TokenStream {
    finish(stream::expand(options.into(), item.into()))
}

/// Makes a state an aggregate function of SQL: one value per group of rows.
///
/// It stands on the `impl` of the state, which has the methods `update(&mut self, ARGUMENTS)`, `merge(&mut self, other: &Self)`, `finish(&self) -> VALUE`,
/// and, where rows can be taken back (the rows of a table), `retract(&mut self, ARGUMENTS)`. A method that may refuse a row returns a `Result<(), E>`, and leaves the
/// state as it was then. The doc comment of the `impl` is the function's. Options are those of `#[stream]`; without `name` the type's in snake case.
#[proc_macro_attribute]
pub fn aggregate(options: TokenStream, item: TokenStream) -> TokenStream {
    finish(aggregate::expand(options.into(), item.into()))
}

/// Makes a function a table function of SQL: no, one or many rows per row, from that row alone.
///
/// It returns a `Vec` or a `List` of rows, maybe in an `Option` or a `Result`, or `impl Iterator<Item = T>`. Rows of several columns are structs with
/// `#[derive(Return)]`. Options are those of `#[scalar]`.
#[proc_macro_attribute]
pub fn table(options: TokenStream, item: TokenStream) -> TokenStream {
    finish(table::expand(options.into(), item.into()))
}

/// Makes a struct an argument type, STRUCT in SQL.
///
/// `#[field(name = "...")]` names a field otherwise; such a name keeps its case.
#[proc_macro_derive(Argument, attributes(field))]
pub fn derive_argument(item: TokenStream) -> TokenStream {
    finish(record::expand_argument(item.into()))
}

/// Makes a struct a result type, STRUCT in SQL.
///
/// `#[field(name = "...")]` names a field otherwise; such a name keeps its case.
#[proc_macro_derive(Return, attributes(field))]
pub fn derive_return(item: TokenStream) -> TokenStream {
    finish(record::expand_return(item.into()))
}

/// Makes a struct or an enum state of a stream function, or part of one: saved field by field.
#[proc_macro_derive(State)]
pub fn derive_state(item: TokenStream) -> TokenStream {
    finish(state::expand(item.into()))
}

fn finish(expanded: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expanded.unwrap_or_else(|error| error.to_compile_error()).into()
}
