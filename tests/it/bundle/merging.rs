//! `bundle merge`: a difference with what it follows, members of a workspace, parts; and what is refused.

use std::fs;

use oci::Digest;
use serde_json::Value;

use super::differences::{add_image, update_tool, with_large_layers};
use super::site::Site;
use crate::support::stage::assert_holds;
use crate::support::xtask::Finished;
use crate::support::{assert_says, layers};

fn merge(site: &Site, output: &str, bundles: &[&str]) -> Finished {
    site.outside(&[&["bundle", "merge", output], bundles].concat())
}

fn merged(site: &Site, output: &str, bundles: &[&str]) -> Finished {
    let finished = merge(site, output, bundles);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let verified = site.outside(&["bundle", "verify", output]);
    assert_eq!(verified.exit_code, 0, "{verified:?}");
    finished
}

fn refused(site: &Site, bundles: &[&str], expected: &[&str]) {
    let finished = merge(site, "refused", bundles);
    assert_eq!(finished.exit_code, 2, "{finished:?}");
    assert_says(&finished.stderr, expected);
    assert!(!site.path("refused").exists());
}

fn inventory(site: &Site, bundle: &str) -> Value {
    let listed = site.outside(&["bundle", "list", bundle, "--format", "json"]);
    assert_eq!(listed.exit_code, 0, "{listed:?}");
    serde_json::from_str(&listed.stdout).unwrap()
}

/// A whole bundle, and a difference with a newer image, which leaves out the layer that both share.
async fn whole_and_difference(outputs: [&str; 2]) -> (Site, registry_in_memory::content::Content) {
    let site = Site::new().await;
    let tool = fs::read(env!("CARGO_BIN_EXE_chart-mirror")).unwrap();
    fs::write(site.path("tool"), &tool[..5000]).unwrap();
    site.export(outputs[0], &["--with-tool", "tool"]);
    site.imported(&[outputs[0]], &[]);
    let newer = update_tool(&site);
    let there = ["inventory", "-d", site.target.address(), "-o", "there.json"];
    assert_eq!(site.outside(&there).exit_code, 0);
    site.export(outputs[1], &["--against", "there.json", "--no-chart"]);
    (site, newer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_difference_and_the_bundle_that_it_follows_become_a_complete_bundle() {
    for outputs in [["full.tar", "new"], ["full", "new.tar"]] {
        let (site, newer) = whole_and_difference(outputs).await;
        site.scene.forget_requests();
        for output in ["all.tar", "all"] {
            let finished = merged(&site, output, &outputs);
            let place = format!(
                "images.toml of oci{}:{}",
                if outputs[1] == "new" { "" } else { "-archive" },
                outputs[1]
            );
            let (old, new) =
                (site.scene.tool.top.as_str(), &format!("{output}: 2 images and 1 chart"));
            assert_says(
                &finished.stdout,
                &[&place, "replaced by a newer image", old, new, "from 2 bundles"],
            );
            assert!(!finished.stdout.contains("not in it"), "{finished:?}");
            assert_eq!(inventory(&site, output)["against"], Value::Null);
            // A registry that has nothing gets everything.
            let destination =
                format!("{}/{}", site.target.address(), output.replace(".tar", "-tar"));
            let path = site.path(output).display().to_string();
            let imported =
                site.inside(&["bundle", "import", &path, "-d", &destination, "--with-chart"]);
            assert_eq!(imported.exit_code, 0, "{imported:?}");
            let prefix = output.replace(".tar", "-tar");
            assert_holds(&site.target, &format!("{prefix}/team/tool"), "2.0", &newer);
            assert_holds(&site.target, &format!("{prefix}/team/app"), "1.0", &site.scene.app);
        }
        assert_eq!(site.scene.source.requests().len(), 0);
        // The files of the newest list, and those that it does not have.
        let list = fs::read_to_string(site.path("all/images.toml")).unwrap();
        assert_eq!(list, fs::read_to_string(site.path("images.toml")).unwrap());
        assert_eq!(
            fs::read(site.path("all/bin/chart-mirror")).unwrap(),
            fs::read(site.path("tool")).unwrap()
        );
        assert!(site.path("all/charts").read_dir().unwrap().next().is_some());
        // Nothing of the image that was replaced.
        let old = Digest::of(&layers(&["tool"])[0].bytes());
        assert!(!site.path("all/blobs/sha256").join(old.hex()).exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_bundle_has_stays_counted_on() {
    let (site, _) = whole_and_difference(["full", "new"]).await;
    let extra = add_image(&site, "extra", &layers(&["extra"]));
    let there = ["inventory", "-d", site.target.address(), "-o", "there.json"];
    assert_eq!(site.outside(&there).exit_code, 0);
    site.export("newer", &["--against", "there.json"]);
    let finished = merged(&site, "both", &["new", "newer"]);
    assert_says(&finished.stdout, &["3 images", "not in it:", site.target.address()]);
    let base = Digest::of(&layers(&["base"])[0].bytes());
    let against = &inventory(&site, "both")["against"]["left-out"];
    assert!(against.to_string().contains(base.as_str()), "{against}");
    site.imported(&["both"], &[]);
    assert_holds(&site.target, "team/extra", "1", &extra);

    let json = site.outside(&["bundle", "merge", "again", "full", "both", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["totals"]["against"], Value::Null, "{json}");
    assert_eq!(json["left-behind"][0]["digest"], site.scene.tool.top.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_workspace_and_parts_are_joined() {
    let site = Site::new().await;
    let large = with_large_layers(&site, &[300_000, 900_000]);
    site.export("parts.tar", &["--split", "400KB", "--no-chart"]);
    let parts: Vec<String> = (1..)
        .map(|number| format!("parts-{number}.tar"))
        .take_while(|name| site.path(name).exists())
        .collect();
    let parts: Vec<&str> = parts.iter().rev().map(String::as_str).collect();
    let finished = merged(&site, "whole.tar", &parts);
    assert_says(&finished.stdout, &["3 images", "from 1 bundle,"]);
    site.imported(&["whole.tar"], &[]);
    assert_holds(&site.target, "team/large", "1", &large);
    refused(&site, &parts[1..], &["of", "parts", "not named"]);

    let source = site.scene.source.address().to_owned();
    let image = |name: &str, tag: &str| {
        format!("[[image]]\nsource = '{source}/team/{name}'\ntag = '{tag}'\n")
    };
    site.scene.write("images.toml", "[workspace]\nmembers = ['charts/*']\n");
    site.scene.write("charts/a/images.toml", &image("app", "1.0"));
    site.scene.write("charts/b/images.toml", &(image("app", "1.0") + &image("tool", "2.0")));
    for member in ["a", "b"] {
        let written = site.outside(&["--member", member, "bundle", "export", member]);
        assert_eq!(written.exit_code, 0, "{written:?}");
    }
    let finished = merged(&site, "both", &["a", "b"]);
    assert_says(&finished.stdout, &["lists/charts/a/images.toml of oci:a", "3 images"]);
    let imported = site.imported(&["both"], &[]);
    assert_says(&imported.stdout, &["0 failed"]);
    assert_holds(&site.target, "team/tool", "2.0", &site.scene.tool);
    refused(&site, &["a", "whole.tar"], &["different workspaces", "oci:a", "whole.tar"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bundles_that_disagree_or_are_damaged_are_refused_and_a_repaired_one_is_continued() {
    let (site, _) = whole_and_difference(["full", "new"]).await;
    let old = site.scene.tool.top.to_string();
    refused(&site, &["new", "full"], &["oci:new", "oci:full", &old, "team/tool:2.0", "oldest"]);
    refused(&site, &["full", "absent"], &["absent"]);
    let inside = merge(&site, "full/more", &["full", "new"]);
    assert_eq!(inside.exit_code, 2, "{inside:?}");
    assert_says(&inside.stderr, &["full/more", "would be written into"]);
    let exists = merge(&site, "new", &["full", "new"]);
    assert_eq!(exists.exit_code, 2, "{exists:?}");
    assert_says(&exists.stderr, &["not overwritten"]);

    let base = site.path("full/blobs/sha256").join(Digest::of(&layers(&["base"])[0].bytes()).hex());
    let manifest = site.path("new/blobs/sha256").join(site.scene.app.top.hex());
    let files =
        [base.clone(), manifest, site.path("full/bin/chart-mirror"), site.path("new/images.toml")];
    for file in files {
        let good = fs::read(&file).unwrap();
        let mut bad = good.clone();
        bad[0] ^= 1;
        fs::write(&file, bad).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        refused(&site, &["full", "new"], &[name, "entry", "oci:"]);
        fs::write(&file, good).unwrap();
    }
    let unfinished = site.path("refused.partial/blobs/sha256");
    assert!(unfinished.read_dir().unwrap().count() > 3, "what was right is kept");
    let written = |path: &std::path::Path| fs::metadata(path).unwrap().modified().unwrap();
    let kept = unfinished.join(site.scene.app.top.hex());
    let before = written(&kept);
    merged(&site, "refused", &["full", "new"]);
    assert_eq!(written(&site.path("refused/blobs/sha256").join(site.scene.app.top.hex())), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_stay_with_the_images_that_stay() {
    use registry_in_memory::content::{artifact, signature_tag};
    let site = Site::new().await;
    let signed = [site.scene.app.top.clone(), site.scene.tool.top.clone()];
    let repositories = ["team/app", "team/tool"];
    for (digest, repository) in signed.iter().zip(repositories) {
        let signature = artifact("signature", repository.to_owned());
        crate::support::store(&site.scene.source, repository, &signature_tag(digest), &signature);
    }
    site.export("full", &["--attachments"]);
    update_tool(&site);
    site.export("new", &["--no-chart"]);
    merged(&site, "all", &["full", "new"]);
    let index = fs::read_to_string(site.path("all/index.json")).unwrap();
    assert!(index.contains(&signature_tag(&signed[0])), "{index}");
    assert!(!index.contains(&signature_tag(&signed[1])), "{index}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_are_merged_into_parts_of_another_size() {
    let site = Site::new().await;
    let image = with_large_layers(&site, &[300_000, 500_000, 300_000]);
    let flags = ["--no-chart", "--split", "400KB"];
    site.export("small.tar", &flags);
    let parts: Vec<String> = (1..)
        .map(|part| format!("small-{part}.tar"))
        .take_while(|name| site.path(name).exists())
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    assert!(parts.len() > 3, "{parts:?}");
    let merged = merge(&site, "large.tar", &[&parts[..], &["--split", "700KB"]].concat());
    assert_eq!(merged.exit_code, 0, "{merged:?}");
    assert_says(&merged.stdout, &["2 parts: large-1.tar, large-2.tar"]);
    for part in ["large-1.tar", "large-2.tar"] {
        assert!(fs::metadata(site.path(part)).unwrap().len() <= 700_000);
        let verified = site.outside(&["bundle", "verify", part]);
        assert_eq!(verified.exit_code, 0, "{verified:?}");
    }
    assert_eq!(inventory(&site, "large-2.tar")["parts"], 2);
    site.imported(&["large-2.tar", "large-1.tar"], &[]);
    assert_holds(&site.target, "team/large", "1", &image);
}
