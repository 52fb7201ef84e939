//! From one registry to another, with what the bundle has beside the images.

use std::collections::BTreeSet;
use std::fs;

use layout::{Layout, LayoutLocation, Strictness};
use oci::Digest;
use registry_in_memory::content::{self, oci_image, oci_index};
use registry_in_memory::{Fault, Kind};
use serde_json::Value;

use super::site::Site;
use crate::support::requests::asked;
use crate::support::signing::{Signer, signature_image};
use crate::support::stage::assert_holds;
use crate::support::{assert_says, layers, store, write};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_has_everything_and_is_imported_without_anything_else() {
    let site = Site::new().await;
    let blobs: BTreeSet<&Digest> = {
        let all = site.scene.app.blobs.iter().chain(&site.scene.tool.blobs);
        all.map(|(digest, _)| digest).collect()
    };
    for output in ["site.tar", "site"] {
        site.scene.forget_requests();
        let written = site.export(output, &["--with-tool"]);
        assert_says(&written.stdout, &[output, "2 images and 1 chart"]);
        assert_eq!(
            site.blobs_read().iter().collect::<Vec<_>>(),
            blobs.iter().copied().collect::<Vec<_>>()
        );
        assert_eq!(asked(&site.scene.source, "GET", Kind::Manifest).len(), 6, "each manifest once");
        assert_eq!(site.scene.destination.requests().len(), 0);

        let location = LayoutLocation::of_path(&site.path(output));
        let layout = Layout::open(&location, Strictness::Bundle).unwrap();
        let files: Vec<&str> = layout.files().filter(|name| !name.starts_with("bin/")).collect();
        let expected = [
            "SHA256SUMS",
            "charts/chart-1.0.0.tgz",
            "images.toml",
            "index.json",
            "inventory.json",
            "oci-layout",
            "values/mirror.yaml",
        ];
        assert_eq!(files, expected);
        assert_eq!(layout.files().filter(|name| name.starts_with("bin/")).count(), 1);
        let list = layout.file("images.toml", 1 << 20).unwrap().unwrap();
        assert_eq!(list, fs::read(site.path("images.toml")).unwrap());

        let path = site.path(output).display().to_string();
        let listed = site.inside(&["bundle", "list", &path]);
        assert_says(
            &listed.stdout,
            &["team/app:1.0", site.scene.app.top.as_str(), "charts/chart:1.0.0"],
        );
        let inventory = json(&site.inside(&["bundle", "list", &path, "--format", "json"]).stdout);
        assert_eq!(inventory["images"].as_array().unwrap().len(), 2);
        assert_eq!(inventory["parts"], 1);
        let verified = site.inside(&["bundle", "verify", &path]);
        assert_eq!(verified.exit_code, 0, "{verified:?}");
        assert_says(&verified.stdout, &["no damage"]);
    }

    site.scene.forget_requests();
    let imported = site.imported(&["site.tar"], &["--with-chart"]);
    assert_says(&imported.stdout, &["2 copied", "0 to sources", "chart:1.0.0: copied"]);
    assert_eq!(site.scene.source.requests().len(), 0);
    assert_holds(&site.target, "team/app", "1.0", &site.scene.app);
    assert_holds(&site.target, "team/tool", "2.0", &site.scene.tool);
    assert!(site.target.store().manifest("charts/chart", "1.0.0").is_some());
    let mut commits: Vec<String> =
        asked(&site.target, "PUT", Kind::Upload).into_iter().map(|request| request.query).collect();
    let count = commits.len();
    commits.sort();
    commits.dedup();
    assert_eq!(commits.len(), count, "no blob is pushed twice");
    site.target.forget_requests();
    let again = site.imported(&["site"], &["--with-chart"]);
    assert_says(&again.stdout, &["2 up to date"]);
    assert_eq!(site.pushes().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_input_makes_the_same_bundle() {
    let site = Site::new().await;
    site.export("one", &[]);
    site.export("other", &[]);
    let sums = |name: &str| fs::read_to_string(site.path(name).join("SHA256SUMS")).unwrap();
    assert_eq!(sums("one"), sums("other"));
    let refused = site.outside(&["bundle", "export", "one"]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["one", "exists; it is not overwritten"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_fails_at_first_keeps_everything_from_being_written() {
    let site = Site::new().await;
    site.scene.source.inject(Fault::status(403).path("/v2/team/tool/manifests").always());
    let failed = site.outside(&["bundle", "export", "site.tar"]);
    assert_eq!(failed.exit_code, 1, "{failed:?}");
    assert_says(&failed.stdout, &["team/tool:2.0", "403", "nothing was written"]);
    assert_eq!(site.blobs_read().len(), 0);
    assert!(!site.path("site.tar").exists() && !site.path("site.tar.partial").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_export_keeps_the_blobs_that_it_wrote() {
    let site = Site::new().await;
    for output in ["site.tar", "site"] {
        site.scene.source.inject(Fault::status(403).path("/v2/team/tool/blobs").always());
        let failed = site.outside(&["bundle", "export", output]);
        assert_eq!(failed.exit_code, 1, "{failed:?}");
        let partial = format!("{output}.partial");
        assert_says(&failed.stdout, &["is not complete", &partial, "run the same command again"]);
        assert!(!site.path(output).exists());
        site.scene.source.clear_faults();
        site.scene.forget_requests();
        site.export(output, &[]);
        let of_app = asked(&site.scene.source, "GET", Kind::Blob);
        let of_app = of_app.iter().filter(|request| request.path.contains("team/app"));
        assert_eq!(of_app.count(), 0, "{output}: these are kept");
        assert!(!site.path(&partial).exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_platforms_of_a_destination_are_in_the_bundle_for_it_alone() {
    let site = Site::new().await;
    let platforms = "[destinations.small]\nregistry = \"ADDRESS/small\"\nplatforms = [\"linux/amd64\"]\n\n\
                     [destinations.mirror]";
    let platforms = platforms.replace("ADDRESS", site.target.address());
    site.scene.edit("images.toml", "[destinations.mirror]", &platforms);
    site.export("small.tar", &["-d", "small"]);
    let inventory = site.outside(&["bundle", "list", "small.tar", "--format", "json"]);
    let inventory = json(&inventory.stdout);
    assert_eq!(inventory["platforms"], serde_json::json!(["linux/amd64"]));
    let app = &inventory["images"][0];
    assert_eq!(app["made-from"], site.scene.app.top.as_str());
    let target = format!("{}/small/team/app:1.0", site.target.address());
    assert_eq!(app["target"], target.as_str());

    let refused = site.import(&["small.tar"], &[]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["only linux/amd64", "takes all platforms"]);
    let path = site.path("small.tar").display().to_string();
    let imported = site.inside(&["bundle", "import", &path, "-d", "small"]);
    assert_eq!(imported.exit_code, 0, "{imported:?}");
    let digest = site.target.store().manifest("small/team/app", "1.0").unwrap().2;
    assert_eq!(app["digest"], digest.as_str());
    assert_eq!(site.target.store().incomplete_tags(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_images_are_imported_for_some_platforms() {
    let site = Site::new().await;
    let platforms = "[destinations.mirror]\nplatforms = [\"linux/amd64\"]";
    site.scene.edit("images.toml", "[destinations.mirror]", platforms);
    site.export("site.tar", &[]);
    let path = site.path("site.tar").display().to_string();
    let imported = site.inside(&["bundle", "import", &path, "-d", "mirror"]);
    assert_eq!(imported.exit_code, 0, "{imported:?}");
    assert_says(&imported.stdout, &["contains only linux/amd64"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_are_imported_if_they_were_exported() {
    let site = Site::new().await;
    let signature = content::signature(&site.scene.app.top);
    let tag = content::signature_tag(&site.scene.app.top);
    store(&site.scene.source, "team/app", &tag, &signature);
    let sbom = content::referrer(site.scene.app.top_manifest().unwrap(), "application/spdx+json");
    store(&site.scene.source, "team/app", sbom.top.as_str(), &sbom);
    site.export("without.tar", &[]);
    site.imported(&["without.tar"], &[]);
    assert_eq!(site.target.store().tags("team/app"), ["1.0"]);
    site.export("with.tar", &["--attachments"]);
    let imported = site.imported(&["with.tar"], &[]);
    assert_says(&imported.stderr, &["signatures are not checked", "--images"]);
    assert_holds(&site.target, "team/app", &tag, &signature);
    assert!(site.target.store().manifest("team/app", sbom.top.as_str()).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_are_checked_with_the_keys_of_the_inner_site() {
    let site = Site::new().await;
    let (signer, other) = (Signer::new(), Signer::new());
    let signature = signature_image(&[signer.layer(&site.scene.app.top)]);
    let tag = content::signature_tag(&site.scene.app.top);
    store(&site.scene.source, "team/app", &tag, &signature);
    site.export("site.tar", &["--attachments"]);
    let source = site.scene.source.address();
    let list = |key: &str| {
        format!(
            "[[policy.signatures]]\nsources = [\"{source}/*\"]\nkeys = [\"{key}\"]\n\
             [[image]]\nsource = \"{source}/team/app\"\ntag = \"1.0\"\n"
        )
    };
    write(&site.inner, "ours.pub", signer.public_key());
    write(&site.inner, "other.pub", other.public_key());
    write(&site.inner, "ours.toml", list("ours.pub"));
    write(&site.inner, "other.toml", list("other.pub"));
    let refused = site.import(&["site.tar"], &["--images", "other.toml"]);
    assert_eq!(refused.exit_code, 1, "{refused:?}");
    assert_says(&refused.stdout, &["no valid signature", "other.pub"]);
    assert_eq!(site.target.store().tags("team/app"), [""; 0]);
    let imported = site.imported(&["site.tar"], &["--images", "ours.toml"]);
    assert_says(&imported.stdout, &["1 copied"]);
    assert!(!imported.stderr.contains("not checked"), "{imported:?}");
    assert_holds(&site.target, "team/app", &tag, &signature);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_exported_or_imported_is_refused_at_once() {
    let site = Site::new().await;
    site.scene.edit(
        "images.toml",
        "[destinations.mirror]",
        "[destinations.two]\nregistry = \"r.io\"\n\n[destinations.mirror]",
    );
    site.export("app.tar", &["--only", "team/app"]);
    site.scene.forget_requests();
    let table: [(&[&str], &str); 4] = [
        (&["bundle", "export", "app.tar"], "exists; it is not overwritten"),
        (&["bundle", "export", "x.tar", "--with-tool", "absent"], "`absent` is not a file"),
        (&["bundle", "export", "x.tar", "-d", "oci:y"], "needs a registry"),
        (&["bundle", "export", "x.tar", "--split", "large"], "not a size"),
    ];
    for (arguments, expected) in table {
        let refused = site.outside(arguments);
        assert_eq!(refused.exit_code, 2, "{refused:?}");
        assert_says(&refused.stderr, &[expected]);
    }
    assert_eq!(site.scene.source.requests().len(), 0);
    let refused = site.import(&["app.tar"], &["--only", "team/tool"]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["none of the images", "bundle list"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_travels_with_all_of_its_lists() {
    let site = Site::new().await;
    let source = site.scene.source.address().to_owned();
    let root = format!(
        "[workspace]\nmembers = ['charts/*']\n[destinations.inner]\nregistry = '{}/all'\n",
        site.target.address()
    );
    let image = |name: &str, tag: &str| {
        format!("[[image]]\nsource = '{source}/team/{name}'\ntag = '{tag}'\n")
    };
    site.scene.write("images.toml", &root);
    site.scene.write("charts/a/images.toml", &image("app", "1.0"));
    site.scene.write("charts/b/images.toml", &(image("app", "1.0") + &image("tool", "2.0")));
    let written = site.export("all.tar", &[]);
    assert_says(&written.stdout, &["3 images"]);
    let read = site.blobs_read();
    let distinct: BTreeSet<&Digest> = read.iter().collect();
    assert_eq!(read.len(), distinct.len(), "each blob is read once");
    let path = site.path("all.tar").display().to_string();
    let one = site.inside(&["--member", "a", "bundle", "import", &path]);
    assert_eq!(one.exit_code, 0, "{one:?}");
    assert_eq!(site.target.store().tags("all/team/tool"), [""; 0]);
    let all = site.inside(&["bundle", "import", &path, "-d", "inner"]);
    assert_eq!(all.exit_code, 0, "{all:?}");
    assert_holds(&site.target, "all/team/tool", "2.0", &site.scene.tool);
    let unknown = site.inside(&["--member", "c", "bundle", "import", &path]);
    assert_says(&unknown.stderr, &["no list `c`", "charts/a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_disagree_about_an_image_are_not_exported_together() {
    let site = Site::new().await;
    let source = site.scene.source.address().to_owned();
    let newer = oci_index(&layers(&["base", "newer"]));
    store(&site.scene.source, "team/app", newer.top.as_str(), &newer);
    let image = |digest: &Digest| {
        format!("[[image]]\nsource = '{source}/team/app'\ntag = '1.0'\ndigest = '{digest}'\n")
    };
    site.scene.write("images.toml", "[workspace]\nmembers = ['charts/*']\n");
    site.scene.write("charts/a/images.toml", &image(&site.scene.app.top));
    site.scene.write("charts/b/images.toml", &image(&newer.top));
    let failed = site.outside(&["bundle", "export", "all.tar", "--pinned"]);
    assert_eq!(failed.exit_code, 2, "{failed:?}");
    let words = ["has the target", "in `charts/b/images.toml`", newer.top.as_str(), "--member"];
    assert_says(&failed.stderr, &words);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_of_a_registry_keeps_its_digest_on_its_way() {
    let site = Site::new().await;
    let source = site.scene.source.address();
    site.outside(&["mirror", "-d", source, "--with-chart", "helm", "--only", "team/none"]);
    let pushed = site.outside(&["bundle", "export", "first", "--only", "team/app"]);
    assert_says(&pushed.stdout, &["1 image,"]);
    let other = oci_image(&layers(&["no chart"]));
    store(&site.scene.source, "charts/app", "1.2.0", &other);
    let listed =
        format!("name = \"app\"\nrepository = \"oci://{source}/charts\"\nversion = \"1.2.0\"");
    site.scene.edit("images.toml", "name = \"./chart\"", &listed);
    let refused = site.outside(&["bundle", "export", "site"]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["is not a chart of helm", "--no-chart"]);
    site.export("without", &["--no-chart"]);
    let refused = site.import(&["without"], &["--with-chart"]);
    assert_says(&refused.stderr, &["the bundle has no chart"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_the_disk_has_no_room_for_is_refused_before_a_blob_is_read() {
    let site = Site::new().await;
    // The sizes are known from the manifests.
    let mut huge = oci_image(&layers(&["huge"]));
    let top = huge.manifests.last_mut().unwrap();
    let mut document: Value = serde_json::from_slice(&top.bytes).unwrap();
    document["layers"][0]["size"] = (1_u64 << 60).into();
    top.bytes = document.to_string().into();
    top.digest = Digest::of(&top.bytes);
    huge.top = top.digest.clone();
    store(&site.scene.source, "team/huge", "1", &huge);
    let source = site.scene.source.address();
    let image = format!("[[image]]\nsource = \"{source}/team/huge\"\ntag = \"1\"\n");
    site.scene.write("images.toml", &image);
    for output in ["site", "site.tar"] {
        let refused = site.outside(&["bundle", "export", output]);
        assert_eq!(refused.exit_code, 2, "{refused:?}");
        assert_says(
            &refused.stderr,
            &[output, "are free there", "nothing was written", "--against"],
        );
        assert!(!site.path(output).exists());
    }
    assert_eq!(site.blobs_read().len(), 0);
}

/// Its author could otherwise have the credentials of this site sent to another server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_an_unsigned_bundle_does_not_decide_who_gets_credentials() {
    let site = Site::new().await;
    let own = fs::read_to_string(site.path("images.toml")).unwrap();
    let settings = [
        ("token-server", "token-server = \"elsewhere.example.com\""),
        ("username-env", "username-env = \"USER\"\npassword-env = \"HOME\""),
        ("insecure", "insecure = true"),
    ];
    for (key, setting) in settings {
        let registry = format!("[registries.\"{}\"]\n{setting}\n", site.target.address());
        fs::write(site.path("images.toml"), format!("{own}\n{registry}")).unwrap();
        site.export(key, &[]);
        let refused = site.import(&[key], &[]);
        assert_eq!(refused.exit_code, 2, "{refused:?}");
        assert_says(
            &refused.stderr,
            &[&format!("`{key}`"), "--images FILE", "--require-signature"],
        );
        assert!(site.target.requests().is_empty(), "no request is sent");
    }
    let list = write(&site.inner, "own.toml", own);
    site.imported(&["insecure"], &["--images", &list]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_whose_folder_stayed_outside_is_checked_by_its_archive() {
    let site = Site::new().await;
    site.export("site", &[]);
    let inside = |arguments: &[&str]| {
        let helm = site.scene.helm.to_str().unwrap();
        let run = || site.inner.run_in("taken", arguments, &[("HELM", helm)]);
        tokio::task::block_in_place(run)
    };
    for name in ["images.toml", "charts/chart-1.0.0.tgz"] {
        let to = site.inner.directory().join("taken").join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(site.path("site").join(name), to).unwrap();
    }
    let check = ["verify", "--only", "chart"];
    let refused = inside(&check);
    assert_eq!(refused.exit_code, 1, "{refused:?}");
    assert_says(&refused.stdout, &["no chart `./chart`", "`-c charts/chart-1.0.0.tgz`"]);
    let named = inside(&[&check[..], &["-c", "charts/chart-1.0.0.tgz"]].concat());
    assert!(!named.stdout.contains("no chart `./chart`"), "{named:?}");
}
