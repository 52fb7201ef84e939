//! Signatures by the real openssl, for every kind of key: of images, checked by `mirror`, and of files.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chart_mirror::signatures::{PublicKey, PublicKeys, detached};
use oci::Digest;
use registry_in_memory::content::{oci_image, signature_tag};
use registry_in_memory::{InMemoryRegistry, RegistryOptions};

use crate::docs::documented;
use crate::programs::installed;
use crate::support::signing::{payload, signature_image};
use crate::support::xtask::Xtask;
use crate::support::{clean_environment, layers, store};

/// How a key is made, and how it signs.
const KINDS: [(&str, &[&str]); 8] = [
    ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", &["dgst -sha256 -sign KEY"]),
    (
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384",
        &["dgst -sha384 -sign KEY", "dgst -sha256 -sign KEY"],
    ),
    ("genpkey -algorithm ED25519", &["pkeyutl -sign -inkey KEY -rawin -in"]),
    (
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
        &[
            "dgst -sha256 -sign KEY",
            "dgst -sha512 -sign KEY",
            "dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -sign KEY",
        ],
    ),
    ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096", &["dgst -sha256 -sign KEY"]),
    ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", &[]),
    ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", &[]),
    ("genpkey -algorithm ED448", &[]),
];

/// Runs openssl in a folder, and returns what it printed.
fn openssl(folder: &Path, arguments: &str) -> Vec<u8> {
    let command = duct::cmd("openssl", arguments.split(' '))
        .dir(folder)
        .full_env(clean_environment(std::env::vars_os(), folder))
        .stdin_null()
        .stdout_capture()
        .stderr_capture()
        .unchecked();
    let output = installed("openssl", command.run());
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {why}");
    output.stdout
}

/// A folder with `KEY` and `key.pub`.
fn key(generate: &str) -> Xtask {
    let xtask = Xtask::new();
    let folder = xtask.directory();
    fs::write(folder.join("KEY"), openssl(folder, generate)).unwrap();
    openssl(folder, "pkey -in KEY -pubout -out key.pub");
    xtask
}

fn sign(folder: &Path, how: &str, content: &[u8]) -> Vec<u8> {
    fs::write(folder.join("content"), content).unwrap();
    openssl(folder, &format!("{how} content"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_openssl_signed_is_mirrored_and_another_is_not() {
    let source = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    let destination = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    for (generate, ways) in KINDS {
        let xtask = key(generate);
        for (number, how) in ways.iter().enumerate() {
            let name = Digest::of(generate.as_bytes()).hex()[..12].to_owned();
            let repository = format!("team/{name}/{number}");
            let image = oci_image(&layers(&[repository.as_str()]));
            store(&source, &repository, "1.0", &image);
            let list = format!(
                "[[image]]\nsource = \"{}/{repository}\"\ntag = \"1.0\"\n\
                 [[policy.signatures]]\nsources = [\"*\"]\nkeys = [\"key.pub\"]\n",
                source.address()
            );
            fs::write(xtask.directory().join("images.toml"), list).unwrap();
            let mirror = || {
                let arguments = ["mirror", "-d", destination.address()];
                tokio::task::block_in_place(|| xtask.run(&arguments, &[]))
            };
            let signed_as = |digest: &Digest| {
                let payload = payload(digest);
                let signature = STANDARD.encode(sign(xtask.directory(), how, &payload));
                let signature = signature_image(&[(payload, signature)]);
                store(&source, &repository, &signature_tag(&image.top), &signature);
            };
            signed_as(&Digest::of(b"another image"));
            let refused = mirror();
            assert_eq!(refused.exit_code, 1, "{how}: {}{}", refused.stdout, refused.stderr);
            assert!(!destination.store().has_repository(&repository), "{how}");
            signed_as(&image.top);
            let accepted = mirror();
            assert_eq!(accepted.exit_code, 0, "{how}: {}{}", accepted.stdout, accepted.stderr);
            let tags = destination.store().tags(&repository);
            assert_eq!(tags.len(), 2, "the image and its signature: {tags:?}");
        }
    }
}

#[test]
fn files_that_openssl_signed_are_verified_and_changes_of_them_are_not() {
    for (generate, ways) in KINDS {
        let xtask = key(generate);
        let content = fs::read(xtask.directory().join("key.pub")).unwrap();
        let parsed = PublicKey::parse("key.pub", &content);
        if ways.is_empty() {
            let error = parsed.unwrap_err().to_string();
            assert!(error.contains("`key.pub`"), "{generate}: {error}");
            continue;
        }
        let keys = PublicKeys::new(vec![parsed.unwrap()]);
        for how in ways {
            let signature = sign(xtask.directory(), how, b"{\"inventory\":1}");
            let text = STANDARD.encode(&signature).into_bytes();
            for file in [signature, text] {
                assert_eq!(detached::check(b"{\"inventory\":1}", &file, &keys), Ok(()), "{how}");
                assert!(detached::check(b"{\"inventory\":2}", &file, &keys).is_err(), "{how}");
            }
        }
    }
}

#[test]
fn the_commands_of_the_page_sign_a_file() {
    for (kind, private, command) in [
        (
            KINDS[0].0,
            "private.pem",
            documented(
                "docs/signatures.md",
                "openssl dgst -sha256 -sign private.pem inventory.json | base64 > inventory.json.sig",
            ),
        ),
        (
            KINDS[2].0,
            "ed25519.pem",
            documented(
                "docs/signatures.md",
                "openssl pkeyutl -sign -inkey ed25519.pem -rawin -in inventory.json | base64 > inventory.json.sig",
            ),
        ),
    ] {
        let xtask = key(kind);
        let folder = xtask.directory();
        fs::rename(folder.join("KEY"), folder.join(private)).unwrap();
        fs::write(folder.join("inventory.json"), "{}\n").unwrap();
        let environment = clean_environment(std::env::vars_os(), folder);
        duct::cmd!("sh", "-c", command).dir(folder).full_env(environment).run().unwrap();
        let public = PublicKey::parse("key.pub", &fs::read(folder.join("key.pub")).unwrap());
        let signature = fs::read(folder.join("inventory.json.sig")).unwrap();
        let keys = PublicKeys::new(vec![public.unwrap()]);
        assert_eq!(detached::check(b"{}\n", &signature, &keys), Ok(()), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_openssl_signed_is_accepted_in_a_folder_and_as_an_archive() {
    let source = InMemoryRegistry::start(RegistryOptions::default()).await.unwrap();
    store(&source, "team/app", "1.0", &oci_image(&layers(&["app"])));
    let list = format!("[[image]]\nsource = \"{}/team/app\"\ntag = \"1.0\"\n", source.address());
    for (generate, ways) in KINDS.iter().filter(|(_, ways)| !ways.is_empty()) {
        let xtask = key(generate);
        let folder = xtask.directory();
        fs::write(folder.join("images.toml"), &list).unwrap();
        let run = |arguments: &[&str]| tokio::task::block_in_place(|| xtask.run(arguments, &[]));
        for (bundle, signature) in
            [("site", "site/inventory.json.sig"), ("site.tar", "site.tar.sig")]
        {
            assert_eq!(run(&["bundle", "export", bundle]).exit_code, 0);
            let inventory = match bundle {
                "site" => fs::read(folder.join("site/inventory.json")).unwrap(),
                _ => {
                    let tar = duct::cmd!("tar", "-xOf", "site.tar", "inventory.json");
                    tar.dir(folder).stdout_capture().run().unwrap().stdout
                }
            };
            let verify = ["bundle", "verify", bundle, "--require-signature", "key.pub"];
            let refused = run(&verify);
            assert_eq!(refused.exit_code, 1, "{}", refused.stdout);
            fs::write(folder.join(signature), sign(folder, ways[0], &inventory)).unwrap();
            let accepted = run(&verify);
            assert_eq!(accepted.exit_code, 0, "{generate}: {}", accepted.stderr);
        }
    }
}
