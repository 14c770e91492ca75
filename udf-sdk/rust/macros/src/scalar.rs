//! `#[scalar]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{ItemFn, Result};

use crate::arguments::{self, Attribute, Options};
use crate::function::{Function, export_name};
use crate::signature::{self, check_sql_name, plain_name};
use crate::{call, generic};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = arguments::parse(options, Attribute::Scalar)?;
    let item: ItemFn = syn::parse2(item)?;
    if options.types.is_empty() {
        return one(options, item);
    }
    generic::functions(options, &item, one)
}

/// A function whose types are known.
fn one(options: Options, mut item: ItemFn) -> Result<TokenStream> {
    signature::check(&item)?;
    let (parameters, start) = call::parameters(&mut item, options.start)?;
    let sql_name = options.name.unwrap_or_else(|| plain_name(&item.sig.ident));
    check_sql_name(&sql_name, item.sig.ident.span())?;
    let output = signature::output(&item)?;
    let function = Function {
        function: &item,
        export_name: export_name(&sql_name, &plain_name(&item.sig.ident)),
        sql_name,
        parameters: &parameters,
        output,
    };

    let volatility = options.volatility.unwrap_or("immutable");
    let glue = call::glue(&function, start.as_ref(), &TokenStream::new());
    Ok(function.items(&quote!(glue::Kind::Scalar { volatility: #volatility }), &glue))
}
