//! What scalar and table functions have in common: the call with a batch, and the set-up with constants.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, FnArg, ItemFn, Path, Result, Type};

use crate::function::Function;
use crate::lifetimes;
use crate::signature::{self, Parameter, chain};
use crate::stream;

/// How a function is set up: what makes something of its constants, and the type of that.
pub(crate) struct Start {
    path: Path,
    made: Type,
}

/// Takes the parameters that SQL gives out of the function. With `start` its first parameter is what that made.
pub(crate) fn parameters(item: &mut ItemFn, start: Option<Path>) -> Result<(Vec<Parameter>, Option<Start>)> {
    let start = match start {
        Some(path) => Some(Start {
            made: made_type(item)?,
            path,
        }),
        None => None,
    };
    let own = usize::from(start.is_some());
    lifetimes::unify(item, own);
    let parameters = signature::parameters(item, own)?;
    if let Some(start) = &start
        && !parameters.iter().any(|parameter| parameter.constant)
    {
        let reason = "`start` makes something of constants: mark one or more parameters with #[constant]";
        return Err(Error::new_spanned(&start.path, reason));
    }
    Ok((parameters, start))
}

/// `S` of the first parameter, `&S`.
fn made_type(item: &ItemFn) -> Result<Type> {
    let reason = "with `start` the first parameter is what that makes: `made: &S`";
    let Some(FnArg::Typed(first)) = item.sig.inputs.first() else {
        return Err(Error::new(item.sig.ident.span(), reason));
    };
    match &*first.ty {
        Type::Reference(reference) if reference.mutability.is_none() => Ok((*reference.elem).clone()),
        other => Err(Error::new_spanned(other, reason)),
    }
}

/// The exports. `collect` is what is done with each result.
pub(crate) fn glue(function: &Function<'_>, start: Option<&Start>, collect: &TokenStream) -> TokenStream {
    let (name, types, store) = (
        &function.function.sig.ident,
        function.argument_types(),
        function.store(),
    );
    let (exported, variables) = (function.exported(""), function.variables());
    let pattern = chain(variables.iter().map(|variable| quote!(#variable)));
    if !function.parameters.iter().any(|parameter| parameter.constant) {
        return quote! {
            #exported
            unsafe extern "C" fn call(arguments: usize, rows: usize, out: usize) -> i32 {
                glue::thread_local! {
                    static STORE: glue::RefCell<#store> = glue::RefCell::default();
                }
                STORE.with_borrow_mut(|store| {
                    // SAFETY: called by the host, which read these types in the manifest.
                    unsafe { glue::call::<#types, _>(&glue::Scope::enter(), arguments, rows, out, store, |#pattern| #name(#(#variables),*)#collect) }
                })
            }
        };
    }
    let unit: Type = syn::parse_quote!(());
    let made = start.map_or(&unit, |start| &start.made);
    let new = stream::new(function, made, start.map(|start| &start.path));
    let (found, own) = match start {
        Some(_) => (quote!(glue::made), quote!(made,)),
        None => (quote!(glue::nothing), TokenStream::new()),
    };
    quote! {
        glue::thread_local! {
            static INSTANCE: glue::RefCell<glue::Instance<#made, #store>> = glue::RefCell::default();
        }

        #new

        #exported
        unsafe extern "C" fn call(arguments: usize, rows: usize, out: usize) -> i32 {
            INSTANCE.with_borrow_mut(|instance| {
                // SAFETY: called by the host, which read these types in the manifest.
                unsafe {
                    glue::call_set_up::<#made, #types, _>(&glue::Scope::enter(), instance, (arguments, rows), out, #found, |made, #pattern| {
                        #name(#own #(#variables),*)#collect
                    })
                }
            })
        }
    }
}
