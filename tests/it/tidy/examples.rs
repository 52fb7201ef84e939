//! Shows with small texts that each rule finds its offences, and nothing else.

use std::collections::BTreeMap;

use super::source::{File, Offence, Workspace};
use super::tables::{self, Table};
use super::{graph, rules, words};

type Files<'a> = &'a [(&'a str, &'a str)];

/// A crate `app`. Its library declares no modules, because modules are known by their files.
fn workspace(files: Files<'_>) -> Workspace {
    let mut texts = BTreeMap::from([
        ("app/Cargo.toml".to_owned(), "[package]\nname = \"app\"".to_owned()),
        ("app/src/lib.rs".to_owned(), String::new()),
    ]);
    for (path, text) in files {
        let is_source = path.ends_with(".rs") && !path.contains("src/");
        let path = if is_source { format!("app/src/{path}") } else { (*path).to_owned() };
        texts.insert(path, (*text).to_owned());
    }
    Workspace::new(texts)
}

fn places(offences: &[Offence]) -> Vec<&str> {
    offences.iter().map(|offence| offence.place.as_str()).collect()
}

fn edges(files: Files<'_>) -> String {
    let mut edges = Vec::new();
    for (from, uses) in graph::graph(&workspace(files)) {
        for (to, line) in uses {
            edges.push(format!("{from}:{line} {to}").replace("app/src/", ""));
        }
    }
    edges.join(", ")
}

#[test]
fn a_path_leads_to_the_file_that_defines_its_item() {
    let b = ("b.rs", "pub struct B;\npub fn make() {}");
    let door = ("d/mod.rs", "pub use inner::D;\nmod inner;");
    let inner = ("d/inner.rs", "pub struct D;");
    let table: [(Files<'_>, &str); 25] = [
        (&[("a.rs", "use crate::b::B;"), b], "a.rs:1 b.rs"),
        (&[("a.rs", "use crate::{b::{self, B as C}};"), b], "a.rs:1 b.rs"),
        (&[("a.rs", "use super::b::*;\nfn f() { make() }"), b], "a.rs:2 b.rs"),
        // A module alone is not a use.
        (&[("a.rs", "use crate::b;"), b], ""),
        (&[("a.rs", "use crate::b;\nfn f() { b::make() }"), b], "a.rs:2 b.rs"),
        (&[("a.rs", "use crate::b as c;\nfn f(c: c::B) {}"), b], "a.rs:2 b.rs"),
        (&[("a.rs", "fn f() {\n    use crate::b::B;\n}"), b], "a.rs:2 b.rs"),
        (&[("a.rs", "struct A(Vec<crate::b::B>);"), b], "a.rs:1 b.rs"),
        (&[("a.rs", "fn f() {\n assert!(x, json!([crate::b::B])) }"), b], "a.rs:2 b.rs"),
        (&[("a.rs", "#[serde(default = \"crate::b::make\")]\nstruct A;"), b], "a.rs:1 b.rs"),
        (&[("a.rs", "mod m {\n use super::super::b::B; }"), b], "a.rs:2 b.rs"),
        (&[("a.rs", "use ::b::B;"), b], ""),
        (&[("a.rs", "use crate::b::made_by_a_macro;"), b], "a.rs:1 b.rs"),
        (&[("main.rs", "use app::b::B;\nfn b() {}"), b], "main.rs:1 b.rs"),
        (&[("a.rs", "use crate::d::D;"), door, inner], "a.rs:1 d/inner.rs"),
        (
            &[("a.rs", "use crate::D;"), ("lib.rs", "pub use d::*;"), door, inner],
            "a.rs:1 d/inner.rs",
        ),
        (&[("d/mod.rs", "pub use inner::D;\nfn f(d: D) {}"), inner], "d/mod.rs:2 d/inner.rs"),
        (&[("a.rs", "pub use crate::b::B;"), b], "a.rs:1 b.rs"),
        // A glob also imports what its parent imports.
        (
            &[("d/mod.rs", "use crate::b::B;"), ("d/e.rs", "use super::*;\nfn f(b: B) {}"), b],
            "d/e.rs:2 b.rs, d/mod.rs:1 b.rs",
        ),
        (&[("d/mod.rs", "pub use e::*;"), ("d/e.rs", "use super::*;\nfn f(b: B) {}")], ""),
        (
            &[
                ("d/mod.rs", "pub use inner::inner;"),
                ("d/inner.rs", "pub fn inner() {}"),
                ("a.rs", "use crate::d::inner;"),
            ],
            "a.rs:1 d/inner.rs",
        ),
        // `inner` is a function of `b` and a module, and only the module can have a path below it.
        (
            &[
                ("d/mod.rs", "pub use crate::b::make as inner;"),
                inner,
                ("a.rs", "use crate::d::inner::D;"),
                b,
            ],
            "a.rs:1 d/inner.rs, d/mod.rs:1 b.rs",
        ),
        (
            &[
                (
                    "a.rs",
                    "#[cfg(test)]\nuse crate::b::B;\n#[cfg(all(test, a))]\nmod t { use crate::b::B; }",
                ),
                b,
            ],
            "",
        ),
        (
            &[
                ("a.rs", "#[cfg(test)]\nmod tests;"),
                ("a/tests.rs", "use crate::b::B;"),
                ("a/tests/c.rs", "use crate::b::B;"),
                b,
            ],
            "",
        ),
        (&[("a.rs", "impl A {\n #[cfg(test)]\n fn f() { crate::b::make() }\n}"), b], ""),
    ];
    for (files, expected) in table {
        assert_eq!(edges(files), expected, "{files:?}");
    }
    // A field is not a path, the end of a range is.
    let files: Files<'_> =
        &[("a.rs", "use crate::b::*;\nfn f() {\n vec![x.make];\n vec![0..make] }"), b];
    assert_eq!(edges(files), "a.rs:4 b.rs");
}

#[test]
fn a_circle_is_reported_once_with_all_its_files() {
    let files: Files<'_> = &[
        ("a.rs", "use crate::b::B;\npub struct A;"),
        ("b.rs", "pub struct B;\nuse crate::c::C;"),
        ("c.rs", "pub struct C;\n\nuse crate::a::A;\nuse crate::d::D;"),
        ("d.rs", "pub struct D;"),
    ];
    let found = graph::circles(&graph::graph(&workspace(files)));
    let text: Vec<_> = found.iter().map(ToString::to_string).collect();
    let expected = "app/src/a.rs: a circle of 3 files
    app/src/a.rs:1 uses app/src/b.rs
    app/src/b.rs:2 uses app/src/c.rs
    app/src/c.rs:3 uses app/src/a.rs";
    assert_eq!(text, [expected]);
    assert_eq!(graph::circles(&graph::graph(&workspace(&files[..2]))), []);
}

#[test]
fn modules_are_compared_with_the_table() {
    let files: Files<'_> = &[
        ("list/mod.rs", "pub use image::Image;\nmod image;"),
        ("list/image.rs", "pub struct Image;"),
        ("plan.rs", "//! Plan.\nuse crate::list::Image;\npub fn decide() {}"),
    ];
    let table: [(&str, &[&str]); 7] = [
        ("| `list` | - | |\n| `plan` | `list` | a \\| b |", &[]),
        (
            "| `list` | - | |\n| `plan` | - | |",
            &["app/src/plan.rs:2: module `plan` may not use `list`"],
        ),
        ("| `plan` | `list` | |", &["A.md:1: module `list` is not in the table"]),
        (
            "| `list` | `plan` | |\n| `plan` | `list` | |",
            &["A.md:4: module `list` does not use `plan`"],
        ),
        (
            "| `list` | - | |\n| `plan` | `list` | |\n| `copy` | - | |",
            &["A.md:6: there is no module `copy`"],
        ),
        (
            "| `list` | - | |\n| `plan` | `list` | |\n| `list` | - | |",
            &["A.md:6: module `list` is in the table twice"],
        ),
        ("| list | - | |", &["A.md:4: is not ``| `name` | `name`, `name` or - | text |``"]),
    ];
    for (rows, expected) in table {
        let markdown =
            format!("# Modules\n| module | may use | owns |\n|---|---|---|\n{rows}\n\nEnd.");
        let table = Table::read("module", "A.md", &markdown);
        let found = table.map_or_else(
            |offence| vec![offence],
            |table| tables::layers(&workspace(files), "app", &table),
        );
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{rows}");
    }
    assert_eq!(Table::read("module", "A.md", "# Nothing").unwrap_err().place, "A.md:1");
}

#[test]
fn crates_are_compared_with_the_table() {
    let manifest =
        "[package]\nname = \"tool\"\n[dependencies]\nserde = \"1\"\napp.workspace = true";
    let files: Files<'_> = &[("tool/Cargo.toml", manifest)];
    let table: [(&str, &[&str]); 3] = [
        ("| `app` | - | |\n| `tool` | `app` | |", &[]),
        (
            "| `app` | - | |\n| `tool` | - | |",
            &["tool/Cargo.toml:5: crate `tool` may not use `app`"],
        ),
        (
            "| `app` | `tool` | |\n| `tool` | `app` | |",
            &["A.md:3: crate `app` does not use `tool`"],
        ),
    ];
    for (rows, expected) in table {
        let markdown = format!("| crate | may use | owns |\n|---|---|---|\n{rows}");
        let table = Table::read("crate", "A.md", &markdown).unwrap();
        let found = tables::crates(&workspace(files), &table);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{rows}");
    }
}

#[test]
fn each_rule_for_one_file_finds_its_offences() {
    type Rule = fn(&File) -> Vec<Offence>;
    let lines = |count: usize| "x;\n".repeat(count);
    let long = format!("//! A.\nfn f() {{\n{}}}", lines(59));
    let fits = format!("//! A.\n/// Doc.\nfn f() {{\n{}}}", lines(58));
    let (file_fits, file_long) = ("//\n".repeat(450), "//\n".repeat(451));
    let test_is_long = format!("#[cfg(test)]\nmod tests {{\nfn f() {{\n{}}} }}", lines(59));
    let unfinished =
        format!("fn f() {{\n {}!();\n}}\n#[test]\nfn t() {{ vec![{}!(1)]; }}", "todo", "dbg");
    let table: &[(Rule, &str, &[usize])] = &[
        (
            rules::bool_parameters,
            "fn f(a: u8, b: bool) {}\nfn g(b: &bool) {}\nfn h(b: Option<bool>) {}",
            &[1, 2, 3],
        ),
        (
            rules::bool_parameters,
            "impl A {\n fn f(&self, b: bool) {}\n}\ntrait B {\n fn g(b: bool);\n}",
            &[2, 5],
        ),
        (
            rules::bool_parameters,
            "fn f() -> bool { |b: bool| b }\nimpl B for A { fn g(b: bool) {} }",
            &[],
        ),
        (rules::bool_parameters, "impl B for A { fn g() {\n fn h(b: bool) {} } }", &[2]),
        (
            rules::bool_parameters,
            "#[cfg(test)]\nmod tests { fn f(b: bool) {} }\nfn f(b: Vec<bool>) {}",
            &[],
        ),
        (
            rules::bool_parameters,
            "impl A {\n fn f() { impl B for A {} }\n fn g(b: bool) {}\n}",
            &[3],
        ),
        (
            rules::string_errors,
            "fn f() -> Result<u8, String> {}\nstruct A(Option<Result<u8, &'static str>>);",
            &[1, 2],
        ),
        (
            rules::string_errors,
            "fn f() {\n || -> Result<(), String> { x };\n x.collect::<Result<A, String>>() }",
            &[2, 3],
        ),
        (
            rules::string_errors,
            "fn f() -> Result<String, Error> {}\nfn g() -> Result<String> {}",
            &[],
        ),
        (rules::string_errors, "#[cfg(test)]\nfn f() -> Result<u8, String> {}", &[]),
        (
            rules::own_commands,
            "// `pin`\nconst A: &str = \"`pin` does\";\nconst B: &str = \"`values --write`\";",
            &[2, 3],
        ),
        (
            rules::own_commands,
            "const A: &str = \"run cargo xtask pin\";\nconst B: &str = \"`values` in it\";",
            &[1],
        ),
        (
            rules::own_commands,
            "fn f() { command(\"pin\") }\n#[cfg(test)]\nmod tests {\nconst A: &str = \"`pin`\"; }",
            &[],
        ),
        (rules::direct_reads, "fn f() {\n std::fs::read(x);\n File::open(x) }", &[2, 3]),
        (rules::direct_reads, "#[cfg(test)]\nmod tests {\n fn f() { fs::read(x) } }", &[]),
        (rules::headers, "//! An owner.", &[]),
        (rules::headers, "use a; // Late.", &[1]),
        (rules::headers, "", &[1]),
        (rules::sizes, &file_fits, &[]),
        (rules::sizes, &file_long, &[451]),
        (rules::sizes, &fits, &[]),
        (rules::sizes, &long, &[2]),
        (rules::sizes, &test_is_long, &[]),
        (rules::unfinished, &unfinished, &[2, 5]),
        (rules::unfinished, "fn todo() { todo(); if todo != x {} }", &[]),
    ];
    for (rule, text, expected) in table {
        let workspace = workspace(&[("a.rs", text)]);
        let file = workspace.files.iter().find(|file| file.path == "app/src/a.rs").unwrap();
        let expected: Vec<_> = expected.iter().map(|line| format!("app/src/a.rs:{line}")).collect();
        assert_eq!(places(&rule(file)), expected, "{text}");
    }
}

#[test]
fn a_pure_module_does_no_io() {
    let table: [(&str, &[&str]); 9] = [
        ("use std::{fmt, fs::File};", &["app/src/plan.rs:1"]),
        ("fn f() {\n std::fs::read(x) }", &["app/src/plan.rs:2"]),
        ("use std::io;\nfn f() { io::stdout() }", &["app/src/plan.rs:2"]),
        ("use std::io as i;\nfn f() { i::stdout() }", &["app/src/plan.rs:2"]),
        ("use std::io::*;", &["app/src/plan.rs:1"]),
        ("use ::std::fs;", &["app/src/plan.rs:1"]),
        ("use std::io::Write;\nuse std::fmt::*;\nuse crate::fs::File;", &[]),
        ("#[cfg(test)]\nuse std::fs;", &[]),
        ("// std::fs\nconst A: &str = \"std::fs\";", &[]),
    ];
    for (text, expected) in table {
        let workspace =
            workspace(&[("plan.rs", text), ("planner.rs", "use std::fs;"), ("fs.rs", "")]);
        let found = rules::doors(&workspace, &["std::fs", "std::io::stdout"], &["app/src/plan"]);
        assert_eq!(places(&found), expected, "{text}");
    }
    assert_eq!(places(&rules::doors(&workspace(&[]), &[], &["app/src/gone"])), ["app/src/gone"]);
}

#[test]
fn a_public_name_is_defined_once() {
    let files: Files<'_> = &[
        ("a.rs", "pub struct One;\npub(crate) enum Two {}\nstruct Own;"),
        ("b.rs", "\npub trait One {}\n\npub type Two = u8;\npub struct Own;"),
        ("c.rs", "#[cfg(test)]\npub struct One;"),
    ];
    let found = rules::duplicate_names(&workspace(files), &[("Two", "a reason")]);
    let text: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(text, ["app/src/a.rs:1: `One` is also at app/src/b.rs:2"]);
    let found = rules::duplicate_names(&workspace(&[]), &[("Two", "a reason")]);
    assert_eq!(places(&found), ["`Two`"]);
}

#[test]
fn banned_words_are_found() {
    // Assembled from halves, because this file is checked as well.
    let [one, two, three] = ["to-ld", "in va-in", "is no-ne"].map(|word| word.replace('-', ""));
    let table: [(String, &[&str]); 10] = [
        (format!("// As\n// {one}."), &["a:2"]),
        (format!("fn was_{one}() {{}}"), &["a:1"]),
        (one.to_uppercase(), &["a:1"]),
        (format!("\"x\\n{one}\""), &["a:1"]),
        (format!("// All {}", two.replace(' ', "\n/// ")), &["a:1"]),
        (format!("x{one} {one}x {}", two.replace(' ', ". ")), &[]),
        (format!("This {three}."), &["a:1"]),
        (format!("There {three}."), &[]),
        (format!("fn there_{}() {{}}", three.replace(' ', "_")), &["a:1"]),
        (format!("x.{}()", three.replace(' ', "_")), &[]),
    ];
    for (text, expected) in table {
        assert_eq!(places(&words::banned_words("a", &text)), expected, "{text}");
    }
    assert_eq!(words::banned_words("tests/it/tidy/words.rs", &one), []);
}
