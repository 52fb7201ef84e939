//! Bundles that leave out what the destination has, and bundles in parts.

use std::fs;

use oci::Digest;
use registry_in_memory::Kind;
use registry_in_memory::content::{Content, Layer, oci_image};

use super::site::Site;
use crate::support::requests::asked;
use crate::support::stage::assert_holds;
use crate::support::{assert_says, layers, store};

/// Publishes a newer image of the tool, and changes the pin.
pub(super) fn update_tool(site: &Site) -> Content {
    let newer = oci_image(&layers(&["base", "newer"]));
    store(&site.scene.source, "team/tool", "2.0", &newer);
    site.scene.edit("images.toml", site.scene.tool.top.as_str(), newer.top.as_str());
    newer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_new_blobs_are_in_a_bundle_against_an_inventory() {
    let site = Site::new().await;
    site.export("first.tar", &[]);
    site.imported(&["first.tar"], &[]);
    let newer = update_tool(&site);
    let address = site.target.address();
    let inventory = site.outside(&["inventory", "-d", address, "-o", "there.json"]);
    assert_eq!(inventory.exit_code, 0, "{inventory:?}");
    site.scene.forget_requests();
    let written = site.export("second", &["--against", "there.json"]);
    assert_says(&written.stdout, &["left out:", address]);
    let base = Digest::of(&layers(&["base"])[0].bytes());
    let expected = newer.blobs.iter().map(|(digest, _)| digest).filter(|digest| **digest != base);
    let mut expected: Vec<Digest> = expected.cloned().collect();
    expected.sort();
    assert_eq!(site.blobs_read(), expected);
    let blobs = fs::read_dir(site.path("second/blobs/sha256")).unwrap();
    let names: Vec<String> =
        blobs.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.contains(&base.hex().to_owned()), "{names:?}");

    site.target.forget_requests();
    let imported = site.imported(&["second"], &[]);
    assert_says(&imported.stdout, &["1 copied, 1 up to date"]);
    assert_holds(&site.target, "team/tool", "2.0", &newer);

    // Another registry does not have what the bundle counts on.
    let other = site.scene.destination.address();
    let path = site.path("second").display().to_string();
    site.scene.destination.store().delete_blob("team/app", &base);
    site.scene.destination.store().delete_blob("team/tool", &base);
    site.scene.forget_requests();
    let refused = site.inside(&["bundle", "import", &path, "-d", other]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(
        &refused.stderr,
        &["counts on", base.as_str(), "nothing was pushed", "inventory -d"],
    );
    let methods = site.scene.destination.requests().into_iter().map(|it| it.method.to_string());
    assert!(methods.into_iter().all(|method| method == "HEAD" || method == "GET"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_that_another_repository_has_is_mounted_and_not_carried() {
    let site = Site::new().await;
    let extra = add_image(&site, "extra", &layers(&["base", "extra"]));
    site.export("tool.tar", &["--only", "team/tool"]);
    site.imported(&["tool.tar"], &[]);
    let address = site.target.address();
    let inventory = site.outside(&["inventory", "-d", address, "-o", "there.json"]);
    assert_eq!(inventory.exit_code, 0, "{inventory:?}");
    site.export("all", &["--against", "there.json"]);
    let base = Digest::of(&layers(&["base"])[0].bytes());
    assert!(!site.path("all/blobs/sha256").join(base.hex()).exists());
    site.target.forget_requests();
    site.imported(&["all"], &[]);
    assert_holds(&site.target, "team/extra", "1", &extra);
    let mounts = asked(&site.target, "POST", Kind::Upload);
    let is_mount = |query: &str| query.contains(base.hex()) && query.contains("team%2Ftool");
    assert!(mounts.iter().any(|it| is_mount(&it.query)), "{mounts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inventory_of_another_destination_or_another_file_is_refused() {
    let site = Site::new().await;
    let address = site.target.address();
    site.outside(&["inventory", "-d", address, "-o", "there.json"]);
    let wrong = site.outside(&["bundle", "export", "x", "--against", "there.json", "-d", "mirror"]);
    assert_eq!(wrong.exit_code, 2, "{wrong:?}");
    assert_says(&wrong.stderr, &["the inventory is that of", address]);
    let wrong = site.outside(&["bundle", "export", "x", "--against", "images.toml"]);
    assert_eq!(wrong.exit_code, 2, "{wrong:?}");
    assert_says(&wrong.stderr, &["images.toml", "not the inventory of a destination"]);
}

/// Adds an image to the source and to the list.
pub(super) fn add_image(site: &Site, name: &str, layers: &[Layer]) -> Content {
    let image = oci_image(layers);
    store(&site.scene.source, &format!("team/{name}"), "1", &image);
    let source = site.scene.source.address();
    let entry = format!("\n[[image]]\nsource = \"{source}/team/{name}\"\ntag = \"1\"\n");
    let list = fs::read_to_string(site.path("images.toml")).unwrap();
    site.scene.write("images.toml", &(list + &entry));
    image
}

/// Adds an image with layers of these sizes.
pub(super) fn with_large_layers(site: &Site, sizes: &[usize]) -> Content {
    let layers: Vec<Layer> =
        sizes.iter().enumerate().map(|(n, size)| Layer::new(format!("large {n}"), *size)).collect();
    add_image(site, "large", &layers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_have_at_most_their_size_and_are_imported_in_any_order() {
    let site = Site::new().await;
    let image = with_large_layers(&site, &[300_000, 250_000, 900_000]);
    for (output, names) in [("site.tar", "site-N.tar"), ("site", "site-N")] {
        site.scene.forget_requests();
        let written = site.export(output, &["--split", "400KB", "--no-chart"]);
        assert_says(&written.stdout, &["parts", &format!("{} to ", names.replace('N', "1"))]);
        assert!(!written.stdout.contains(&format!("{output}:")), "{}", written.stdout);
        let read = site.blobs_read();
        let mut distinct = read.clone();
        distinct.dedup();
        assert_eq!(read, distinct);
        let parts: Vec<String> = (1..)
            .map(|n| names.replace('N', &n.to_string()))
            .take_while(|name| site.path(name).exists())
            .collect();
        assert!(parts.len() >= 4, "{parts:?}");
        if output == "site.tar" {
            for part in &parts {
                let size = fs::metadata(site.path(part)).unwrap().len();
                assert!(size <= 400_000, "{part} has {size} bytes");
            }
        }
        let backwards: Vec<&str> = parts.iter().rev().map(String::as_str).collect();
        let target = format!("{}/{output}", site.target.address()).replace(".tar", "-tar");
        let paths: Vec<String> =
            backwards.iter().map(|name| site.path(name).display().to_string()).collect();
        let mut arguments = vec!["bundle", "import", "-d", &target];
        arguments.extend(paths.iter().map(String::as_str));
        let imported = site.inside(&arguments);
        assert_eq!(imported.exit_code, 0, "{imported:?}");
        let repository = format!("{}/team/large", output.replace(".tar", "-tar"));
        assert_holds(&site.target, &repository, "1", &image);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_part_is_checked_and_imported_alone_and_the_last_one_completes_the_images() {
    let site = Site::new().await;
    let image = with_large_layers(&site, &[300_000, 250_000]);
    site.export("site.tar", &["--split", "400KB", "--no-chart"]);
    assert!(site.path("site-2.tar").exists() && !site.path("site-3.tar").exists());
    let path = site.path("site-2.tar").display().to_string();
    let verified = site.inside(&["bundle", "verify", &path]);
    assert_eq!(verified.exit_code, 0, "{verified:?}");
    assert_says(&verified.stdout, &["no damage", "of 2 parts, these are not here: 1"]);
    let first = site.import(&["site-2.tar"], &[]);
    assert_eq!(first.exit_code, 1, "{first:?}");
    assert_says(
        &first.stdout,
        &["team/large", "it is in part 1 of the bundle", "import that part as well"],
    );
    assert_eq!(site.target.store().tags("team/large"), [""; 0]);
    let second = site.imported(&["site-1.tar"], &[]);
    assert_says(&second.stdout, &["0 failed"]);
    assert_holds(&site.target, "team/large", "1", &image);
    assert_holds(&site.target, "team/app", "1.0", &site.scene.app);

    let twice = site.import(&["site-1.tar", "site-1.tar"], &[]);
    assert_eq!(twice.exit_code, 2);
    assert_says(&twice.stderr, &["part 1 is there twice"]);
    let small = site.outside(&["bundle", "export", "x.tar", "--split", "10KB"]);
    assert_eq!(small.exit_code, 2);
    assert_says(&small.stderr, &["too small", "a part needs at least "]);
    let smallest = small.stderr.split("at least ").nth(1).unwrap().split(' ').next().unwrap();
    let written = site.export("x.tar", &["--split", &format!("{smallest}B"), "--no-chart"]);
    assert_says(&written.stdout, &["x-1.tar"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_blob_is_imported_when_all_of_its_pieces_are_there() {
    let site = Site::new().await;
    let image = with_large_layers(&site, &[900_000]);
    site.export("site.tar", &["--split", "400KB", "--no-chart"]);
    let parts = ["site-3.tar", "site-1.tar", "site-2.tar"];
    let first = site.import(&parts[..2], &[]);
    assert_eq!(first.exit_code, 1, "{first:?}");
    assert_says(&first.stdout, &["it is in part 2 of the bundle"]);
    site.imported(&parts, &[]);
    assert_holds(&site.target, "team/large", "1", &image);
}
