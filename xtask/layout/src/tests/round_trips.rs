//! What is written is read again.

use oci::Digest;

use super::fixtures::{
    IMAGE, TestImage, archive, check, directory, finish, names_below, open_writer, write_bundle,
};
use crate::{FileContent, Layout, Strictness};

#[test]
fn a_bundle_is_read_as_it_was_written_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let image = TestImage::small();
    for location in [directory(folder.path()), archive(folder.path())] {
        write_bundle(&location);
        for strictness in [Strictness::Bundle, Strictness::Foreign] {
            let layout = Layout::open(&location, strictness).unwrap();
            assert_eq!(layout.entries(), [image.entry()]);
            assert_eq!(layout.entries()[0].name(), Some(IMAGE));
            let files: Vec<_> = layout.files().collect();
            let expected =
                ["SHA256SUMS", "images.toml", "index.json", "oci-layout", "values/site.yaml"];
            assert_eq!(files, expected);
            assert_eq!(layout.file("values/site.yaml", 99).unwrap().unwrap(), b"a: b\n");
            assert!(
                layout.file("values/site.yaml", 3).unwrap_err().to_string().contains("at most 3")
            );
            assert!(layout.file("absent", 3).unwrap().is_none());
            assert_eq!(layout.blobs().count(), image.blobs.len());
            for content in &image.blobs {
                let digest = Digest::of(content);
                assert_eq!(layout.size_of(&digest), Some(content.len() as u64));
                assert_eq!(layout.blob(&digest, 9999).unwrap().unwrap(), *content);
                let reader = layout.reader(&digest).unwrap().unwrap();
                let mut middle = vec![0; content.len() - 3];
                assert_eq!(reader.read_at(2, &mut middle).unwrap(), content.len() - 3);
                assert_eq!(middle, content[2..content.len() - 1]);
                assert_eq!(reader.read_at(content.len() as u64 - 1, &mut [0; 9]).unwrap(), 1);
                assert_eq!(reader.read_at(content.len() as u64, &mut [0; 9]).unwrap(), 0);
            }
            assert!(layout.blob(&Digest::of(b"absent"), 9).unwrap().is_none());
        }
        assert!(check(&location).unwrap().absent.is_empty());
    }
    let names = names_below(folder.path());
    assert!(!names.iter().any(|name| name.contains("partial")), "{names:?}");
}

#[test]
fn both_forms_hold_the_same_files_and_the_order_of_arrival_does_not_change_them() {
    let folder = tempfile::tempdir().unwrap();
    write_bundle(&directory(folder.path()));
    let mut image = TestImage::small();
    let writer = open_writer(&archive(folder.path()));
    image.blobs.reverse();
    image.write(&writer);
    image.blobs.reverse();
    finish(&writer, &image);
    let sums = [directory(folder.path()), archive(folder.path())].map(|location| {
        let layout = Layout::open(&location, Strictness::Bundle).unwrap();
        layout.file("SHA256SUMS", 9999).unwrap().unwrap()
    });
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn blobs_of_sha512_and_long_names_fit_into_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let sha512: Digest = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
    let content = b"a layer".to_vec();
    let digest = sha512.of_same_kind(&content);
    let manifest = serde_json::json!({"schemaVersion": 2, "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": 7},
        "layers": []});
    let image = TestImage { blobs: vec![manifest.to_string().into_bytes()] };
    let long = format!("charts/{}.tgz", "x".repeat(120));
    for location in [directory(folder.path()), archive(folder.path())] {
        let writer = open_writer(&location);
        image.write(&writer);
        writer.put_blob(&digest, &content).unwrap();
        writer.add_file(&long, FileContent::Bytes(b"chart".to_vec())).unwrap();
        writer.add_file("bin/tool", FileContent::Bytes(b"#!/bin/sh\n".to_vec())).unwrap();
        finish(&writer, &image);
        assert!(check(&location).unwrap().absent.is_empty());
        let layout = Layout::open(&location, Strictness::Bundle).unwrap();
        assert_eq!(layout.blob(&digest, 99).unwrap().unwrap(), content);
        assert_eq!(layout.file(&long, 99).unwrap().unwrap(), b"chart");
    }
}

#[test]
fn a_copied_file_is_read_when_the_layout_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::fs::write(&program, vec![5; 700_000]).unwrap();
    for location in [directory(folder.path()), archive(folder.path())] {
        let writer = open_writer(&location);
        let image = TestImage::small();
        image.write(&writer);
        writer.add_file("bin/program", FileContent::Path(program.clone())).unwrap();
        let missing = FileContent::Path(folder.path().join("missing"));
        assert!(writer.add_file("bin/missing", missing).is_err());
        finish(&writer, &image);
        check(&location).unwrap();
        let layout = Layout::open(&location, Strictness::Bundle).unwrap();
        let reader = layout.file_reader("bin/program").unwrap().unwrap();
        assert_eq!(reader.read_all(700_000).unwrap(), vec![5; 700_000]);
    }
}

#[test]
fn what_manifests_need_and_the_layout_lacks_is_reported_but_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let image = TestImage::small();
    let writer = open_writer(&archive(folder.path()));
    let (left_out, others) = image.blobs.split_first().unwrap();
    TestImage { blobs: others.to_vec() }.write(&writer);
    finish(&writer, &image);
    let absent = check(&archive(folder.path())).unwrap().absent;
    assert_eq!(absent.len(), 1);
    assert_eq!((&absent[0].digest, absent[0].size), (&Digest::of(left_out), 11));
    assert_eq!(absent[0].manifest, Some(image.entry().descriptor.digest));
}
