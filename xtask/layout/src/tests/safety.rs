//! Several writers, names that are taken, and content that is not what it should be.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use oci::Digest;

use super::fixtures::{
    THREADS, TestImage, archive, check, directory, finish, names_below, open_writer, try_writer,
    write_bundle,
};
use crate::{FileContent, IfComplete, LayoutLocation, LayoutWriter};

#[test]
fn two_runs_do_not_write_one_layout() {
    let folder = tempfile::tempdir().unwrap();
    // The folder is created, too.
    let root = folder.path().join("new/folder");
    for location in [directory(&root), archive(&root)] {
        let first = open_writer(&location);
        let error = try_writer(&location).err().unwrap().to_string();
        assert!(error.contains("another run is writing it"), "{error}");
        drop(first);
        write_bundle(&location);
        check(&location).unwrap();
    }
}

#[test]
fn each_blob_is_written_once_however_many_threads_ask() {
    let folder = tempfile::tempdir().unwrap();
    for location in [directory(folder.path()), archive(folder.path())] {
        let writer = Arc::new(open_writer(&location));
        let image = TestImage::new(&(0..20u8).map(|n| vec![n; 40_000]).collect::<Vec<_>>());
        let (begun, barrier) = (AtomicUsize::new(0), Barrier::new(8));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    for content in &image.blobs {
                        let digest = Digest::of(content);
                        let size = content.len() as u64;
                        if let Some(mut blob) = writer.begin_blob(&digest, size).unwrap() {
                            begun.fetch_add(1, Ordering::Relaxed);
                            for piece in content.chunks(999) {
                                blob.write(piece).unwrap();
                            }
                            blob.finish().unwrap();
                        }
                        assert!(writer.has(&digest, size));
                    }
                });
            }
        });
        assert_eq!(begun.into_inner(), image.blobs.len());
        finish(&writer, &image);
        check(&location).unwrap();
    }
}

#[test]
fn a_thread_that_waits_takes_over_a_blob_that_was_given_up() {
    let folder = tempfile::tempdir().unwrap();
    for location in [directory(folder.path()), archive(folder.path())] {
        let writer = open_writer(&location);
        let digest = Digest::of(b"content");
        let first = writer.begin_blob(&digest, 7).unwrap().unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let mut blob = writer.begin_blob(&digest, 7).unwrap().unwrap();
                blob.write(b"content").unwrap();
                blob.finish().unwrap();
            });
            drop(first);
            second.join().unwrap();
        });
        assert!(writer.has(&digest, 7));
    }
}

#[test]
fn content_with_another_size_or_digest_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    for location in [directory(folder.path()), archive(folder.path())] {
        let writer = open_writer(&location);
        let digest = Digest::of(b"content");
        let begin = || writer.begin_blob(&digest, 7).unwrap().unwrap();
        let mut blob = begin();
        blob.write(b"c0ntent").unwrap();
        let error = blob.finish().unwrap_err().to_string();
        assert!(error.contains(&format!("expected {digest}, found sha256:")), "{error}");
        let mut blob = begin();
        blob.write(b"cont").unwrap();
        let error = blob.finish().unwrap_err().to_string();
        assert!(error.contains("expected 7 bytes, found 4"), "{error}");
        let error = begin().write(b"contents").unwrap_err().to_string();
        assert!(error.contains("more than 7 bytes"), "{error}");
        assert!(writer.reader(&digest).unwrap().is_none() && writer.size_of(&digest).is_none());

        writer.put_blob(&digest, b"content").unwrap();
        assert!(writer.begin_blob(&digest, 7).unwrap().is_none());
        assert!(writer.begin_blob(&digest, 8).err().unwrap().to_string().contains("7 bytes"));
        let absent = TestImage::small().entry();
        let error = writer.finish(&[absent]).unwrap_err().to_string();
        assert!(error.contains("not written"), "{error}");
        assert!(location.path().symlink_metadata().is_err());
    }
}

#[test]
fn a_layout_with_a_blob_in_progress_is_not_finished() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open_writer(&archive(folder.path()));
    let blob = writer.begin_blob(&Digest::of(b"x"), 1).unwrap();
    let error = writer.finish(&[]).unwrap_err().to_string();
    assert!(error.contains("still being written"), "{error}");
    drop(blob);
    writer.finish(&[]).unwrap();
    assert!(writer.begin_blob(&Digest::of(b"x"), 1).is_err());
    check(&archive(folder.path())).unwrap();
}

#[test]
fn what_exists_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let foreign = LayoutLocation::Directory(root.join("foreign"));
    let unfinished = LayoutLocation::Directory(root.join("photos"));
    fs::create_dir_all(root.join("foreign")).unwrap();
    fs::create_dir_all(root.join("photos.partial")).unwrap();
    fs::write(root.join("foreign/mine.txt"), "mine").unwrap();
    fs::write(root.join("photos.partial/mine.txt"), "mine").unwrap();
    write_bundle(&archive(root));
    write_bundle(&directory(root));
    let before = names_below(root);
    let table = [
        (&foreign, IfComplete::Refuse),
        (&foreign, IfComplete::Extend),
        (&unfinished, IfComplete::Refuse),
        (&archive(root), IfComplete::Refuse),
        (&archive(root), IfComplete::Extend),
        (&directory(root), IfComplete::Refuse),
        (&LayoutLocation::Archive(root.join("foreign")), IfComplete::Refuse),
        (&LayoutLocation::Directory(root.join("out.tar")), IfComplete::Extend),
    ];
    for (location, if_complete) in table {
        let error = LayoutWriter::open(location, if_complete, THREADS, &|_| {}).err().unwrap();
        assert!(error.advice.message.contains("exists"), "{location}: {error}");
        assert!(error.advice.hint.is_some(), "{location}: {error}");
        assert_eq!(names_below(root), before, "{location}");
    }
    // A name that was taken in the meantime.
    let late = LayoutLocation::Archive(root.join("late.tar"));
    let writer = open_writer(&late);
    fs::write(late.path(), "mine").unwrap();
    assert!(writer.finish(&[]).is_err());
    assert_eq!(fs::read(late.path()).unwrap(), b"mine");
}

#[test]
fn an_empty_directory_may_become_a_layout() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(directory(folder.path()).path()).unwrap();
    write_bundle(&directory(folder.path()));
    check(&directory(folder.path())).unwrap();
}

#[test]
fn files_need_clean_names_that_the_layout_does_not_use() {
    let folder = tempfile::tempdir().unwrap();
    let writer = open_writer(&archive(folder.path()));
    let names = [
        "",
        "../x",
        "/x",
        "index.json",
        "oci-layout",
        "SHA256SUMS",
        "parts.json",
        "blobs/x",
        r"a\b",
    ];
    for name in names {
        let added = writer.add_file(name, FileContent::Bytes(vec![]));
        assert!(added.is_err(), "{name}");
    }
}
