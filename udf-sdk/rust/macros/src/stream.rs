//! `#[stream]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, FnArg, ItemFn, Path, Result, Type};

use crate::arguments::{self, Attribute, Options};
use crate::function::{Function, export_name, with_lifetimes};
use crate::signature::{self, chain, check_sql_name, plain_name};
use crate::{generic, lifetimes};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = arguments::parse(options, Attribute::Stream)?;
    let item: ItemFn = syn::parse2(item)?;
    if options.types.is_empty() {
        return one(options, item);
    }
    generic::functions(options, &item, one)
}

/// A function whose types are known.
fn one(mut options: Options, mut item: ItemFn) -> Result<TokenStream> {
    signature::check(&item)?;
    let state = state_type(&item)?;
    lifetimes::unify(&mut item, 1);
    let parameters = signature::parameters(&mut item, 1)?;
    let sql_name = options.name.take().unwrap_or_else(|| plain_name(&item.sig.ident));
    check_sql_name(&sql_name, item.sig.ident.span())?;
    let output = signature::output(&item)?;
    let function = Function {
        function: &item,
        export_name: export_name(&sql_name, &plain_name(&item.sig.ident)),
        sql_name,
        parameters: &parameters,
        output,
    };

    let state_version = options.state_version.unwrap_or(1);
    let reads = options.upgrades.iter().map(|(version, _)| version);
    let kind = quote! {
        glue::Kind::Stream { state_version: #state_version, reads_state_versions: &[#(#reads),*] }
    };
    let store = function.store();
    let instance = quote! {
        glue::thread_local! {
            static INSTANCE: glue::RefCell<glue::Instance<#state, #store>> = glue::RefCell::default();
        }
    };
    let new = new(&function, &state, options.start.as_ref());
    let push = push(&function, &state, options.start.is_some());
    let keep = keep(&function, &state, state_version, &options);
    Ok(function.items(&kind, &quote!(#instance #new #push #keep)))
}

/// `S` of the first parameter, `&mut S`.
fn state_type(item: &ItemFn) -> Result<Type> {
    let reason = "the first parameter of a stream function is its state: `state: &mut S`";
    let Some(FnArg::Typed(first)) = item.sig.inputs.first() else {
        return Err(Error::new(item.sig.ident.span(), reason));
    };
    match &*first.ty {
        Type::Reference(reference) if reference.mutability.is_some() => Ok((*reference.elem).clone()),
        other => Err(Error::new_spanned(other, reason)),
    }
}

/// `NAME_new`.
pub(crate) fn new(function: &Function<'_>, state: &Type, start: Option<&Path>) -> TokenStream {
    let constants: Vec<_> = function
        .parameters
        .iter()
        .enumerate()
        .filter(|(_, parameter)| parameter.constant)
        .collect();
    let places = constants.iter().map(|(at, parameter)| {
        let name = parameter.sql_name();
        quote!((#at, #name))
    });
    let types = chain(constants.iter().map(|(_, parameter)| {
        let ty = with_lifetimes(&parameter.ty, "'_");
        quote!(#ty)
    }));
    let all_variables = function.variables();
    let variables: Vec<_> = constants.iter().map(|(at, _)| &all_variables[*at]).collect();
    let pattern = chain(variables.iter().map(|variable| quote!(#variable)));
    let start = match start {
        Some(path) => quote!(|#pattern| glue::Started::<#state>::started(#path(#(#variables),*)).map(Some)),
        None => quote!(|_| Ok(None)),
    };
    let (exported, count) = (function.exported("_new"), function.parameters.len());
    quote! {
        #exported
        unsafe extern "C" fn new(arguments: usize) -> i32 {
            INSTANCE.with_borrow_mut(|instance| {
                // SAFETY: called by the host, which read these types in the manifest.
                unsafe { glue::new::<_, _, #types>(&glue::Scope::enter(), instance, (arguments, #count), &[#(#places),*], #start) }
            })
        }
    }
}

/// `NAME_push`.
fn push(function: &Function<'_>, state: &Type, has_start: bool) -> TokenStream {
    let (types, variables) = (function.argument_types(), function.variables());
    let pattern = chain(variables.iter().map(|variable| quote!(#variable)));
    let fresh = if has_start {
        quote!(|prototype| prototype.cloned())
    } else {
        quote!(|_| Some(<#state as ::core::default::Default>::default()))
    };
    let called = function.called(&quote!(state, #(#variables,)*));
    let answered = function.answered(&quote! {
        INSTANCE.with_borrow_mut(|instance| {
            // SAFETY: called by the host, which read these types in the manifest.
            unsafe {
                glue::push::<_, #types, _>(&glue::Scope::enter(), instance, slots, (arguments, rows), out, #fresh, |state, #pattern| #called)
            }
        })
    });
    let exported = function.exported("_push");
    quote! {
        #exported
        unsafe extern "C" fn push(slots: usize, arguments: usize, rows: usize, out: usize) -> i32 {
            #answered
        }
    }
}

/// `NAME_save`, `NAME_load`, `NAME_drop`.
pub(crate) fn keep(function: &Function<'_>, state: &Type, state_version: u32, options: &Options) -> TokenStream {
    let (save, load, drop) = (
        function.exported("_save"),
        function.exported("_load"),
        function.exported("_drop"),
    );
    let upgrades = options
        .upgrades
        .iter()
        .map(|(version, path)| quote!(#version => glue::upgrade_state(bytes, #path),));
    quote! {
        #save
        unsafe extern "C" fn save(slots: usize, count: usize, out: usize) -> i32 {
            // SAFETY: called by the host.
            INSTANCE.with_borrow_mut(|instance| unsafe { glue::save(&glue::Scope::enter(), instance, slots, count, out) })
        }

        #load
        unsafe extern "C" fn load(slots: usize, count: usize, states: usize, version: u32) -> i32 {
            INSTANCE.with_borrow_mut(|instance| {
                let read = |bytes: &[u8]| match version {
                    #state_version => glue::read_state::<#state>(bytes),
                    #(#upgrades)*
                    other => Err(glue::unknown_version(other)),
                };
                // SAFETY: called by the host.
                unsafe { glue::load(&glue::Scope::enter(), instance, slots, (count, states), read) }
            })
        }

        #drop
        unsafe extern "C" fn drop(slots: usize, count: usize) -> i32 {
            // SAFETY: called by the host.
            INSTANCE.with_borrow_mut(|instance| unsafe { glue::drop(&glue::Scope::enter(), instance, slots, count) })
        }
    }
}
