//! Finds the file that defines the item of a path: follows imports, globs and re-exports in a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr;

use super::facts::{Import, Module, Path};
use super::source::{Crate, File, Workspace};

pub(crate) struct Use {
    pub(crate) crate_name: String,
    pub(crate) path: String,
    pub(crate) line: usize,
    /// The module that the use is in.
    pub(crate) module: Path,
    pub(crate) to: Target,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// A module itself. That is not a use yet.
    Module(Path),
    /// An item that a module of the crate defines.
    Item { path: String, module: Path },
    /// The full path of an item of another crate; a glob ends in `*`.
    Outside(Path),
}

pub(crate) fn uses(workspace: &Workspace) -> Vec<Use> {
    workspace.crates.iter().flat_map(|krate| Names::of(workspace, krate).uses()).collect()
}

/// The modules of one crate by their paths.
struct Names<'a> {
    krate: &'a Crate,
    modules: BTreeMap<Path, (&'a File, &'a Module)>,
}

/// The imports that led here: an import that leads back to itself ends there.
type Followed<'a> = Vec<&'a Import>;

impl<'a> Names<'a> {
    fn of(workspace: &'a Workspace, krate: &'a Crate) -> Self {
        let files = workspace.code().filter(|file| file.crate_name == krate.name);
        let modules = files.flat_map(|file| {
            let modules = file.facts.modules.iter();
            modules.map(move |module| ([&file.module[..], &module.inner].concat(), (file, module)))
        });
        Self { krate, modules: modules.collect() }
    }

    fn uses(&self) -> Vec<Use> {
        let mut uses = Vec::new();
        for (at, (file, module)) in &self.modules {
            let mut add = |to, line| {
                let (crate_name, path) = (self.krate.name.clone(), file.path.clone());
                uses.push(Use { crate_name, path, line, module: at.clone(), to });
            };
            for import in &module.imports {
                for to in self.resolve(at, &import.path, &mut vec![import]) {
                    match to {
                        Target::Item { module, .. } if is_door(import, &module, at) => {}
                        Target::Outside(mut path) if import.name == "*" => {
                            path.push("*".to_owned());
                            add(Target::Outside(path), import.line);
                        }
                        Target::Module(_) => {}
                        to => add(to, import.line),
                    }
                }
            }
            for (path, line) in &module.paths {
                let found = self.resolve(at, path, &mut vec![]);
                found
                    .into_iter()
                    .filter(|to| !matches!(to, Target::Module(_)))
                    .for_each(|to| add(to, *line));
            }
        }
        uses
    }

    /// Everything that a path can name: a module, a type, a value and a macro may share a name.
    fn resolve(
        &self,
        at: &[String],
        path: &[String],
        followed: &mut Followed<'a>,
    ) -> BTreeSet<Target> {
        let mut names = path.iter();
        let Some(first) = names.next() else { return BTreeSet::new() };
        let mut targets = self.first(at, first, followed);
        for name in names {
            // Only a module can have a path below it, if there is one.
            if targets.iter().any(|target| matches!(target, Target::Module(_))) {
                targets.retain(|target| matches!(target, Target::Module(_)));
            }
            let below = targets.into_iter().flat_map(|target| self.below(target, name, followed));
            targets = below.collect();
        }
        targets
    }

    fn first(&self, at: &[String], name: &str, followed: &mut Followed<'a>) -> BTreeSet<Target> {
        // If there is a library, `main.rs` is a separate crate root.
        let in_main = self.krate.has_lib && at.first().is_some_and(|name| name == "main");
        let target = match name {
            "" => Target::Outside(vec![]),
            "self" => Target::Module(at.to_vec()),
            "super" => Target::Module(parent(at)),
            "crate" => Target::Module(if in_main { at[..1].to_vec() } else { vec![] }),
            _ => {
                let found = self.lookup(at, name, followed);
                if !found.is_empty() {
                    return found;
                }
                let is_library = in_main && name == self.krate.name.replace('-', "_");
                if is_library {
                    Target::Module(vec![])
                } else {
                    Target::Outside(vec![name.to_owned()])
                }
            }
        };
        BTreeSet::from([target])
    }

    fn below(&self, target: Target, name: &str, followed: &mut Followed<'a>) -> BTreeSet<Target> {
        let module = match target {
            Target::Module(module) => module,
            Target::Outside(path) => {
                let path = path.into_iter().chain([name.to_owned()]).collect();
                return BTreeSet::from([Target::Outside(path)]);
            }
            item @ Target::Item { .. } => return BTreeSet::from([item]),
        };
        match name {
            "self" => BTreeSet::from([Target::Module(module)]),
            "super" => BTreeSet::from([Target::Module(parent(&module))]),
            _ => {
                let found = self.lookup(&module, name, followed);
                // A name that does not occur there is defined there by a macro.
                if found.is_empty() { self.item(&module) } else { found }
            }
        }
    }

    /// The meanings of a name in a module: its own items and imports hide those of a glob.
    fn lookup(&self, at: &[String], name: &str, followed: &mut Followed<'a>) -> BTreeSet<Target> {
        let mut found = BTreeSet::new();
        let Some((_, module)) = self.modules.get(at) else { return found };
        let child = [at, &[name.to_owned()]].concat();
        if self.modules.contains_key(&child) {
            found.insert(Target::Module(child));
        }
        if module.items.contains(name) {
            found.append(&mut self.item(at));
        }
        let named = |import: &&Import| import.name == name;
        for import in module.imports.iter().filter(named) {
            found.append(&mut self.follow(at, import, followed));
        }
        if found.is_empty() {
            for glob in module.imports.iter().filter(|import| import.name == "*") {
                for target in self.follow(at, glob, followed) {
                    if let Target::Module(module) = target {
                        followed.push(glob);
                        found.append(&mut self.lookup(&module, name, followed));
                        followed.pop();
                    }
                }
            }
        }
        found
    }

    fn follow(
        &self,
        at: &[String],
        import: &'a Import,
        followed: &mut Followed<'a>,
    ) -> BTreeSet<Target> {
        if followed.iter().any(|earlier| ptr::eq(*earlier, import)) {
            return BTreeSet::new();
        }
        followed.push(import);
        let found = self.resolve(at, &import.path, followed);
        followed.pop();
        found
    }

    fn item(&self, module: &[String]) -> BTreeSet<Target> {
        let file = self.modules.get(module).map(|(file, _)| file.path.clone());
        file.map(|path| Target::Item { path, module: module.to_vec() }).into_iter().collect()
    }
}

/// Whether an import only re-exports an item of a module below.
fn is_door(import: &Import, defined_in: &[String], at: &[String]) -> bool {
    import.is_reexport && defined_in.starts_with(at)
}

fn parent(module: &[String]) -> Path {
    module[..module.len().saturating_sub(1)].to_vec()
}
