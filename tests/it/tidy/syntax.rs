//! Predicates on syntax, for parsing a file into facts.

use proc_macro2::{Ident, Span, TokenTree};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, FnArg, GenericArgument, Item, ItemConst, ItemEnum, ItemFn, ItemImpl, ItemMacro,
    ItemMod, ItemStatic, ItemStruct, ItemTrait, ItemType, ItemUnion, ItemUse, Meta, PathArguments,
    PathSegment, Signature, Token, Type, Visibility,
};

pub(crate) fn has_string_error(segment: &PathSegment) -> bool {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return false };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(of) => Some(of),
        _ => None,
    });
    segment.ident == "Result"
        && types.nth(1).is_some_and(|error| is_named(error, &["String", "str"]))
}

pub(crate) fn bool_parameters(signature: &Signature) -> usize {
    let is_bool = |input: &&FnArg| matches!(input, FnArg::Typed(of) if is_named(&of.ty, &["bool"]));
    signature.inputs.iter().filter(is_bool).count()
}

/// Whether a type has one of the names, also behind a reference or in an `Option`.
fn is_named(of: &Type, names: &[&str]) -> bool {
    match of {
        Type::Reference(reference) => is_named(&reference.elem, names),
        Type::Paren(inner) => is_named(&inner.elem, names),
        Type::Group(inner) => is_named(&inner.elem, names),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| match &last.arguments {
            PathArguments::AngleBracketed(inner) if last.ident == "Option" => {
                inner.args.iter().any(
                    |argument| matches!(argument, GenericArgument::Type(of) if is_named(of, names)),
                )
            }
            _ => names.iter().any(|name| last.ident == name),
        }),
        _ => false,
    }
}

pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    fn needs_test(meta: &Meta) -> bool {
        let all = Punctuated::<Meta, Token![,]>::parse_terminated;
        match meta {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(list) if list.path.is_ident("all") => {
                list.parse_args_with(all).is_ok_and(|all| all.iter().any(needs_test))
            }
            _ => false,
        }
    }
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let is_cfg = path.is_ident("cfg");
        path.is_ident("test")
            || is_cfg && attribute.parse_args().is_ok_and(|meta| needs_test(&meta))
    })
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(ItemConst { attrs, .. })
        | Item::Enum(ItemEnum { attrs, .. })
        | Item::Fn(ItemFn { attrs, .. })
        | Item::Impl(ItemImpl { attrs, .. })
        | Item::Macro(ItemMacro { attrs, .. })
        | Item::Mod(ItemMod { attrs, .. })
        | Item::Static(ItemStatic { attrs, .. })
        | Item::Struct(ItemStruct { attrs, .. })
        | Item::Trait(ItemTrait { attrs, .. })
        | Item::Type(ItemType { attrs, .. })
        | Item::Union(ItemUnion { attrs, .. })
        | Item::Use(ItemUse { attrs, .. }) => attrs,
        _ => &[],
    }
}

/// The name that an item defines; modules are known by their files.
pub(crate) fn name(item: &Item) -> Option<&Ident> {
    match item {
        Item::Const(ItemConst { ident, .. }) | Item::Static(ItemStatic { ident, .. }) => {
            Some(ident)
        }
        Item::Fn(item) => Some(&item.sig.ident),
        Item::Macro(item) => item.ident.as_ref(),
        _ => type_of(item).map(|(name, _)| name),
    }
}

pub(crate) fn public_type(item: &Item) -> Option<&Ident> {
    let is_public = |visibility: &Visibility| match visibility {
        Visibility::Public(_) => true,
        Visibility::Restricted(to) => to.path.is_ident("crate"),
        Visibility::Inherited => false,
    };
    type_of(item).filter(|(_, visibility)| is_public(visibility)).map(|(name, _)| name)
}

fn type_of(item: &Item) -> Option<(&Ident, &Visibility)> {
    match item {
        Item::Enum(ItemEnum { ident, vis, .. })
        | Item::Struct(ItemStruct { ident, vis, .. })
        | Item::Trait(ItemTrait { ident, vis, .. })
        | Item::Type(ItemType { ident, vis, .. })
        | Item::Union(ItemUnion { ident, vis, .. }) => Some((ident, vis)),
        _ => None,
    }
}

pub(crate) fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// Whether a field or method follows: after one dot, not after the two of a range.
pub(crate) fn is_field(before: &[TokenTree]) -> bool {
    match before {
        [.., first, last] => is(last, '.') && !is(first, '.'),
        [last] => is(last, '.'),
        [] => false,
    }
}

pub(crate) fn line(at: Span) -> usize {
    at.start().line
}
