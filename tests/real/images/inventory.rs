//! The command `images`.

use super::*;

#[test]
fn images_of_the_chart_and_the_list_are_printed_and_mismatches_are_marked() {
    let project = Project::new(LIST);
    project.chart("c", &["busybox:1.37", "quay.io/example/app:1.2.0", "quay.io/example/app:1.3.0"]);
    let plain = project.run(&["images", "-c", "c", "--format", "lines"]);
    let run = project.run(&["images", "-c", "c"]);
    let expected = [
        "docker.io/library/busybox:1.37\tunlisted",
        "quay.io/example/app:1.2.0",
        "quay.io/example/app:1.3.0\tunlisted",
        "quay.io/example/old:1\tunused",
    ];
    assert_eq!(lines(&plain.stdout), expected);
    let summary = "4 images: 2 unlisted, 1 unused\nhint: ";
    assert!(plain.stderr.starts_with(summary), "{}", plain.stderr);
    let report = format!("{}{summary}", plain.stdout);
    assert!(run.stdout.starts_with(&report), "{}", run.stdout);
    assert_eq!((run.exit_code, run.stderr.as_str()), (0, ""));
    assert_eq!(project.list(), LIST, "nothing is written");
}

#[test]
fn the_hint_counts_only_images_that_can_be_added_and_a_collision_names_the_ways_out() {
    let project = Project::new(LIST);
    project.chart("c", &["quay.io/example/app:1.2.0", "docker.io/example/old:1", "busybox:1.37"]);
    let run = project.run(&["images", "-c", "c"]);
    assert!(run.stdout.contains("images --write` adds 1 of the unlisted images"), "{}", run.stdout);
    assert!(
        run.stderr.contains("`chart-mirror --images lists/images.toml images --write --prune`"),
        "{}",
        run.stderr
    );
    let run = project.run(&["images", "-c", "c", "--write", "--prune"]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    project.chart(
        "c",
        &[
            "quay.io/example/app:1.2.0",
            "docker.io/example/old:1",
            "busybox:1.37",
            "q.io/example/old:1",
        ],
    );
    let run = project.run(&["images", "-c", "c"]);
    assert!(!run.stdout.contains("--write`") && run.stderr.contains("`replaces = "), "{run:?}");
}

#[test]
fn the_json_contains_the_places_of_each_image() {
    let list = format!(
        "{LIST}[chart]\nname = \"c\"\n[[chart.rendering]]\nname = \"a\"\n[[chart.rendering]]\nname = \"b\"\n"
    );
    let project = Project::new(&list);
    project.chart("c", &["quay.io/example/app:1.2.0"]);
    // Paths in the list start at its folder.
    std::fs::rename(project.path("c"), project.path("lists/c")).unwrap();
    let run = project.run(&["images", "--format", "json"]);
    let json: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    assert_eq!((&json["version"], &json["command"]), (&1.into(), &"images".into()));
    let [app, old] = json["images"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!(app["reference"], "quay.io/example/app:1.2.0");
    assert_eq!(app["listed"], true);
    assert_eq!(app["rendered"], serde_json::json!(["a", "b"]));
    assert_eq!(app["digest"].as_str().unwrap().len(), 71);
    let expected = serde_json::json!({
        "rendering": "b", "template": "c/templates/pod.yaml", "kind": "Pod", "name": "p",
        "path": "spec.containers[0].image", "written": "quay.io/example/app:1.2.0",
        "evidence": "container",
    });
    assert_eq!(app["places"][1], expected);
    assert_eq!(old["rendered"], serde_json::json!([]));
    assert_eq!((&old["places"], &old["digest"]), (&serde_json::json!([]), &Value::Null));
}

#[test]
fn unlisted_images_are_added_once_and_the_rest_of_the_list_stays() {
    let project = Project::new(LIST);
    let chart = test_chart("relocation");
    let run = project.run(&["images", "-c", &chart, "--write"]);
    assert_eq!((run.exit_code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert_eq!(run.stdout.matches("added       ").count(), 12, "{}", run.stdout);
    let written = project.list();
    let (before, after) = LIST.split_once("\n[destinations").unwrap();
    assert!(
        written.starts_with(before) && written.ends_with(&format!("\n[destinations{after}")),
        "{written}"
    );
    assert!(
        written.contains("\n[[image]]\nsource = \"quay.io/example/pack-two\"\ntag = \"1.10\"\n")
    );
    assert_eq!(ImageList::parse("x", &written).unwrap().images().len(), 14);

    let modified =
        || std::fs::metadata(project.path("lists/images.toml")).unwrap().modified().unwrap();
    let before = modified();
    let again = project.run(&["images", "-c", &chart, "--write"]);
    assert!(again.stdout.starts_with("up to date  "), "{}", again.stdout);
    assert_eq!((project.list(), modified()), (written.clone(), before));
    let inventory = project.run(&["images", "-c", &chart]);
    assert!(!inventory.stdout.contains("\tunlisted"), "{}", inventory.stdout);
    assert!(inventory.stdout.contains("quay.io/example/old:1\tunused\n"), "{}", inventory.stdout);

    let pruned = project.run(&["images", "-c", &chart, "--write", "--prune"]);
    assert!(
        pruned
            .stdout
            .starts_with("removed     quay.io/example/old:1\n  - # Not used.\n  - [[image]]\n"),
        "{}",
        pruned.stdout
    );
    let old = "# Not used.\n[[image]]\nsource = \"quay.io/example/old\"\ntag = \"1\"\n\n";
    assert_eq!(project.list(), written.replacen(old, "", 1));
    assert!(
        project.list().contains("# Of an older chart.\n"),
        "a comment on a group does not belong to an image"
    );
}

#[test]
fn the_toml_output_is_a_complete_list() {
    let project = Project::new(LIST);
    let run = project.run(&["images", "-c", &test_chart("relocation"), "--format", "toml"]);
    let list = ImageList::parse("x", &run.stdout).unwrap_or_else(|problems| panic!("{problems}"));
    project.run(&["images", "-c", &test_chart("relocation"), "--write"]);
    let written = ImageList::parse("x", &project.list()).unwrap();
    let identity = |image: &chart_mirror::list::Image| {
        let digest = image.digest.clone();
        (image.source.clone(), image.tag.clone(), image.target.clone(), digest)
    };
    let sorted = |list: &ImageList| {
        list.images().iter().map(identity).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(sorted(&list), sorted(&written));
    assert_eq!(list.images()[0].path().as_str(), "apps/app");
}

#[test]
fn obstacles_are_reported_and_the_other_images_are_added() {
    let project = Project::new(LIST);
    project.chart(
        "c",
        &["busybox", "quay.io/example/new:1", "quay.io//a:1", "docker.io/example/old:1"],
    );
    let run = project.run(&["images", "-c", "c", "--write"]);
    assert_eq!(run.exit_code, 1, "{run:?}");
    assert!(run.stdout.contains("added       quay.io/example/new:1\n"), "{}", run.stdout);
    assert!(run.stdout.contains("error: `docker.io/library/busybox` has no tag"), "{}", run.stdout);
    let same_target = "error: `docker.io/example/old:1` would be `registry.example.com/example/old:1` at the destination";
    assert!(run.stdout.contains(same_target), "{}", run.stdout);
    assert!(run.stdout.contains("error: `quay.io//a:1` is "), "{}", run.stdout);
    assert_eq!(ImageList::parse("x", &project.list()).unwrap().images().len(), 3);

    // Once images.toml names versions and targets, there are no obstacles.
    let text = project.list()
        + "[[image]]\nsource = 'busybox'\ntag = '1.37'\n[[image]]\nsource = 'example/old'\ntag = '1'\ntarget = 'x/old'\n\
           [chart]\nname = 'c'\n[[chart.ignore]]\ntext = 'quay.io//a:1'\nreason = 'not used'\n";
    std::fs::write(project.path("lists/images.toml"), text).unwrap();
    let run = project.run(&["images", "-c", "c", "--write"]);
    assert_eq!(run.exit_code, 0, "{run:?}");
}

#[test]
fn each_place_of_an_image_is_explained() {
    let list = LIST.to_owned()
        + "[values]\n\"image.registry\" = \"{registry}\"\n\
           [chart]\nname = \"c\"\n[[chart.ignore]]\nname = \"b\"\nreason = \"a demonstration\"\n";
    let project = Project::new(&list);
    let pod = |name: &str, image: &str| {
        format!(
            "---\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{image: \"{image}\"}}]}}\n"
        )
    };
    let text = pod("a", "{{ .Values.image.registry }}/example/app:1.2.0")
        + &pod("b", "quay.io/example/app:9")
        + &pod("c", "quay.io/example/new:1")
        + "---\nkind: Note\ntext: see quay.io/example/app:7 for more\n";
    project.chart_with("c", &text);
    std::fs::write(project.path("c/values.yaml"), "image: {registry: quay.io}\n").unwrap();
    std::fs::rename(project.path("c"), project.path("lists/c")).unwrap();
    let run = project.run(&["images", "--explain", "quay.io/example/*"]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    let explained: Vec<&str> = run.stdout.split("\nquay.io/").collect();
    let table = [
        ("example/app:1.2.0", "`image` of a container", "listed as", "`image.registry` moves it"),
        ("example/new:1", "`image` of a container", "not listed", "none in images.toml moves it"),
        ("example/old:1", "no rendering names it", "unused", ""),
        ("example/app:7", "mention", "not mirrored", ""),
        ("example/app:9", "a demonstration", "ignored", ""),
    ];
    assert_eq!(explained.len(), table.len(), "{}", run.stdout);
    for (name, why, list, value) in table {
        let text = explained.iter().find(|text| text.contains(name)).unwrap();
        for expected in [why, list, value] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
    // A name without a version stands for all versions.
    let bare = project.run(&["images", "--explain", "quay.io/example/app"]);
    assert_eq!(bare.stdout.matches("  why ").count(), 3, "{}", bare.stdout);
    let nothing = project.run(&["images", "--explain", "quay.io/none"]);
    assert_eq!((nothing.exit_code, nothing.stdout.as_str()), (1, ""), "{nothing:?}");
}

#[test]
fn an_image_of_one_member_of_a_workspace_is_explained() {
    let project = Project::new("[workspace]\nmembers = [\"one\", \"two\"]\n");
    for (member, image) in [("one", "quay.io/example/app"), ("two", "quay.io/example/other")] {
        std::fs::create_dir_all(project.path(&format!("lists/{member}"))).unwrap();
        let image_entry = format!("[[image]]\nsource = \"{image}\"\ntag = \"1\"\n");
        let list = format!("[chart]\nname = \"c\"\n{image_entry}");
        std::fs::write(project.path(&format!("lists/{member}/images.toml")), list).unwrap();
        project.chart("c", &[&format!("{image}:1")]);
        std::fs::rename(project.path("c"), project.path(&format!("lists/{member}/c"))).unwrap();
    }
    let run = project.run(&["images", "--explain", "quay.io/example/other"]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert_eq!(run.stdout.matches("listed as").count(), 1, "{}", run.stdout);
    assert!(run.stdout.contains("0 failed"), "{}", run.stdout);
    let nothing = project.run(&["images", "--explain", "quay.io/none"]);
    assert_eq!(nothing.exit_code, 1, "{nothing:?}");
    assert!(nothing.stderr.contains("no text of any chart"), "{nothing:?}");
}

#[test]
fn the_list_of_another_chart_is_not_emptied() {
    let project = Project::new(LIST);
    project.chart("empty", &[]);
    let run = project.run(&["images", "-c", "empty", "--write", "--prune"]);
    assert_eq!(run.exit_code, 2, "{run:?}");
    assert!(run.stderr.contains("the list cannot be empty"), "{}", run.stderr);
    assert_eq!(project.list(), LIST);
}

#[test]
fn commands_that_need_a_chart_fail_without_helm_or_a_chart() {
    let project = Project::new(LIST);
    project.chart("c", &["busybox:1"]);
    let table: [(&str, &[&str], &str); 6] = [
        ("/no/helm", &["values", "-c", "c"], "need `--prove` or `--probe`"),
        ("/no/helm", &["images", "--prune"], "--write"),
        ("/no/helm", &["images", "-c", "c"], "error: `/no/helm` is not installed"),
        ("/no/helm", &["mirror", "-t", "-c", "c"], "hint: install helm 3 or 4"),
        ("/no/helm", &["images"], "error: no chart: "),
        ("/no/helm", &["mirror", "-t", "-r", "https://a.example"], "hint: name one: `-c CHART"),
    ];
    for (helm, arguments, expected) in table {
        let run = project.run_with(helm, arguments);
        assert_eq!((run.exit_code, run.stdout.as_str()), (2, ""), "{arguments:?}: {run:?}");
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
    }
}
