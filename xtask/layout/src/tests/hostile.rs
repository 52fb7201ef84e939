//! Archives and directories that someone made to do harm. Each is refused with the name of the entry.

use std::fs;
use std::path::Path;

use super::fixtures::{TestImage, archive, check, directory, write_bundle};
use crate::index::{OCI_LAYOUT_TEXT, render};
use crate::tar::{END, header, padding};
use crate::{Layout, LayoutLocation, Strictness};

/// An entry of an archive, as its writer states it.
struct Item {
    header: Vec<u8>,
    content: Vec<u8>,
}

impl Item {
    fn file(name: &str, content: &[u8]) -> Self {
        Self { header: header(name, content.len() as u64), content: content.to_vec() }
    }

    /// A file whose header has other bytes at a position.
    fn changed(name: &str, content: &[u8], at: usize, bytes: &[u8]) -> Self {
        let mut item = Self::file(name, content);
        let start = item.header.len() - 512;
        item.header[start + at..start + at + bytes.len()].copy_from_slice(bytes);
        set_sum(&mut item.header[start..]);
        item
    }

    fn of_kind(name: &str, kind: u8) -> Self {
        Self::changed(name, b"", 156, &[kind])
    }

    fn extension(kind: u8, records: &str) -> Self {
        Self::changed("PaxHeaders/item", records.as_bytes(), 156, &[kind])
    }
}

fn set_sum(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn record(key: &str, value: &str) -> String {
    let length = key.len() + value.len() + 3;
    let length = length + (length + 2).to_string().len();
    format!("{length} {key}={value}\n")
}

/// The files of a valid layout with other entries before its end.
fn archive_with(items: Vec<Item>) -> Vec<u8> {
    let image = TestImage::small();
    let index = render(&[image.entry()]);
    let mut all = vec![Item::file("oci-layout", OCI_LAYOUT_TEXT.as_bytes())];
    all.push(Item::file("index.json", index.as_bytes()));
    for content in &image.blobs {
        all.push(Item::file(&blob_name(content), content));
    }
    all.extend(items);
    let mut bytes = Vec::new();
    for Item { header, content } in all {
        bytes.extend(header);
        bytes.extend(&content);
        bytes.resize(bytes.len() + padding(content.len() as u64) as usize, 0);
    }
    bytes.extend(END);
    bytes
}

fn blob_name(content: &[u8]) -> String {
    format!("blobs/sha256/{}", oci::Digest::of(content).hex())
}

fn refusal(folder: &Path, bytes: &[u8], strictness: Strictness) -> String {
    let location = archive(folder);
    fs::write(location.path(), bytes).unwrap();
    match Layout::open(&location, strictness) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn hostile_entries_are_refused_by_name_in_every_archive() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| vec![Item::file(name, b"x")];
    let zeros = "0".repeat(64);
    let blob = blob_name(&TestImage::small().blobs[0]);
    let table: Vec<(Vec<Item>, &str, &str)> = vec![
        (file("/etc/passwd"), "/etc/passwd", "absolute"),
        (file("../evil"), "../evil", "leaves"),
        (file("values/../../evil"), "values/../../evil", "leaves"),
        (file("blobs/sha256/../../../evil"), "blobs/sha256/../../../evil", "leaves"),
        (file(r"values\evil"), r"values\evil", r"contains `\`"),
        (file("C:evil"), "C:evil", "not all systems"),
        (file("values//x"), "values//x", "clean"),
        (file("a\u{202e}b"), "ab", "control"),
        (file("a\u{1b}[2Jb"), "a[2Jb", "control"),
        (file(&format!("blobs/md5/{}", &zeros[..32])), "blobs/md5/", "algorithm"),
        (file(&format!("blobs/sha256/{}", &zeros[1..])), "blobs/sha256/0", "64"),
        (file(&format!("blobs/sha256/{}", zeros.replace('0', "A"))), "blobs/sha256/A", "64"),
        (file("blobs/evil"), "blobs/evil", "not that of a blob"),
        (file("pieces/sha256/1"), "pieces/sha256/1", "not that of a blob"),
        (file("index.json"), "index.json", "twice"),
        (file(&blob), &blob, "twice"),
        (vec![Item::of_kind("evil", b'1')], "evil", "hard link"),
        (vec![Item::of_kind("evil", b'2')], "evil", "symbolic link"),
        (vec![Item::of_kind("evil", b'K')], "evil", "symbolic link"),
        (vec![Item::of_kind("evil", b'3')], "evil", "device"),
        (vec![Item::of_kind("evil", b'4')], "evil", "device"),
        (vec![Item::of_kind("evil", b'6')], "evil", "FIFO"),
        (vec![Item::of_kind("evil", b'S')], "evil", "sparse"),
        (vec![Item::of_kind("evil", b'Z')], "evil", "unknown type"),
        (vec![Item::changed("evil", b"xyz", 156, b"5")], "evil", "folder"),
        (vec![Item::of_kind("../evil/", b'5')], "../evil", ""),
        (vec![Item::changed("evil", b"x", 124, b"77777777777\0")], "evil", "cut off"),
        (vec![Item::changed("evil", b"x", 124, &[0x80, 1])], "evil", "not a number"),
        (vec![Item::changed("evil", b"x", 124, b"zzzzzzzzzzz\0")], "evil", "not a number"),
        (
            vec![Item::extension(b'x', &record("path", "../evil")), Item::file("good", b"x")],
            "../evil",
            "",
        ),
        (vec![Item::extension(b'L', "../evil\0"), Item::file("good", b"x")], "../evil", ""),
        (
            vec![Item::extension(b'x', &record("size", "99999999999")), Item::file("good", b"")],
            "good",
            "",
        ),
        (
            vec![Item::extension(b'x', &record("GNU.sparse.major", "1"))],
            "extended header",
            "sparse",
        ),
        (vec![Item::extension(b'x', "999 path=x\n")], "extended header", "malformed"),
        (vec![Item::extension(b'x', &"x".repeat(70_000))], "PaxHeaders/item", "too long"),
    ];
    assert!(table.len() >= 30);
    assert_eq!(refusal(folder.path(), &archive_with(vec![]), Strictness::Foreign), "");
    for (items, name, why) in table {
        let bytes = archive_with(items);
        let foreign = refusal(folder.path(), &bytes, Strictness::Foreign);
        assert!(foreign.contains(&format!("entry `{name}")), "{name}, {why}: {foreign}");
        assert!(foreign.contains(why), "{name}, {why}: {foreign}");
        let bundle = refusal(folder.path(), &bytes, Strictness::Bundle);
        assert!(bundle.contains("entry `"), "{name}, {why}: {bundle}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something was extracted");
}

#[test]
fn a_bundle_accepts_only_the_headers_that_this_program_writes() {
    let folder = tempfile::tempdir().unwrap();
    let location = archive(folder.path());
    write_bundle(&location);
    let content = fs::read(location.path()).unwrap();
    // Fields of the first header: a time, a mode, an owner, a name of an owner, unused bytes.
    for (at, bytes) in [
        (136, &b"00000000001"[..]),
        (100, b"0000755"),
        (108, b"0001750"),
        (265, b"root"),
        (500, b"x"),
    ] {
        let mut changed = content.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        set_sum(&mut changed[..512]);
        let foreign = refusal(folder.path(), &changed, Strictness::Foreign);
        assert_eq!(foreign, "", "byte {at}");
        let bundle = refusal(folder.path(), &changed, Strictness::Bundle);
        assert!(bundle.contains("`oci-layout`: its header"), "byte {at}: {bundle}");
    }
    let beside = [
        ([&content[..], &[0; 512]].concat(), "512 bytes follow the end"),
        (content[..content.len() - 512].to_vec(), "cut off"),
        (content[..content.len() - 1024].to_vec(), "cut off"),
        ([&content[..], b"evil"].concat(), "4 bytes follow the end"),
    ];
    for (changed, why) in beside {
        let error = refusal(folder.path(), &changed, Strictness::Bundle);
        assert!(error.contains(why), "{why}: {error}");
    }
    let trailing = [&content[..], b"evil"].concat();
    let error = refusal(folder.path(), &trailing, Strictness::Foreign);
    assert!(error.contains("content follows the end"), "{error}");
}

#[test]
fn folders_times_and_owners_of_other_tools_are_accepted_outside_of_bundles() {
    let folder = tempfile::tempdir().unwrap();
    let items = vec![
        Item::of_kind("blobs/", b'5'),
        Item::of_kind("./blobs/sha256/", b'5'),
        Item::extension(b'g', &record("comment", "x")),
        Item::extension(b'x', &record("mtime", "1.5")),
        Item::changed("./manifest.json", b"[]", 136, b"14000000000"),
        Item::extension(b'L', "repositories\0"),
        Item::file("cut", b"{}"),
    ];
    let mut bytes = archive_with(items);
    // GNU tar fills the last 10 KiB.
    bytes.resize(bytes.len().next_multiple_of(10240), 0);
    assert_eq!(refusal(folder.path(), &bytes, Strictness::Foreign), "");
    let layout = Layout::open(&archive(folder.path()), Strictness::Foreign).unwrap();
    let files: Vec<_> = layout.files().collect();
    assert_eq!(files, ["index.json", "manifest.json", "oci-layout", "repositories"]);
    assert!(layout.verify(super::fixtures::THREADS, &|_| {}).unwrap().damages.is_empty());
}

#[test]
fn files_that_are_not_archives_of_layouts_are_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let text = "not a tar archive\n".repeat(200);
    let gzip = [&[0x1f, 0x8b, 8, 0][..], &[0; 2000]].concat();
    let empty = [0; 1024];
    let table: [(&[u8], &str); 4] = [
        (b"", "is empty"),
        (text.as_bytes(), "does not begin a header"),
        (&gzip, "decompress"),
        (&empty, "`oci-layout`: it is missing"),
    ];
    for (bytes, expected) in table {
        let error = refusal(folder.path(), bytes, Strictness::Foreign);
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let there = LayoutLocation::Archive(folder.path().to_owned());
    let error = Layout::open(&there, Strictness::Foreign).unwrap_err().to_string();
    assert!(error.contains("oci:DIR"), "{error}");
    let file = LayoutLocation::Directory(archive(folder.path()).path().to_owned());
    let error = Layout::open(&file, Strictness::Foreign).unwrap_err().to_string();
    assert!(error.contains("oci-archive:FILE"), "{error}");
}

#[test]
fn an_index_that_names_what_is_not_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let image = TestImage::small();
    let manifest = blob_name(image.blobs.last().unwrap());
    let mut entry = image.entry();
    entry.descriptor.size += 1;
    let layouts = [
        (vec![entry], image.blobs.clone(), "declares"),
        (vec![image.entry()], vec![], "is missing"),
    ];
    for (entries, blobs, why) in layouts {
        let location = directory(folder.path());
        let root = location.path();
        fs::create_dir_all(root.join("blobs/sha256")).unwrap();
        fs::write(root.join("oci-layout"), OCI_LAYOUT_TEXT).unwrap();
        fs::write(root.join("index.json"), render(&entries)).unwrap();
        for content in blobs {
            fs::write(root.join(blob_name(&content)), content).unwrap();
        }
        let error = Layout::open(&location, Strictness::Foreign).unwrap_err().to_string();
        assert!(error.contains(&manifest) && error.contains(why), "{why}: {error}");
        fs::remove_dir_all(root).unwrap();
    }
}

#[test]
fn other_versions_of_layouts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let location = directory(folder.path());
    write_bundle(&location);
    for text in [r#"{"imageLayoutVersion":"2.0.0"}"#, "{}", "x"] {
        fs::write(location.path().join("oci-layout"), text).unwrap();
        let error = check(&location).unwrap_err().to_string();
        assert!(error.contains("`oci-layout`"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn links_and_special_files_in_a_directory_are_refused_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let location = directory(folder.path());
    let secret = folder.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let make_link = |at: &Path| std::os::unix::fs::symlink(&secret, at).unwrap();
    let is_link = |at: &Path| at.symlink_metadata().unwrap().is_symlink();
    let make_folder_link = |at: &Path| std::os::unix::fs::symlink(folder.path(), at).unwrap();
    let make_fifo = |at: &Path| {
        let made = std::process::Command::new("mkfifo").arg(at).status().unwrap();
        assert!(made.success());
    };
    let make_socket = |at: &Path| drop(std::os::unix::net::UnixListener::bind(at).unwrap());
    type Make<'a> = &'a dyn Fn(&Path);
    let table: [(&str, Make<'_>); 5] = [
        ("values/site.yaml", &make_link),
        ("blobs/sha512", &make_folder_link),
        ("images.toml", &make_fifo),
        ("index.json", &make_link),
        ("socket", &make_socket),
    ];
    for (name, make) in table {
        write_bundle(&location);
        let at = location.path().join(name);
        drop(fs::remove_file(&at));
        make(&at);
        for strictness in [Strictness::Bundle, Strictness::Foreign] {
            let error = Layout::open(&location, strictness).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}`")), "{error}");
            assert_eq!(error.contains("symbolic link"), is_link(&at), "{error}");
        }
        fs::remove_dir_all(location.path()).unwrap();
    }
}
