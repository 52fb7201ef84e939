//! The checks `source` and `destination`. In each test one thing at a registry differs from the list.

use std::time::Duration;

use registry_in_memory::content;
use registry_in_memory::{Effect, Fault, InMemoryRegistry, RegistryOptions};
use serde_json::{Value, json};

use super::{Scene, sum};
use crate::support::requests::request_counts;
use crate::support::tls::{Asks, Front};
use crate::support::{layers, store};

/// Asserts that one check has one error about `team/app`, and that all others pass.
fn assert_only(scene: &Scene, arguments: &[&str], expected: &Only<'_>) {
    let Only { check, code, message, details, hint, requests } = expected;
    let verified = scene.verify(arguments);
    let lines: String = details.iter().map(|line| format!("    {line}\n")).collect();
    let position = ["list", "values", "chart", "source", "destination"]
        .iter()
        .position(|name| name == check)
        .unwrap();
    let mut states = ["passed"; 5];
    states[position] = "1 error";
    let human = format!(
        "SOURCE/team/app:1.0\n  \
           error[{code}] {message} (images.toml:10:1)\n\
         {lines}    hint: {hint}\n\n{}",
        sum(states, &format!("2 images: 1 error; requests: {requests}"))
    );
    let finding = json!([{
        "code": code,
        "severity": "error",
        "check": check,
        "image": "SOURCE/team/app:1.0",
        "location": { "file": "images.toml", "line": 10, "column": 1 },
        "message": message,
        "details": details,
        "hint": hint,
    }]);
    verified.assert(1, &human, &finding);
}

struct Only<'a> {
    check: &'a str,
    code: &'a str,
    message: &'a str,
    details: &'a [&'a str],
    hint: &'a str,
    requests: &'a str,
}

impl Default for Only<'_> {
    fn default() -> Self {
        Self {
            check: "source",
            code: "",
            message: "",
            details: &[],
            hint: "",
            requests: "2 to sources, 2 to the destination",
        }
    }
}

const PIN_HINT: &str = "`chart-mirror pin --check SOURCE/team/app:1.0` shows what changed, \
                        `chart-mirror pin --update SOURCE/team/app:1.0` accepts it";
const MIRROR_HINT: &str = "`chart-mirror mirror -d mirror` copies it";

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moved_at_the_source_is_reported() {
    let scene = Scene::new().await;
    let new = content::oci_image(&layers(&["base", "newer"]));
    store(&scene.source, "team/app", "1.0", &new);
    let message =
        format!("the tag now names {} at the source; the image is pinned to APP", new.top);
    let expected = Only {
        code: "source-moved",
        message: &message,
        hint: PIN_HINT,
        // One more request finds out whether the source still has the pinned image.
        requests: "3 to sources, 2 to the destination",
        ..Only::default()
    };
    assert_only(&scene, &[], &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_content_at_the_source_is_not_reported_as_moved() {
    let scene = Scene::new().await;
    let expected = |message, hint| Only {
        code: "source-missing",
        message,
        hint,
        requests: "3 to sources, 2 to the destination",
        ..Only::default()
    };
    let check = "check source and tag; some registries answer like this without credentials";
    scene.source.store().delete_tag("team/app", "1.0");
    let message = "the source has the pinned APP, but not the tag `1.0`";
    assert_only(&scene, &[], &expected(message, check));

    let new = content::oci_image(&layers(&["base", "newer"]));
    store(&scene.source, "team/app", "1.0", &new);
    scene.source.store().delete_manifest("team/app", &scene.app.top);
    let message = format!("the source no longer has the pinned APP; the tag now names {}", new.top);
    assert_only(&scene, &[], &expected(&message, PIN_HINT));

    scene.source.store().delete_tag("team/app", "1.0");
    let message = "the source has neither the tag `1.0` nor the pinned APP";
    assert_only(&scene, &[], &expected(message, check));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_deleted_at_the_destination_is_reported() {
    let scene = Scene::new().await;
    scene.destination.store().delete_tag("team/app", "1.0");
    // The HEAD for the other image is under way by then, and works: no GET confirms the 404.
    let late = Effect::Delay(Duration::from_millis(300));
    scene.destination.inject(Fault::new(late).method("HEAD").repository("team/app").always());
    let expected = Only {
        check: "destination",
        code: "destination-missing",
        message: "`DESTINATION/team/app:1.0` does not exist",
        hint: MIRROR_HINT,
        ..Only::default()
    };
    assert_only(&scene, &[], &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_source_lacks_as_well_is_not_to_be_mirrored_before_that_is_corrected() {
    let scene = Scene::new().await;
    scene.destination.store().delete_tag("team/app", "1.0");
    scene.source.store().delete_tag("team/app", "1.0");
    let hint = || {
        let verified = scene.verify(&["--only", "source,destination"]);
        let findings = verified.findings.as_array().unwrap().clone();
        let is_missing = |finding: &&Value| finding["code"] == "destination-missing";
        findings.iter().find(is_missing).unwrap()["hint"].as_str().unwrap().to_owned()
    };
    // The content of the pin can still be copied.
    assert_eq!(hint(), MIRROR_HINT);
    scene.source.store().delete_manifest("team/app", &scene.app.top);
    assert_eq!(hint(), format!("correct its source first; then {MIRROR_HINT}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_destination_is_compared_with_the_pin_or_else_with_the_source() {
    let scene = Scene::new().await;
    let other = content::oci_image(&layers(&["base", "other"]));
    store(&scene.destination, "team/app", "1.0", &other);
    let message = format!("`DESTINATION/team/app:1.0` is {}, not APP", other.top);
    let expected = Only {
        check: "destination",
        code: "destination-differs",
        message: &message,
        hint: MIRROR_HINT,
        ..Only::default()
    };
    assert_only(&scene, &[], &expected);

    // Without a pin, the destination is compared with the source.
    scene.edit_list(&format!("digest = \"{}\"\n\n", scene.app.top), "\n");
    let verified = scene.verify(&["--only", "source", "--only", "destination"]);
    assert_eq!(verified.findings[0]["code"], "destination-differs", "{:#}", verified.findings);
    assert_eq!(verified.findings.as_array().unwrap().len(), 1);
    // Without the source there is nothing to compare it with.
    let verified = scene.verify(&["--only", "destination"]);
    assert_eq!(verified.findings[0]["code"], "unpinned");
    assert_eq!(verified.findings[0]["check"], "destination");
    assert_eq!(scene.verify(&["--only", "destination", "--strict"]).exit_code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_missing_below_a_tag_is_reported_with_deep_and_repaired() {
    let scene = Scene::new().await;
    let blob = scene.app.blobs[0].0.clone();
    let child = scene.app.manifests[0].digest.clone();
    scene.destination.store().delete_blob("team/app", &blob);
    assert_eq!(scene.verify(&[]).exit_code, 0, "tags alone do not show it");

    let details = [format!("blob {blob}")];
    let details: Vec<&str> = details.iter().map(String::as_str).collect();
    let app = scene.app.manifests.len();
    let requests =
        app + scene.tool.manifests.len() + scene.app.blobs.len() + scene.tool.blobs.len() + 2;
    let requests = format!("2 to sources, {requests} to the destination");
    let expected = Only {
        check: "destination",
        code: "destination-incomplete",
        message: "`DESTINATION/team/app:1.0` lacks 1 blob",
        details: &details,
        hint: "`chart-mirror mirror -d mirror --repair` copies what is missing",
        requests: &requests,
    };
    assert_only(&scene, &["--deep"], &expected);

    scene.destination.store().delete_manifest("team/app", &child);
    let verified = scene.verify(&["--deep"]);
    let message = verified.findings[0]["message"].as_str().unwrap();
    assert!(message.contains("lacks 1 manifest"), "{message}");

    // Without `--repair`, `mirror` trusts the tag.
    let mirror = scene.run(&["mirror", "-d", "mirror"]);
    assert!(mirror.stdout.contains("0 copied, 2 up to date"), "{}", mirror.stdout);
    let repair = scene.run(&["mirror", "-d", "mirror", "--repair"]);
    assert_eq!(repair.exit_code, 0, "{}{}", repair.stdout, repair.stderr);
    assert!(repair.stdout.contains("1 copied, 1 up to date"), "{}", repair.stdout);
    assert_eq!(scene.verify(&["--deep"]).exit_code, 0);
    scene.forget_requests();
    scene.run(&["mirror", "-d", "mirror", "--repair"]);
    assert_eq!(request_counts(&scene.source), "", "complete images need nothing from the source");
    assert!(
        !request_counts(&scene.destination).contains("P"),
        "{}",
        request_counts(&scene.destination)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_platform_that_the_policy_requires_is_reported() {
    let scene = Scene::new().await;
    let text = std::fs::read_to_string(scene.path("images.toml")).unwrap();
    let policy = |platforms: &str| format!("{text}[policy]\nrequire-platforms = [{platforms}]\n");
    scene.write("images.toml", &policy("\"linux/amd64\""));
    let source = ["--only", "source"];
    assert_eq!(scene.verify(&source).exit_code, 0, "all images are for it");

    scene.write("images.toml", &policy("\"linux/amd64\", \"linux/arm64\""));
    let verified = scene.verify(&source);
    let hint = "list an image for these platforms, or change `require-platforms` in `[policy]`";
    let message = "the image is only for `linux/amd64`";
    // The index has both platforms, the other image has one.
    let findings = json!([{
        "code": "platform-missing",
        "severity": "error",
        "check": "source",
        "image": "SOURCE/team/tool:2.0",
        "location": { "file": "images.toml", "line": 15, "column": 1 },
        "message": message,
        "details": [],
        "hint": hint,
    }]);
    let state = sum(
        ["skipped", "skipped", "skipped", "1 error", "skipped"],
        "2 images: 1 error; requests: 5 to sources, 0 to the destination",
    );
    let human = format!(
        "SOURCE/team/tool:2.0\n  error[platform-missing] {message} (images.toml:15:1)\n    hint: {hint}\n\n{state}"
    );
    verified.assert(1, &human, &findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unverified_certificate_is_a_warning_in_every_report() {
    let scene = Scene::new().await;
    let front = Front::of(&scene.source, Asks::NoCertificate, &["http/1.1"]).await;
    let source = scene.source.address().to_owned();
    let insecure = format!("[registries.\"{}\"]\ninsecure = true\n", front.address);
    let text = std::fs::read_to_string(scene.path("images.toml")).unwrap();
    scene.write("images.toml", &(text.replace(&source, &front.address) + &insecure));
    let verified = scene.verify(&["--only", "source"]);
    let finding = json!([{
        "code": "insecure",
        "severity": "warning",
        "check": "source",
        "image": null,
        "location": null,
        "message": format!("the certificate of `{}` is not verified", front.address),
        "details": [],
        "hint": format!(
            "name the authority that signed it with `ca-file` in `[registries.\"{}\"]`", front.address
        ),
    }]);
    assert_eq!((verified.exit_code, &verified.findings), (0, &finding));
    assert!(verified.human.contains("warning[insecure]"), "{}", verified.human);
    assert!(verified.human.contains("INSECURE: "), "{}", verified.human);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_refuses_requests_is_an_error() {
    let scene = Scene::new().await;
    scene.destination.inject(Fault::status(403).authorized().always());
    scene.source.inject(Fault::status(401).repository("team/app").always());
    let verified = scene.verify(&["--only", "source"]);
    assert_eq!(verified.exit_code, 1);
    let found = verified.findings.as_array().unwrap();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["code"], "unreachable");
    assert_eq!(found[0]["image"], "SOURCE/team/app:1.0");
    let message = found[0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("source: look for manifest `1.0`: HEAD http://SOURCE/v2/team/app/"),
        "{message}"
    );
    assert!(message.contains(": 401"), "{message}");
    assert!(verified.human.contains("1 error"), "{}", verified.human);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_refuses_requests_is_not_treated_as_empty() {
    let scene = Scene::new().await;
    scene.destination.inject(Fault::status(403).repository("team/app").always());
    let verified = scene.verify(&["--only", "destination"]);
    assert_eq!(verified.findings[0]["code"], "unreachable", "{}", verified.human);
    assert_eq!((verified.exit_code, verified.findings.as_array().unwrap().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_images_share_is_one_message_and_several_findings() {
    let scene = Scene::new().await;
    scene.source.inject(Fault::status(403).always());
    let verified = scene.verify(&["--only", "source"]);
    assert_eq!((verified.exit_code, verified.findings.as_array().unwrap().len()), (1, 2));
    let shared = "error[unreachable] 2 images: source: get manifest: http://SOURCE: 403\n  \
                  SOURCE/team/app:1.0 (images.toml:10:1)\n";
    assert!(verified.human.starts_with(shared), "{}", verified.human);
    assert_eq!(verified.human.matches("403").count(), 1, "{}", verified.human);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_cannot_start_is_a_finding_beside_the_others() {
    let scene = Scene::new().await;
    std::fs::remove_file(scene.path("values/mirror.yaml")).unwrap();
    let arguments = ["verify", "--only", "values", "--only", "source", "--format", "json"];
    let finished = scene.run_with(&arguments, &[("STS_REGISTRY_USERNAME", "robot")]);
    let document: Value = serde_json::from_str(&finished.stdout).unwrap();
    let codes: Vec<_> =
        document["findings"].as_array().unwrap().iter().map(|found| &found["code"]).collect();
    assert_eq!(codes, ["values-missing", "check-not-run"], "{}", finished.stdout);
    assert_eq!(finished.exit_code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_images_of_one_registry_are_verified_in_one_run() {
    let scene = Scene::new().await;
    let mirror = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let mut list = String::new();
    for number in 0..1000 {
        let (repository, image) =
            (format!("team/{number}"), content::oci_image(&layers(&["base"])));
        for registry in [&scene.source, &mirror] {
            store(registry, &repository, "1", &image);
        }
        let source = scene.source.address();
        list += &format!(
            "[[image]]\nsource = \"{source}/{repository}\"\ntag = \"1\"\ndigest = \"{}\"\n",
            image.top
        );
    }
    scene.write("images.toml", &list);
    scene.forget_requests();
    let arguments = ["verify", "-d", mirror.address(), "--only", "source", "--only", "destination"];
    let finished = scene.run(&arguments);
    assert_eq!(finished.exit_code, 0, "{}", finished.stdout);
    assert_eq!(request_counts(&scene.source), "1000 HEAD manifest");
    assert_eq!(request_counts(&mirror), "1000 HEAD manifest");
    assert!(scene.source.most_at_once() <= 48, "{}", scene.source.most_at_once());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subset_is_compared_with_its_record_and_a_missing_record_is_reported() {
    let scene = Scene::new().await;
    let registry = format!("registry = \"{}\"\n", scene.destination.address());
    scene.edit_list(&registry, &format!("{registry}platforms = [\"linux/amd64\"]\n"));
    let check = ["--only", "destination"];
    let codes = || {
        let verified = scene.verify(&check);
        let all = verified.findings.as_array().unwrap().iter();
        all.map(|it| format!("{} {}", it["image"], it["code"])).collect::<Vec<_>>()
    };
    let unpinned = |name: &str| format!("\"SOURCE/{name}\" \"unpinned\"");
    assert_eq!(codes(), [unpinned("team/app:1.0"), unpinned("team/tool:2.0")]);

    let mirrored = scene.run(&["mirror", "--format", "json"]);
    let report: Value = serde_json::from_str(&mirrored.stdout).unwrap();
    for (number, index) in [&scene.app.top, &scene.tool.top].into_iter().enumerate() {
        let pin = format!("digest = \"{index}\"\n");
        let subset = &report["images"][number]["digest"];
        let record = format!("{{ index = \"{index}\", \"linux/amd64\" = {subset} }}");
        scene.edit_list(&pin, &format!("{pin}subsets = {record}\n"));
    }
    assert_eq!(codes(), [""; 0]);
    assert_eq!(scene.verify(&["--deep"]).exit_code, 0);

    // The complete index has more platforms than the destination selects.
    store(&scene.destination, "team/app", "1.0", &scene.app);
    assert_eq!(codes(), ["\"SOURCE/team/app:1.0\" \"destination-differs\""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subset_is_repaired_without_adding_other_platforms() {
    let scene = Scene::new().await;
    let registry = format!("registry = \"{}\"\n", scene.destination.address());
    scene.edit_list(
        &registry,
        &format!("{registry}prefix = \"p\"\nplatforms = [\"linux/arm64\"]\n"),
    );
    let only = ["mirror", "--only", "app"];
    assert_eq!(scene.run(&only).exit_code, 0);
    let arm64 = &scene.app.manifests[1];
    scene.destination.store().delete_manifest("p/team/app", &arm64.digest);
    assert!(scene.run(&only).stdout.contains("1 up to date"));
    let repaired = scene.run(&[&only[..], &["--repair"]].concat());
    assert!(repaired.stdout.contains("1 copied"), "{}", repaired.stdout);
    let store = scene.destination.store();
    assert!(store.manifest("p/team/app", arm64.digest.as_str()).is_some());
    let amd64 = &scene.app.manifests[0];
    assert!(store.manifest("p/team/app", amd64.digest.as_str()).is_none());
}
