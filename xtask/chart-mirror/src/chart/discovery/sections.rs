//! Images of which the parts are in several lines of a text that is not YAML: `x.repository=quay.io/a/b` and
//! `x.tag=1`, also below the `[section]` of a TOML or INI file. Pure, and linear in the length of the text.

use std::collections::{BTreeMap, BTreeSet};

use super::image_fields::Field;
use super::outer_parts::OuterParts;
use super::split_forms::{Under, is_part_of_image, split_forms};
use crate::chart::image_reference::ImageReference;
use crate::chart::node::Node;

/// What the lines of a text name together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sections {
    /// The references with the numbers of their first lines, counted from 1.
    pub(super) images: BTreeMap<usize, Vec<(String, ImageReference)>>,
    /// The lines with parts of them.
    pub(super) parts: BTreeSet<usize>,
}

/// Lines that belong together: those of a section, or all of a text without sections.
#[derive(Default)]
struct Section {
    entries: Vec<(String, Node)>,
    lines: BTreeMap<String, Vec<usize>>,
}

impl Sections {
    pub(super) fn of(text: &str) -> Self {
        let mut sections = Self::default();
        let mut section = Section::default();
        let mut under = Under::Variables;
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(name) = header(line) {
                sections.add(&std::mem::take(&mut section), under);
                let last = name.rsplit('.').next().unwrap_or(name);
                let is_image = Field::Other.of_key(last.trim_matches(['"', '\''])).is_image();
                under = if is_image { Under::ImageField } else { Under::OtherField };
            } else if let Some((key, value)) = assignment(line) {
                section.lines.entry(key.to_owned()).or_default().push(number);
                section.entries.push((key.to_owned(), Node::Text(value.to_owned())));
            }
        }
        sections.add(&section, under);
        sections
    }

    fn add(&mut self, section: &Section, under: Under) {
        if section.entries.len() < 2 {
            return;
        }
        // Which of several lines with one key counts is not known.
        let is_single = |key: &String| section.lines.get(key).is_some_and(|lines| lines.len() == 1);
        let entries = section.entries.iter().filter(|(key, _)| is_single(key)).cloned();
        for form in split_forms(&entries.collect::<Vec<_>>(), under, &OuterParts::default()) {
            let lines = form.keys.iter().filter_map(|key| section.lines.get(key)).flatten();
            let lines: BTreeSet<usize> = lines.copied().collect();
            if let Some(first) = lines.first().filter(|_| lines.len() > 1) {
                self.images.entry(*first).or_default().extend(form.references);
                self.parts.extend(lines);
            }
        }
    }
}

/// The name of a section: `[a.b]`, `[[a.b]]`.
fn header(line: &str) -> Option<&str> {
    let name = line.trim().strip_prefix('[')?.strip_suffix(']')?;
    let name = name.trim_start_matches('[').trim_end_matches(']').trim();
    let is_part = |c: char| c.is_alphanumeric() || "._-\"':/ ".contains(c);
    (!name.is_empty() && name.chars().all(is_part)).then_some(name)
}

/// The key and value of a line if the key is one for a part of an image.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (key, value) = line.split_once('=').or_else(|| line.split_once(": "))?;
    let key = key.trim().trim_matches(['"', '\'']);
    let is_key = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if key.is_empty() || !key.chars().all(is_key) || !is_part_of_image(key) {
        return None;
    }
    let value = value.split(" #").next().unwrap_or(value).trim().trim_end_matches([',', ';']);
    let value = value.trim_matches(['"', '\'']);
    let is_word = |value: &str| !value.contains(|c: char| c.is_whitespace() || "\"'$".contains(c));
    (!value.is_empty() && is_word(value)).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, the images in it with their lines, and all lines that belong to one.
    type Row<'a> = (&'a str, &'a [(usize, &'a str)], &'a [usize]);

    #[test]
    fn parts_in_several_lines_are_joined() {
        let table: [Row<'_>; 11] = [
            ("x.repository=q.io/a/b\ny=1\nx.tag=2\n", &[(1, "q.io/a/b:2")], &[1, 3]),
            ("[x]\nrepository = \"q.io/a/b\"\ntag = \"2\" # no\n", &[(2, "q.io/a/b:2")], &[2, 3]),
            ("[x]\nimage = 'q.io/a/b'\ntag = '2'", &[(2, "q.io/a/b:2")], &[2, 3]),
            (
                "[a.image]\nregistry = \"q.io\"\nname = \"a/b\"\ntag = \"2\"\n",
                &[(2, "q.io/a/b:2")],
                &[2, 3, 4],
            ),
            (
                "[[x]]\nimage = 'q.io/a'\ntag = '1'\n[[x]]\nimage = 'q.io/b'\ntag = '2'\n",
                &[(2, "q.io/a:1"), (5, "q.io/b:2")],
                &[2, 3, 5, 6],
            ),
            ("export X_IMAGE=q.io/a\nexport X_IMAGE_TAG=1\nrun", &[(1, "q.io/a:1")], &[1, 2]),
            // Not together, not whole, or not one value.
            ("[x]\nrepository = \"q.io/a/b\"\n[y]\ntag = \"2\"\n", &[], &[]),
            ("x.repository=q.io/a/b\nx.tag=$V\n", &[], &[]),
            ("x.repository=q.io/a/b\nx.tag=1\nx.tag=2\n", &[], &[]),
            ("x.repository=q.io/a/b\ny.tag=1\n", &[], &[]),
            ("a\n\n[]\n=\n", &[], &[]),
        ];
        for (text, images, parts) in table {
            let found = Sections::of(text);
            let written: Vec<_> = found
                .images
                .iter()
                .flat_map(|(line, its)| {
                    its.iter().map(move |(written, _)| (*line, written.as_str()))
                })
                .collect();
            assert_eq!(written, images, "{text}");
            assert_eq!(found.parts.iter().copied().collect::<Vec<_>>(), parts, "{text}");
        }
    }
}
