//! The images that a chart declares in the annotations of its Chart.yaml; pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::image_reference::ImageReference;
use super::inventory::Inventory;

/// Annotations with a YAML list of images: of Artifact Hub, and as other publishers write them.
const ANNOTATIONS: [&str; 3] = ["artifacthub.io/images", "images", "helm.sh/images"];

/// How the declared images and those of the renderings differ. Empty if the chart declares none.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeclaredDifference {
    /// Declared in Chart.yaml, but named by no rendering and not listed.
    pub not_found: Vec<String>,
    /// Named by a rendering, but not declared.
    pub not_declared: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Named { image: String },
    Text(String),
}

impl DeclaredDifference {
    /// Compares the images that the annotations of a chart declare with those that were found.
    pub fn of(annotations: &BTreeMap<String, String>, inventory: &Inventory) -> Self {
        let declared = declared(annotations);
        if declared.is_empty() {
            return Self::default();
        }
        let is_found = |reference: &ImageReference| {
            inventory.entries.iter().any(|entry| {
                let is_same_tag = reference.tag.is_none() || entry.tag == reference.tag;
                entry.source == reference.repository && is_same_tag
            })
        };
        let not_found = declared.iter().filter(|reference| !is_found(reference));
        let used = inventory.entries.iter().filter(|entry| !entry.found.is_empty());
        let not_declared = used
            .filter(|entry| declared.iter().all(|declared| declared.repository != entry.source));
        Self {
            not_found: not_found.map(ImageReference::normalised).collect(),
            not_declared: not_declared.map(|entry| entry.reference()).collect(),
        }
    }
}

/// The references in the annotations. What cannot be parsed is left out: nothing depends on it.
fn declared(annotations: &BTreeMap<String, String>) -> Vec<ImageReference> {
    let texts = ANNOTATIONS.iter().filter_map(|key| annotations.get(*key));
    let items = texts.flat_map(|text| serde_yaml::from_str::<Vec<Item>>(text).unwrap_or_default());
    let references = items.filter_map(|item| match item {
        Item::Named { image } | Item::Text(image) => image.trim().parse().ok(),
    });
    let mut references: Vec<ImageReference> = references.collect();
    references.sort();
    references.dedup();
    references
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Rendered;
    use crate::list::ImageList;

    #[test]
    fn declared_images_are_compared_with_those_that_were_found() {
        let text = "containers: [{image: quay.io/a/one:1}, {image: quay.io/a/two:2}]";
        let rendered = Rendered {
            rendering: "default".to_owned(),
            text: text.to_owned(),
            warnings: String::new(),
        };
        let list = "[[image]]\nsource = \"quay.io/a/three\"\ntag = \"3\"\n";
        let list = ImageList::parse("images.toml", list).unwrap();
        let inventory = Inventory::take(&list, &[rendered]).unwrap();
        let declared = |key: &str, text: &str| {
            DeclaredDifference::of(&[(key.to_owned(), text.to_owned())].into(), &inventory)
        };
        let found = declared(
            "artifacthub.io/images",
            "- name: one\n  image: quay.io/a/one:1\n- name: three\n  image: quay.io/a/three:3\n\
             - name: four\n  image: quay.io/a/four:4\n",
        );
        assert_eq!(found.not_found, ["quay.io/a/four:4"]);
        assert_eq!(found.not_declared, ["quay.io/a/two:2"]);
        assert_eq!(declared("images", "- quay.io/a/one:2\n").not_found, ["quay.io/a/one:2"]);
        assert_eq!(declared("images", "not a list"), DeclaredDifference::default());
        assert_eq!(declared("other", "- quay.io/a/b:1"), DeclaredDifference::default());
    }
}
