//! `#[derive(State)]`: saves a struct field by field, an enum as the number of its variant and the fields of that.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Fields, Ident, Member, Result};

pub(crate) fn expand(item: TokenStream) -> Result<TokenStream> {
    let mut input: DeriveInput = syn::parse2(item)?;
    for parameter in input.generics.type_params_mut() {
        parameter.bounds.push(syn::parse_quote!(::waterwheel_udf::State));
    }
    let (save, load) = match &input.data {
        Data::Struct(data) => {
            let (members, variables) = parts(&data.fields);
            let load = load_fields(&quote!(Self), &members);
            (
                quote!(let Self { #(#members: #variables),* } = self; #(State::save(#variables, out);)*),
                load,
            )
        }
        Data::Enum(data) => {
            if data.variants.is_empty() || data.variants.len() > 256 {
                return Err(Error::new(
                    input.ident.span(),
                    "an enum in a state has 1 to 256 variants",
                ));
            }
            let variants: Vec<_> = data
                .variants
                .iter()
                .enumerate()
                .map(|(i, variant)| (i as u8, variant))
                .collect();
            let save = variants.iter().map(|(tag, variant)| {
                let (name, (members, variables)) = (&variant.ident, parts(&variant.fields));
                quote!(Self::#name { #(#members: #variables),* } => { State::save(&#tag, out); #(State::save(#variables, out);)* })
            });
            let load = variants.iter().map(|(tag, variant)| {
                let (name, (members, _)) = (&variant.ident, parts(&variant.fields));
                let loaded = load_fields(&quote!(Self::#name), &members);
                quote!(#tag => #loaded,)
            });
            let message = format!("{{}} is no variant of {}", input.ident);
            let load = quote! {
                match <u8 as State>::load(input)? {
                    #(#load)*
                    #[allow(unreachable_patterns, reason = "an enum may have all of 256 variants")]
                    other => Err(StateError::new(::std::format!(#message, other))),
                }
            };
            (quote!(match self { #(#save)* }), load)
        }
        Data::Union(_) => {
            return Err(Error::new(
                input.ident.span(),
                "a union cannot be state: nothing says which field it is",
            ));
        }
    };
    let (name, (parameters, generics, conditions)) = (&input.ident, input.generics.split_for_impl());
    Ok(quote! {
        const _: () = {
            use ::waterwheel_udf::{State, StateError, StateReader};

            impl #parameters State for #name #generics #conditions {
                fn save(&self, out: &mut ::std::vec::Vec<u8>) {
                    let _ = &out;
                    #save
                }

                fn load(input: &mut StateReader<'_>) -> ::core::result::Result<Self, StateError> {
                    let _ = &input;
                    #load
                }
            }
        };
    })
}

/// The fields, and a variable for each.
fn parts(fields: &Fields) -> (Vec<Member>, Vec<Ident>) {
    let members: Vec<Member> = fields.members().collect();
    let variables = (0..members.len()).map(|i| format_ident!("field_{i}")).collect();
    (members, variables)
}

fn load_fields(constructor: &TokenStream, members: &[Member]) -> TokenStream {
    quote!(Ok(#constructor { #(#members: State::load(input)?),* }))
}
