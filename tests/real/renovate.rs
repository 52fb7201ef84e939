//! Renovate with the preset in `renovate/`: what it finds in images.toml, what it proposes, that its edits are
//! right, and that stale records of subsets are reported.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use oci::Digest;
use registry_in_memory::content::{self, Content};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use serde_json::{Value, json};

use crate::programs::installed;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, clean_environment, layers, store, write};

const PRESET: &str = include_str!("../../renovate/images-toml.json");

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap().canonicalize().unwrap()
}

/// Two registries, and a list of images in both.
struct Place {
    xtask: Xtask,
    registries: [InMemoryRegistry; 2],
}

impl Place {
    /// In the list, `FIRST` and `SECOND` are the registries.
    async fn new(list: &str) -> Self {
        let start = || InMemoryRegistry::start(RegistryOptions::default());
        let registries = [start().await.unwrap(), start().await.unwrap()];
        let list = list.replace("FIRST", registries[0].address());
        let place = Self { xtask: Xtask::new(), registries };
        place.write(&list.replace("SECOND", place.registries[1].address()));
        place
    }

    fn write(&self, list: &str) {
        write(&self.xtask, "images.toml", list);
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.xtask.directory().join("images.toml")).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let arguments = [&["--images", "images.toml"], arguments].concat();
        tokio::task::block_in_place(|| self.xtask.run(&arguments, &[]))
    }

    fn node(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let home = tempfile::tempdir().unwrap();
        let mut environment = clean_environment(std::env::vars_os(), home.path());
        environment.extend(variables.iter().map(|(name, value)| (name.into(), value.into())));
        let node: OsString = root().join("target/tools/node/bin/node").into();
        let output = tokio::task::block_in_place(|| {
            duct::cmd(node, arguments)
                .dir(self.xtask.directory())
                .full_env(environment)
                .stdin_null()
                .stderr_to_stdout()
                .stdout_capture()
                .unchecked()
                .run()
        });
        let output = installed("Node", output);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        text
    }

    /// What Renovate finds and proposes, by the name of the dependency.
    fn look_up(&self) -> BTreeMap<String, Value> {
        write(&self.xtask, "renovate/config.json", PRESET);
        let hosts = self
            .registries
            .each_ref()
            .map(|registry| json!({ "matchHost": registry.address(), "insecureRegistry": true }));
        let hosts = json!(hosts).to_string();
        let variables = [
            ("RENOVATE_CONFIG_FILE", "renovate/config.json"),
            ("RENOVATE_PLATFORM", "local"),
            ("RENOVATE_REQUIRE_CONFIG", "ignored"),
            ("RENOVATE_ENABLED_MANAGERS", r#"["custom.regex"]"#),
            ("RENOVATE_HOST_RULES", &hosts),
            ("RENOVATE_REPORT_TYPE", "file"),
            ("RENOVATE_REPORT_PATH", "report.json"),
        ];
        let renovate = renovate().join("dist/renovate.js");
        let log = self.node(&[renovate.to_str().unwrap()], &variables);
        let report = std::fs::read_to_string(self.xtask.directory().join("report.json"));
        let report: Value =
            serde_json::from_str(&report.unwrap_or_else(|error| panic!("{error}: {log}"))).unwrap();
        let files = report["repositories"]["local"]["packageFiles"]["regex"].as_array().unwrap();
        let found = files.iter().flat_map(|file| file["deps"].as_array().unwrap());
        let found = found.map(|dep| (self.named(dep["depName"].as_str().unwrap()), dep.clone()));
        found.collect()
    }

    /// Applies what Renovate proposed.
    fn edit(&self) {
        let script = root().join("tests/real/renovate_edit.mjs");
        let (script, renovate) = (script.to_str().unwrap(), renovate());
        self.node(&[script, renovate.to_str().unwrap(), "report.json"], &[]);
    }

    fn named(&self, text: &str) -> String {
        let [first, second] = &self.registries;
        text.replace(first.address(), "FIRST").replace(second.address(), "SECOND")
    }
}

fn renovate() -> PathBuf {
    root().join("target/tools/renovate/node_modules/renovate")
}

/// An index whose content depends on the version.
fn app(version: &str) -> Content {
    content::oci_index(&layers(&["base", version]))
}

/// What is proposed: the tag and the digest.
fn proposed(found: &Value) -> Vec<(&str, Option<&str>)> {
    let updates = found["updates"].as_array().unwrap().iter();
    updates.map(|it| (it["newValue"].as_str().unwrap(), it["newDigest"].as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn renovate_raises_tags_and_digests_together_and_pin_renews_the_subsets() {
    let place = Place::new(
        "[destinations.cluster]\nregistry = \"r.example.com\"\nplatforms = [\"linux/amd64\"]\n\n\
         # Both have the same tag.\n[[image]]\nsource = \"FIRST/team/app\"\ntag = \"7\"\n\n\
         [[image]]\nsource = \"SECOND/team/tool\" # a comment\n\n# More.\ntag = \"7\"\ntarget = \"t\"\n",
    )
    .await;
    let [first, second] = &place.registries;
    store(first, "team/app", "7", &app("7"));
    store(second, "team/tool", "7", &app("7 of the tool"));
    let pinned = place.run(&["pin"]);
    assert_eq!(pinned.exit_code, 0, "{}", pinned.stderr);
    let before = place.text();
    store(first, "team/app", "8", &app("8"));
    store(second, "team/tool", "8", &app("8 of the tool"));

    let found = place.look_up();
    let names: Vec<_> = found.keys().collect();
    assert_eq!(names, ["FIRST/team/app", "SECOND/team/tool"]);
    let [app_digest, tool_digest] =
        ["8", "8 of the tool"].map(|version| app(version).top.to_string());
    let old = app("7").top.to_string();
    let app = &found["FIRST/team/app"];
    assert_eq!(app["currentValue"], "7");
    assert_eq!(app["currentDigest"], old.as_str());
    assert_eq!(proposed(app), [("8", Some(app_digest.as_str()))]);
    assert_eq!(proposed(&found["SECOND/team/tool"]), [("8", Some(tool_digest.as_str()))]);

    place.edit();
    let expected = before
        .replace("tag = \"7\"", "tag = \"8\"")
        .replace(&format!("digest = \"{old}\""), &format!("digest = \"{app_digest}\""));
    let tool = self::app("7 of the tool").top.to_string();
    let expected =
        expected.replace(&format!("digest = \"{tool}\""), &format!("digest = \"{tool_digest}\""));
    assert_eq!(place.text(), expected, "nothing else changes");

    // The digests of subsets are still those of the old index.
    let stale = place.run(&["verify", "--only", "list"]);
    assert_eq!(stale.exit_code, 1, "{}", stale.stdout);
    assert_says(&stale.stdout, &["error[subsets-stale]", "2 images: 2 errors"]);
    assert_eq!(place.run(&["pin"]).exit_code, 0);
    let renewed = place.run(&["verify", "--strict", "--only", "list", "--only", "source"]);
    assert_eq!(renewed.exit_code, 0, "{}", renewed.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn renovate_finds_every_image_of_a_usual_form_and_no_other_text() {
    let digest = Digest::of(b"x");
    let place = Place::new(&format!(
        "[chart]\nname = \"app\"\nrepository = \"http://FIRST/charts\"\nversion = \"4.5.6\"\n\n\
         [[image]]\nsource = \"FIRST/no/digest\"\ntag = \"1.0\"\n[[image]]\n# why\nsource = \"FIRST/b\"\n\
         keep = \"an operator\"\ntag = \"1.0\" # a comment\n[image.values]\n\"b.tag\" = \"{{tag}}\"\n\n\
         [[image]]\nsource = \"SECOND/c\"\ntag = \"2.0\"\ndigest = \"{digest}\"\n[image.replaces]\n\
         source = \"docker.io/old/c\"\ntag = \"1.0\"\n\n\
         [[image]]\r\nsource = \"SECOND/crlf\"\r\ntag = \"3.0\"\r\ndigest = \"{digest}\"\r\n"
    ))
    .await;
    let found = place.look_up();
    let found: Vec<_> = found
        .iter()
        .map(|(name, it)| {
            let digest = if it["currentDigest"].is_string() { " pinned" } else { "" };
            format!("{name} {}{digest}", it["currentValue"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        found,
        [
            "FIRST/b 1.0",
            "FIRST/no/digest 1.0",
            "SECOND/c 2.0 pinned",
            "SECOND/crlf 3.0 pinned",
            "app 4.5.6"
        ]
    );
}

#[test]
fn the_preset_matches_the_schema_of_renovate() {
    let checker = root().join("target/tools/pipelines/bin/check-jsonschema");
    let arguments = ["--builtin-schema", "vendor.renovate", "renovate/images-toml.json"];
    let checked = duct::cmd(checker, arguments).dir(root()).stderr_to_stdout().read();
    installed("check-jsonschema", checked);
}
