//! The entry points of fuzzing: foreign text in any form, and what must hold of the result. `tests/fuzz` calls them
//! without end, and `tests/it/entry_points.rs` a bounded number of times.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::Path;
use std::str::FromStr;

use bytes::Bytes;
use chart_mirror::chart::{ImageReference, Rendered, discover};
use chart_mirror::formats::{ListFormat, list_text, place, read};
use chart_mirror::list::edit::pin_images;
use chart_mirror::list::{ImageList, ImagePin, TargetTemplate, Template, ValuePath};
use chart_mirror::plan::{Selection, transfers};
use layout::{Layout, LayoutLocation, Strictness};
use oci::{Digest, ImageConfig, Manifest, Platform, Platforms, Reference, Registry, Repository};
use oci::{RepositoryPath, Tag, subset};

/// References, their parts, and locations: what is parsed and written is parsed as the same.
pub(crate) fn references(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    survives::<Digest>(text);
    survives::<Platform>(text);
    survives::<Platforms>(text);
    survives::<Reference>(text);
    survives::<Registry>(text);
    survives::<Repository>(text);
    survives::<RepositoryPath>(text);
    survives::<Tag>(text);
    survives::<ImageReference>(text);
    survives::<ValuePath>(text);
    survives::<LayoutLocation>(text);
    drop(text.parse::<TargetTemplate>());
    drop(text.parse::<Template>());
}

/// Image lists: problems are shown without control characters, and writing a digest changes nothing else.
pub(crate) fn images_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let list = match ImageList::parse("images.toml", text) {
        Ok(list) => list,
        Err(problems) => {
            assert!(problems.iter().len() > 0);
            problems.render_with_colours();
            assert!(!problems.to_string().contains('\u{1b}'), "{problems}");
            return;
        }
    };
    for destination in list.destinations().values() {
        drop(transfers(&list, destination, &Selection::default()));
    }
    let digest = Digest::of(b"pinned");
    for position in 0..list.images().len() {
        let pin = ImagePin {
            position,
            digest: Some(digest.clone()),
            subsets: Vec::new(),
            subsets_index: None,
        };
        let pinned = pin_images(text, &[pin]).unwrap_or_else(|| panic!("{text}"));
        let again = ImageList::parse("images.toml", &pinned).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(again.images().len(), list.images().len());
        for (index, (new, old)) in again.images().iter().zip(list.images()).enumerate() {
            let expected = if index == position { Some(&digest) } else { old.digest.as_ref() };
            assert_eq!(new.digest.as_ref(), expected, "{pinned}");
            assert_eq!((&new.source, &new.tag), (&old.source, &old.tag), "{pinned}");
        }
    }
}

/// Lists of other tools, read as the format that they look like, and as every other one. What is refused has a reason.
pub(crate) fn other_lists(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for format in ListFormat::ALL.into_iter().map(Some).chain([None]) {
        let Ok((format, list)) = read(text, format) else { continue };
        assert!(list.refused.iter().all(|refused| !refused.reason.is_empty()), "{text}");
        let placed = place(&list, &[]);
        assert_eq!(placed.images.len() + placed.refused.len(), list.images.len(), "{text}");
        let written = list_text("file", format, &placed, None, None);
        assert!(!written.contains('\u{1b}'), "{written}");
    }
}

/// Manifests, indexes and configs. An index with fewer platforms lists a part of the same entries.
pub(crate) fn manifests(data: &[u8]) {
    drop(ImageConfig::parse(data));
    let Ok(platforms) = "linux/amd64,linux/arm64/v8".parse::<Platforms>() else { return };
    drop(subset::is_for(data, &platforms));
    for content_type in [None, Some("application/vnd.oci.image.index.v1+json"), Some("text/html")] {
        let digest = Digest::of(data);
        let bytes = Bytes::copy_from_slice(data);
        let Ok(manifest) = Manifest::parse(bytes, digest, content_type) else { continue };
        manifest.image_config();
        manifest.referrers_of_type(|_| true);
        let Ok(Some(smaller)) = subset::subset(&manifest, &platforms) else { continue };
        assert_eq!(smaller.digest, Digest::of(&smaller.bytes));
        assert!(smaller.manifests.len() <= manifest.manifests.len());
        let mut entries = manifest.manifests.iter();
        assert!(smaller.manifests.iter().all(|kept| entries.any(|entry| entry == kept)));
    }
}

/// What helm prints. Every image that is found is a reference, and is in the text that was searched.
pub(crate) fn rendered_yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let rendered = Rendered {
        rendering: "default".to_owned(),
        text: text.to_owned(),
        warnings: String::new(),
    };
    if let Err(unreadable) = discover(&rendered, None, &BTreeSet::from(["quay.io", "ghcr.io"])) {
        // All line breaks of YAML 1.1.
        let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
        assert!(unreadable.line <= lines + 1, "{unreadable}");
        assert!(!unreadable.to_string().contains('\u{1b}'), "{unreadable}");
    }
}

/// Image layouts: the first byte chooses between an index in a directory and an archive. What is opened can be
/// verified and read.
pub(crate) fn layouts(data: &[u8]) {
    let Some((form, content)) = data.split_first() else { return };
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path();
    let location = if form % 2 == 0 {
        write(&path.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#);
        write(&path.join("index.json"), content);
        let blob: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;
        write(&path.join("blobs/sha256").join(Digest::of(blob).hex()), blob);
        LayoutLocation::Directory(path.to_owned())
    } else {
        write(&path.join("layout.tar"), content);
        LayoutLocation::Archive(path.join("layout.tar"))
    };
    for strictness in [Strictness::Foreign, Strictness::Bundle] {
        let Ok(layout) = Layout::open(&location, strictness) else { continue };
        drop(layout.verify(NonZeroUsize::MIN, &|_| {}));
        for (digest, size) in layout.blobs() {
            if let Ok(Some(blob)) = layout.blob(digest, 1 << 20) {
                assert_eq!(blob.len() as u64, size);
            }
        }
        for entry in layout.entries() {
            entry.name();
        }
    }
}

/// Whether a text is not this, or is parsed as the same again after it was written.
fn survives<T: FromStr + Display + PartialEq>(text: &str) {
    let Ok(parsed) = text.parse::<T>() else { return };
    let written = parsed.to_string();
    let again = written.parse::<T>().ok();
    assert!(again.as_ref() == Some(&parsed), "`{text}` is written as `{written}`");
}

fn write(path: &Path, content: &[u8]) {
    let folder = path.parent().unwrap_or(path);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, content));
    assert!(written.is_ok(), "{written:?}");
}
