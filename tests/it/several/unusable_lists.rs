//! Lists of a workspace that cannot be read, and folders that have none.

use serde_json::Value;

use super::Workspace;
use crate::support::{assert_says, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_unreadable_list_is_reported_and_verify_checks_the_others() {
    let workspace = Workspace::new().await;
    let root = workspace.text("images.toml").replace("\"charts/*\"", "\"charts/*\", \"more/d\"");
    write(&workspace.xtask, "images.toml", root);
    write(&workspace.xtask, "charts/b/images.toml", "[[image]]\nsource = 1\n");
    write(&workspace.xtask, "charts/c/images.toml", "no list");
    let broken = ["charts/b/images.toml", "charts/c/images.toml", "`more/d` of `images.toml`"];
    for command in [&["mirror", "-d", "north"][..], &["pin"], &["values", "--check"], &["doctor"]] {
        let refused = workspace.run(command);
        assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""), "{refused:?}");
        assert_says(&refused.stderr, &broken);
    }
    assert_eq!(workspace.repositories(), [[""; 0], [""; 0]]);

    let arguments = ["verify", "--only", "destination", "-d", "north", "--format", "json"];
    let failed = workspace.run(&arguments);
    assert_eq!(failed.exit_code, 2, "{failed:?}");
    assert_says(&failed.stderr, &["`charts/b/images.toml`, `charts/c/images.toml`"]);
    let report: Value = serde_json::from_str(&failed.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let found = |finding: &Value| {
        let of = |value: &Value| value.as_str().unwrap().to_owned();
        (of(&finding["code"]), of(&finding["location"]["file"]))
    };
    let found: Vec<(String, String)> = findings.iter().map(found).collect();
    for (code, list) in [
        ("destination-missing", "charts/a/images.toml"),
        ("list-invalid", "charts/b/images.toml"),
        ("list-invalid", "charts/c/images.toml"),
        ("list-invalid", "images.toml"),
    ] {
        assert!(found.contains(&(code.to_owned(), list.to_owned())), "{list}: {found:?}");
    }
    // An image that no list has may be in one of those.
    let arguments = ["verify", "--only", "list", "--image", "*/none", "--format", "json"];
    let failed = workspace.run(&arguments);
    assert_eq!(failed.exit_code, 2, "{failed:?}");
    assert_says(&failed.stdout, &["list-invalid", "charts/c/images.toml"]);
    // A member alone needs no other list.
    let other = workspace.run_in("charts/a", &["verify", "--only", "list"]);
    assert_eq!(other.exit_code, 0, "{other:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_without_a_list_does_not_add_its_chart_to_a_member() {
    let workspace = Workspace::new().await;
    let root = workspace.text("images.toml").replace("charts/*", "charts/a");
    write(&workspace.xtask, "images.toml", root);
    let before = workspace.text("charts/a/images.toml");
    for folder in ["charts/new", "docs"] {
        write(&workspace.xtask, &format!("{folder}/chart/Chart.yaml"), "name: chart\n");
        let refused = workspace.run_in(folder, &["images", "--write", "-c", "./chart"]);
        assert_eq!(refused.exit_code, 2, "{refused:?}");
        assert_says(&refused.stderr, &["not in a member", "init", "--member"]);
    }
    assert_eq!(workspace.text("charts/a/images.toml"), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_never_replaces_a_list_that_cannot_be_read() {
    let workspace = Workspace::new().await;
    write(&workspace.xtask, "charts/b/images.toml", "broken");
    let arguments = ["verify", "--only", "list", "--report", "json=charts/b/images.toml"];
    let refused = workspace.run(&arguments);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_eq!(workspace.text("charts/b/images.toml"), "broken");
}
