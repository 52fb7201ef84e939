//! From the image list to the values of one destination: the smallest that the list says.
//!
//! `[values]` comes first, as it relocates most images with one key; an image has entries of its own
//! only where that does not reach. Dotted paths become nested maps.

use std::fmt;

use crate::list::{Destination, Image, ImageList, Placeholders};
use crate::oci::RepositoryPath;
use crate::printable::printable_within;

/// Of the comment in front of the values, in characters.
const LONGEST_LINE: usize = 1000;

/// The values for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    pub tree: Tree,
}

/// Nested maps with texts at their ends, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    Text(String),
    Map(Vec<(String, Tree)>),
}

/// Two entries of the list that cannot both be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clash {
    /// One key, two texts.
    Texts { path: String, first: String, second: String },
    /// One key is a text, and a map for another entry.
    TextAndMap { path: String },
}

impl Overlay {
    /// Derives the values for a destination.
    ///
    /// # Errors
    /// When two entries of the list contradict each other for this destination.
    pub fn of(list: &ImageList, destination: &Destination) -> Result<Self, Clash> {
        let registry = destination.to_string();
        let mut tree = Tree::Map(Vec::new());
        let all = Placeholders { registry: &registry, ..Placeholders::default() };
        for (path, template) in &list.values {
            tree.set(path, template.render(&all))?;
        }
        for image in &list.images {
            for (path, template) in &image.values {
                tree.set(path, template.render(&placeholders(image, &registry)))?;
            }
        }
        Ok(Self { tree })
    }

    /// The file: who made it, then the values. The same list and destination give the same bytes.
    pub fn render(
        &self,
        list: &ImageList,
        destination: &Destination,
        command: &str,
        list_file: &str,
    ) -> String {
        let chart = list.chart.as_ref().map_or_else(
            || "the chart".to_owned(),
            |chart| match &chart.version {
                Some(version) => format!("the chart {} {version}", chart.name),
                None => format!("the chart {}", chart.name),
            },
        );
        let header = [
            format!("Helm values that make {chart} pull its images from"),
            format!("{destination}."),
            format!("Made by `{command}` from {list_file}: edit that, not this."),
        ];
        // A line break in a name would end the comment.
        let header = header.map(|line| format!("# {}\n", printable_within(LONGEST_LINE, &line)));
        header.concat() + &super::yaml::document(&self.tree)
    }
}

fn placeholders<'a>(image: &'a Image, registry: &'a str) -> Placeholders<'a> {
    Placeholders {
        registry,
        repository: RepositoryPath::as_str(&image.target),
        tag: image.tag.as_str(),
        digest: image.digest.as_ref().map(|digest| digest.as_str()),
    }
}

impl Tree {
    /// Puts a text at a dotted path. As in Helm's `--set`, `\.` is a dot inside a key.
    fn set(&mut self, path: &str, text: String) -> Result<(), Clash> {
        self.set_below(&keys(path), path, text)
    }

    fn set_below(&mut self, keys: &[String], path: &str, text: String) -> Result<(), Clash> {
        let both = || Clash::TextAndMap { path: path.to_owned() };
        let (Some((key, rest)), Self::Map(entries)) = (keys.split_first(), self) else {
            return Err(both());
        };
        let index = match entries.iter().position(|(have, _)| have == key) {
            Some(index) => index,
            None => {
                let new =
                    if rest.is_empty() { Self::Text(text.clone()) } else { Self::Map(Vec::new()) };
                entries.push((key.clone(), new));
                entries.len() - 1
            }
        };
        let Some((_, node)) = entries.get_mut(index) else { return Err(both()) };
        if !rest.is_empty() {
            return node.set_below(rest, path, text);
        }
        match node {
            Self::Text(first) if *first == text => Ok(()),
            Self::Text(first) => {
                Err(Clash::Texts { path: path.to_owned(), first: first.clone(), second: text })
            }
            Self::Map(_) => Err(both()),
        }
    }
}

pub(super) fn keys(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '.' => keys.push(String::new()),
            '\\' => keys.last_mut().into_iter().for_each(|key| key.extend(characters.next())),
            other => keys.last_mut().into_iter().for_each(|key| key.push(other)),
        }
    }
    keys
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Texts { path, first, second } => {
                write!(f, "the value `{path}` is set to both `{first}` and `{second}`")
            }
            Self::TextAndMap { path } => {
                write!(
                    f,
                    "the value `{path}` is a text for one entry and holds further keys for another"
                )
            }
        }
    }
}

impl std::error::Error for Clash {}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        [values]
        "global.imageRegistry" = "{registry}"
        [[image]]
        source = "quay.io/stackstate/minio"
        tag = "1"
        values = { "minio.image.repository" = "{registry}/{repository}", "minio.image.tag" = "{tag}" }
        [[image]]
        source = "quay.io/stackstate/exporter"
        tag = "2"
        target = "tools/exporter"
        values = { 'elastic\.search.image' = "{registry}/{repository}:{tag}" }
    "#;

    fn overlay(text: &str, destination: &str) -> Result<String, Clash> {
        let list = ImageList::parse("images.toml", text).unwrap();
        let destination = destination.parse().unwrap();
        let overlay = Overlay::of(&list, &destination)?;
        Ok(overlay.render(&list, &destination, "cargo xtask values", "images.toml"))
    }

    #[test]
    fn the_values_of_all_come_first_and_every_path_becomes_nested_maps() {
        let expected = "\
# Helm values that make the chart pull its images from
# harbor.local/p.
# Made by `cargo xtask values` from images.toml: edit that, not this.
global:
  imageRegistry: \"harbor.local/p\"
minio:
  image:
    repository: \"harbor.local/p/stackstate/minio\"
    tag: \"1\"
\"elastic.search\":
  image: \"harbor.local/p/tools/exporter:2\"
";
        assert_eq!(overlay(LIST, "harbor.local/p/").unwrap(), expected);
    }

    #[test]
    fn no_name_breaks_out_of_the_comment() {
        let mut list = ImageList::parse("images.toml", LIST).unwrap();
        list.chart = Some(crate::list::Chart {
            name: "x\nevil: y".to_owned(),
            repository: None,
            version: Some("1\u{2028}evil: y\u{85}evil: z\revil: r".to_owned()),
            renderings: Vec::new(),
        });
        let destination = "r.io".parse().unwrap();
        let overlay = Overlay::of(&list, &destination).unwrap();
        let text = overlay.render(&list, &destination, "a\nevil: c", "b\nevil: d");
        let read: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        assert!(read.get("evil").is_none() && read.get("minio").is_some(), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 3, "{text}");
    }

    #[test]
    fn entries_that_contradict_each_other_are_refused_and_equal_ones_are_one() {
        let with = |first: &str, second: &str| {
            let image = |name: &str, values: &str| {
                format!(
                    "[[image]]\nsource = \"q.io/{name}\"\ntag = \"1\"\nvalues = {{ {values} }}\n"
                )
            };
            overlay(&(image("a", first) + &image("b", second)), "r.io")
        };
        assert!(with(r#""a.b" = "{registry}""#, r#""a.b" = "{registry}""#).is_ok());
        let texts = with(r#""a.b" = "{repository}""#, r#""a.b" = "{repository}""#).unwrap_err();
        assert_eq!(texts.to_string(), "the value `a.b` is set to both `a` and `b`");
        for (first, second) in
            [(r#""a" = "x""#, r#""a.b" = "x""#), (r#""a.b" = "x""#, r#""a" = "x""#)]
        {
            assert!(
                matches!(with(first, second), Err(Clash::TextAndMap { .. })),
                "{first} {second}"
            );
        }
    }
}
