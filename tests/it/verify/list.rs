//! The checks `list` and `values`, which need only files.

use serde_json::json;

use super::{Scene, sum};

const NOTHING: &str = "skipped";

#[tokio::test(flavor = "multi_thread")]
async fn an_image_without_a_digest_is_a_warning_or_by_policy_an_error() {
    let scene = Scene::new().await;
    scene.edit_list(&format!("digest = \"{}\"\n\n", scene.app.top), "\n");
    let human = |severity: &str, state: &str| {
        format!(
            "SOURCE/team/app:1.0\n  \
               {severity}[unpinned] no digest: the tag decides what is copied (images.toml:10:1)\n    \
                 hint: `chart-mirror pin` records the digests of all tags\n\n{}",
            sum([state, NOTHING, NOTHING, NOTHING, NOTHING], &format!("2 images: {state}"))
        )
    };
    let finding = |severity: &str| {
        json!([{
            "code": "unpinned",
            "severity": severity,
            "check": "list",
            "image": "SOURCE/team/app:1.0",
            "location": { "file": "images.toml", "line": 10, "column": 1 },
            "message": "no digest: the tag decides what is copied",
            "details": [],
            "hint": "`chart-mirror pin` records the digests of all tags",
        }])
    };
    let list = ["--only", "list"];
    scene.verify(&list).assert(0, &human("warning", "1 warning"), &finding("warning"));
    let strict = ["--only", "list", "--strict"];
    scene.verify(&strict).assert(1, &human("error", "1 error"), &finding("error"));
    let text = std::fs::read_to_string(scene.path("images.toml")).unwrap();
    scene.write("images.toml", &format!("{text}[policy]\nrequire-pins = true\n"));
    scene.verify(&list).assert(1, &human("error", "1 error"), &finding("error"));
    scene.write("images.toml", &format!("{text}[policy.severity]\nunpinned = \"ignore\"\n"));
    let ignored = sum(
        ["passed", NOTHING, NOTHING, NOTHING, NOTHING],
        "2 images: passed, 1 ignored by the policy",
    );
    scene.verify(&strict).assert(0, &ignored, &json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moving_tag_and_a_disallowed_source_are_reported() {
    let scene = Scene::new().await;
    scene.edit_list("tag = \"1.0\"", "tag = \"stable\"");
    let text = std::fs::read_to_string(scene.path("images.toml")).unwrap();
    let source = scene.source.address();
    let policy = format!("[policy]\nallowed-registries = [\"{source}/team/tool\", \"quay.io\"]\n");
    scene.write("images.toml", &(text + &policy));
    let human = format!(
        "SOURCE/team/app:stable\n  \
           warning[tag-floating] `stable` is a moving tag, not a version (images.toml:10:1)\n    \
             hint: list the tag of a version, which does not move\n  \
           error[registry-not-allowed] `SOURCE/team/app` is not allowed as a source (images.toml:10:1)\n    \
             hint: `allowed-registries` in `[policy]` allows `SOURCE/team/tool`, `quay.io`\n\n{}",
        sum(
            ["1 error, 1 warning", NOTHING, NOTHING, NOTHING, NOTHING],
            "2 images: 1 error, 1 warning"
        )
    );
    let findings = json!([
        {
            "code": "tag-floating",
            "severity": "warning",
            "check": "list",
            "image": "SOURCE/team/app:stable",
            "location": { "file": "images.toml", "line": 10, "column": 1 },
            "message": "`stable` is a moving tag, not a version",
            "details": [],
            "hint": "list the tag of a version, which does not move",
        },
        {
            "code": "registry-not-allowed",
            "severity": "error",
            "check": "list",
            "image": "SOURCE/team/app:stable",
            "location": { "file": "images.toml", "line": 10, "column": 1 },
            "message": "`SOURCE/team/app` is not allowed as a source",
            "details": [],
            "hint": "`allowed-registries` in `[policy]` allows `SOURCE/team/tool`, `quay.io`",
        },
    ]);
    scene.verify(&["--only", "list"]).assert(1, &human, &findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_list_is_a_finding_in_json_and_drawn_on_stderr() {
    let scene = Scene::new().await;
    scene.edit("images.toml", "tag = \"1.0\"", "tga = \"1.0\"");
    let human = scene.run(&["verify"]);
    assert_eq!((human.exit_code, human.stdout.as_str()), (2, ""));
    assert!(human.stderr.contains("--> images.toml:12:1"), "{}", human.stderr);
    let json = scene.run(&["verify", "--format", "json"]);
    assert_eq!(json.exit_code, 2);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["passes"], false);
    assert_eq!(
        document["findings"],
        json!([
            {
                "code": "list-invalid",
                "severity": "error",
                "check": "list",
                "image": null,
                "location": { "file": "images.toml", "line": 10, "column": 1 },
                "message": "missing key `tag` in `[[image]]`",
                "details": [],
                "hint": "without a tag it would be `latest`, which changes without notice: write the version",
            },
            {
                "code": "list-invalid",
                "severity": "error",
                "check": "list",
                "image": null,
                "location": { "file": "images.toml", "line": 12, "column": 1 },
                "message": "unknown key `tga` in `[[image]]`",
                "details": [],
                "hint": "did you mean `tag`?",
            },
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_values_are_reported_with_a_diff() {
    let scene = Scene::new().await;
    scene.edit("values/mirror.yaml", "tool:\n  repository: ", "other:\n  repository: ");
    let verified = scene.verify(&[]);
    let details = json!([
        "--- values/mirror.yaml",
        "+++ images.toml",
        "@@ -4,4 +4,4 @@",
        " global:",
        "   imageRegistry: \"DESTINATION\"",
        "-other:",
        "+tool:",
        "   repository: \"DESTINATION/team/tool\"",
    ]);
    let findings = json!([{
        "code": "values-stale",
        "severity": "error",
        "check": "values",
        "image": null,
        "location": { "file": "values/mirror.yaml", "line": 1, "column": 1 },
        "message": "`values/mirror.yaml` is not up to date with images.toml",
        "details": details,
        "hint": "`chart-mirror values -d mirror --write` writes it",
    }]);
    let lines: String = details
        .as_array()
        .unwrap()
        .iter()
        .map(|line| format!("  {}\n", line.as_str().unwrap()))
        .collect();
    let human = format!(
        "error[values-stale] `values/mirror.yaml` is not up to date with images.toml (values/mirror.yaml:1:1)\n\
         {lines}  hint: `chart-mirror values -d mirror --write` writes it\n\n{}",
        sum(
            ["passed", "1 error", "passed", "passed", "passed"],
            "2 images: 1 error; requests: 2 to sources, 2 to the destination"
        )
    );
    verified.assert(1, &human, &findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_contradictory_values_are_reported() {
    let scene = Scene::new().await;
    std::fs::remove_file(scene.path("values/mirror.yaml")).unwrap();
    let values = ["--only", "values"];
    let only_values = |total: &str| {
        sum([NOTHING, total, NOTHING, NOTHING, NOTHING], &format!("2 images: {total}"))
    };
    let human = format!(
        "error[values-missing] `values/mirror.yaml` does not exist\n  \
           hint: `chart-mirror values -d mirror --write` writes it\n\n{}",
        only_values("1 error")
    );
    let findings = json!([{
        "code": "values-missing",
        "severity": "error",
        "check": "values",
        "image": null,
        "location": null,
        "message": "`values/mirror.yaml` does not exist",
        "details": [],
        "hint": "`chart-mirror values -d mirror --write` writes it",
    }]);
    scene.verify(&values).assert(1, &human, &findings);

    scene.edit("images.toml", "[values]\n", "[values]\n\"tool\" = \"x\"\n");
    let verified = scene.verify(&values);
    assert_eq!(verified.exit_code, 1);
    assert_eq!(verified.findings[0]["code"], "values-clash");
    assert!(verified.human.starts_with("error[values-clash] "), "{}", verified.human);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_lacks_a_destination_is_an_error() {
    let scene = Scene::new().await;
    let address = scene.destination.address();
    scene.edit("images.toml", &format!("[destinations.mirror]\nregistry = \"{address}\"\n"), "");
    let hint = "name one with `-d` or as `[destinations.NAME]` in images.toml, or choose other checks with `--only`";
    let finding = |check: &str| {
        json!({
            "code": "check-not-run",
            "severity": "error",
            "check": check,
            "image": null,
            "location": null,
            "message": format!("the check `{check}` needs a destination"),
            "details": [],
            "hint": hint,
        })
    };
    let human = format!(
        "error[check-not-run] the check `values` needs a destination\n  hint: {hint}\n\
         error[check-not-run] the check `destination` needs a destination\n\n{}",
        sum(
            ["passed", "1 error", "passed", "passed", "1 error"],
            "2 images: 2 errors; requests: 2 to sources, 0 to the destination"
        )
    );
    scene.verify(&[]).assert(1, &human, &json!([finding("values"), finding("destination")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_of_subsets_of_another_index_are_an_error() {
    let scene = Scene::new().await;
    let pin = format!("digest = \"{}\"\n", scene.app.top);
    let other = &scene.tool.top;
    let subsets =
        |index: &str| format!("{pin}subsets = {{ {index}\"linux/amd64\" = \"{other}\" }}\n");
    // Of another index, and of one that is not recorded.
    let (stale, unknown) = (subsets(&format!("index = \"{other}\", ")), subsets(""));
    for (old, new) in [(&pin, &stale), (&stale, &unknown)] {
        scene.edit("images.toml", old, new);
        let verified = scene.verify(&["--only", "list"]);
        assert_eq!(verified.exit_code, 1);
        assert_eq!(verified.findings[0]["code"], "subsets-stale");
        assert_eq!(verified.findings.as_array().unwrap().len(), 1);
        assert!(verified.human.contains("`chart-mirror pin` records them again"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_with_two_contents_is_reported() {
    let scene = Scene::new().await;
    let other =
        "[destinations.other]\nregistry = \"DESTINATION\"\nplatforms = [\"linux/amd64\"]\n\n";
    let other = other.replace("DESTINATION", scene.destination.address());
    let list = scene.list().replacen("[[image]]\n", &format!("{other}[[image]]\n"), 1);
    scene.write("images.toml", &list);
    let hint = "give both destinations the same `platforms`, or one of them another `prefix`";
    let (mut human, mut findings) = (String::new(), Vec::new());
    // The report shows equal hints once.
    let shown = format!("    hint: {hint}\n");
    for (name, line, shown) in [("team/app:1.0", 14, shown.as_str()), ("team/tool:2.0", 19, "\n")] {
        let message = format!(
            "`SOURCE/{name}` has the target `DESTINATION/{name}` with all platforms at `mirror` and with only \
             linux/amd64 at `other`"
        );
        human += &format!(
            "SOURCE/{name}\n  error[target-conflict] {message} (images.toml:{line}:1)\n{shown}"
        );
        findings.push(json!({
            "code": "target-conflict",
            "severity": "error",
            "check": "list",
            "image": format!("SOURCE/{name}"),
            "location": { "file": "images.toml", "line": line, "column": 1 },
            "message": message,
            "details": [],
            "hint": hint,
        }));
    }
    human += &sum(["2 errors", NOTHING, NOTHING, NOTHING, NOTHING], "2 images: 2 errors");
    scene.verify(&["--only", "list"]).assert(1, &human, &json!(findings));
    scene.verify(&["--only", "list", "-d", "other"]).assert(
        0,
        &sum(["passed", NOTHING, NOTHING, NOTHING, NOTHING], "2 images: passed"),
        &json!([]),
    );
}
