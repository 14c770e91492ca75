//! One lifetime for what a function borrows from its arguments.
//!
//! All arguments live as long as the call. So `words: List<'_, &str>`, which Rust takes for two lifetimes, and a borrowed result
//! of a function with two borrowed arguments, which Rust cannot place, both have one meaning here.

use proc_macro2::Span;
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{FnArg, ItemFn, Lifetime, ReturnType, Type, TypeReference};

/// Gives all lifetimes that a signature leaves out one name, where Rust itself would not know. Arguments before `first` are left
/// as they are.
pub(crate) fn unify(function: &mut ItemFn, first: usize) {
    let mut arguments: Vec<&mut Type> = function
        .sig
        .inputs
        .iter_mut()
        .skip(first)
        .filter_map(|input| match input {
            // What a result is written to is borrowed for a row only.
            FnArg::Typed(input) => match &mut *input.ty {
                Type::Reference(reference) if reference.mutability.is_some() => None,
                ty => Some(ty),
            },
            FnArg::Receiver(_) => None,
        })
        .collect();
    let elided: Vec<usize> = arguments.iter_mut().map(|ty| Elided::count(ty)).collect();
    let output = match &mut function.sig.output {
        ReturnType::Type(_, ty) => Some(&mut **ty),
        ReturnType::Default => None,
    };
    let (all, most) = (elided.iter().sum::<usize>(), elided.iter().max().copied().unwrap_or(0));
    let mut types = arguments;
    types.extend(output);
    let output_borrows = types.len() > elided.len() && types.last_mut().is_some_and(|ty| Elided::count(ty) > 0);
    if most < 2 && !(all >= 2 && output_borrows) {
        return;
    }
    let lifetime = Lifetime::new("'call", Span::call_site());
    for ty in types {
        Elided {
            name: Some(lifetime.clone()),
            count: 0,
        }
        .visit_type_mut(ty);
    }
    function.sig.generics.params.insert(0, syn::parse_quote!(#lifetime));
}

/// Counts the lifetimes that are left out, and names them if there is a name.
struct Elided {
    name: Option<Lifetime>,
    count: usize,
}

impl Elided {
    fn count(ty: &mut Type) -> usize {
        let mut elided = Elided { name: None, count: 0 };
        elided.visit_type_mut(ty);
        elided.count
    }
}

impl VisitMut for Elided {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        // What a function pointer or a trait object leaves out is its own matter.
        if !matches!(ty, Type::BareFn(_) | Type::TraitObject(_) | Type::ImplTrait(_)) {
            visit_type_mut(self, ty);
        }
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        if reference.lifetime.is_none() {
            self.count += 1;
            reference.lifetime.clone_from(&self.name);
        }
        syn::visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            self.count += 1;
            if let Some(name) = &self.name {
                *lifetime = name.clone();
            }
        }
    }
}
