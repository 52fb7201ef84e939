//! Bundles whose checksums are right and whose content is not: `bundle verify` and `bundle import` refuse the
//! same ones.

use std::fs;

use oci::Digest;
use serde_json::json;

use super::damage::{In, copy_folder, refused, replace};
use super::forged::ForgedBundle;
use super::site::Site;
use crate::support::assert_says;
use crate::support::signing::Signer;

type Harm = fn(&mut ForgedBundle);

/// Each bundle is a finding of `bundle verify`, and nothing of it is pushed.
async fn all_are_found(table: &[(Harm, &[&str])]) {
    let site = Site::new().await;
    ForgedBundle::new().write(&site.path("good"));
    site.imported(&["good"], &[]);
    for (harm, expected) in table {
        let folder = site.path("bad");
        drop(fs::remove_dir_all(&folder));
        let mut bundle = ForgedBundle::new();
        harm(&mut bundle);
        bundle.write(&folder);
        refused(&site, "bad", expected);
        let verified = site.inside(&["bundle", "verify", folder.to_str().unwrap()]);
        assert_eq!(verified.exit_code, 1, "{expected:?}: {verified:?}");
        assert_says(&verified.stdout, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_that_the_engine_would_not_copy_are_found_before_the_first_push() {
    all_are_found(&[
        (
            |bundle| {
                let mut nested = bundle.image("deep");
                for _ in 0..9 {
                    nested = bundle.index_of(&nested);
                }
                bundle.name("docker.io/team/deep:1", &nested);
            },
            &["nested more than 8 deep"],
        ),
        (
            |bundle| {
                let child = bundle.image("child");
                let ambiguous = bundle.manifest(&json!({
                    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                    "manifests": [child], "layers": [],
                }));
                bundle.name("docker.io/team/ambiguous:1", &ambiguous);
            },
            &["ambiguous", "`layers`"],
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_as_deep_as_the_engine_copies_are_imported() {
    let site = Site::new().await;
    let mut bundle = ForgedBundle::new();
    let mut nested = bundle.image("deep");
    for _ in 0..8 {
        nested = bundle.index_of(&nested);
    }
    bundle.name("docker.io/team/deep:1", &nested);
    bundle.write(&site.path("deep"));
    site.imported(&["deep"], &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nothing_needs_and_what_is_named_and_missing_is_found() {
    all_are_found(&[
        (|bundle| bundle.blobs.push(b"more".to_vec()), &["blobs/sha256/", "no image needs it"]),
        (
            |bundle| {
                bundle.inventory["blobs"][Digest::of(b"more").as_str()] = json!(4);
            },
            &["inventory.json", "no image needs it"],
        ),
        (
            |bundle| drop(bundle.files.insert("run.sh".into(), b"x".to_vec())),
            &["run.sh", "nothing in a bundle has this name"],
        ),
        (
            |bundle| drop(bundle.files.insert("lists/x/images.toml".into(), b"x".to_vec())),
            &["lists/x/images.toml", "nothing in a bundle"],
        ),
        (
            |bundle| drop(bundle.unlisted.insert("bin/helm".into(), b"x".to_vec())),
            &["bin/helm", "does not list it"],
        ),
        (|bundle| drop(bundle.files.remove("images.toml")), &["images.toml", "missing"]),
        (
            |bundle| {
                bundle.inventory["charts"] = json!([{
                    "list": ".", "source": "shop", "name": "docker.io/team/app:1", "archive": "charts/shop-1.0.0.tgz",
                    "digest": bundle.inventory["images"][0]["digest"],
                }]);
            },
            &["charts/shop-1.0.0.tgz", "missing"],
        ),
        (
            |bundle| {
                let other = br#"{"imageLayoutVersion":"1.0.0","x":1}"#;
                bundle.files.insert("oci-layout".into(), other.to_vec());
            },
            &["oci-layout"],
        ),
        (
            |bundle| bundle.files.get_mut("images.toml").unwrap().extend(b"[[imagine]]\n"),
            &["images.toml", "imagine"],
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_ends_with_1_for_what_is_wrong_in_a_bundle_and_with_2_without_a_bundle() {
    let site = Site::new().await;
    site.export("good.tar", &["--no-chart"]);
    site.export("good", &["--no-chart"]);
    fs::create_dir(site.path("empty")).unwrap();
    fs::write(site.path("text.tar"), "hello").unwrap();
    fs::write(site.path("empty.tar"), "").unwrap();
    fs::write(site.path("zip.tar"), [&[0x1f, 0x8b][..], &[0; 2000]].concat()).unwrap();
    let tar = fs::read(site.path("good.tar")).unwrap();
    fs::write(site.path("cut.tar"), &tar[..tar.len() / 2]).unwrap();
    for name in ["incomplete", "newer", "plain"] {
        copy_folder(&site.path("good"), &site.path(name));
    }
    fs::remove_file(site.path("incomplete/index.json")).unwrap();
    fs::remove_file(site.path("plain/SHA256SUMS")).unwrap();
    let text = fs::read_to_string(site.path("newer/inventory.json")).unwrap();
    let newer = text.replace("\"version\": 1", "\"version\": 2");
    replace(&site.path("newer"), "inventory.json", newer.as_bytes(), In::All);
    let key = site.path("key.pem").display().to_string();
    fs::write(&key, Signer::new().public_key()).unwrap();
    let absent = site.path("absent.pem").display().to_string();
    let table: [(&str, &[&str], i32); 13] = [
        ("good", &[], 0),
        ("good.tar", &[], 0),
        ("cut.tar", &[], 1),
        ("incomplete", &[], 1),
        ("good", &["--require-signature", &key], 1),
        ("good", &["--require-signature", &absent], 2),
        ("absent", &[], 2),
        ("empty", &[], 2),
        ("empty.tar", &[], 2),
        ("text.tar", &[], 2),
        ("zip.tar", &[], 2),
        ("plain", &[], 2),
        ("newer", &[], 2),
    ];
    for (name, flags, expected) in table {
        let path = site.path(name).display().to_string();
        let verified = site.inside(&[&["bundle", "verify", &path], flags].concat());
        assert_eq!(verified.exit_code, expected, "{name} {flags:?}: {verified:?}");
        let (report, errors) = (&verified.stdout, &verified.stderr);
        match expected {
            0 => assert_says(report, &["no damage"]),
            1 => assert_says(report, &["error", name, "1 case of damage"]),
            _ => assert_says(errors, &["error"]),
        }
    }
}
