//! The page: `--report html`, `report html`, and the content of images that it shows.

use serde_json::Value;

use super::Workspace;
use crate::support::requests::request_counts;
use crate::support::{assert_says, write};

/// The JSON in a page.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn report(workspace: &Workspace, file: &str) -> Value {
    serde_json::from_str(&workspace.text(file)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_has_the_content_of_copied_images_without_an_additional_request() {
    let workspace = Workspace::new().await;
    assert_eq!(workspace.run(&["mirror", "--member", "a", "-d", "north"]).exit_code, 0);
    let without = request_counts(&workspace.source);
    workspace.source.forget_requests();
    let to_south = ["mirror", "--member", "a", "-d", "south", "--report=json=south.json"];
    assert_eq!(workspace.run(&to_south).exit_code, 0);
    assert_eq!(request_counts(&workspace.source), without);
    let counts = [0, 1].map(|at| request_counts(&workspace.destinations[at]));
    assert_eq!(counts[0], counts[1]);

    let image = &report(&workspace, "south.json")["images"][0];
    assert_eq!(image["content"]["complete"], true);
    let blobs = image["content"]["blobs"].as_object().unwrap();
    let bytes: u64 = blobs.values().map(|size| size.as_u64().unwrap()).sum();
    assert_eq!((blobs.len() as u64, bytes), (2, image["moved"]["bytes"].as_u64().unwrap()));

    // One that is there already was not read.
    assert_eq!(workspace.run(&to_south).exit_code, 0);
    let image = &report(&workspace, "south.json")["images"][0];
    assert_eq!((&image["outcome"], &image["content"]), (&"up-to-date".into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_writes_its_page_with_what_changed_since_an_earlier_report() {
    let workspace = Workspace::new().await;
    let first = ["mirror", "--all-destinations", "--report=json=old.json"];
    assert_eq!(workspace.run(&first).exit_code, 0);
    for registry in [&workspace.source, &workspace.destinations[1]] {
        registry.store().delete_tag("acme/b", "1");
    }
    let second = ["mirror", "--all-destinations", "--report=html=page.html", "--since", "old.json"];
    let finished = workspace.run(&second);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    let page = workspace.text("page.html");
    assert_says(&page, &["1 image failed", "1 image fails now", "404", "<noscript>"]);
    let data = data(&page);
    assert_eq!(data["runs"].as_array().map(Vec::len), Some(4));
    let images = data["images"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    // The size is that of the first run. The image that failed has no digest, so nothing is known of it.
    assert_eq!((&images[0]["b"][4], &images[1]["b"]), (&1.into(), &Value::Null), "{images:?}");
    assert_eq!(images[1]["x"], "did not fail before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_made_from_saved_reports_and_overwrites_none_of_them() {
    let workspace = Workspace::new().await;
    let mirror = ["mirror", "-d", "north", "--report=json=mirror.json"];
    assert_eq!(workspace.run(&mirror).exit_code, 0);
    let verify = ["verify", "--only=list,destination", "--report=json=verify.json"];
    assert_eq!(workspace.run(&verify).exit_code, 1, "nothing is at the destination south");
    let made = workspace.run(&["report", "html", "mirror.json", "verify.json", "-o", "page.html"]);
    assert_eq!((made.exit_code, made.stdout.as_str()), (0, "written     page.html\n"));
    let page = workspace.text("page.html");
    assert_says(&page, &["2 errors found", "destination-missing", "at south", "in distinct blobs"]);
    let images = &data(&page)["images"];
    assert_eq!(images.as_array().map(Vec::len), Some(2));
    assert_eq!(images[0]["s"].as_array().map(Vec::len), Some(2), "copied, and verified");

    write(&workspace.xtask, "pin.json", "{\"version\": 1, \"command\": \"pin\"}");
    let before = workspace.text("mirror.json");
    for (arguments, words) in [
        (&["mirror.json", "-o", "./mirror.json"][..], "would be overwritten"),
        (&["verify.json", "--since", "mirror.json", "-o", "mirror.json"], "would be overwritten"),
        (&["pin.json", "-o", "x.html"], "`pin.json` is a report of `pin`"),
        (&["none.json", "-o", "x.html"], "cannot read the report `none.json`"),
    ] {
        let refused = workspace.run(&[&["report", "html"], arguments].concat());
        assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""), "{arguments:?}");
        assert_says(&refused.stderr, &[words]);
    }
    assert_eq!(workspace.text("mirror.json"), before);
    assert!(!workspace.xtask.directory().join("x.html").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_earlier_report_is_checked_before_any_request_and_needs_a_page() {
    let workspace = Workspace::new().await;
    write(&workspace.xtask, "cut.json", "{\"version\": 1");
    write(
        &workspace.xtask,
        "old.json",
        "{\"version\": 1, \"command\": \"mirror\", \"images\": []}",
    );
    for command in ["mirror", "verify"] {
        for (arguments, words) in [
            (&["--since", "old.json"][..], "`--since` is for the page"),
            (&["--since", "cut.json", "--report=html=p.html"], "`cut.json` is not a JSON report"),
            (&["--since", "none.json", "--report=html=p.html"], "cannot read the report"),
        ] {
            let refused = workspace.run(&[&[command, "-d", "north"], arguments].concat());
            assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""), "{arguments:?}");
            assert_says(&refused.stderr, &[words]);
        }
    }
    assert_eq!(workspace.source.requests().len(), 0);
    let verified = workspace.run(&["verify", "--only=list", "--format=html", "--since=old.json"]);
    assert_eq!(verified.exit_code, 0, "{verified:?}");
    assert_says(&verified.stdout, &["Changes", "images are new"]);
}
