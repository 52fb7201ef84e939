//! `images --write` with a chart that names other tags, and with a list that has no images yet.

use super::*;

const CACHE: &str = "\
# Cache. Ask team X before an update of a major version.
[[image]]
source = \"quay.io/example/cache\"
tag = \"7.2\" # the oldest that works
digest = \"sha256:1111111111111111111111111111111111111111111111111111111111111111\"
target = \"infra/cache\"
[image.values]
\"cache.image.repository\" = \"{registry}/{repository}\"
\"cache.image.tag\" = \"{tag}\"

# Started by hand.
[[image]]
source = \"quay.io/example/tool\"
tag = \"1\"
target = \"infra/tool\"

[destinations.d]
registry = \"registry.example.com\"
";

#[test]
fn a_newer_tag_changes_the_entry_in_place_and_removals_are_named_as_a_whole() {
    let project = Project::new(CACHE);
    project.chart("c", &["quay.io/example/cache:7.4"]);
    let shown = project.run(&["images", "-c", "c", "--format", "lines"]);
    let expected = [
        "quay.io/example/cache:7.2\tupdate to 7.4",
        "quay.io/example/cache:7.4\tupdate of 7.2",
        "quay.io/example/tool:1\tunused",
    ];
    assert_eq!((lines(&shown.stdout), shown.exit_code), (expected.to_vec(), 0), "{shown:?}");
    let summary = "\n2 images: 0 unlisted, 1 unused, 1 update of a tag\nhint: ";
    let whole = project.run(&["images", "-c", "c"]).stdout;
    assert!(whole.contains(summary), "{whole}");
    let shown = project.run(&["images", "-c", "c", "--format", "json"]);
    let json: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(json["images"][0]["update-to"], "quay.io/example/cache:7.4");
    assert_eq!(json["images"][1]["update-of"], "quay.io/example/cache:7.2");
    let verified = project.run(&["verify", "-c", "c", "--only", "chart"]);
    assert!(verified.stdout.contains("the list has `quay.io/example/cache:7.2`"), "{verified:?}");
    assert_eq!(verified.stdout.matches("chart-unlisted").count(), 1, "{}", verified.stdout);

    let run = project.run(&["images", "-c", "c", "--write", "--prune"]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    let digest = CACHE.lines().find(|line| line.starts_with("digest")).unwrap();
    let (kept, tool) = CACHE.split_once("# Started by hand").unwrap();
    let (_, destinations) = tool.split_once("[destinations").unwrap();
    let expected = format!("{kept}[destinations{destinations}")
        .replace(&format!("{digest}\n"), "")
        .replace("\"7.2\"", "\"7.4\"");
    assert_eq!(project.list(), expected);
    for named in [
        "updated     quay.io/example/cache:7.2 to 7.4\n  - digest = \"sha256:1111",
        "removed     quay.io/example/tool:1\n  - # Started by hand.\n  - [[image]]\n",
        "  - target = \"infra/tool\"\n",
        "pin` records the digests of the new tags",
    ] {
        assert!(run.stdout.contains(named), "{named}\n{}", run.stdout);
    }
    let after = project.run(&["images", "-c", "c", "--format", "lines"]);
    assert_eq!(after.stdout, "quay.io/example/cache:7.4\n");
}

/// Someone who asks for a report that cannot be written still learns what is gone.
#[test]
fn what_was_removed_goes_to_stderr_if_stdout_cannot_be_written_to() {
    let project = Project::new(CACHE);
    project.chart("c", &["quay.io/example/cache:7.2"]);
    let tool = env!("CARGO_BIN_EXE_chart-mirror");
    let arguments = ["--images", "lists/images.toml", "images", "-c", "c", "--write", "--prune"];
    let command = duct::cmd(tool, arguments).stdout_path("/dev/full");
    let environment = [("HELM", program().canonicalize().unwrap())];
    let run = Finished::of(&command, project.0.directory(), environment, DEADLINE);
    assert_eq!(run.exit_code, 2, "{run:?}");
    for expected in
        ["removed     quay.io/example/tool:1", "# Started by hand.", "written to stdout"]
    {
        assert!(run.stderr.contains(expected), "{expected}\n{}", run.stderr);
    }
    assert!(!project.list().contains("Started by hand"), "the list was written");
}

#[test]
fn images_of_the_chart_in_the_list_are_not_offered_for_removal_with_another_chart() {
    let project = Project::new(&format!("[chart]\nname = \"../own\"\n\n{CACHE}"));
    project.chart("own", &["quay.io/example/cache:7.2"]);
    project.chart("other", &["quay.io/example/cache:7.2"]);
    let own = project.run(&["images"]).stdout;
    assert!(own.contains("images --write --prune` removes the unused images"), "{own}");
    let other = project.run(&["images", "-c", "other"]).stdout;
    assert!(other.contains("1 unused") && !other.contains("--prune"), "{other}");
    assert!(other.contains("note: the list is for the chart in its `[chart]`"), "{other}");
}

#[test]
fn several_tags_that_may_belong_to_one_entry_fail_the_command_and_change_nothing_of_their_source() {
    let project = Project::new(CACHE);
    project.chart("c", &["quay.io/example/cache:7.4", "quay.io/example/cache:8.0", "busybox:1"]);
    let run = project.run(&["images", "-c", "c", "--write", "--prune"]);
    assert_eq!(run.exit_code, 1, "{run:?}");
    assert!(run.stdout.contains("added       docker.io/library/busybox:1\n"), "{}", run.stdout);
    assert_eq!(run.stdout.matches("not clear which tags belong together").count(), 2);
    let list = ImageList::parse("x", &project.list()).unwrap();
    let listed: Vec<_> = list.images().iter().map(|image| image.reference().to_string()).collect();
    assert_eq!(listed, ["quay.io/example/cache:7.2", "docker.io/library/busybox:1"]);
}

#[test]
fn a_missing_or_empty_list_gets_the_chart_and_its_images() {
    let images = ["busybox:1.37", "quay.io/example/app:1"];
    let section = "[chart]\nname = \"../c\"\n\n[[image]]\nsource = \"docker.io/library/busybox\"\n\
                   tag = \"1.37\"\n\n[[image]]\nsource = \"quay.io/example/app\"\ntag = \"1\"\n";
    let table = [
        (
            None,
            format!("# The images of the chart `../c`, and where it gets them from.\n\n{section}"),
        ),
        (
            Some("\n"),
            format!("# The images of the chart `../c`, and where it gets them from.\n\n{section}"),
        ),
        (Some("# Mine.\n"), format!("# Mine.\n\n{section}")),
        (
            Some("[chart]\nname = \"../c\"\n\n[destinations.d]\nregistry = \"r.io\"\n"),
            section.replacen("\n\n", "\n\n[destinations.d]\nregistry = \"r.io\"\n\n", 1),
        ),
    ];
    for (before, after) in table {
        let project = Project::new("");
        project.chart("c", &images);
        let file = project.path("lists/images.toml");
        match before {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let shown = project.run(&["images", "-c", "c"]);
        assert_eq!(shown.exit_code, if before.is_some() { 0 } else { 2 }, "{shown:?}");
        let run = project.run(&["images", "-c", "c", "--write"]);
        assert_eq!(run.exit_code, 0, "{run:?}");
        assert_eq!(project.list(), after);
        let again = project.run(&["images", "--write"]);
        assert!(again.stdout.starts_with("up to date  "), "{again:?}");
    }
    let project = Project::new("");
    std::fs::remove_file(project.path("lists/images.toml")).unwrap();
    let run = project.run(&["images", "--write"]);
    assert!(run.exit_code == 2 && run.stderr.contains("cannot read the image list"), "{run:?}");
}
