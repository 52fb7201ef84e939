//! Image layouts: other programs read what we write, and we read what they write.

use std::num::NonZeroUsize;
use std::path::Path;

use layout::{
    FileContent, IfComplete, Layout, LayoutEntry, LayoutLocation, LayoutWriter, Strictness,
};
use oci::{Descriptor, Digest};

use super::programs::installed;
use super::programs::skopeo::Skopeo;

const NAME: &str = "localhost:5000/team/app:1.2";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A layer, a config and the manifest.
fn image() -> [Vec<u8>; 3] {
    let layer = vec![0; 10_240];
    let config = serde_json::json!({"os": "linux", "architecture": "amd64",
        "config": {}, "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer)]}});
    let config = config.to_string().into_bytes();
    let descriptor = |media_type: &str, content: &[u8]| {
        let (digest, size) = (Digest::of(content), content.len());
        serde_json::json!({"mediaType": media_type, "digest": digest, "size": size})
    };
    let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)]});
    [layer, config, manifest.to_string().into_bytes()]
}

fn manifest_digest() -> Digest {
    Digest::of(&image()[2])
}

fn locations(folder: &Path) -> [LayoutLocation; 2] {
    [LayoutLocation::Directory(folder.join("out")), LayoutLocation::Archive(folder.join("out.tar"))]
}

fn write_bundle(location: &LayoutLocation) {
    let writer = LayoutWriter::open(location, IfComplete::Refuse, NonZeroUsize::MIN, &|_| {});
    let writer = writer.unwrap();
    for content in image() {
        writer.put_blob(&Digest::of(&content), &content).unwrap();
    }
    let (digest, size) = (manifest_digest(), image()[2].len() as u64);
    let descriptor = Descriptor { media_type: MANIFEST.to_owned(), digest, size, platform: None };
    // A name that does not fit into a plain header.
    let long = format!("charts/{}.tgz", "x".repeat(120));
    writer.add_file(&long, FileContent::Bytes(b"chart".to_vec())).unwrap();
    writer.add_file("bin/tool", FileContent::Bytes(b"#!/bin/sh\n".to_vec())).unwrap();
    writer.finish(&[LayoutEntry::new(descriptor, Some(NAME))]).unwrap();
}

#[test]
fn skopeo_reads_a_bundle_by_the_full_reference_and_we_read_what_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    for (number, location) in locations(folder.path()).into_iter().enumerate() {
        write_bundle(&location);
        for form in ["oci", "oci-archive"] {
            let copy = format!("{form}:{}/copy-{number}-{form}", folder.path().display());
            let source = format!("{location}:{NAME}");
            Skopeo::ANONYMOUS.copy_locally(&source, &format!("{copy}:copied")).unwrap();
            let layout = Layout::open(&copy.parse().unwrap(), Strictness::Foreign).unwrap();
            let [entry] = layout.entries() else { panic!("{copy}: not one entry") };
            assert_eq!(
                (entry.name(), &entry.descriptor.digest),
                (Some("copied"), &manifest_digest())
            );
            let found = layout.verify(NonZeroUsize::MIN, &|_| {}).unwrap();
            assert_eq!((found.damages, found.absent), (vec![], vec![]));
            // Another program wrote it, so it is no bundle.
            assert!(Layout::open(&copy.parse().unwrap(), Strictness::Bundle).is_err());
        }
    }
}

#[test]
fn sha256sum_accepts_a_bundle_and_one_that_tar_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    for location in locations(folder.path()) {
        write_bundle(&location);
    }
    let unpacked = folder.path().join("unpacked");
    std::fs::create_dir(&unpacked).unwrap();
    run(&unpacked, "tar", &["-xf", "../out.tar"]);
    let program = unpacked.join("bin/tool");
    assert!(run(&unpacked, "stat", &["-c", "%A", program.to_str().unwrap()]).contains("rwxr-xr-x"));
    for name in ["out", "unpacked"] {
        let check = ["--strict", "--check", "SHA256SUMS"];
        let printed = run(&folder.path().join(name), "sha256sum", &check);
        // `oci-layout`, `index.json`, two more files and three blobs.
        assert_eq!(printed.matches(": OK").count(), 7, "{printed}");
    }
    let unpacked = LayoutLocation::Directory(unpacked);
    let layout = Layout::open(&unpacked, Strictness::Bundle).unwrap();
    assert_eq!(layout.verify(NonZeroUsize::MIN, &|_| {}).unwrap().damages, []);
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = duct::cmd(program, arguments).dir(folder).stdout_capture().run();
    String::from_utf8(installed(program, output).stdout).unwrap()
}
