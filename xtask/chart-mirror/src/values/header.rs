//! The comment at the top of a generated file: what it is for, and from which list it was generated. Pure.

use crate::list::{Destination, ImageList};
use messages::printable::printable_within;
use messages::shell::quote;

/// The limit for a line, in characters.
const MAX_LINE: usize = 1000;
const GENERATED: &str = "# Generated from `";
const AFTER_LIST: &str = "`: change that file, ";
/// What earlier versions wrote: `# Made by `...` from images.toml: edit that, not this.`
const FORMERLY: (&str, &str) = ("# Made by `", ": edit that, not this.");

/// What the comment at the top of a generated file contains.
pub struct Header<'a> {
    /// What the file is for, in lines.
    pub purpose: Vec<String>,
    pub destination: &'a Destination,
    /// What `-d` accepts for the destination.
    pub name: &'a str,
    /// The file name of the list.
    pub list_file: &'a str,
    /// The flags of `values` that lead to this kind of file.
    pub flags: String,
}

impl Header<'_> {
    /// The comment. It does not depend on how the program was called, so that everyone writes the same file.
    pub fn text(&self) -> String {
        let Self { destination, name, list_file, flags, .. } = self;
        let mut lines: Vec<_> = self.purpose.iter().map(|line| format!("# {line}")).collect();
        if destination.pull_registry.is_some() {
            lines.push(format!("# They are pushed to {destination}."));
        }
        if let Some(platforms) = &destination.platforms {
            lines.push(format!("# They are copied for {platforms} only."));
        }
        let images = match *list_file {
            "images.toml" => String::new(),
            other => format!("--images {} ", quote(other)),
        };
        lines.push(format!(
            "{GENERATED}{list_file}{AFTER_LIST}then run `{images}values -d {}{flags} --write`.",
            quote(name)
        ));
        // A line break in a name must not end the comment.
        lines.iter().map(|line| printable_within(MAX_LINE, line) + "\n").collect()
    }
}

/// The purpose of a file with Helm values. It depends on the list alone, so that the file is the same where the
/// chart is not.
pub fn purpose_of_values(list: &ImageList, destination: &Destination) -> Vec<String> {
    let chart = list.chart().map_or_else(
        || "the chart".to_owned(),
        |chart| match &chart.version {
            Some(version) => format!("the chart {} {version}", chart.name),
            None if matches!(chart.name.as_str(), "." | "./") => "the chart".to_owned(),
            None => format!("the chart {}", chart.name),
        },
    );
    vec![
        format!("Helm values that make {chart} pull its images from"),
        format!("{}.", destination.pull_address()),
    ]
}

/// Whether the list of a header has this file name.
pub fn is_list(in_header: &str, list_file: &str) -> bool {
    in_header == printable_within(MAX_LINE, list_file)
}

/// The file name of the list that a file was generated from, as its header shows it. `None` if it was written
/// otherwise.
pub fn list_of(text: &str) -> Option<&str> {
    text.trim_start_matches('\u{feff}').lines().take_while(|line| line.starts_with('#')).find_map(
        |line| {
            if let Some((name, _)) =
                line.strip_prefix(GENERATED).and_then(|rest| rest.split_once(AFTER_LIST))
            {
                return Some(name);
            }
            let command = line.strip_prefix(FORMERLY.0)?.strip_suffix(FORMERLY.1)?;
            command.split_once("` from ").map(|(_, name)| name)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Chart;

    fn text_of(list: &ImageList, destination: &Destination, name: &str, list_file: &str) -> String {
        let purpose = purpose_of_values(list, destination);
        Header { purpose, destination, name, list_file, flags: String::new() }.text()
    }

    fn of_list(text: &str, destination: &str, list_file: &str) -> String {
        let list = ImageList::parse("images.toml", text).unwrap();
        let named = list.destinations().get(destination).cloned();
        let named = named.unwrap_or_else(|| destination.parse().unwrap());
        text_of(&list, &named, destination, list_file)
    }

    const IMAGE: &str = "[[image]]\nsource = \"q.io/x/y\"\ntag = \"1\"\n";

    #[test]
    fn a_header_names_chart_destination_list_and_command() {
        let chart = "[chart]\nname = \"acme\"\nversion = \"2.0\"\n";
        let expected = "\
# Helm values that make the chart acme 2.0 pull its images from
# r.io/a.
# Generated from `images.toml`: change that file, then run `values -d r.io/a --write`.
";
        assert_eq!(of_list(&(IMAGE.to_owned() + chart), "r.io/a", "images.toml"), expected);
        let destination = "[destinations.d]\nregistry = \"push.io/a\"\npull-registry = \"pull.io/v\"\n\
                           platforms = [\"linux/arm64\"]\n";
        let expected = "\
# Helm values that make the chart pull its images from
# pull.io/v.
# They are pushed to push.io/a.
# They are copied for linux/arm64 only.
# Generated from `my list.toml`: change that file, then run `--images 'my list.toml' values -d d --write`.
";
        assert_eq!(of_list(&(IMAGE.to_owned() + destination), "d", "my list.toml"), expected);
    }

    #[test]
    fn the_list_of_a_file_is_read_from_its_header() {
        let old = "# Helm values\n# Made by `cargo xtask values -d x --write` from p.toml: edit that, not this.\n";
        let table = [
            (of_list(IMAGE, "r.io", "p.toml"), Some("p.toml")),
            (old.to_owned(), Some("p.toml")),
            ("a: b\n".to_owned(), None),
            ("a: b\n# Generated from `x`\n".to_owned(), None),
        ];
        for (text, expected) in table {
            assert_eq!(list_of(&text), expected, "{text}");
        }
        for name in ["p.toml", "two  spaces.toml", "a`b.toml", "c\td.toml"] {
            let text = of_list(IMAGE, "r.io", name);
            assert!(list_of(&text).is_some_and(|list| is_list(list, name)), "{text}");
            assert!(!list_of(&text).is_some_and(|list| is_list(list, "b.toml")), "{text}");
        }
    }

    #[test]
    fn names_cannot_end_the_comment() {
        let list = ImageList::parse("images.toml", IMAGE).unwrap();
        let list = list.with_unchecked_chart(Chart {
            name: "x\nevil: y".to_owned(),
            version: Some("1\u{2028}evil: y\u{85}evil: z\revil: r".to_owned()),
            ..Chart::default()
        });
        let text = text_of(&list, &"r.io".parse().unwrap(), "a\nevil: c", "b\nevil: d");
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().all(|line| line.starts_with("# ")), "{text}");
        let read: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        assert!(read.is_null(), "{read:?}");
    }
}
