//! Random damage: every changed byte and every truncation is found.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use super::fixtures::{archive, check, directory, names_below, write_bundle};
use crate::LayoutLocation;
use crate::files::write_at;

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

/// Changes one byte, checks, and changes it back.
fn flip(random: &mut Random, location: &LayoutLocation, path: &Path, content: &[u8]) {
    let at = random.below(content.len() as u64);
    let original = content[at as usize];
    let changed = original ^ (random.below(255) as u8 + 1);
    let file = open(path);
    write_at(&file, at, &[changed]).unwrap();
    let path = path.display();
    assert!(check(location).is_err(), "{path}: byte {at} changed from {original} to {changed}");
    write_at(&file, at, &[original]).unwrap();
}

/// Cuts the end off, checks, and puts it back.
fn truncate(random: &mut Random, location: &LayoutLocation, path: &Path, content: &[u8]) {
    let length = random.below(content.len() as u64);
    open(path).set_len(length).unwrap();
    assert!(check(location).is_err(), "{}: cut to {length} bytes", path.display());
    write_at(&open(path), length, &content[length as usize..]).unwrap();
}

#[test]
fn ten_thousand_random_damages_of_a_bundle_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, directory) = (archive(folder.path()), directory(folder.path()));
    write_bundle(&archive);
    write_bundle(&directory);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);

    let path = archive.path();
    let content = fs::read(path).unwrap();
    for _ in 0..6000 {
        flip(&mut random, &archive, path, &content);
    }
    for _ in 0..2000 {
        truncate(&mut random, &archive, path, &content);
    }

    let files: Vec<(PathBuf, Vec<u8>)> = names_below(directory.path())
        .into_iter()
        .map(|name| directory.path().join(name))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    for turn in 0..2000 {
        let (path, content) = &files[random.below(files.len() as u64) as usize];
        if turn % 4 == 0 {
            truncate(&mut random, &directory, path, content);
        } else {
            flip(&mut random, &directory, path, content);
        }
    }
    // What was put back is right again: the damages above were found one by one.
    check(&archive).unwrap();
    check(&directory).unwrap();
}

#[test]
fn every_damaged_blob_and_file_is_reported_with_its_digests() {
    let folder = tempfile::tempdir().unwrap();
    let location = directory(folder.path());
    write_bundle(&location);
    let mut damaged = names_below(location.path());
    damaged.retain(|name| name.starts_with("blobs/") || name.starts_with("values/"));
    for name in &damaged {
        let path = location.path().join(name);
        let mut content = fs::read(&path).unwrap();
        content[0] ^= 1;
        fs::write(&path, content).unwrap();
    }
    let layout = crate::Layout::open(&location, crate::Strictness::Bundle).unwrap();
    let found = layout.verify(super::fixtures::THREADS, &|_| {}).unwrap();
    let names: Vec<_> = found.damages.iter().map(|damage| damage.name.clone()).collect();
    assert_eq!(names, damaged);
    for damage in &found.damages {
        assert!(damage.expected.starts_with("sha256:") && damage.found.starts_with("sha256:"));
        assert_ne!(damage.expected, damage.found);
    }
    let message = found.into_result().unwrap_err().to_string();
    assert!(damaged.iter().all(|name| message.contains(name)), "{message}");
}

#[test]
fn a_file_that_is_missing_or_does_not_belong_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let location = directory(folder.path());
    for removed in ["values/site.yaml", "index.json", "oci-layout", "SHA256SUMS"] {
        write_bundle(&location);
        fs::remove_file(location.path().join(removed)).unwrap();
        let error = check(&location).unwrap_err().to_string();
        assert!(error.contains(removed), "{error}");
        fs::remove_dir_all(location.path()).unwrap();
    }
    write_bundle(&location);
    fs::write(location.path().join("values/.DS_Store"), "x").unwrap();
    let error = check(&location).unwrap_err().to_string();
    assert!(error.contains("values/.DS_Store") && error.contains("does not list"), "{error}");
}
