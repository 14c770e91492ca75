//! What scalar and stream functions have in common: the entry in the manifest, exports, types without lifetimes.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::visit_mut::VisitMut;
use syn::{Ident, ItemFn, Lifetime, Type, TypeReference};

use crate::signature::{self, Parameter};

/// A function as it goes into the plugin.
pub(crate) struct Function<'a> {
    pub(crate) function: &'a ItemFn,
    pub(crate) sql_name: String,
    /// What its exports are called behind `udf_`.
    pub(crate) export_name: String,
    pub(crate) parameters: &'a [Parameter],
    pub(crate) output: Type,
}

impl Function<'_> {
    /// What its exports are called, or begin with. Not the plain name: that could be one of the compiler's own (`log`, `memcpy`).
    pub(crate) fn export(&self, suffix: &str) -> String {
        format!("udf_{}{suffix}", self.export_name)
    }

    /// The types of the arguments, as a chain, with lifetimes to be inferred.
    pub(crate) fn argument_types(&self) -> TokenStream {
        signature::chain(self.parameters.iter().map(|parameter| {
            let ty = with_lifetimes(&parameter.ty, "'_");
            quote!(#ty)
        }))
    }

    /// Names for the arguments in generated code, in order.
    pub(crate) fn variables(&self) -> Vec<Ident> {
        (0..self.parameters.len())
            .map(|i| format_ident!("argument_{i}"))
            .collect()
    }

    /// The function, and beside it what stands for it in `plugin!`: an item of its name, in the namespace of types.
    pub(crate) fn items(&self, kind: &TokenStream, glue: &TokenStream) -> TokenStream {
        let (function, name, visibility) = (self.function, &self.function.sig.ident, &self.function.vis);
        let (sql_name, export, doc) = (&self.sql_name, self.export(""), signature::doc(&function.attrs));
        let args = self.parameters.iter().map(|parameter| {
            let (name, constant, more) = (parameter.sql_name(), parameter.constant, &parameter.more);
            quote!((#name, #constant, #more))
        });
        let (types, output) = (self.argument_types(), with_lifetimes(&self.output, "'_"));
        quote! {
            #function

            #[doc(hidden)]
            #[allow(non_camel_case_types, reason = "named after the function")]
            #[derive(Debug)]
            #visibility enum #name {}

            #[allow(unsafe_code, reason = "what the host calls")]
            const _: () = {
                use ::waterwheel_udf::glue;

                impl glue::Function for #name {
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

                #glue
            };
        }
    }

    /// A call of the function with these arguments; where it writes its result, it writes to `text`.
    pub(crate) fn called(&self, arguments: &TokenStream) -> TokenStream {
        let name = &self.function.sig.ident;
        if signature::writes(self.function) {
            quote!(glue::write_row(text, |text| #name(#arguments text)))
        } else {
            quote!(#name(#arguments))
        }
    }

    /// The call of the host that `call` answers, with `text` around it where the function writes its result.
    pub(crate) fn answered(&self, call: &TokenStream) -> TokenStream {
        if !signature::writes(self.function) {
            return call.clone();
        }
        quote! {
            glue::thread_local! {
                static TEXT: glue::RefCell<glue::Text> = glue::RefCell::default();
            }
            TEXT.with_borrow_mut(|text| {
                // SAFETY: called by the host, which gives the descriptor of the result.
                unsafe { glue::write_rows(text, out, |text| #call) }
            })
        }
    }

    /// The attributes of a function that the host calls.
    pub(crate) fn exported(&self, suffix: &str) -> TokenStream {
        let name = self.export(suffix);
        quote! {
            // Only in a plugin: in a test on another machine the name could be one of its C library.
            #[cfg_attr(target_arch = "wasm32", unsafe(export_name = #name))]
            #[allow(dead_code, reason = "called by the host")]
        }
    }

    /// The store of its results. It lives as long as the plugin and so must the type, but borrowed results are copied.
    pub(crate) fn store(&self) -> TokenStream {
        let output = with_lifetimes(&self.output, "'static");
        quote!(<<#output as glue::Outcome>::Value as glue::Return>::Store)
    }
}

/// The exports of a function that SQL knows by another name have both names: overloads share that of SQL.
pub(crate) fn export_name(sql_name: &str, own: &str) -> String {
    if own == sql_name {
        own.to_string()
    } else {
        format!("{sql_name}_{own}")
    }
}

/// The type with each of its lifetimes, named or not, replaced.
pub(crate) fn with_lifetimes(ty: &Type, lifetime: &str) -> Type {
    struct Replace<'a>(&'a str);

    impl VisitMut for Replace<'_> {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            *lifetime = Lifetime::new(self.0, Span::call_site());
        }

        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            reference.lifetime = Some(Lifetime::new(self.0, Span::call_site()));
            self.visit_type_mut(&mut reference.elem);
        }
    }

    let mut ty = ty.clone();
    Replace(lifetime).visit_type_mut(&mut ty);
    ty
}
