//! `#[scalar]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemFn, Result};

use crate::arguments::{self, Attribute, Options};
use crate::function::{Function, export_name};
use crate::signature::{self, chain, check_sql_name, plain_name};
use crate::{generic, lifetimes};

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
    lifetimes::unify(&mut item, 0);
    let parameters = signature::parameters(&mut item, 0)?;
    if let Some(constant) = parameters.iter().find(|parameter| parameter.constant) {
        let reason = "#[constant] is for stream functions: a scalar function gets a constant like any value";
        return Err(Error::new(constant.name.span(), reason));
    }
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
    let (types, store, exported) = (function.argument_types(), function.store(), function.exported(""));
    let variables = function.variables();
    let pattern = chain(variables.iter().map(|variable| quote!(#variable)));
    let called = function.called(&quote!(#(#variables,)*));
    let answered = function.answered(&quote! {
        STORE.with_borrow_mut(|store| {
            // SAFETY: called by the host, which read these types in the manifest.
            unsafe { glue::call::<#types, _>(&glue::Scope::enter(), arguments, rows, out, store, |#pattern| #called) }
        })
    });
    let glue = quote! {
        #exported
        unsafe extern "C" fn call(arguments: usize, rows: usize, out: usize) -> i32 {
            glue::thread_local! {
                static STORE: glue::RefCell<#store> = glue::RefCell::default();
            }
            #answered
        }
    };
    Ok(function.items(&quote!(glue::Kind::Scalar { volatility: #volatility }), &glue))
}
