//! `types(T: i64, f64)`: a function of several types, as one function for each choice of them.
//!
//! The choices are copies in which the types stand in the place of the variables, not instances of a generic function: so a body can do
//! with a `T` what all of its types can, and needs no bounds.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::visit_mut::{VisitMut, visit_expr_path_mut, visit_macro_mut, visit_type_mut};
use syn::{
    Error, ExprPath, FnArg, GenericParam, Generics, Ident, ItemFn, ItemImpl, Macro, QSelf, Result, Type, Visibility,
    token,
};

use crate::arguments::Options;
use crate::signature::plain_name;

/// A type variable and the types that it stands for.
#[derive(Clone)]
pub(crate) struct Variable {
    pub(crate) name: Ident,
    pub(crate) types: Vec<Type>,
}

/// What an attribute makes of one choice.
type Expand<Item> = fn(Options, Item) -> Result<TokenStream>;

/// The function for each choice of types, and an item of the function's name that stands for all of them in `plugin!`.
pub(crate) fn functions(mut options: Options, item: &ItemFn, expand: Expand<ItemFn>) -> Result<TokenStream> {
    let name = &item.sig.ident;
    options.name.get_or_insert_with(|| plain_name(name));
    let (mut all, mut names) = (TokenStream::new(), Vec::new());
    for choice in choices(&mut options, &item.sig.generics)? {
        let mut own = item.clone();
        own.sig.ident = format_ident!("{}_{}", plain_name(name), choice.suffix, span = name.span());
        let (mut substitute, mut options) = (choice.substitute(), options.clone());
        own.sig.generics.params = without(&choice, own.sig.generics.params);
        own.sig
            .inputs
            .iter_mut()
            .for_each(|input| substitute.visit_fn_arg_mut(input));
        substitute.all_found(name)?;
        substitute.visit_return_type_mut(&mut own.sig.output);
        substitute.visit_block_mut(&mut own.block);
        substitute.options(&mut options);
        names.push(own.sig.ident.clone());
        all.extend(expand(options, own)?);
    }
    all.extend(stands_for(&item.vis, name, &names));
    Ok(all)
}

/// The `impl` for each choice of types, and an item of the name in SQL that stands for all of them in `plugin!`.
pub(crate) fn aggregates(
    mut options: Options,
    item: &ItemImpl,
    sql_name: &str,
    expand: Expand<ItemImpl>,
) -> Result<TokenStream> {
    let name = format_ident!("{sql_name}", span = options.types[0].name.span());
    options.name = Some(sql_name.to_string());
    let (mut all, mut states) = (TokenStream::new(), Vec::new());
    for choice in choices(&mut options, &item.generics)? {
        let mut own = item.clone();
        let (mut substitute, mut options) = (choice.substitute(), options.clone());
        own.generics.params = without(&choice, own.generics.params);
        for method in &mut own.items {
            // Looked for where rows come in.
            let syn::ImplItem::Fn(method) = method else { continue };
            if method.sig.ident == "update" {
                let arguments = |input: &&mut FnArg| matches!(input, FnArg::Typed(_));
                method
                    .sig
                    .inputs
                    .iter_mut()
                    .filter(arguments)
                    .for_each(|input| substitute.visit_fn_arg_mut(input));
                substitute.all_found(&name)?;
            }
        }
        substitute.visit_item_impl_mut(&mut own);
        substitute.options(&mut options);
        options.variant = Some(choice.suffix);
        states.push(own.self_ty.clone());
        all.extend(expand(options, own)?);
    }
    let visibility = Visibility::Public(token::Pub::default());
    all.extend(stands_for(&visibility, &name, &states));
    Ok(all)
}

/// What `plugin!` lists: its entries are those of the choices.
fn stands_for(visibility: &Visibility, name: &Ident, choices: &[impl ToTokens]) -> TokenStream {
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, reason = "named after the function")]
        #[derive(Debug)]
        #visibility enum #name {}

        impl ::waterwheel_udf::glue::Function for #name {
            fn describe(manifest: &mut ::waterwheel_udf::glue::Manifest) {
                #(<#choices as ::waterwheel_udf::glue::Function>::describe(manifest);)*
            }
        }
    }
}

/// A type for each variable.
struct Choice {
    types: Vec<(Ident, Type)>,
    /// Of the names of what is made of it.
    suffix: String,
}

impl Choice {
    fn substitute(&self) -> Substitute<'_> {
        Substitute {
            found: vec![false; self.types.len()],
            choice: self,
        }
    }
}

/// All choices, the last variable's types changing first. Takes the variables out of the options.
fn choices(options: &mut Options, generics: &Generics) -> Result<Vec<Choice>> {
    let variables = std::mem::take(&mut options.types);
    for variable in &variables {
        let is_declared =
            |parameter: &GenericParam| matches!(parameter, GenericParam::Type(own) if own.ident == variable.name);
        if !generics.params.iter().any(is_declared) {
            let reason = format!("no `<{}>` is declared for these types", variable.name);
            return Err(Error::new(variable.name.span(), reason));
        }
    }
    let mut all = vec![Choice {
        types: Vec::new(),
        suffix: String::new(),
    }];
    for variable in &variables {
        let with = |choice: &Choice, ty: &Type| {
            let mut types = choice.types.clone();
            types.push((variable.name.clone(), ty.clone()));
            let parts: Vec<String> = types.iter().map(|(_, ty)| in_a_name(ty)).collect();
            Choice {
                types,
                suffix: parts.join("_"),
            }
        };
        all = all
            .iter()
            .flat_map(|choice| variable.types.iter().map(|ty| with(choice, ty)).collect::<Vec<_>>())
            .collect();
    }
    Ok(all)
}

/// `Decimal<18, 4>` is `decimal_18_4`.
fn in_a_name(ty: &Type) -> String {
    let text = ty.to_token_stream().to_string().to_lowercase();
    let words = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

/// The parameters that are no variables.
fn without(
    choice: &Choice,
    parameters: impl IntoIterator<Item = GenericParam>,
) -> syn::punctuated::Punctuated<GenericParam, token::Comma> {
    let is_variable = |parameter: &GenericParam| matches!(parameter, GenericParam::Type(own) if choice.types.iter().any(|(name, _)| *name == own.ident));
    parameters
        .into_iter()
        .filter(|parameter| !is_variable(parameter))
        .collect()
}

/// Puts types in the place of variables.
struct Substitute<'a> {
    choice: &'a Choice,
    /// Which variables were there.
    found: Vec<bool>,
}

impl Substitute<'_> {
    fn of(&mut self, ident: &Ident) -> Option<Type> {
        let at = self.choice.types.iter().position(|(name, _)| name == ident)?;
        self.found[at] = true;
        Some(self.choice.types[at].1.clone())
    }

    /// A variable that no argument has would make overloads that nothing tells apart.
    fn all_found(&self, function: &Ident) -> Result<()> {
        match self.found.iter().position(|found| !found) {
            Some(at) => {
                let reason = format!("`{}` is in no argument of {function}", self.choice.types[at].0);
                Err(Error::new(self.choice.types[at].0.span(), reason))
            }
            None => Ok(()),
        }
    }

    fn options(&mut self, options: &mut Options) {
        for path in options
            .start
            .iter_mut()
            .chain(options.upgrades.iter_mut().map(|(_, path)| path))
        {
            self.visit_path_mut(path);
        }
    }

    /// In the arguments of a macro nothing says what is a type: every word of the name is.
    fn tokens(&mut self, tokens: TokenStream) -> TokenStream {
        let each = |token| match token {
            TokenTree::Ident(ident) => match self.of(&ident) {
                Some(ty) => ty.into_token_stream(),
                None => ident.into_token_stream(),
            },
            TokenTree::Group(group) => {
                let mut own = Group::new(group.delimiter(), self.tokens(group.stream()));
                own.set_span(group.span());
                own.into_token_stream()
            }
            other => other.into_token_stream(),
        };
        tokens.into_iter().map(each).collect()
    }
}

impl VisitMut for Substitute<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Path(path) = ty
            && path.qself.is_none()
            && let Some(own) = path.path.segments.first().and_then(|segment| self.of(&segment.ident))
        {
            if path.path.segments.len() == 1 {
                *ty = own;
                return;
            }
            path.qself = Some(qself(own));
            path.path = behind_first(&path.path);
        }
        visit_type_mut(self, ty);
    }

    fn visit_expr_path_mut(&mut self, path: &mut ExprPath) {
        if path.qself.is_none()
            && path.path.segments.len() > 1
            && let Some(own) = self.of(&path.path.segments[0].ident)
        {
            path.qself = Some(qself(own));
            path.path = behind_first(&path.path);
        }
        visit_expr_path_mut(self, path);
    }

    fn visit_macro_mut(&mut self, of: &mut Macro) {
        visit_macro_mut(self, of);
        of.tokens = self.tokens(std::mem::take(&mut of.tokens));
    }
}

/// `<T>` of `<T>::MAX`.
fn qself(ty: Type) -> QSelf {
    QSelf {
        lt_token: token::Lt::default(),
        ty: Box::new(ty),
        position: 0,
        as_token: None,
        gt_token: token::Gt::default(),
    }
}

/// `::MAX` of `T::MAX`.
fn behind_first(path: &syn::Path) -> syn::Path {
    syn::Path {
        leading_colon: Some(token::PathSep::default()),
        segments: path.segments.iter().skip(1).cloned().collect(),
    }
}
