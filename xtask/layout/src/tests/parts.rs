//! Layouts in parts.

use std::collections::BTreeMap;
use std::fs;

use oci::Digest;

use super::fixtures::{THREADS, TestImage, archive, check, directory, finish, names_below};
use crate::{Layout, LayoutLocation, LayoutWriter, PartPlan, Strictness};

const LIMIT: u64 = 200_000;

fn image() -> TestImage {
    let noise =
        |seed: u32, size: u32| (0..size).map(|n| ((n * seed) >> 5) as u8).collect::<Vec<_>>();
    TestImage::new(&[noise(3, 500_000), noise(5, 90_000), noise(7, 80_000), noise(9, 60_000)])
}

fn plan(image: &TestImage) -> PartPlan {
    // Everything but the manifest.
    let blobs = &image.blobs[..image.blobs.len() - 1];
    let sizes: BTreeMap<_, _> =
        blobs.iter().map(|content| (Digest::of(content), content.len() as u64)).collect();
    // The manifest, `index.json`, and the two files that `finish` adds.
    PartPlan::new(&sizes, &[image.blobs.last().unwrap().len() as u64, 1000, 9, 5], LIMIT).unwrap()
}

fn open_parts(location: &LayoutLocation) -> LayoutWriter {
    let plan = plan(&image());
    LayoutWriter::open_parts(location, plan, THREADS, &|_| {}).unwrap_or_else(|why| panic!("{why}"))
}

fn write_parts(location: &LayoutLocation) -> Vec<LayoutLocation> {
    let image = image();
    let writer = open_parts(location);
    image.write(&writer);
    finish(&writer, &image);
    let plan = plan(&image);
    plan.locations(location)
}

#[test]
fn parts_in_any_order_give_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    for location in [archive(folder.path()), directory(folder.path())] {
        let mut parts = write_parts(&location);
        assert!(parts.len() > 3);
        parts.reverse();
        let layout = Layout::open_parts(&parts).unwrap();
        assert_eq!(layout.missing_parts(), [0; 0]);
        for content in &image().blobs {
            let digest = Digest::of(content);
            assert_eq!(layout.blob(&digest, 1 << 20).unwrap().as_ref(), Some(content));
        }
        let reader = layout.reader(&Digest::of(&image().blobs[0])).unwrap().unwrap();
        let mut middle = vec![0; 400_000];
        assert_eq!(reader.read_at(50_000, &mut middle).unwrap(), 400_000);
        assert_eq!(middle, image().blobs[0][50_000..450_000]);
        let found = layout.verify(THREADS, &|_| {}).unwrap();
        assert_eq!((found.damages, found.absent), (vec![], vec![]));
        for part in &parts {
            if let LayoutLocation::Archive(path) = part {
                assert!(path.metadata().unwrap().len() <= LIMIT, "{part}");
            }
        }
    }
}

#[test]
fn a_part_can_be_checked_alone_and_the_missing_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let parts = write_parts(&archive(folder.path()));
    for (at, part) in parts.iter().enumerate() {
        let found = check(part).unwrap();
        let layout = Layout::open(part, Strictness::Bundle).unwrap();
        let missing = layout.missing_parts();
        assert_eq!(missing.len(), parts.len() - 1);
        assert!(!missing.contains(&(at as u32 + 1)));
        let plan = layout.part_plan().unwrap();
        assert!(!found.absent.is_empty());
        for absent in &found.absent {
            let blob = &plan.blobs()[&absent.digest];
            assert!(blob.pieces.iter().any(|(part, _)| missing.contains(part)));
        }
        assert_eq!(layout.file("images.toml", 99).unwrap().unwrap(), b"# images\n");
    }
}

#[test]
fn parts_of_other_bundles_and_parts_that_are_there_twice_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let parts = write_parts(&archive(folder.path()));
    let other = LayoutLocation::Archive(folder.path().join("other.tar"));
    super::fixtures::write_bundle(&other);
    let error = Layout::open_parts(&[parts[0].clone(), other]).unwrap_err().to_string();
    assert!(error.contains("not a part of the same bundle"), "{error}");
    let error = Layout::open_parts(&[parts[1].clone(), parts[1].clone()]).unwrap_err().to_string();
    assert!(error.contains("part 2 is there twice"), "{error}");
    assert!(Layout::open_parts(&[]).is_err());
}

#[test]
fn a_damaged_piece_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let parts = write_parts(&directory(folder.path()));
    let piece = names_below(parts[0].path()).into_iter().find(|name| name.starts_with("pieces/"));
    let path = parts[0].path().join(piece.as_ref().unwrap());
    let mut content = fs::read(&path).unwrap();
    // Pieces are numbered in the order of the content, which other programs can join with `cat`.
    assert!(path.ends_with("1") && image().blobs[0].starts_with(&content));
    content[1000] ^= 1;
    fs::write(&path, content).unwrap();
    let error = check(&parts[0]).unwrap_err().to_string();
    assert!(error.contains(&piece.unwrap()), "{error}");
}

#[test]
fn an_interrupted_run_of_several_parts_continues() {
    let folder = tempfile::tempdir().unwrap();
    for location in [archive(folder.path()), directory(folder.path())] {
        let image = image();
        let writer = open_parts(&location);
        TestImage { blobs: image.blobs[..2].to_vec() }.write(&writer);
        drop(writer);
        let writer = open_parts(&location);
        for (content, is_there) in image.blobs.iter().zip([true, true, false, false]) {
            assert_eq!(writer.has(&Digest::of(content), content.len() as u64), is_there);
        }
        let whole = writer.reader(&Digest::of(&image.blobs[0])).unwrap().unwrap();
        assert_eq!(whole.read_all(1 << 20).unwrap(), image.blobs[0]);
        drop(writer);
        for part in write_parts(&location) {
            check(&part).unwrap();
        }
        let names = names_below(folder.path());
        assert!(!names.iter().any(|name| name.contains("partial")), "{names:?}");
    }
}
