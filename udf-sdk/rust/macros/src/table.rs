//! `#[table]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{AssocType, Error, GenericArgument, ItemFn, PathArguments, Result, Type, TypeParamBound, parse_quote};

use crate::arguments::{self, Attribute, Options};
use crate::function::{Function, export_name, with_lifetimes};
use crate::signature::{self, check_sql_name, plain_name};
use crate::{call, generic};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = arguments::parse(options, Attribute::Table)?;
    let item: ItemFn = syn::parse2(item)?;
    if options.types.is_empty() {
        return one(options, item);
    }
    generic::functions(options, &item, one)
}

/// A function whose types are known.
fn one(options: Options, mut item: ItemFn) -> Result<TokenStream> {
    signature::check(&item)?;
    if signature::writes(&item) {
        let reason = "a table function returns its rows: `out: &mut Text` is for scalar and stream functions";
        return Err(Error::new_spanned(item.sig.inputs.last(), reason));
    }
    let (parameters, start) = call::parameters(&mut item, options.start)?;
    let sql_name = options.name.unwrap_or_else(|| plain_name(&item.sig.ident));
    check_sql_name(&sql_name, item.sig.ident.span())?;
    let output = signature::output(&item)?;
    let (output, collect) = match iterated(&output) {
        Some(row) => (parse_quote!(glue::Vec<#row>), quote!(.collect::<glue::Vec<_>>())),
        None => (output, TokenStream::new()),
    };
    let function = Function {
        function: &item,
        export_name: export_name(&sql_name, &plain_name(&item.sig.ident)),
        sql_name,
        parameters: &parameters,
        output,
    };

    let volatility = options.volatility.unwrap_or("immutable");
    let output = with_lifetimes(&function.output, "'static");
    let call = call::glue(&function, start.as_ref(), &collect);
    let glue = quote! {
        const _: () = {
            const fn gives_rows<O: glue::Outcome>()
            where
                O::Value: glue::Rows,
            {
            }
            gives_rows::<#output>();
        };

        #call
    };
    Ok(function.items(&quote!(glue::Kind::Table { volatility: #volatility }), &glue))
}

/// `T` of `impl Iterator<Item = T>`.
fn iterated(output: &Type) -> Option<Type> {
    let Type::ImplTrait(output) = output else { return None };
    output.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let PathArguments::AngleBracketed(arguments) = &bound.path.segments.last()?.arguments else {
            return None;
        };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(AssocType { ident, ty, .. }) if ident == "Item" => Some(ty.clone()),
            _ => None,
        })
    })
}
