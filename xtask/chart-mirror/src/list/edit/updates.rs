//! Changes the tags of entries in place, and removes what belonged to the old tags.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::changes::changed;
use super::digests::digest_change;
use super::lines::{end_of_line, start_of_line};
use super::spans::images;
use super::tables::{start_of_pair, with_comma};
use oci::{Digest, Tag};

/// A new tag for the entry at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagUpdate {
    pub position: usize,
    pub tag: Tag,
    /// The digest of the new tag, if it is known.
    pub digest: Option<Digest>,
}

/// Changes the tags of entries. Their digests are replaced or removed, and their subsets are removed; comments
/// stay. Returns the new text, and what was removed of the entries as it was written.
///
/// `None` if there is no entry with a tag at one of the positions, or if it is written in a form that cannot be
/// edited.
pub(super) fn update_tags(
    text: &str,
    updates: &[TagUpdate],
) -> Option<(String, Vec<(usize, String)>)> {
    let mut edited = text.to_owned();
    let mut removed = Vec::new();
    let mut pending: Vec<&TagUpdate> = updates.iter().collect();
    // One piece of each entry at a time: a comma belongs to one pair or the other.
    while !pending.is_empty() {
        let mut changes = Vec::new();
        let document = DeTable::parse(&edited).ok()?;
        let images = images(document.get_ref()).unwrap_or_default();
        let mut unfinished = Vec::new();
        for update in pending {
            let image = images.get(update.position)?;
            if let Some(Removal { range, written }) = next_removal(&edited, image, update)? {
                changes.push((range, String::new()));
                removed.push((update.position, written));
                unfinished.push(update);
            }
        }
        drop(document);
        edited = changed(&edited, changes);
        pending = unfinished;
    }
    let document = DeTable::parse(&edited).ok()?;
    let images = images(document.get_ref()).unwrap_or_default();
    let mut changes = Vec::new();
    for update in updates {
        let image = images.get(update.position)?;
        let entry = image.get_ref().as_table()?;
        let tag = entry.get("tag")?;
        let quote = if edited[tag.span()].starts_with('\'') { '\'' } else { '"' };
        changes.push((tag.span(), format!("{quote}{}{quote}", update.tag)));
        if let Some(digest) = &update.digest {
            if let Some((key, old)) = entry.get_key_value("digest") {
                let written = edited[key.span().start..old.span().end].to_owned();
                removed.push((update.position, written));
            }
            changes.push(digest_change(&edited, image, digest)?);
        }
    }
    Some((changed(&edited, changes), removed))
}

/// A range to remove, and the pair or header in it as it is written.
struct Removal {
    range: Range<usize>,
    written: String,
}

/// The next piece of an entry to remove.
fn next_removal(
    text: &str,
    image: &Spanned<DeValue<'_>>,
    update: &TagUpdate,
) -> Option<Option<Removal>> {
    let entry = image.get_ref().as_table()?;
    let Some(pair) = pair_to_remove(text, entry, update)? else { return Some(None) };
    let is_in_braces = text[image.span()].starts_with('{');
    Some(Some(Removal {
        written: text[pair.clone()].to_owned(),
        range: if is_in_braces { with_comma(text, pair) } else { row(text, pair) },
    }))
}

fn pair_to_remove(
    text: &str,
    entry: &DeTable<'_>,
    update: &TagUpdate,
) -> Option<Option<Range<usize>>> {
    if let (Some((key, value)), None) = (entry.get_key_value("digest"), &update.digest) {
        return Some(Some(key.span().start..value.span().end));
    }
    let Some((key, subsets)) = entry.get_key_value("subsets") else { return Some(None) };
    if text[subsets.span()].starts_with('{') {
        return Some(Some(key.span().start..subsets.span().end));
    }
    let pairs = subsets.get_ref().as_table()?.iter();
    let last = pairs.map(|(key, value)| (key.span().start, value.span().end)).max();
    Some(Some(match last {
        Some((key, end)) => start_of_pair(text, subsets, key)?..end,
        // Only the header is left.
        None => subsets.span(),
    }))
}

/// The lines of a pair without the comments around it. A comment behind it stays, on a line of its own.
fn row(text: &str, pair: Range<usize>) -> Range<usize> {
    let end = end_of_line(text, pair.end);
    let behind = text[pair.end..end].trim_start();
    if behind.starts_with('#') {
        return pair.start..end - behind.len();
    }
    let start = start_of_line(text, pair.start);
    let above = if start == 0 { "" } else { text[start_of_line(text, start - 1)..start].trim() };
    let below = text[end..].trim_start_matches([' ', '\t', '\r', '\n']);
    match (above.is_empty(), below.is_empty()) {
        // The blank lines above are superfluous at the end of the text, and those below after them.
        (true, true) => end_of_line(text, text[..start].trim_end().len())..text.len(),
        (true, false) => start..end_of_blank(text, end),
        (false, _) => start..end,
    }
}

/// The start of the first line from the offset on that is not blank.
fn end_of_blank(text: &str, at: usize) -> usize {
    let mut end = at;
    while end < text.len() {
        let next = end_of_line(text, end);
        if !text[end..next].trim().is_empty() {
            break;
        }
        end = next;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::ImageList;
    use crate::list::edit::{ImageEdits, edit_images};

    /// Changes the tag of the entry at a position to 2, and reads the result again. Returns it with
    /// what was removed.
    fn update(text: &str, position: usize, digest: Option<Digest>) -> (String, Vec<String>) {
        let update = TagUpdate { position, tag: "2".parse().unwrap(), digest: digest.clone() };
        let edits = ImageEdits { updated: &[update], ..ImageEdits::default() };
        let edited = edit_images(text, edits).unwrap_or_else(|| panic!("not edited:\n{text}"));
        let list = ImageList::parse("x", text).unwrap();
        let mut images = list.images().to_vec();
        images[position].tag = "2".parse().unwrap();
        images[position].digest = digest;
        images[position].subsets.clear();
        let expected = list.with_images(images).unwrap();
        let found = ImageList::parse("x", &edited.text);
        let found = found.unwrap_or_else(|problems| panic!("{}\n{problems}", edited.text));
        assert_eq!(expected.difference(&found), None, "{}", edited.text);
        (edited.text, edited.removed.into_iter().map(|(_, text)| text).collect())
    }

    fn filled(text: &str, end: &str) -> String {
        let digest = |content: &[u8]| Digest::of(content).to_string();
        text.replace("NEW", &digest(b"new")).replace("OLD", &digest(b"old")).replace('\n', end)
    }

    #[test]
    fn the_tag_changes_in_place_and_everything_but_digest_and_subsets_stays() {
        let table = [
            ("[[image]]\nsource = 'a'\ntag = '1'", "[[image]]\nsource = 'a'\ntag = '2'", 0),
            (
                "# A group.\n\n# Ask team X.\n[[image]] # a\n# above\ntag = \"1\" # behind\n# between\n\
                 digest = 'OLD'\nsource = 'a' # a\ntarget = 'x/a'\n# end\n\n[[image]]\nsource = 'b'\n\
                 tag = '1'\n",
                "# A group.\n\n# Ask team X.\n[[image]] # a\n# above\ntag = \"2\" # behind\n# between\n\
                 source = 'a' # a\ntarget = 'x/a'\n# end\n\n[[image]]\nsource = 'b'\ntag = '1'\n",
                1,
            ),
            (
                "[[image]]\nsource = 'a'\ntag = '1'\n  digest = 'OLD' # by hand\n\n# some\n[image.subsets] # h\n\
                 # amd64\n'linux/amd64' = 'OLD' # x\n'linux/arm64' = 'OLD'\n\n[image.values]\nx = '{tag}'\n",
                "[[image]]\nsource = 'a'\ntag = '2'\n  # by hand\n\n# some\n# h\n# amd64\n# x\n\n\
                 [image.values]\nx = '{tag}'\n",
                4,
            ),
            (
                "[[image]]\nsource = 'a'\ntag = '1'\ndigest = 'OLD'\n\n[image.subsets]\n'linux/amd64' = 'OLD'\n\n\
                 [destinations.d]\nregistry = 'r.io'\n",
                "[[image]]\nsource = 'a'\ntag = '2'\n\n[destinations.d]\nregistry = 'r.io'\n",
                3,
            ),
            (
                "[[image]]\nsource = 'a'\ntag = '1'\ndigest = 'OLD'\n\n[image.subsets]\n'linux/amd64' = 'OLD'\n",
                "[[image]]\nsource = 'a'\ntag = '2'\n",
                3,
            ),
            (
                "[[image]]\nsource = 'a'\ntag = '1'\nsubsets = { 'linux/amd64' = 'OLD' } # s\ndigest = 'OLD'\n",
                "[[image]]\nsource = 'a'\ntag = '2'\n# s\n",
                2,
            ),
            (
                "[[image]]\nsource = 'a'\ntag = '1'\nsubsets . 'linux/amd64' = 'OLD'\ndigest = 'OLD'\n\
                 subsets.'linux/arm64' = 'OLD'\nvalues.x = '{tag}'\n",
                "[[image]]\nsource = 'a'\ntag = '2'\nvalues.x = '{tag}'\n",
                3,
            ),
            (
                "image = [{ source = 'a', tag = '1', digest = 'OLD', subsets = { 'linux/amd64' = 'OLD' } }] # x",
                "image = [{ source = 'a', tag = '2' }] # x",
                2,
            ),
            (
                "image = [{ digest = 'OLD', subsets.'linux/amd64' = 'OLD', subsets.'linux/arm64' = 'OLD', \
                 tag = '1', values.x = '1', source = 'a' }]",
                "image = [{ tag = '2', values.x = '1', source = 'a' }]",
                3,
            ),
            (
                "image = [\n  # a\n  { source = 'a', tag = '1', digest = 'OLD' }, # behind\n  # end\n]\n",
                "image = [\n  # a\n  { source = 'a', tag = '2' }, # behind\n  # end\n]\n",
                1,
            ),
            (
                "image = [{\n  tag = '1', # why\n  # pinned\n  digest = 'OLD', # d\n  source = 'a',\n}]\n",
                "image = [{\n  tag = '2', # why\n  # pinned\n   # d\n  source = 'a',\n}]\n",
                1,
            ),
        ];
        for (before, after, removed) in table {
            for (mark, end) in [("", "\n"), ("\u{feff}", "\r\n")] {
                let text = |text: &str| format!("{mark}{}", filled(text, end));
                let (edited, texts) = update(&text(before), 0, None);
                assert_eq!(edited, text(after), "{before}");
                assert_eq!(texts.len(), removed, "{texts:?}");
                assert!(texts.iter().all(|text| {
                    before.contains(&text.replace(&Digest::of(b"old").to_string(), "OLD"))
                }));
            }
        }
    }

    #[test]
    fn a_digest_that_is_known_replaces_the_old_one() {
        let table = [
            ("tag = '1'\ndigest = 'OLD' # x\n", "tag = '2'\ndigest = 'NEW' # x\n", 1),
            ("tag = '1' # x\n", "tag = '2' # x\ndigest = \"NEW\"\n", 0),
            (
                "tag = '1'\ndigest = 'OLD'\nsubsets.'linux/amd64' = 'OLD'\n",
                "tag = '2'\ndigest = 'NEW'\n",
                2,
            ),
        ];
        let first = "[[image]]\nsource = 'b'\ntag = '1'\n[[image]]\nsource = 'a'\n";
        for (before, after, removed) in table {
            let text = |text: &str| filled(&format!("{first}{text}"), "\n");
            let (edited, texts) = update(&text(before), 1, Some(Digest::of(b"new")));
            assert_eq!((edited, texts.len()), (text(after), removed));
        }
    }

    #[test]
    fn updating_any_entry_of_the_real_list_changes_one_line() {
        let text = include_str!("../../../../../images.toml");
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            for position in 0..22 {
                let (edited, _) = update(&text, position, None);
                let lines = text.split_inclusive('\n').zip(edited.split_inclusive('\n'));
                let changed: Vec<_> = lines.filter(|(before, after)| before != after).collect();
                assert!(
                    matches!(changed.as_slice(), [(_, line)] if line.starts_with("tag = \"2\""))
                );
            }
        }
    }
}
