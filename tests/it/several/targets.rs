//! Lists and destinations that would overwrite each other: refused by every command, before any request.

use registry_in_memory::content::{Content, oci_index};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use serde_json::Value;

use crate::support::requests::request_counts;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, layers, store, write};

/// A source with `one/app:1` and `two/app:1`, a destination, and a folder for lists.
struct Lists {
    source: InMemoryRegistry,
    destination: InMemoryRegistry,
    xtask: Xtask,
    images: [Content; 2],
}

const WORKSPACE: &str = "[workspace]\nmembers = ['a', 'b']\n[destinations.d]\nregistry = 'DST'\n";
const ONE: &str = "[[image]]\nsource = 'SRC/one/app'\ntag = '1'\ntarget = 'app'\n";
const TWO: &str = "[[image]]\nsource = 'SRC/two/app'\ntag = '1'\ntarget = 'app'\n";

impl Lists {
    /// With these files, in which `SRC`, `DST`, `ONE` and `TWO` stand for the registries and the digests of the images.
    async fn of(files: &[(&str, &str)]) -> Self {
        let start = || InMemoryRegistry::start(RegistryOptions::default());
        let images = ["one", "two"].map(|name| oci_index(&layers(&[name])));
        let (source, destination) = (start().await.unwrap(), start().await.unwrap());
        for (name, image) in ["one", "two"].iter().zip(&images) {
            store(&source, &format!("{name}/app"), "1", image);
        }
        let lists = Self { source, destination, xtask: Xtask::new(), images };
        files.iter().for_each(|(name, text)| lists.write(name, text));
        lists
    }

    fn write(&self, name: &str, text: &str) {
        let [one, two] = self.images.each_ref().map(|image| image.top.as_str());
        let names = [
            ("SRC", self.source.address()),
            ("DST", self.destination.address()),
            ("ONE", one),
            ("TWO", two),
        ];
        let text = names.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new));
        write(&self.xtask, name, text);
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.run_in("", arguments)
    }

    fn run_in(&self, folder: &str, arguments: &[&str]) -> Finished {
        tokio::task::block_in_place(|| self.xtask.run_in(folder, arguments, &[]))
    }

    /// Runs a command that is refused, with these words and without any request.
    fn refused(&self, arguments: &[&str], words: &[&str]) {
        let refused = self.run(arguments);
        assert_eq!(refused.exit_code, 2, "{arguments:?}: {refused:?}");
        assert_says(&refused.stderr, words);
        let requests = [request_counts(&self.source), request_counts(&self.destination)];
        assert_eq!(requests, ["", ""], "{arguments:?}");
    }

    fn done(&self, arguments: &[&str]) {
        let done = self.run(arguments);
        assert_eq!(done.exit_code, 0, "{arguments:?}: {done:?}");
    }

    /// Has a target of each image been verified as a conflict? The number of findings, with their lists.
    fn conflicts(&self, arguments: &[&str]) -> Vec<String> {
        let arguments = [&["verify", "--only", "list", "--format", "json"], arguments].concat();
        let verified = self.run(&arguments);
        let report: Value = serde_json::from_str(&verified.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let conflicts = findings.filter(|finding| finding["code"] == "target-conflict");
        let conflicts: Vec<String> = conflicts
            .map(|finding| finding["location"]["file"].as_str().unwrap_or("chart").to_owned())
            .collect();
        assert_eq!(verified.exit_code, i32::from(!conflicts.is_empty()), "{verified:?}");
        conflicts
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_publish_different_images_at_one_target_are_refused_by_every_command() {
    let files = [("images.toml", WORKSPACE), ("a/images.toml", ONE), ("b/images.toml", TWO)];
    let lists = Lists::of(&files).await;
    let words = [
        "/one/app:1` in `a/images.toml`",
        "/two/app:1` in `b/images.toml`",
        "same target",
        "hint: ",
    ];
    let commands: [&[&str]; 9] = [
        &["mirror"],
        &["mirror", "-t"],
        &["mirror", "-d", "d"],
        &["mirror", "--only", "one/app"],
        &["values", "--write"],
        &["values", "--check"],
        &["values", "--format", "containerd", "--write"],
        &["bundle", "export", "bundle"],
        &["bundle", "export", "bundle", "-d", "d"],
    ];
    for command in commands {
        lists.refused(command, &words);
    }
    // Another run would publish the other member.
    lists.refused(&["mirror", "--member", "a"], &["same target"]);
    let inside = lists.run_in("b", &["mirror"]);
    assert_eq!(inside.exit_code, 2, "{inside:?}");
    assert_says(&inside.stderr, &["same target"]);
    assert_eq!(lists.conflicts(&[]), ["a/images.toml", "b/images.toml"]);
    assert_eq!(lists.conflicts(&["--member", "b"]), ["b/images.toml"]);
    // An address is a destination of every list.
    lists.write("images.toml", "[workspace]\nmembers = ['a', 'b']\n");
    lists.refused(&["mirror", "-d", lists.destination.address()], &["same target"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_image_in_two_lists_has_one_digest() {
    let pinned = |digest: &str| format!("{ONE}digest = '{digest}'\n");
    let root = format!("{WORKSPACE}{}", pinned("ONE"));
    let files = [
        ("images.toml", root.as_str()),
        ("a/images.toml", &pinned("TWO")),
        ("b/images.toml", &pinned("ONE")),
    ];
    let lists = Lists::of(&files).await;
    for command in [&["mirror"][..], &["mirror", "--pinned"], &["bundle", "export", "x"]] {
        lists.refused(
            command,
            &["has the target", "sha256:", "`images.toml`", "`a/images.toml`", "pin --update"],
        );
    }
    lists.write("a/images.toml", ONE);
    lists.refused(&["mirror"], &["no digest in `a/images.toml`"]);
    lists.write("a/images.toml", &pinned("ONE"));
    lists.done(&["mirror"]);
    lists.done(&["values", "--write"]);
    lists.done(&["bundle", "export", "bundle"]);
    assert_eq!(lists.conflicts(&[]), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_imported_only_where_its_lists_do_not_meet() {
    let root = "[workspace]\nmembers = ['a', 'b']\n";
    let lists =
        Lists::of(&[("images.toml", root), ("a/images.toml", ONE), ("b/images.toml", TWO)]).await;
    lists.done(&["bundle", "export", "bundle"]);
    lists.source.forget_requests();
    let destination = lists.destination.address();
    let import = ["bundle", "import", "bundle", "-d", destination];
    lists.refused(&import, &["same target", "lists/a/images.toml", "lists/b/images.toml"]);
    lists.refused(&[&import[..], &["--member", "a"]].concat(), &["same target"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn destinations_at_one_place_publish_the_same() {
    let one = "[destinations]\nx = { registry = 'DST/p', platforms = ['linux/amd64'] }\n\
               y.registry = 'DST'\ny.prefix = 'p'\n";
    let lists = Lists::of(&[("images.toml", &format!("{one}{ONE}"))]).await;
    for command in [
        &["mirror", "--all-destinations"][..],
        &["mirror", "-d", "y", "-d", "x"],
        &["values", "--write"],
    ] {
        lists.refused(command, &["only linux/amd64 at `x`", "all platforms at `y`", "`platforms`"]);
    }
    assert_eq!(lists.conflicts(&[]), ["images.toml"]);
    lists.done(&["mirror", "-t", "-d", "x"]);
    let equal = one.replace(", platforms = ['linux/amd64']", "");
    lists.write("images.toml", &format!("{equal}{ONE}"));
    lists.done(&["mirror", "--all-destinations"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_not_the_source_of_another_image() {
    let second = "[[image]]\nsource = 'SRC/two/app'\ntag = '1'\ntarget = 'copy'\n";
    let first = ONE.replace("'app'\n", "'two/app'\n");
    let source = "[destinations.s]\nregistry = 'SRC'\n";
    let lists = Lists::of(&[("images.toml", &format!("{source}{first}{second}"))]).await;
    let words = ["the target of ", "/two/app:1`, which is the source of another image"];
    for command in [&["mirror"][..], &["mirror", "-t"], &["bundle", "export", "x"]] {
        lists.refused(command, &words);
    }
    assert_eq!(lists.conflicts(&[]).len(), 1);
    lists.write("images.toml", &format!("[workspace]\nmembers = ['a', 'b']\n{source}"));
    lists.write("a/images.toml", &first);
    lists.write("b/images.toml", second);
    lists.refused(&["mirror"], &words);
    lists.refused(&["mirror", "--member", "a"], &words);
    // What is there does not change.
    for (name, text) in [("a", first.as_str()), ("b", second)] {
        lists.write(&format!("{name}/images.toml"), &format!("{text}digest = 'ONE'\n"));
    }
    lists.done(&["mirror", "-t"]);
}

/// A chart in a folder.
fn chart(folder: &str, note: &str) -> [(String, String); 2] {
    let metadata = format!("apiVersion: v2\nname: app\nversion: 1.0.0\ndescription: {note}\n");
    [(format!("{folder}/Chart.yaml"), metadata), (format!("{folder}/values.yaml"), String::new())]
}

#[tokio::test(flavor = "multi_thread")]
async fn two_charts_or_a_chart_and_an_image_do_not_have_one_target() {
    let root = format!("{WORKSPACE}charts = 'charts'\n");
    let of = |name: &str| {
        format!("[chart]\nname = './chart'\n[[image]]\nsource = 'SRC/{name}/app'\ntag = '1'\n")
    };
    let (a, b) = (of("one"), of("two"));
    let files = [("images.toml", root.as_str()), ("a/images.toml", &a), ("b/images.toml", &b)];
    let lists = Lists::of(&files).await;
    for (name, text) in chart("a/chart", "first").iter().chain(&chart("b/chart", "second")) {
        lists.write(name, text);
    }
    let words = [
        "the chart ",
        "in `a/images.toml`",
        "in `b/images.toml`",
        "/charts/app:1.0.0`",
        "another version",
    ];
    for command in [
        &["mirror"][..],
        &["mirror", "-t"],
        &["mirror", "--member", "a"],
        &["bundle", "export", "x"],
    ] {
        lists.refused(command, &words);
    }
    assert_eq!(lists.conflicts(&[]).len(), 2);
    // The images are not affected.
    lists.done(&["values", "--write"]);
    lists.done(&["mirror", "-t", "--only", "one/app"]);
    for (name, text) in chart("b/chart", "first") {
        lists.write(&name, &text);
    }
    lists.done(&["mirror"]);

    let image = a.replace("tag = '1'", "tag = '1.0.0'\ntarget = 'charts/app'");
    lists.write("a/images.toml", &image);
    lists.source.forget_requests();
    lists.destination.forget_requests();
    lists.refused(
        &["mirror"],
        &["the chart ", "/one/app:1.0.0`", "same target", "another `charts`"],
    );
}
