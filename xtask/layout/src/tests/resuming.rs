//! Interrupted runs: what is right is kept, and the result is as if nothing had happened.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use oci::Digest;

use super::fixtures::{
    THREADS, TestImage, archive, check, directory, finish, names_below, open_writer, try_writer,
};
use crate::{IfComplete, Layout, LayoutLocation, LayoutWriter, Strictness};

fn image() -> TestImage {
    TestImage::new(&[vec![1; 3000], vec![2; 10], vec![3; 70_000], vec![4; 512]])
}

/// The files of a bundle and their checksums.
fn sums(location: &LayoutLocation) -> Vec<u8> {
    let layout = Layout::open(location, Strictness::Bundle).unwrap();
    layout.file("SHA256SUMS", 99_999).unwrap().unwrap()
}

/// Writes the missing blobs and finishes. Returns how many were there.
fn complete(location: &LayoutLocation) -> usize {
    let image = image();
    let writer = open_writer(location);
    let there = |content: &&Vec<u8>| writer.has(&Digest::of(content), content.len() as u64);
    let count = image.blobs.iter().filter(there).count();
    image.write(&writer);
    finish(&writer, &image);
    check(location).unwrap();
    count
}

#[test]
fn a_run_continues_after_the_unfinished_archive_was_cut_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let location = archive(folder.path());
    complete(&location);
    let (expected, whole) = (sums(&location), fs::read(location.path()).unwrap());
    let unfinished = location.unfinished();
    let mut kept = 0;
    let beginnings = (0..whole.len()).step_by(997).chain([1, 511, 512, 513, 1024, 1536]);
    for length in beginnings.chain([whole.len()]) {
        fs::remove_file(location.path()).unwrap();
        fs::write(unfinished.path(), &whole[..length]).unwrap();
        kept = complete(&location);
        assert_eq!(sums(&location), expected, "cut to {length} bytes");
    }
    // The last one was not cut.
    assert_eq!(kept, image().blobs.len());
}

#[test]
fn damaged_content_of_an_interrupted_run_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let location = archive(folder.path());
    complete(&location);
    let (expected, whole) = (sums(&location), fs::read(location.path()).unwrap());
    for at in (0..whole.len()).step_by(499) {
        fs::remove_file(location.path()).unwrap();
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        // Damage to the beginning makes it a file of someone else, which is not touched.
        if at < 1024 {
            continue_refused(&location, &damaged);
            fs::write(location.path(), &whole).unwrap();
            continue;
        }
        fs::write(location.unfinished().path(), &damaged).unwrap();
        complete(&location);
        assert_eq!(sums(&location), expected, "byte {at}");
    }
}

fn continue_refused(location: &LayoutLocation, content: &[u8]) {
    let unfinished = location.unfinished();
    fs::write(unfinished.path(), content).unwrap();
    let error = try_writer(location).err().unwrap().to_string();
    assert!(error.contains("not an unfinished archive"), "{error}");
    assert_eq!(fs::read(unfinished.path()).unwrap(), content);
    fs::remove_file(unfinished.path()).unwrap();
}

#[test]
fn a_run_continues_after_files_of_the_unfinished_directory_were_cut() {
    let folder = tempfile::tempdir().unwrap();
    let location = directory(folder.path());
    complete(&location);
    let expected = sums(&location);
    for name in names_below(location.path()) {
        fs::rename(location.path(), location.unfinished().path()).unwrap();
        let path = location.unfinished().path().join(&name);
        let length = path.metadata().unwrap().len();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(length / 2).unwrap();
        fs::write(path.with_extension("incomplete"), "half").unwrap();
        let kept = complete(&location);
        let damaged = usize::from(name.starts_with("blobs/"));
        assert_eq!(kept, image().blobs.len() - damaged, "{name}");
        assert_eq!(sums(&location), expected, "{name}");
    }
}

#[test]
fn blobs_that_no_image_needs_any_more_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, directory) = (archive(folder.path()), directory(folder.path()));
    complete(&archive);
    complete(&directory);
    let expected = (sums(&archive), sums(&directory));
    let size = archive.path().metadata().unwrap().len();
    fs::remove_file(archive.path()).unwrap();
    fs::remove_dir_all(directory.path()).unwrap();
    for location in [&archive, &directory] {
        // An interrupted run of another list: one blob is complete, one is not.
        let writer = open_writer(location);
        let old = vec![9; 5000];
        writer.put_blob(&Digest::of(&old), &old).unwrap();
        let other = vec![8; 4000];
        let mut half = writer.begin_blob(&Digest::of(&other), 4000).unwrap().unwrap();
        half.write(&other[..2000]).unwrap();
        drop(half);
        assert!(!writer.has(&Digest::of(&other), 4000));
        let first = &image().blobs[0];
        writer.put_blob(&Digest::of(first), first).unwrap();
        drop(writer);
        assert_eq!(complete(location), 1);
    }
    assert_eq!((sums(&archive), sums(&directory)), expected);
    assert_eq!(archive.path().metadata().unwrap().len(), size);
}

#[test]
fn what_an_interrupted_run_left_is_hashed_once_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let location = archive(folder.path());
    image().write(&open_writer(&location));
    let bytes = AtomicU64::new(0);
    let count = |done| {
        bytes.fetch_add(done, Ordering::Relaxed);
    };
    LayoutWriter::open(&location, IfComplete::Refuse, THREADS, &count).unwrap();
    let expected: usize = image().blobs.iter().map(Vec::len).sum();
    assert_eq!(bytes.into_inner(), expected as u64);
}

/// Writes a layout with one image, to its end.
fn write_complete(location: &LayoutLocation, image: &TestImage) {
    let writer = open_writer(location);
    image.write(&writer);
    finish(&writer, image);
}

#[test]
fn a_complete_directory_is_extended_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let location = directory(folder.path());
    let (first, second) = (TestImage::small(), image());
    write_complete(&location, &first);
    let modified = |path: &Path| path.metadata().unwrap().modified().unwrap();
    let old = location.path().join(format!("blobs/sha256/{}", Digest::of(&first.blobs[0]).hex()));
    let before = modified(&old);

    let extend = || LayoutWriter::open(&location, IfComplete::Extend, THREADS, &|_| {}).unwrap();
    let writer = extend();
    assert_eq!(writer.entries(), [first.entry()]);
    assert!(writer.begin_blob(&Digest::of(&first.blobs[0]), 11).unwrap().is_none());
    second.write(&writer);
    drop(writer);
    // An extension that was interrupted changes nothing.
    check(&location).unwrap();

    let writer = extend();
    let manifest = second.blobs.last().unwrap();
    assert_eq!(writer.read_manifest(&Digest::of(manifest)).unwrap().as_ref(), Some(manifest));
    let mut entry = second.entry();
    entry.annotations.clear();
    writer.finish(&[first.entry(), entry]).unwrap();
    drop(writer);
    assert_eq!(check(&location).unwrap().absent, []);
    assert_eq!(Layout::open(&location, Strictness::Bundle).unwrap().entries().len(), 2);
    assert_eq!(modified(&old), before);
    let names = names_below(folder.path());
    assert!(names.iter().all(|name| name.starts_with("out/")), "{names:?}");
    assert!(names.contains(&"out/values/site.yaml".to_owned()));
}

#[test]
fn an_extension_that_was_killed_while_it_moved_its_files_is_repaired_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let location = directory(folder.path());
    let (first, second) = (TestImage::small(), image());
    write_complete(&location, &first);
    let blob = &second.blobs[0];
    let path = location.path().join(format!("blobs/sha256/{}", Digest::of(blob).hex()));
    fs::write(path, blob).unwrap();
    assert!(check(&location).is_err());
    let writer = LayoutWriter::open(&location, IfComplete::Extend, THREADS, &|_| {}).unwrap();
    second.write(&writer);
    writer
        .finish(&[first.entry(), crate::LayoutEntry::new(second.entry().descriptor, None)])
        .unwrap();
    check(&location).unwrap();
}

#[test]
fn what_an_interrupted_run_wrote_of_a_blob_takes_no_more_space() {
    let folder = tempfile::tempdir().unwrap();
    let content = vec![5; 1 << 20];
    let blob = (Digest::of(&content), content.len() as u64);
    let other = (Digest::of(b"other"), content.len() as u64);
    for (location, is_written_over) in
        [(archive(folder.path()), cfg!(unix)), (directory(folder.path()), false)]
    {
        let writer = open_writer(&location);
        writer.put_blob(&Digest::of(b"whole"), b"whole").unwrap();
        let mut begun = writer.begin_blob(&blob.0, blob.1).unwrap().unwrap();
        begun.write(&content[..700_000]).unwrap();
        drop(begun);
        drop(writer);
        let writer = open_writer(&location);
        let begun = |contents: &[&(Digest, u64)]| {
            let contents = contents.iter().map(|(digest, size)| (digest, *size));
            writer.bytes_begun(contents).unwrap()
        };
        let expected = if is_written_over { 690_000..720_000 } else { 0..1 };
        assert!(expected.contains(&begun(&[&blob, &other])), "{location}: {}", begun(&[&blob]));
        assert_eq!(begun(&[&other]), 0, "{location}: other content takes other space");
    }
}
