//! From the image list to the values of one destination: the smallest that the list says.
//!
//! `[values]` comes first, as it relocates most images with one key; an image has entries of its own
//! only where that does not reach. Paths become nested maps and lists.

use super::{Clash, Tree};
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

impl Overlay {
    /// Derives the values for a destination.
    ///
    /// # Errors
    /// When two entries of the list contradict each other for this destination, or say a list of the
    /// chart with a gap.
    pub fn of(list: &ImageList, destination: &Destination) -> Result<Self, Clash> {
        let registry = destination.to_string();
        let mut tree = Tree::Map(Vec::new());
        let all = Placeholders { registry: &registry, ..Placeholders::default() };
        for (path, value) in &list.values {
            tree.set(path, value.render(&all))?;
        }
        for image in &list.images {
            for (path, value) in &image.values {
                tree.set(path, value.render(&placeholders(image, &registry)))?;
            }
        }
        tree.lists_are_complete()?;
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
    fn images_share_a_list_and_leave_no_gap_in_it() {
        let image = |name: &str, index: usize| {
            format!(
                "[[image]]\nsource = \"q.io/{name}\"\ntag = \"1.10\"\n[image.values]\n\
                 \"packs[{index}].image\" = \"{{registry}}/{{repository}}:{{tag}}\"\n\
                 \"packs[{index}].enabled\" = true\n"
            )
        };
        let common = "[values]\n\"packs[0].port\" = 80\n\"packs[1].port\" = \"81\"\n";
        let written = overlay(&(common.to_owned() + &image("b", 1) + &image("a", 0)), "r.io");
        let expected = "\
packs:
  - port: 80
    image: \"r.io/a:1.10\"
    enabled: true
  - port: \"81\"
    image: \"r.io/b:1.10\"
    enabled: true
";
        assert!(written.as_ref().unwrap().ends_with(expected), "{written:?}");
        let clash = overlay(&image("b", 1), "r.io").unwrap_err();
        assert!(matches!(clash, Clash::MissingItem { index: 0, .. }), "{clash:?}");
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
        let clash = with(r#""a.b" = "{repository}""#, r#""a.b" = "{repository}""#).unwrap_err();
        assert_eq!(clash.to_string(), "the value `a.b` is set to both `a` and `b`");
    }
}
