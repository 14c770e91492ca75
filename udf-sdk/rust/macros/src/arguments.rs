//! Reads what stands in the brackets of `#[scalar(...)]`, `#[table(...)]`, `#[stream(...)]` and `#[aggregate(...)]`.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Ident, LitInt, LitStr, Path, Result, Token, Type};

use crate::generic::Variable;
use crate::signature::check_sql_name;

/// The options of a function.
#[derive(Clone, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<String>,
    pub(crate) volatility: Option<&'static str>,
    pub(crate) start: Option<Path>,
    pub(crate) state_version: Option<u32>,
    pub(crate) upgrades: Vec<(u32, Path)>,
    /// Type variables.
    pub(crate) types: Vec<Variable>,
    /// The types of an aggregate function that was written for several, as part of a name.
    pub(crate) variant: Option<String>,
}

/// Which options an attribute knows.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Attribute {
    Scalar,
    Table,
    Stream,
    Aggregate,
}

pub(crate) fn parse(tokens: TokenStream, attribute: Attribute) -> Result<Options> {
    let mut options = Options::default();
    syn::meta::parser(|meta| options.option(&meta, attribute)).parse2(tokens)?;
    Ok(options)
}

impl Options {
    fn option(&mut self, meta: &ParseNestedMeta<'_>, attribute: Attribute) -> Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match (name.as_str(), attribute) {
            ("name", _) => {
                let name: LitStr = meta.value()?.parse()?;
                check_sql_name(&name.value(), name.span())?;
                self.name = Some(name.value());
            }
            ("volatile", Attribute::Scalar | Attribute::Table) => self.volatility(meta, "volatile")?,
            ("stable", Attribute::Scalar | Attribute::Table) => self.volatility(meta, "stable")?,
            ("start", _) => self.start = Some(meta.value()?.parse()?),
            ("state_version", Attribute::Stream | Attribute::Aggregate) => {
                self.state_version = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?)
            }
            ("upgrade", Attribute::Stream | Attribute::Aggregate) => {
                let content;
                syn::parenthesized!(content in meta.input);
                while !content.is_empty() {
                    let version: LitInt = content.parse()?;
                    content.parse::<syn::Token![=]>()?;
                    self.upgrades.push((version.base10_parse()?, content.parse()?));
                    if !content.is_empty() {
                        content.parse::<syn::Token![,]>()?;
                    }
                }
            }
            ("types", _) => {
                let content;
                syn::parenthesized!(content in meta.input);
                let name: Ident = content.parse()?;
                content.parse::<Token![:]>()?;
                let types = Punctuated::<Type, Token![,]>::parse_terminated(&content)?;
                if types.is_empty() || self.types.iter().any(|other| other.name == name) {
                    return Err(meta.error("types are written as types(T: i64, f64), once for each T"));
                }
                let types = types.into_iter().collect();
                self.types.push(Variable { name, types });
            }
            (_, Attribute::Scalar | Attribute::Table) => {
                return Err(meta.error("options are: name = \"...\", start = path, volatile, stable, types(T: ...)"));
            }
            (_, Attribute::Stream | Attribute::Aggregate) => {
                return Err(
                    meta.error("options are: name = \"...\", start = path, state_version = N, upgrade(N = path, ...), types(T: ...)")
                );
            }
        }
        Ok(())
    }

    fn volatility(&mut self, meta: &ParseNestedMeta<'_>, volatility: &'static str) -> Result<()> {
        if self.volatility.replace(volatility).is_some() {
            return Err(meta.error("a function is either stable or volatile"));
        }
        Ok(())
    }
}
