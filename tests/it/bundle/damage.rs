//! Bundles that are damaged, incomplete, foreign or malicious: refused before anything is pushed.

use std::fs;

use oci::Digest;

use super::site::Site;
use crate::support::{assert_says, layers};

pub(super) fn refused(site: &Site, bundle: &str, expected: &[&str]) {
    let before = site.target.requests().len();
    let refused = site.import(&[bundle], &[]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, expected);
    assert_eq!(site.target.requests().len(), before, "nothing was asked or pushed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_damage_is_refused_with_the_entry() {
    let site = Site::new().await;
    site.export("good", &[]);
    let layer = Digest::of(&layers(&["tool"])[0].bytes());
    let blob = format!("blobs/sha256/{}", layer.hex());
    type Harm = fn(&std::path::Path, &str);
    let table: [(Harm, &[&str]); 9] = [
        (|root, blob| flip(&root.join(blob)), &["good", &blob, "expected", "found"]),
        (|root, blob| drop(fs::remove_file(root.join(blob))), &[&blob, "missing"]),
        (|root, blob| fs::write(root.join(blob), b"short").unwrap(), &[&blob]),
        (|root, _| flip(&root.join("images.toml")), &["images.toml"]),
        (|root, _| flip(&root.join("inventory.json")), &["inventory.json", "damaged"]),
        (|root, _| drop(fs::remove_file(root.join("inventory.json"))), &["inventory.json"]),
        (
            |root, _| fs::write(root.join("more.txt"), "x").unwrap(),
            &["more.txt", "does not list it"],
        ),
        (|root, _| drop(fs::remove_file(root.join("SHA256SUMS"))), &["SHA256SUMS", "not a bundle"]),
        (
            |root, blob| {
                fs::remove_file(root.join(blob)).unwrap();
                std::os::unix::fs::symlink("/etc/passwd", root.join(blob)).unwrap();
            },
            &[&blob],
        ),
    ];
    for (harm, expected) in table {
        let copy = site.path("bad");
        drop(fs::remove_dir_all(&copy));
        copy_folder(&site.path("good"), &copy);
        harm(&copy, &blob);
        let expected: Vec<&str> =
            expected.iter().map(|word| if *word == "good" { "bad" } else { word }).collect();
        refused(&site, "bad", &expected);
    }
    let path = site.path("bad").display().to_string();
    drop(fs::remove_dir_all(site.path("bad")));
    copy_folder(&site.path("good"), &site.path("bad"));
    flip(&site.path("bad").join(&blob));
    let verified = site.inside(&["bundle", "verify", &path]);
    assert_eq!(verified.exit_code, 1, "{verified:?}");
    assert_says(&verified.stdout, &[&blob, "1 case of damage"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bundles_whose_files_contradict_each_other_are_refused() {
    let site = Site::new().await;
    site.export("good", &[]);
    let app = site.scene.app.top.to_string();
    let other = Digest::of(b"other").to_string();
    let table: [(&str, String, String, &[&str]); 5] = [
        ("inventory.json", app.clone(), other, &["inventory.json", "in `index.json`"]),
        ("inventory.json", "team/app:1.0".into(), "team/app:9".into(), &["not in `index.json`"]),
        ("inventory.json", "\"version\": 1".into(), "\"version\": 2".into(), &["version 2"]),
        ("inventory.json", "\"list\": \".\"".into(), "\"list\": \"x\"".into(), &["no list `x`"]),
        ("images.toml", "[[image]]".into(), "[[imagine]]".into(), &["imagine", "bad"]),
    ];
    for (file, old, new, expected) in table {
        let copy = site.path("bad");
        drop(fs::remove_dir_all(&copy));
        copy_folder(&site.path("good"), &copy);
        let text = fs::read_to_string(copy.join(file)).unwrap();
        assert!(text.contains(&old), "{old}: {text}");
        replace(&copy, file, text.replace(&old, &new).as_bytes(), In::All);
        refused(&site, "bad", expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_was_cut_or_changed_is_refused() {
    let site = Site::new().await;
    site.export("good.tar", &[]);
    let good = fs::read(site.path("good.tar")).unwrap();
    for cut in [0, 100, 512, 5000, good.len() / 2, good.len() - 1] {
        fs::write(site.path("bad.tar"), &good[..cut]).unwrap();
        refused(&site, "bad.tar", &["bad.tar"]);
    }
    for at in (0..good.len()).step_by(good.len() / 25) {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(site.path("bad.tar"), bytes).unwrap();
        refused(&site, "bad.tar", &["bad.tar"]);
    }
    fs::write(site.path("bad.tar"), [good.as_slice(), b"more"].concat()).unwrap();
    refused(&site, "bad.tar", &["bad.tar"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layout_that_is_no_bundle_is_refused_with_the_command_for_it() {
    let site = Site::new().await;
    let written = site.outside(&["mirror", "-d", "oci:plain"]);
    assert_eq!(written.exit_code, 0, "{written:?}");
    refused(&site, "plain", &["not a bundle", "--source"]);
    refused(&site, "absent.tar", &["absent.tar"]);
}

/// Where the digest of a file is replaced as well.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum In {
    Sums,
    All,
}

/// Replaces a file of a bundle, and its digest.
pub(super) fn replace(bundle: &std::path::Path, file: &str, content: &[u8], digests: In) {
    // Only in the line of the file: a chart is also a blob.
    let change = |place: &str, file: &str, old: &Digest, new: &Digest| {
        let text = fs::read_to_string(bundle.join(place)).unwrap();
        let lines = text.lines().map(|line| match line.contains(file) {
            true => line.replace(old.hex(), new.hex()) + "\n",
            false => line.to_owned() + "\n",
        });
        fs::write(bundle.join(place), lines.collect::<String>()).unwrap();
    };
    let old = Digest::of(&fs::read(bundle.join(file)).unwrap());
    fs::write(bundle.join(file), content).unwrap();
    change("SHA256SUMS", file, &old, &Digest::of(content));
    if digests == In::All && file != "inventory.json" {
        let inventory = Digest::of(&fs::read(bundle.join("inventory.json")).unwrap());
        change("inventory.json", file, &old, &Digest::of(content));
        let changed = Digest::of(&fs::read(bundle.join("inventory.json")).unwrap());
        change("SHA256SUMS", "inventory.json", &inventory, &changed);
    }
}

pub(super) fn flip(file: &std::path::Path) {
    let mut bytes = fs::read(file).unwrap();
    bytes[0] ^= 1;
    fs::write(file, bytes).unwrap();
}

pub(super) fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&from, &to),
            false => drop(fs::copy(from, to).unwrap()),
        }
    }
}
