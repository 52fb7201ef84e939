//! `--require-signature`: a bundle is used only if a key of the site signed its inventory, which names all of it.

use std::fs;
use std::path::Path;

use oci::Digest;

use super::damage::{In, copy_folder, replace};
use super::differences::with_large_layers;
use super::site::Site;
use crate::support::signing::Signer;
use crate::support::{assert_says, write};

/// Every command that reads a bundle refuses it, and contacts no registry.
fn refused(site: &Site, bundle: &str, expected: &[&str]) {
    let path = site.path(bundle).display().to_string();
    let to = ["-d", site.target.address()];
    let key = ["--require-signature", "site.pub"];
    for command in ["verify", "list", "import", "serve", "merge"] {
        let flags = match command {
            "import" => &to[..],
            _ => &[],
        };
        let output: &[&str] = if command == "merge" { &["merged"] } else { &[] };
        let arguments = [&["bundle", command], output, &[&path], flags, &key].concat();
        let refused = site.inside(&arguments);
        // What a check finds is its result.
        let (exit_code, output) = match command {
            "verify" => (1, &refused.stdout),
            _ => (2, &refused.stderr),
        };
        assert_eq!(refused.exit_code, exit_code, "{command}: {refused:?}");
        assert_says(output, expected);
    }
    assert_eq!(site.target.requests().len(), 0);
}

fn imported(site: &Site, bundles: &[&str]) {
    let imported = site.import(bundles, &["--require-signature", "site.pub"]);
    assert_eq!(imported.exit_code, 0, "{imported:?}");
}

async fn site_with_a_key() -> (Site, Signer) {
    let (site, signer) = (Site::new().await, Signer::new());
    write(&site.inner, "site.pub", signer.public_key());
    (site, signer)
}

fn sign(signer: &Signer, folder: &Path) {
    let inventory = fs::read(folder.join("inventory.json")).unwrap();
    fs::write(folder.join("inventory.json.sig"), signer.sign(&inventory)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_bundle_that_the_key_signed_is_used() {
    let (site, signer) = site_with_a_key().await;
    site.export("site", &[]);
    site.export("site.tar", &[]);
    let inventory = fs::read(site.path("site/inventory.json")).unwrap();
    for (bundle, signature) in [("site", "site/inventory.json.sig"), ("site.tar", "site.tar.sig")] {
        refused(&site, bundle, &["not signed by", "site.pub", signature, "nothing was used"]);
        for wrong in
            [Signer::new().sign(&inventory), signer.sign(b"another inventory"), String::new()]
        {
            fs::write(site.path(signature), wrong).unwrap();
            refused(&site, bundle, &["no valid signature", "site.pub", signature]);
        }
        fs::write(site.path(signature), "x".repeat(2 << 20)).unwrap();
        refused(&site, bundle, &["no valid signature", signature, "bytes"]);
        fs::write(site.path(signature), signer.sign(&inventory)).unwrap();
        imported(&site, &[bundle]);
        site.target.forget_requests();
        // Without the flag, a signature changes nothing.
        site.imported(&[bundle], &[]);
        site.target.forget_requests();
    }
    let absent = site.import(&["site"], &["--require-signature", "absent.pub"]);
    assert_eq!(absent.exit_code, 2, "{absent:?}");
    assert_says(&absent.stderr, &["absent.pub", "--require-signature"]);
    // Only what is signed has a signature that is not listed.
    fs::write(site.path("site/more.sig"), "x").unwrap();
    refused(&site, "site", &["more.sig", "does not list it"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_signed_bundle_can_be_replaced() {
    let (site, signer) = site_with_a_key().await;
    fs::write(site.path("tool"), "#!/bin/sh\n").unwrap();
    site.export("good", &["--with-tool", "tool"]);
    sign(&signer, &site.path("good"));
    let names: Vec<String> = fs::read_to_string(site.path("good/SHA256SUMS"))
        .unwrap()
        .lines()
        .map(|line| line.split_once("  ").unwrap().1.to_owned())
        .filter(|name| !name.starts_with("blobs/") && name != "oci-layout")
        .collect();
    for kind in ["images.toml", "index.json", "inventory.json", "bin/", "charts/", "values/"] {
        assert!(names.iter().any(|name| name.starts_with(kind)), "{kind}: {names:?}");
    }
    let fresh = || {
        drop(fs::remove_dir_all(site.path("bad")));
        copy_folder(&site.path("good"), &site.path("bad"));
        site.path("bad")
    };
    for name in &names {
        let bad = fresh();
        let mut content = fs::read(bad.join(name)).unwrap();
        content.push(b'\n');
        replace(&bad, name, &content, In::Sums);
        let expected = match name.as_str() {
            "inventory.json" => "no valid signature",
            _ => "found sha256",
        };
        refused(&site, "bad", &[name, expected]);
        let bad = fresh();
        replace(&bad, name, &content, In::All);
        refused(&site, "bad", &["no valid signature"]);
    }
    let bad = fresh();
    let sums = fs::read_to_string(bad.join("SHA256SUMS")).unwrap();
    let more = format!("{}  zzz\n", Digest::of(b"x").hex());
    fs::write(bad.join("SHA256SUMS"), sums + &more).unwrap();
    fs::write(bad.join("zzz"), "x").unwrap();
    refused(&site, "bad", &["zzz", "`inventory.json` does not list it"]);
    let bad = fresh();
    let sums = fs::read_to_string(bad.join("SHA256SUMS")).unwrap();
    let less: Vec<&str> = sums.lines().filter(|line| !line.contains("bin/chart-mirror")).collect();
    fs::write(bad.join("SHA256SUMS"), less.join("\n") + "\n").unwrap();
    fs::remove_dir_all(bad.join("bin")).unwrap();
    refused(&site, "bad", &["bin/chart-mirror", "missing"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signature_is_enough_for_all_parts_and_none_of_them_can_be_replaced() {
    let (site, signer) = site_with_a_key().await;
    with_large_layers(&site, &[300_000, 250_000]);
    site.export("site", &["--split", "400KB", "--no-chart"]);
    sign(&signer, &site.path("site-2"));
    imported(&site, &["site-1", "site-2"]);
    site.target.forget_requests();
    refused(&site, "site-1", &["not signed by", "site-1"]);
    replace(&site.path("site-1"), "images.toml", b"[[image]]", In::Sums);
    let refused = site.import(&["site-2", "site-1"], &["--require-signature", "site.pub"]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["site-1", "images.toml", "found sha256"]);
    assert_eq!(site.target.requests().len(), 0);
}
