//! `#[derive(Argument)]` and `#[derive(Return)]`: structs as STRUCT.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, Lifetime, LitStr, Result, Type};

use crate::signature::{chain, plain_name};

/// A struct with named fields.
struct Record {
    input: DeriveInput,
    names: Vec<Ident>,
    types: Vec<Type>,
    /// Names in SQL, and whether they keep their case.
    sql_names: Vec<(String, bool)>,
}

impl Record {
    fn parse(item: TokenStream) -> Result<Record> {
        let input: DeriveInput = syn::parse2(item)?;
        let Data::Struct(data) = &input.data else {
            return Err(Error::new(input.ident.span(), "only a struct can be a STRUCT of SQL"));
        };
        let Fields::Named(fields) = &data.fields else {
            return Err(Error::new(
                input.ident.span(),
                "the fields of a STRUCT of SQL need names",
            ));
        };
        let generics = &input.generics;
        if generics.type_params().next().is_some()
            || generics.const_params().next().is_some()
            || generics.lifetimes().count() > 1
        {
            return Err(Error::new(
                input.ident.span(),
                "a STRUCT of SQL can have one lifetime, and no other parameters",
            ));
        }
        let names: Vec<Ident> = fields.named.iter().filter_map(|field| field.ident.clone()).collect();
        if names.is_empty() {
            return Err(Error::new(input.ident.span(), "a STRUCT of SQL has at least one field"));
        }
        let types = fields.named.iter().map(|field| field.ty.clone()).collect();
        let sql_names = fields
            .named
            .iter()
            .zip(&names)
            .map(|(field, name)| sql_name(field, name))
            .collect::<Result<_>>()?;
        Ok(Record {
            input,
            names,
            types,
            sql_names,
        })
    }

    /// The lifetime of what it borrows, or a new one.
    fn lifetime(&self) -> Lifetime {
        match self.input.generics.lifetimes().next() {
            Some(parameter) => parameter.lifetime.clone(),
            None => Lifetime::new("'columns", Span::call_site()),
        }
    }

    /// What writes its SQL type, where `implements` is the trait that its fields have.
    fn sql_type(&self, implements: &TokenStream) -> TokenStream {
        let types = &self.types;
        let (names, keep): (Vec<_>, Vec<_>) = self.sql_names.iter().cloned().unzip();
        quote! {
            fn sql_type(out: &mut glue::String) {
                glue::sql_struct(out, &[#((#names, #keep, <#types as #implements>::sql_type)),*]);
            }
        }
    }

    /// The fields as a chain of types, and as a chain of variables.
    fn chains(&self) -> (TokenStream, TokenStream) {
        (
            chain(self.types.iter().map(|ty| quote!(#ty))),
            chain(self.names.iter().map(|name| quote!(#name))),
        )
    }
}

fn sql_name(field: &Field, ident: &Ident) -> Result<(String, bool)> {
    let mut name = None;
    for attribute in field
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("field"))
    {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("the option of a field is: name = \"...\""));
            }
            let text: LitStr = meta.value()?.parse()?;
            if text.value().is_empty() || text.value().contains('`') {
                return Err(Error::new(
                    text.span(),
                    "the name of a field has at least one character, and no back-quote",
                ));
            }
            name = Some(text.value());
            Ok(())
        })?;
    }
    Ok(match name {
        Some(name) => (name, true),
        None => (plain_name(ident), false),
    })
}

pub(crate) fn expand_argument(item: TokenStream) -> Result<TokenStream> {
    let record = Record::parse(item)?;
    let (name, names, lifetime) = (&record.input.ident, &record.names, record.lifetime());
    let (_, generics, _) = record.input.generics.split_for_impl();
    let (types, pattern) = record.chains();
    let sql_type = record.sql_type(&quote!(glue::Argument<#lifetime>));
    Ok(quote! {
        const _: () = {
            use ::waterwheel_udf::glue;

            impl<#lifetime> glue::Argument<#lifetime> for #name #generics {
                type Column = glue::StructColumn<#lifetime, Self>;

                #sql_type
            }

            impl<#lifetime> glue::Record<#lifetime> for #name #generics {
                type Fields = #types;

                #[inline]
                fn join(#pattern: Self::Fields) -> Self {
                    Self { #(#names),* }
                }
            }
        };
    })
}

pub(crate) fn expand_return(item: TokenStream) -> Result<TokenStream> {
    let record = Record::parse(item)?;
    let (name, names) = (&record.input.ident, &record.names);
    let (parameters, generics, _) = record.input.generics.split_for_impl();
    let (types, values) = record.chains();
    let sql_type = record.sql_type(&quote!(glue::Return));
    Ok(quote! {
        const _: () = {
            use ::waterwheel_udf::glue;

            impl #parameters glue::Return for #name #generics {
                type Base = Self;
                type Store = glue::Built<Self::Builder>;
                type Builder = glue::StructBuilder<<#types as glue::Parts>::Builders>;

                #sql_type

                fn base(self) -> Option<Self> {
                    Some(self)
                }
            }

            impl #parameters glue::StructParts for #name #generics {
                type Fields = #types;

                #[inline]
                fn split(self) -> Self::Fields {
                    let Self { #(#names),* } = self;
                    #values
                }
            }
        };
    })
}
