//! Reads the signature of a function: its arguments, their types, its doc line.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, FnArg, Ident, ItemFn, Lit, Meta, Pat, Result, ReturnType, Type, UnOp};

/// One parameter that SQL gives.
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) constant: bool,
    /// What `#[default]` and `#[variadic]` add to its entry in the manifest.
    pub(crate) more: String,
}

impl Parameter {
    /// Its name in the manifest. In Rust `_rows` is a `rows` that the function does not look at.
    pub(crate) fn sql_name(&self) -> String {
        let name = plain_name(&self.name);
        match name.strip_prefix('_') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic()) => rest.to_string(),
            _ => name,
        }
    }
}

/// The name without `r#`.
pub(crate) fn plain_name(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_string()
}

/// Refuses what a function of SQL cannot be.
pub(crate) fn check(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if let Some(asyncness) = &signature.asyncness {
        return Err(Error::new(
            asyncness.span(),
            "a function of SQL cannot be async: there is nothing to wait for",
        ));
    }
    if let Some(parameter) = signature
        .generics
        .params
        .iter()
        .find(|p| !matches!(p, syn::GenericParam::Lifetime(_)))
    {
        return Err(Error::new(
            parameter.span(),
            "SQL needs one type for each argument: say which with types(T: i64, f64, ...) in the attribute",
        ));
    }
    if let Some(variadic) = &signature.variadic {
        return Err(Error::new(
            variadic.span(),
            "a function of SQL has a fixed number of arguments",
        ));
    }
    Ok(())
}

/// Takes the parameters from `first` on out of a signature, with their `#[constant]` marks. The one that a result is written to is none.
pub(crate) fn parameters(function: &mut ItemFn, first: usize) -> Result<Vec<Parameter>> {
    let count = function.sig.inputs.len() - usize::from(writes(function));
    function
        .sig
        .inputs
        .iter_mut()
        .take(count)
        .skip(first)
        .map(parameter)
        .collect()
}

/// Whether the function writes its result: its last parameter is `&mut Text`.
pub(crate) fn writes(function: &ItemFn) -> bool {
    let Some(FnArg::Typed(last)) = function.sig.inputs.last() else {
        return false;
    };
    let Type::Reference(reference) = &*last.ty else {
        return false;
    };
    let Type::Path(path) = &*reference.elem else {
        return false;
    };
    reference.mutability.is_some() && path.path.segments.last().is_some_and(|segment| segment.ident == "Text")
}

fn parameter(input: &mut FnArg) -> Result<Parameter> {
    let FnArg::Typed(input) = input else {
        return Err(Error::new(input.span(), "a function of SQL has no self"));
    };
    let Pat::Ident(pattern) = &*input.pat else {
        return Err(Error::new(
            input.pat.span(),
            "an argument of a function of SQL needs a name",
        ));
    };
    let (mut constant, mut more, mut kept) = (false, String::new(), Vec::new());
    for attribute in input.attrs.drain(..) {
        if attribute.path().is_ident("constant") {
            constant = true;
        } else if attribute.path().is_ident("variadic") {
            more.push_str(", \"variadic\": true");
        } else if attribute.path().is_ident("default") {
            more.push_str(", \"default\": ");
            more.push_str(&default(&attribute)?);
        } else {
            kept.push(attribute);
        }
    }
    input.attrs = kept;
    Ok(Parameter {
        name: pattern.ident.clone(),
        ty: (*input.ty).clone(),
        constant,
        more,
    })
}

/// The value in `#[default(VALUE)]` as JSON; null in a bare `#[default]`.
fn default(attribute: &Attribute) -> Result<String> {
    if matches!(attribute.meta, Meta::Path(_)) {
        return Ok("null".to_string());
    }
    let value: Expr = attribute.parse_args()?;
    let (sign, literal) = match &value {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => ("-", &*unary.expr),
        literal => ("", literal),
    };
    match literal {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number), ..
        }) => Ok(format!("{sign}{}", number.base10_digits())),
        Expr::Lit(ExprLit {
            lit: Lit::Float(number),
            ..
        }) => {
            // JSON has no number that ends in a point.
            let digits = number.base10_digits();
            let zero = if digits.ends_with('.') { "0" } else { "" };
            Ok(format!("{sign}{digits}{zero}"))
        }
        Expr::Lit(ExprLit {
            lit: Lit::Bool(value), ..
        }) if sign.is_empty() => Ok(value.value.to_string()),
        Expr::Lit(ExprLit {
            lit: Lit::Str(text), ..
        }) if sign.is_empty() => {
            let mut json = String::from('"');
            for character in text.value().chars() {
                match character {
                    '"' | '\\' => json.extend(['\\', character]),
                    c if c.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(c))),
                    c => json.push(c),
                }
            }
            json.push('"');
            Ok(json)
        }
        other => Err(Error::new(
            other.span(),
            "a default is a number, a text, true or false; without a value it is NULL",
        )),
    }
}

/// The type that the function returns.
pub(crate) fn output(function: &ItemFn) -> Result<Type> {
    if writes(function) {
        return Ok(syn::parse_quote!(glue::Written));
    }
    match &function.sig.output {
        ReturnType::Type(_, ty) => Ok((**ty).clone()),
        ReturnType::Default => Err(Error::new(
            function.sig.ident.span(),
            "a function of SQL returns a value",
        )),
    }
}

/// The first paragraph of the doc comment, on one line.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let mut words = String::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let Meta::NameValue(meta) = &attribute.meta else {
            continue;
        };
        let Expr::Lit(ExprLit {
            lit: Lit::Str(text), ..
        }) = &meta.value
        else {
            continue;
        };
        let line = text.value();
        if line.trim().is_empty() {
            if words.is_empty() { continue } else { break }
        }
        for word in line.split_whitespace() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
    }
    words
}

/// Checks that a name can be a name of SQL.
pub(crate) fn check_sql_name(name: &str, span: proc_macro2::Span) -> Result<()> {
    let mut characters = name.chars();
    let begins = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if begins && name.len() <= 64 && characters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    let reason = "a name in SQL is a letter or _, then letters, digits and _, 64 at most";
    Err(Error::new(span, format!("`{name}`: {reason}")))
}

/// A chain of pairs: `(a, (b, ()))`.
pub(crate) fn chain(items: impl DoubleEndedIterator<Item = TokenStream>) -> TokenStream {
    items.rev().fold(quote!(()), |rest, item| quote!((#item, #rest)))
}
