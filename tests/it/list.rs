//! The image list: `images.toml` itself, the files in `tests/data/list` against the parser and the JSON
//! schema, and randomly edited texts against the parser.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use chart_mirror::list::{ImageList, Placeholders, SetValue};
use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use oci::platform::{ARCHITECTURES, OPERATING_SYSTEMS};
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn images_toml_lists_the_22_images_of_stackstate_4_5_6() {
    let list = ImageList::parse("images.toml", &images_toml()).unwrap();
    let listed: BTreeSet<_> =
        list.images().iter().map(|image| image.reference().to_string()).collect();
    let fixture = read(&data().join("images-4.5.6.txt"));
    let expected: BTreeSet<_> = fixture.lines().map(str::to_owned).collect();
    assert_eq!(expected.len(), 22);
    assert_eq!(list.images().len(), 22);
    assert_eq!(listed, expected);
    for image in list.images() {
        assert_eq!(image.target, None, "every image keeps its path");
        assert_eq!(image.digest, None, "the digest is not recorded yet");
    }
}

#[test]
fn images_toml_relocates_every_image_of_the_chart() {
    let list = ImageList::parse("images.toml", &images_toml()).unwrap();
    let registry = "mirror.example.com/team";
    let of_all = Placeholders { registry, ..Placeholders::default() };
    let mut values: Vec<_> = list
        .values()
        .iter()
        .map(|(path, value)| (path.to_string(), value.render(&of_all)))
        .collect();
    for image in list.images() {
        let placeholders = Placeholders {
            registry,
            repository: image.path().as_str(),
            tag: image.tag.as_str(),
            digest: None,
        };
        values.extend(
            image
                .values
                .iter()
                .map(|(path, value)| (path.to_string(), value.render(&placeholders))),
        );
    }
    let expected = [
        ("global.imageRegistry", registry),
        (
            "elasticsearch.prometheus-elasticsearch-exporter.image.repository",
            "mirror.example.com/team/stackstate/elasticsearch-exporter",
        ),
        ("minio.image.repository", "mirror.example.com/team/stackstate/minio"),
    ];
    let expected =
        expected.map(|(path, text)| (path.to_owned(), SetValue::String(text.to_owned())));
    assert_eq!(values, expected);

    let chart = list.chart().unwrap();
    assert_eq!((chart.name.as_str(), chart.version.as_deref()), ("stackstate", Some("4.5.6")));
    let names: Vec<_> = chart.renderings.iter().map(|rendering| rendering.name.as_str()).collect();
    assert_eq!(names, ["default", "backup"]);
    let enabled = ("backup.enabled".to_owned(), SetValue::Boolean(true));
    assert!(chart.renderings[1].set.contains(&enabled), "a boolean, not a string");
    assert!(!chart.renderings[0].set.contains(&enabled));
}

#[test]
fn a_byte_order_mark_and_windows_line_endings_change_nothing() {
    let text = images_toml();
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    assert_eq!(ImageList::parse("x", &windows).unwrap(), ImageList::parse("x", &text).unwrap());

    let broken = windows.replacen("\nsource", "\nsorce", 1);
    let problems = ImageList::parse("x", &broken).unwrap_err();
    let places = |problems: &chart_mirror::list::Problems| -> Vec<_> {
        problems.iter().map(|problem| problem.place).collect()
    };
    let unix = ImageList::parse("x", &text.replacen("\nsource", "\nsorce", 1)).unwrap_err();
    assert_eq!(places(&problems), places(&unix));
}

#[test]
fn good_files_are_valid_for_the_parser_and_the_schema() {
    let schema = schema();
    let files = files(&data().join("good"));
    for file in files.iter().chain([&root().join("images.toml")]) {
        let text = read(file);
        if let Err(problems) = ImageList::parse(&file.to_string_lossy(), &text) {
            panic!("{problems}");
        }
        let errors: Vec<_> = schema.iter_errors(&json(&text)).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
    }
    assert!(files.len() >= 2);
}

#[test]
fn bad_files_have_exactly_the_problems_that_they_expect() {
    let all = [files(&data().join("bad")), files(&data().join("bad/semantic"))].concat();
    assert!(all.len() >= 10);
    for file in all {
        let text = read(&file);
        let expected: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# expect: "))
            .map(|line| line.splitn(3, ':').map(str::trim).collect::<Vec<_>>())
            .collect();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let problems = ImageList::parse(&name, &text).expect_err(&name);
        let found: Vec<_> = problems
            .iter()
            .map(|problem| {
                (problem.place.line.to_string(), problem.place.column.to_string(), problem)
            })
            .collect();
        let matches = found.len() == expected.len()
            && found.iter().zip(&expected).all(|((line, column, problem), expected)| {
                matches!(expected.as_slice(), [l, c, part]
                    if l == line && c == column && problem.message.contains(part))
            });
        assert!(matches, "{name} expects {expected:#?}\nbut has\n{problems}");
        for problem in problems.iter() {
            assert_eq!(problem.message.trim_end_matches('.'), problem.message);
            assert!(!problem.message.starts_with(char::is_uppercase), "{}", problem.message);
        }
    }
}

/// The schema has at least as many errors as the parser has problems: none hides another.
#[test]
fn the_schema_finds_as_many_errors_in_bad_files_as_the_parser() {
    let schema = schema();
    for file in files(&data().join("bad")) {
        let text = read(&file);
        let problems = ImageList::parse("x", &text).unwrap_err();
        let document = json(&text);
        let errors: Vec<_> = schema.iter_errors(&document).collect();
        let count: usize = errors
            .iter()
            .map(|error| match error.kind() {
                ValidationErrorKind::AdditionalProperties { unexpected } => unexpected.len(),
                _ => 1,
            })
            .sum();
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert!(
            count >= problems.iter().len(),
            "{}: the schema finds only {errors:#?} of\n{problems}",
            file.display()
        );
    }
}

#[test]
fn the_semantic_folder_has_only_mistakes_that_a_schema_cannot_express() {
    let schema = schema();
    for file in files(&data().join("bad/semantic")) {
        let text = read(&file);
        assert!(text.contains("\n# why: "), "{} lacks a reason", file.display());
        if let Ok(document) = toml::from_str::<Value>(&text) {
            assert!(schema.is_valid(&document), "{} belongs one folder up", file.display());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic_and_every_problem_is_in_the_text(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..60_usize, piece()), 1..6)
    ) {
        let mut text = images_toml();
        for (place, length, piece) in edits {
            let start = boundary(&text, place.index(text.len() + 1));
            let end = boundary(&text, start + length);
            text.replace_range(start..end, &piece);
        }
        check_problems(&text)?;
    }

    #[test]
    fn schema_and_parser_accept_the_same_sources(
        source in "([a-z]{1,3}[.]|[A-Z]|localhost)?[a-zA-Z0-9._-]{0,4}(:[0-9]{0,2})?(/[a-z0-9A-Z._-]{0,6}){0,3}"
    ) {
        let text = format!("[[image]]\nsource = '{source}'\ntag = '1'\n");
        let parsed = ImageList::parse("x", &text);
        prop_assert_eq!(schema().is_valid(&json(&text)), parsed.is_ok(), "{}", source);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn schema_and_parser_accept_the_same_platforms(
        system in prop::sample::select(&OPERATING_SYSTEMS[..]),
        architecture in prop::sample::select(&ARCHITECTURES[..]),
        rest in "(/v[0-9]([.][0-9])?|/[a-zA-Z0-9./]{0,4}|[a-z,/ ])?",
    ) {
        let text = format!("[destinations.a]\nregistry = 'r.io'\nplatforms = ['{system}/{architecture}{rest}']\n{IMAGE}");
        let parsed = ImageList::parse("x", &text);
        prop_assert_eq!(schema().is_valid(&json(&text)), parsed.is_ok(), "{}", text);
    }

    #[test]
    fn schema_and_parser_accept_the_same_targets(
        target in "([a-zA]|[-./_:]|__|[{](path|name|registry|tag)[}]|[{}]){0,8}",
    ) {
        let text = format!("[destinations.a]\nregistry = 'r.io'\ntarget = '{target}'\n{IMAGE}");
        let parsed = ImageList::parse("x", &text);
        prop_assert_eq!(schema().is_valid(&json(&text)), parsed.is_ok(), "{}", text);
    }
}

const IMAGE: &str = "[[image]]\nsource = 'a'\ntag = '1'\n";

/// Text to insert anywhere into a list: a part of the grammar, or random characters.
fn piece() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &[
        "",
        "\n",
        "\r\n",
        "[",
        "]",
        "[[image]]",
        "[image]",
        "[values]",
        "{",
        "}",
        "=",
        "\"",
        "'",
        "\"\"\"",
        "#",
        ".",
        ",",
        "\u{feff}",
        "ä",
        "\u{1b}[31m",
        "\0",
        "\t",
        "2021-02-14",
        "1.5",
        "true",
        "[]",
        "{}",
        "source = 'a'\n",
        "tag = 'latest'\n",
        "a.b = 1\n",
        "\"x\" = \"{registry\"\n",
        "rendering = 1\n",
        "[destinations.x]\n",
        "platforms = ['linux/amd64']\n",
        "max-path-depth = 1\n",
        "target = '{name}'\n",
        "registry = 'r.io/a'\n",
        "\"x\" = { json = '[' }\n",
        "replaces = { source = 'a', reason = 'x' }\n",
        "[[chart.place]]\npattern = '{image}'\n",
    ];
    prop_oneof![prop::sample::select(PARTS).prop_map(str::to_owned), ".{0,20}"]
}

fn check_problems(text: &str) -> Result<(), TestCaseError> {
    let Err(problems) = ImageList::parse("images.toml", text) else { return Ok(()) };
    let lines: Vec<_> = text.strip_prefix('\u{feff}').unwrap_or(text).split('\n').collect();
    prop_assert!(problems.iter().len() > 0);
    for problem in problems.iter() {
        prop_assert!(
            (1..=lines.len()).contains(&problem.place.line),
            "line {}",
            problem.place.line
        );
        let columns = lines[problem.place.line - 1].chars().count() + 1;
        prop_assert!(
            (1..=columns).contains(&problem.place.column),
            "column {}",
            problem.place.column
        );
    }
    let displayed = problems.to_string();
    prop_assert!(displayed.contains("images.toml:"));
    prop_assert!(!displayed.contains('\u{1b}'), "a text cannot send commands to the terminal");
    problems.render_with_colours();
    Ok(())
}

fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn data() -> PathBuf {
    root().join("tests/data/list")
}

fn images_toml() -> String {
    read(&root().join("images.toml"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

fn schema() -> &'static Validator {
    static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
        let schema =
            serde_json::from_str(&read(&root().join("schemas/images.schema.json"))).unwrap();
        jsonschema::validator_for(&schema).unwrap()
    });
    &SCHEMA
}

fn json(text: &str) -> Value {
    toml::from_str(text).unwrap()
}
