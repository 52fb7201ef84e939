//! Reads the workspace: each file once, with its crate and module.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path as FilePath;

use super::facts::{self, Facts, Path};
use super::paths::{self, Use};

/// Folders without our text: build output, git, and test data.
const SKIPPED: [&str; 3] = ["target", ".git", "tests/data"];

pub(crate) struct Workspace {
    pub(crate) crates: Vec<Crate>,
    pub(crate) files: Vec<File>,
    /// Every use of another module or of another crate.
    pub(crate) uses: Vec<Use>,
    /// Path and text of all other files that people read.
    pub(crate) texts: BTreeMap<String, String>,
}

pub(crate) struct Crate {
    pub(crate) name: String,
    /// Relative to the root of the workspace, like all paths.
    pub(crate) folder: String,
    /// The names under `[dependencies]`, each with its line.
    pub(crate) dependencies: Vec<(String, usize)>,
    pub(crate) has_lib: bool,
}

pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
    /// Empty outside the `src` folders.
    pub(crate) crate_name: String,
    /// Its module in the crate: empty for the root.
    pub(crate) module: Path,
    /// Compiled for tests only.
    pub(crate) is_test: bool,
    pub(crate) facts: Facts,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Offence {
    /// A path, usually with a line.
    pub(crate) place: String,
    pub(crate) what: String,
}

impl Offence {
    pub(crate) fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { place: format!("{path}:{line}"), what: what.into() }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Reads the workspace below `root`. Panics at a file that cannot be read or parsed.
pub(crate) fn workspace(root: &FilePath) -> Workspace {
    let mut texts = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if matches!(extension, Some("rs" | "md" | "toml" | "yml" | "yaml")) {
                texts.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    Workspace::new(texts)
}

impl Workspace {
    /// Builds the workspace from path and text of every file.
    pub(crate) fn new(texts: BTreeMap<String, String>) -> Self {
        let crates: Vec<_> = texts.keys().filter_map(|path| krate(path, &texts)).collect();
        let is_rust = |(path, _): &(String, String)| path.ends_with(".rs");
        let (rust, texts): (Vec<_>, BTreeMap<_, _>) = {
            let (rust, other): (Vec<_>, Vec<_>) = texts.into_iter().partition(is_rust);
            (rust, other.into_iter().collect())
        };
        let files = rust.into_iter().map(|(path, text)| File::new(&crates, path, text)).collect();
        let mut workspace = Self { crates, files, uses: vec![], texts };
        workspace.mark_tests();
        workspace.uses = paths::uses(&workspace);
        workspace
    }

    /// A file is a test if one of the modules that contain it is declared under `#[cfg(test)]`.
    fn mark_tests(&mut self) {
        let mut tests: Vec<(String, Path)> = Vec::new();
        for file in &self.files {
            let inner = file.facts.test_modules.iter();
            let full = inner.map(|inner| [&file.module[..], inner].concat());
            tests.extend(full.map(|module| (file.crate_name.clone(), module)));
        }
        for file in &mut self.files {
            let declares = |(name, module): &(String, Path)| {
                *name == file.crate_name && file.module.starts_with(module)
            };
            file.is_test = file.crate_name.is_empty() || tests.iter().any(declares);
        }
    }

    /// The files that are part of the product.
    pub(crate) fn code(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| !file.is_test)
    }
}

impl File {
    fn new(crates: &[Crate], path: String, text: String) -> Self {
        let facts = facts::read(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let inside = crates.iter().find_map(|krate| {
            let inner = path.strip_prefix(&krate.folder)?.strip_prefix("/src/")?;
            Some((krate.name.clone(), module(inner, krate)))
        });
        let (crate_name, module) = inside.unwrap_or_default();
        Self { path, text, crate_name, module, is_test: false, facts }
    }
}

/// If there is a library, `main.rs` is a separate root that names the library like another crate.
fn module(inner: &str, krate: &Crate) -> Path {
    let inner = inner.trim_end_matches(".rs");
    match inner {
        "lib" => vec![],
        "main" if !krate.has_lib => vec![],
        _ => inner.trim_end_matches("/mod").split('/').map(str::to_owned).collect(),
    }
}

fn krate(path: &str, texts: &BTreeMap<String, String>) -> Option<Crate> {
    // Fuzz targets are tests, in a workspace of their own.
    let folder = path.strip_suffix("/Cargo.toml").filter(|folder| !folder.starts_with("tests/"))?;
    let folder = folder.to_owned();
    let text = &texts[path];
    let manifest: toml::Table = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    let dependencies = table.into_iter().flatten().map(|(key, value)| {
        let renamed = value.get("package").and_then(toml::Value::as_str);
        let starts = |line: &str| line.split([' ', '.', '=']).next() == Some(key);
        let line = text.lines().position(starts).map_or(1, |index| index + 1);
        (renamed.unwrap_or(key).to_owned(), line)
    });
    let dependencies = dependencies.collect();
    let has_lib = texts.contains_key(&format!("{folder}/src/lib.rs"));
    Some(Crate { name, folder, dependencies, has_lib })
}
