//! Pins images.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::changes::{Change, changed};
use super::lines::split_mark;
use super::spans::images;
use super::tables::{Owner, below_tag, place_of_pair};
use crate::list::ImagePin;
use crate::list::image::SUBSETS_INDEX;
use oci::{Digest, Platforms};

/// Writes each digest below the tag of its image, or over the old one, and the digests of subsets into
/// its table `subsets`.
///
/// `None` if the text is not TOML, has no entry with a tag at one of the positions, or has a record in a
/// form that cannot be removed.
pub fn pin_images(text: &str, pins: &[ImagePin]) -> Option<String> {
    let (mark, bare) = split_mark(text);
    let document = DeTable::parse(bare).ok()?;
    let images = images(document.get_ref())?;
    let mut changes = Vec::new();
    for pin in pins {
        let image = images.get(pin.position)?;
        // Subsets come before the digest here, because a later insertion at the same offset ends up first.
        changes.extend(subsets(bare, image, pin)?);
        if let Some(digest) = &pin.digest {
            changes.push(digest_change(bare, image, digest)?);
        }
    }
    let mut pinned = changed(bare, changes);
    let mut outdated: Vec<Vec<_>> = pins.iter().map(outdated_records).collect();
    // One of each image at a time: a comma or comment belongs to one pair or the other.
    while outdated.iter().any(|records| !records.is_empty()) {
        let document = DeTable::parse(&pinned).ok()?;
        let images = self::images(document.get_ref())?;
        let mut removed = Vec::new();
        for (pin, records) in pins.iter().zip(&mut outdated) {
            let (image, Some(platforms)) = (images.get(pin.position)?, records.pop()) else {
                continue;
            };
            let record = place_of_pair(&pinned, image, "subsets", &platforms.to_string())?;
            removed.push((record, String::new()));
        }
        drop(document);
        pinned = changed(&pinned, removed);
    }
    Some(format!("{mark}{pinned}"))
}

/// The records to remove, the last one first.
fn outdated_records(pin: &ImagePin) -> Vec<&Platforms> {
    let outdated = pin.subsets.iter().rev().filter(|(_, digest)| digest.is_none());
    outdated.map(|(platforms, _)| platforms).collect()
}

/// Writes a digest below the tag of an image, or over the old one.
pub(super) fn digest_change(
    text: &str,
    image: &Spanned<DeValue<'_>>,
    digest: &Digest,
) -> Option<Change> {
    let entry = image.get_ref().as_table()?;
    if let Some(old) = entry.get("digest") {
        return Some((old.span(), like(text, old, digest)));
    }
    let (at, added) = below_tag(text, image, format!("digest = \"{digest}\""))?;
    Some((at..at, added))
}

fn subsets(text: &str, image: &Spanned<DeValue<'_>>, pin: &ImagePin) -> Option<Vec<Change>> {
    let entry = image.get_ref().as_table()?;
    let table = entry.get("subsets").and_then(|table| table.get_ref().as_table());
    let (mut changes, mut new) = (Vec::new(), Vec::new());
    let index = pin
        .subsets_index
        .iter()
        .map(|index| (SUBSETS_INDEX.to_owned(), SUBSETS_INDEX.to_owned(), index));
    let recorded = pin.subsets.iter().filter_map(|(platforms, digest)| {
        Some((platforms.to_string(), format!("\"{platforms}\""), digest.as_ref()?))
    });
    for (key, written, digest) in index.chain(recorded) {
        match table.and_then(|table| table.get(key.as_str())) {
            Some(old) => changes.push((old.span(), like(text, old, digest))),
            None => new.push(format!("{written} = \"{digest}\"").into()),
        }
    }
    if !new.is_empty() {
        let owner = Owner::of_image(text, image.span().start);
        let added = owner.added(text, entry, "subsets", new);
        changes.extend(added.into_iter().map(|(at, added)| (at..at, added)));
    }
    Some(changes)
}

/// A digest in the same kind of quotes as the old one.
fn like(text: &str, old: &Spanned<DeValue<'_>>, digest: &Digest) -> String {
    let quote = if text[old.span()].starts_with('\'') { '\'' } else { '"' };
    format!("{quote}{digest}{quote}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::ImageList;

    /// Pins the images at some positions, and reads the result again.
    fn pin(text: &str, positions: &[usize]) -> String {
        let digest = Digest::of(b"new");
        let pin = |&position| ImagePin {
            position,
            digest: Some(digest.clone()),
            subsets: Vec::new(),
            subsets_index: None,
        };
        set(text, &positions.iter().map(pin).collect::<Vec<_>>())
    }

    fn set(text: &str, pins: &[ImagePin]) -> String {
        let pinned = pin_images(text, pins).unwrap();
        let mut expected = ImageList::parse("x", text).unwrap();
        for pin in pins {
            expected.pin(pin).unwrap();
        }
        let found = ImageList::parse("x", &pinned).unwrap_or_else(|e| panic!("{pinned}\n{e}"));
        assert_eq!(found.without_places(), expected.without_places(), "{pinned}");
        pinned
    }

    #[test]
    fn every_form_of_an_entry_is_pinned_and_nothing_else_changes() {
        let new = Digest::of(b"new").to_string();
        let old = Digest::of(b"old").to_string();
        let (a, b) = ("source = 'a'", "source = 'b'");
        let table: [(String, &[usize], String); 14] = [
            // Below the tag: with its indentation, after its comment, before what follows it.
            (
                format!(
                    "# a\n[[image]] # 1\n  tag = '1' # why\n  # b\n  {a}\ntarget = 'c'\n\n# end\n"
                ),
                &[0],
                format!(
                    "# a\n[[image]] # 1\n  tag = '1' # why\n  digest = \"NEW\"\n  # b\n  {a}\ntarget = 'c'\n\n# end\n"
                ),
            ),
            (
                format!(
                    "[[image]]\n\t{a}\n\ttag='1'\n[image.values]\n\"x\" = '1'\n[[image]]\n{b}\ntag = '2'"
                ),
                &[1, 0],
                format!(
                    "[[image]]\n\t{a}\n\ttag='1'\n\tdigest = \"NEW\"\n[image.values]\n\"x\" = '1'\n[[image]]\n{b}\ntag = '2'\ndigest = \"NEW\"\n"
                ),
            ),
            (
                format!("[[image]]\n{a}\ntag = '''\n1'''\n"),
                &[0],
                format!("[[image]]\n{a}\ntag = '''\n1'''\ndigest = \"NEW\"\n"),
            ),
            (
                format!("\u{feff}[[image]]\r\n{a}\r\n\"tag\" = '1'\r\n"),
                &[0],
                format!("\u{feff}[[image]]\r\n{a}\r\n\"tag\" = '1'\r\ndigest = \"NEW\"\r\n"),
            ),
            // Instead of the old one.
            (
                format!("[[image]]\ndigest   =   \"{old}\" # by hand\n{a}\ntag = '1'\n"),
                &[0],
                format!("[[image]]\ndigest   =   \"NEW\" # by hand\n{a}\ntag = '1'\n"),
            ),
            (
                format!("[[image]]\n{a}\ntag = '1'\ndigest = '{old}'"),
                &[0],
                format!("[[image]]\n{a}\ntag = '1'\ndigest = 'NEW'"),
            ),
            (
                format!("[[image]]\n{a}\ntag = '1'\ndigest = '''{old}'''\n"),
                &[0],
                format!("[[image]]\n{a}\ntag = '1'\ndigest = 'NEW'\n"),
            ),
            (
                format!("image = [{{ {a}, tag = '1', digest = '{old}' }}]"),
                &[0],
                format!("image = [{{ {a}, tag = '1', digest = 'NEW' }}]"),
            ),
            // In braces: in one line, in lines, with and without a last comma.
            (
                format!("image = [{{ {a}, tag = '1' }}, {{ tag='1', {b} }}]"),
                &[0, 1],
                format!(
                    "image = [{{ {a}, tag = '1', digest = \"NEW\" }}, {{ tag='1', digest = \"NEW\", {b} }}]"
                ),
            ),
            (
                format!("image = [\n  {{ {a}, tag = '1' }}, # a\n  {{ {b}, tag = '1' }}\n]\n"),
                &[1],
                format!(
                    "image = [\n  {{ {a}, tag = '1' }}, # a\n  {{ {b}, tag = '1', digest = \"NEW\" }}\n]\n"
                ),
            ),
            (
                format!("image = [{{\r\n  {a},\r\n  tag = '1' # why\r\n}}]\r\n"),
                &[0],
                format!(
                    "image = [{{\r\n  {a},\r\n  tag = '1',\r\n  digest = \"NEW\" # why\r\n}}]\r\n"
                ),
            ),
            (
                format!("image = [{{\n  tag = '1', # why\n  {a},\n}}]\n"),
                &[0],
                format!("image = [{{\n  tag = '1',\n  digest = \"NEW\", # why\n  {a},\n}}]\n"),
            ),
            // Other tables also have a key `tag`.
            (
                format!(
                    "[values]\n\"tag\" = '1'\n[[image]]\n{a}\ntag = '1'\n[image.values]\n\"tag\" = '1'\n"
                ),
                &[0],
                format!(
                    "[values]\n\"tag\" = '1'\n[[image]]\n{a}\ntag = '1'\ndigest = \"NEW\"\n[image.values]\n\"tag\" = '1'\n"
                ),
            ),
            (format!("[[image]]\n{a}\ntag = '1'\n"), &[], format!("[[image]]\n{a}\ntag = '1'\n")),
        ];
        for (text, positions, expected) in table {
            assert_eq!(pin(&text, positions), expected.replace("NEW", &new), "{text}");
        }
    }

    #[test]
    fn pinning_the_real_list_only_adds_lines_with_digests() {
        let text = include_str!("../../../../../images.toml");
        let all: Vec<usize> = (0..22).collect();
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let pinned = pin(&text, &all);
            let added = |line: &&str| line.starts_with("digest = ");
            assert_eq!(pinned.lines().filter(added).count(), 22);
            let rest: String = pinned.split_inclusive('\n').filter(|line| !added(line)).collect();
            assert_eq!(rest, text);
            assert_eq!(pin(&pinned, &all), pinned);
        }
    }

    #[test]
    fn the_index_of_subsets_is_written_before_them_or_over_the_old_one() {
        let subsets = vec![("linux/amd64".parse().unwrap(), Some(Digest::of(b"new")))];
        let index = Some(Digest::of(b"index"));
        let pin = ImagePin { position: 0, digest: None, subsets, subsets_index: index };
        let table = [
            ("", "[image.subsets]\nindex = \"INDEX\"\n\"linux/amd64\" = \"NEW\"\n"),
            (
                "[image.subsets]\n\"linux/amd64\" = 'OLD' # old\nindex = 'OLD' # whole\n",
                "[image.subsets]\n\"linux/amd64\" = 'NEW' # old\nindex = 'INDEX' # whole\n",
            ),
            (
                "subsets = { \"linux/amd64\" = 'OLD' }\n",
                "subsets = { \"linux/amd64\" = 'NEW', index = \"INDEX\" }\n",
            ),
        ];
        let named = |text: &str| {
            let old = text.replace("OLD", Digest::of(b"old").as_str());
            let new = old.replace("NEW", Digest::of(b"new").as_str());
            let image = new.replace("INDEX", Digest::of(b"index").as_str());
            format!(
                "[[image]]\nsource = 'a'\ntag = '1'\ndigest = '{}'\n{image}",
                Digest::of(b"index")
            )
        };
        for (before, after) in table {
            let pinned = pin_images(&named(before), std::slice::from_ref(&pin)).unwrap();
            assert_eq!(pinned, named(after));
            let list = ImageList::parse("images.toml", &pinned).unwrap();
            assert!(!list.images()[0].has_stale_subsets());
        }
    }

    #[test]
    fn an_entry_that_is_missing_cannot_be_pinned() {
        let digest = [ImagePin {
            position: 1,
            digest: Some(Digest::of(b"new")),
            subsets: Vec::new(),
            subsets_index: None,
        }];
        for text in ["", "image = 1", "[[image]]\nsource = 'a'\ntag = '1'\n", "[[image"] {
            assert_eq!(pin_images(text, &digest), None, "{text}");
        }
    }

    #[test]
    fn digests_of_subsets_go_into_the_table_of_their_image() {
        let (new, old) = (Digest::of(b"new").to_string(), Digest::of(b"old").to_string());
        let both = "linux/amd64,linux/arm64";
        // Before and after: `linux/amd64` is new, and so is the digest if it was missing.
        let table = [
            (
                "[[image]]\nsource = 'a'\ntag = '1' # why\n[image.values]\n\"x\" = '1'\n",
                "[[image]]\nsource = 'a'\ntag = '1' # why\ndigest = \"NEW\"\n[image.subsets]\n\
                 \"linux/amd64\" = \"NEW\"\n[image.values]\n\"x\" = '1'\n",
            ),
            (
                "[[image]]\r\ntag = '1'\r\nsource = 'a'\r\ndigest = 'OLD'",
                "[[image]]\r\ntag = '1'\r\nsource = 'a'\r\ndigest = 'OLD'\r\n[image.subsets]\r\n\
                 \"linux/amd64\" = \"NEW\"\r\n",
            ),
            (
                "[[image]]\nsource = 'a'\ntag = '1'\ndigest = 'OLD'\n\n  [image.subsets] # some\n  \
                 'linux/amd64' = 'OLD' # stale\n  \"BOTH\" = 'OLD'\n",
                "[[image]]\nsource = 'a'\ntag = '1'\ndigest = 'OLD'\n\n  [image.subsets] # some\n  \
                 'linux/amd64' = 'NEW' # stale\n  \"BOTH\" = 'OLD'\n",
            ),
            (
                "[[image]]\nsource = 'a'\ntag = '1'\ndigest = 'OLD'\nsubsets = { \"BOTH\" = 'OLD' }\n",
                "[[image]]\nsource = 'a'\ntag = '1'\ndigest = 'OLD'\nsubsets = { \"BOTH\" = 'OLD', \
                 \"linux/amd64\" = \"NEW\" }\n",
            ),
            (
                "image = [{ source = 'a', tag = '1' }]\n",
                "image = [{ source = 'a', tag = '1', digest = \"NEW\", subsets = { \"linux/amd64\" = \
                 \"NEW\" } }]\n",
            ),
        ];
        for (before, after) in table {
            let filled =
                |text: &str| text.replace("NEW", &new).replace("OLD", &old).replace("BOTH", both);
            let digest = (!before.contains("digest")).then(|| Digest::of(b"new"));
            let subsets = vec![("linux/amd64".parse().unwrap(), Some(Digest::of(b"new")))];
            let pin = ImagePin { position: 0, digest, subsets, subsets_index: None };
            assert_eq!(set(&filled(before), &[pin]), filled(after));
        }
    }

    #[test]
    fn removing_a_record_leaves_the_others_in_place() {
        let head = "[[image]]\nsource = 'a'\ntag = '1'\ndigest = 'OLD'\n";
        // `linux/amd64` is removed and `linux/s390x` added, so that the former can be the last one.
        let table = [
            (
                "[image.subsets]\n# about amd64\n'linux/amd64' = 'OLD' # a\n# about arm64\n'linux/arm64' = 'OLD'\n",
                "[image.subsets]\n# about arm64\n'linux/arm64' = 'OLD'\n\"linux/s390x\" = \"NEW\"\n",
            ),
            (
                "[image.subsets]\n'linux/amd64' = 'OLD'\n",
                "[image.subsets]\n\"linux/s390x\" = \"NEW\"\n",
            ),
            (
                "subsets = { 'linux/amd64' = 'OLD', 'linux/arm64' = 'OLD' } # s\n",
                "subsets = { 'linux/arm64' = 'OLD', \"linux/s390x\" = \"NEW\" } # s\n",
            ),
            (
                "subsets = { 'linux/arm64' = 'OLD', 'linux/amd64' = 'OLD' }\n",
                "subsets = { 'linux/arm64' = 'OLD', \"linux/s390x\" = \"NEW\" }\n",
            ),
            (
                "subsets = {\n  'linux/amd64' = 'OLD', # a\n  'linux/arm64' = 'OLD', # b\n}\n",
                "subsets = {\n   # a\n  'linux/arm64' = 'OLD',\n  \"linux/s390x\" = \"NEW\", # b\n}\n",
            ),
            (
                "subsets . 'linux/amd64' = 'OLD'\nsubsets.'linux/arm64' = 'OLD'\n",
                "subsets.'linux/arm64' = 'OLD'\nsubsets.\"linux/s390x\" = \"NEW\"\n",
            ),
        ];
        let (new, old) = (Digest::of(b"new").to_string(), Digest::of(b"old").to_string());
        let pin = |all: &[(&str, Option<&[u8]>)]| {
            let subset = |(name, made): &(&str, Option<&[u8]>)| {
                (name.parse().unwrap(), made.map(Digest::of))
            };
            ImagePin {
                position: 0,
                digest: None,
                subsets: all.iter().map(subset).collect(),
                subsets_index: None,
            }
        };
        let gone = ("linux/amd64", None);
        for (before, after) in table {
            for (mark, end) in [("", "\n"), ("\u{feff}", "\r\n")] {
                let filled = |text: &str| {
                    let text = format!("{mark}{head}{text}[image.values]\nx = '1'\n");
                    text.replace("NEW", &new).replace("OLD", &old).replace('\n', end)
                };
                let pins = [pin(&[gone, ("linux/s390x", Some(b"new"))])];
                let edited = set(&filled(before), &pins);
                assert_eq!(edited, filled(after));
                assert_eq!(set(&edited, &pins), edited, "nothing is left to remove");
            }
        }
        let inline =
            "image = [{ source = 'a', subsets.'linux/amd64' = 'OLD', tag = '1', digest = 'OLD' }]"
                .replace("OLD", &old);
        let expected = inline.replace(&format!(" subsets.'linux/amd64' = '{old}',"), "");
        assert_eq!(set(&inline, &[pin(&[gone])]), expected);
    }
}
