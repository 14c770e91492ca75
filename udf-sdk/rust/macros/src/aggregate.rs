//! `#[aggregate]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ImplItem, ImplItemFn, ItemFn, ItemImpl, Result, Type, Visibility};

use crate::arguments::{self, Attribute, Options};
use crate::function::{Function, export_name, with_lifetimes};
use crate::signature::{self, Parameter, chain, check_sql_name};
use crate::stream::{keep, new};
use crate::{generic, lifetimes};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = arguments::parse(options, Attribute::Aggregate)?;
    let item: ItemImpl = syn::parse2(item)?;
    if options.types.is_empty() {
        return one(options, item);
    }
    let sql_name = match &options.name {
        Some(name) => name.clone(),
        None => snake_case(&type_name(&item.self_ty)?),
    };
    generic::aggregates(options, &item, &sql_name, one)
}

/// A function whose types are known.
fn one(options: Options, mut item: ItemImpl) -> Result<TokenStream> {
    let state = (*item.self_ty).clone();
    if item.trait_.is_some() {
        return Err(Error::new_spanned(
            &item,
            "the impl of an aggregate function is of no trait",
        ));
    }
    let parameters = update_parameters(&mut item)?;
    let has_retract = method(&item, "retract").is_some();
    if has_retract {
        let retracted = parameters_of(&mut item, "retract")?;
        if retracted.len() != parameters.len() {
            let reason = "retract takes what update takes";
            return Err(Error::new_spanned(method(&item, "retract"), reason));
        }
    }
    let Some(finish) = method(&item, "finish") else {
        return Err(missing(&item, "finish", "fn finish(&self) -> VALUE"));
    };
    if method(&item, "merge").is_none() {
        return Err(missing(&item, "merge", "fn merge(&mut self, other: &Self)"));
    }
    let output = signature::output(&as_function(finish))?;
    let update = as_function(method(&item, "update").ok_or_else(|| missing_update(&item))?);
    let own_name = snake_case(&type_name(&state)?);
    let sql_name = options.name.clone().unwrap_or_else(|| own_name.clone());
    check_sql_name(&sql_name, update.sig.ident.span())?;
    let own_name = options
        .variant
        .iter()
        .fold(own_name, |name, types| format!("{name}_{types}"));
    let function = Function {
        function: &update,
        export_name: export_name(&sql_name, &own_name),
        sql_name,
        parameters: &parameters,
        output,
    };
    Ok(items(&item, &function, &state, has_retract, &options))
}

fn items(item: &ItemImpl, function: &Function<'_>, state: &Type, has_retract: bool, options: &Options) -> TokenStream {
    let state_version = options.state_version.unwrap_or(1);
    let reads = options.upgrades.iter().map(|(version, _)| version);
    let kind = quote! {
        glue::Kind::Aggregate { state_version: #state_version, reads_state_versions: &[#(#reads),*] }
    };
    let (sql_name, export, doc) = (&function.sql_name, function.export(""), signature::doc(&item.attrs));
    let args = function.parameters.iter().map(|parameter| {
        let (name, constant, more) = (parameter.sql_name(), parameter.constant, &parameter.more);
        quote!((#name, #constant, #more))
    });
    let (types, output) = (function.argument_types(), with_lifetimes(&function.output, "'_"));
    let store = function.store();
    let new = new(function, state, options.start.as_ref());
    let work = work(function, state, has_retract, options.start.is_some());
    let keep = keep(function, state, state_version, options);
    quote! {
        #item

        #[allow(unsafe_code, reason = "what the host calls")]
        const _: () = {
            use ::waterwheel_udf::glue;

            impl glue::Function for #state {
                fn describe(manifest: &mut glue::Manifest) {
                    manifest.add::<#types, #output>(&glue::Entry {
                        name: #sql_name,
                        export: #export,
                        args: &[#(#args),*],
                        doc: #doc,
                        kind: #kind,
                    });
                }
            }

            glue::thread_local! {
                static INSTANCE: glue::RefCell<glue::Instance<#state, #store>> = glue::RefCell::default();
            }
            #new #work #keep
        };
    }
}

/// `NAME_update`, `NAME_retract`, `NAME_merge`, `NAME_finish`.
fn work(function: &Function<'_>, state: &Type, has_retract: bool, has_start: bool) -> TokenStream {
    let (types, variables) = (function.argument_types(), function.variables());
    let pattern = chain(variables.iter().map(|variable| quote!(#variable)));
    let fresh = if has_start {
        quote!(|prototype| prototype.cloned())
    } else {
        quote!(|_| Some(<#state as ::core::default::Default>::default()))
    };
    let take = |method: TokenStream, exported: TokenStream| {
        quote! {
            #exported
            unsafe extern "C" fn #method(slots: usize, arguments: usize, rows: usize) -> i32 {
                INSTANCE.with_borrow_mut(|instance| {
                    // SAFETY: called by the host, which read these types in the manifest.
                    unsafe {
                        glue::take::<_, _, #types, _>(&glue::Scope::enter(), instance, slots, (arguments, rows), #fresh, |state, #pattern| {
                            <#state>::#method(state, #(#variables),*)
                        })
                    }
                })
            }
        }
    };
    let update = take(quote!(update), function.exported("_update"));
    let retract = has_retract.then(|| take(quote!(retract), function.exported("_retract")));
    let (merge, finish) = (function.exported("_merge"), function.exported("_finish"));
    quote! {
        #update
        #retract

        #merge
        unsafe extern "C" fn merge(into: usize, from: usize, count: usize) -> i32 {
            INSTANCE.with_borrow_mut(|instance| {
                // SAFETY: called by the host.
                unsafe { glue::merge(&glue::Scope::enter(), instance, (into, from, count), #fresh, <#state>::merge) }
            })
        }

        #finish
        unsafe extern "C" fn finish(slots: usize, count: usize, out: usize) -> i32 {
            INSTANCE.with_borrow_mut(|instance| {
                // SAFETY: called by the host, which read this type in the manifest.
                unsafe { glue::finish(&glue::Scope::enter(), instance, (slots, count), out, #fresh, <#state>::finish) }
            })
        }
    }
}

fn method<'a>(item: &'a ItemImpl, name: &str) -> Option<&'a ImplItemFn> {
    item.items.iter().find_map(|item| match item {
        ImplItem::Fn(function) if function.sig.ident == name => Some(function),
        _ => None,
    })
}

fn update_parameters(item: &mut ItemImpl) -> Result<Vec<Parameter>> {
    if method(item, "update").is_none() {
        return Err(missing_update(item));
    }
    parameters_of(item, "update")
}

/// The parameters behind `&mut self`; their marks are taken out of the method.
fn parameters_of(item: &mut ItemImpl, name: &str) -> Result<Vec<Parameter>> {
    let mut parameters = Vec::new();
    for item in &mut item.items {
        let ImplItem::Fn(function) = item else { continue };
        if function.sig.ident != name {
            continue;
        }
        let mut free = as_function(function);
        signature::check(&free)?;
        lifetimes::unify(&mut free, 1);
        parameters = signature::parameters(&mut free, 1)?;
        function.sig = free.sig;
    }
    Ok(parameters)
}

fn as_function(method: &ImplItemFn) -> ItemFn {
    ItemFn {
        attrs: method.attrs.clone(),
        vis: Visibility::Inherited,
        sig: method.sig.clone(),
        block: Box::new(method.block.clone()),
    }
}

fn missing_update(item: &ItemImpl) -> Error {
    missing(item, "update", "fn update(&mut self, ARGUMENTS)")
}

fn missing(item: &ItemImpl, name: &str, signature: &str) -> Error {
    let reason = format!("an aggregate function has a method `{name}`: `{signature}`");
    Error::new_spanned(&item.self_ty, reason)
}

fn type_name(state: &Type) -> Result<String> {
    match state {
        Type::Path(path) => Ok(path
            .path
            .segments
            .last()
            .map(|segment| signature::plain_name(&segment.ident))
            .unwrap_or_default()),
        other => Err(Error::new_spanned(
            other,
            "the state of an aggregate function is a type of the plugin",
        )),
    }
}

/// `VolumeMean` is `volume_mean`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}
