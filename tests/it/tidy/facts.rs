//! The facts of one file as plain data: names, imports, paths, functions, types and macros.
//!
//! Spans of `proc-macro2` belong to the thread that parsed them; facts can be shared by tests.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{
    Attribute, ImplItem, ImplItemFn, Item, ItemFn, ItemImpl, ItemMod, ItemUse, LitStr, Macro, Meta,
    Signature, TraitItemFn, UseTree, Visibility,
};

use super::syntax::{
    attributes, bool_parameters, has_string_error, is, is_field, is_test, line, name, public_type,
};

/// The names of a path, first to last; a leading `::` is an empty name.
pub(crate) type Path = Vec<String>;

/// Code that is compiled only for tests is not included, except in `macros`.
#[derive(Default)]
pub(crate) struct Facts {
    /// The file itself, then the inline modules in it.
    pub(crate) modules: Vec<Module>,
    /// The modules under `#[cfg(test)]`, relative to the file.
    pub(crate) test_modules: Vec<Path>,
    pub(crate) functions: Vec<Function>,
    /// Public structs, enums, unions, traits and aliases, each with its line.
    pub(crate) types: Vec<(String, usize)>,
    /// Lines with a `Result` whose error is text.
    pub(crate) string_errors: Vec<usize>,
    /// Every macro called, with its line.
    pub(crate) macros: Vec<(String, usize)>,
}

#[derive(Default)]
pub(crate) struct Module {
    /// Relative to the file: empty for the file itself.
    pub(crate) inner: Path,
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// Every path in the code, with the first line that has it.
    pub(crate) paths: BTreeMap<Path, usize>,
}

pub(crate) struct Import {
    /// The name that it imports: `*` for a glob.
    pub(crate) name: String,
    pub(crate) path: Path,
    pub(crate) line: usize,
    pub(crate) is_reexport: bool,
}

pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
    pub(crate) bool_parameters: usize,
}

pub(crate) fn read(text: &str) -> syn::Result<Facts> {
    let mut reader = Reader::default();
    reader.visit_file(&syn::parse_file(text)?);
    Ok(reader.facts)
}

struct Reader {
    facts: Facts,
    /// The index of the current module.
    module: usize,
    is_impl_of_trait: bool,
}

impl Default for Reader {
    fn default() -> Self {
        let facts = Facts { modules: vec![Module::default()], ..Facts::default() };
        Self { facts, module: 0, is_impl_of_trait: false }
    }
}

impl Reader {
    fn module(&mut self) -> &mut Module {
        &mut self.facts.modules[self.module]
    }

    fn path(&mut self, path: Path, at: Span) {
        self.module().paths.entry(path).or_insert_with(|| line(at));
    }

    fn function(&mut self, signature: &Signature, end: Span, bool_parameters: usize) {
        let line = line(signature.fn_token.span);
        let lines = end.end().line + 1 - line;
        let name = signature.ident.to_string();
        self.facts.functions.push(Function { name, line, lines, bool_parameters });
    }

    /// Finds paths and macro calls in the arguments of a macro, which may have any grammar.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(first) if !is_field(&tokens[..at]) => {
                    let mut path = vec![first.to_string()];
                    while let [one, two, TokenTree::Ident(next), ..] = &tokens[at + 1..]
                        && is(one, ':')
                        && is(two, ':')
                    {
                        path.push(next.to_string());
                        at += 3;
                    }
                    if let [mark, TokenTree::Group(_), ..] = &tokens[at + 1..]
                        && is(mark, '!')
                    {
                        let name = path[path.len() - 1].clone();
                        self.facts.macros.push((name, line(first.span())));
                    }
                    self.path(path, first.span());
                }
                _ => {}
            }
            at += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            let name = name(item).map(Ident::to_string);
            self.module().items.extend(name);
            if let Some(name) = public_type(item) {
                self.facts.types.push((name.to_string(), line(name.span())));
            }
            return visit::visit_item(self, item);
        }
        if let Item::Mod(module) = item {
            let mut path = self.module().inner.clone();
            path.push(module.ident.to_string());
            self.facts.test_modules.push(path);
        }
        let mut test = Self::default();
        visit::visit_item(&mut test, item);
        self.facts.macros.append(&mut test.facts.macros);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let mut inner = self.module().inner.clone();
        inner.push(module.ident.to_string());
        let outer = self.module;
        if module.content.is_some() {
            self.module = self.facts.modules.len();
            self.facts.modules.push(Module { inner, ..Module::default() });
        }
        visit::visit_item_mod(self, module);
        self.module = outer;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_reexport = !matches!(item.vis, Visibility::Inherited);
        let start = item.leading_colon.as_ref().map(|_| String::new());
        for (name, path, at) in leaves(&item.tree, &Vec::from_iter(start)) {
            let import = Import { name, path, line: line(at), is_reexport };
            self.module().imports.push(import);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let outer = mem::replace(&mut self.is_impl_of_trait, item.trait_.is_some());
        visit::visit_item_impl(self, item);
        self.is_impl_of_trait = outer;
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig, item.block.brace_token.span.close(), bool_parameters(&item.sig));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        // The trait fixes the signature. If the trait is ours, its definition is checked.
        let bools = if self.is_impl_of_trait { 0 } else { bool_parameters(&item.sig) };
        self.function(&item.sig, item.block.brace_token.span.close(), bools);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        let block = item.default.as_ref().map(|block| block.brace_token.span.close());
        let end = block.unwrap_or(item.sig.ident.span());
        self.function(&item.sig, end, bool_parameters(&item.sig));
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let start = path.leading_colon.as_ref().map(|_| String::new());
        let names = path.segments.iter().map(|segment| segment.ident.to_string());
        let at = path.segments[0].ident.span();
        self.path(start.into_iter().chain(names).collect(), at);
        if path.segments.iter().any(has_string_error) {
            self.facts.string_errors.push(line(at));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        if let Some(last) = call.path.segments.last() {
            self.facts.macros.push((last.ident.to_string(), line(last.ident.span())));
        }
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    /// Attributes name code as tokens; those of serde also as strings.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let Meta::List(list) = &attribute.meta else { return };
        self.tokens(list.tokens.clone());
        for token in list.tokens.clone() {
            if let TokenTree::Literal(_) = token
                && let Ok(text) = syn::parse2::<LitStr>(token.into())
                && let Ok(path) = text.parse::<syn::Path>()
            {
                self.visit_path(&path);
            }
        }
    }
}

/// The names that a `use` imports, with their paths.
fn leaves(tree: &UseTree, before: &[String]) -> Vec<(String, Path, Span)> {
    let within = |name: &Ident| {
        let name = Some(name).filter(|name| *name != "self").map(Ident::to_string);
        before.iter().cloned().chain(name).collect::<Path>()
    };
    match tree {
        UseTree::Path(path) if path.ident == "self" => leaves(&path.tree, &["self".to_owned()]),
        UseTree::Path(path) => leaves(&path.tree, &within(&path.ident)),
        UseTree::Group(group) => group.items.iter().flat_map(|tree| leaves(tree, before)).collect(),
        UseTree::Glob(glob) => vec![("*".to_owned(), before.to_vec(), glob.star_token.spans[0])],
        UseTree::Rename(name) => {
            vec![(name.rename.to_string(), within(&name.ident), name.ident.span())]
        }
        UseTree::Name(name) => {
            let path = within(&name.ident);
            vec![(path.last().cloned().unwrap_or_default(), path, name.ident.span())]
        }
    }
}
