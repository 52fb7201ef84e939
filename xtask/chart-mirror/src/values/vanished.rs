//! Finds images that the chart names without the values of a destination but not with them; pure.
//!
//! Values that contain a list of the chart without its last items drop these items, and the rest of the
//! proof cannot notice an image that is not rendered.

use std::collections::BTreeMap;

use super::destination_images::DestinationImages;
use super::gap::{Gap, GapKind};
use crate::chart::{FoundImage, Rendered, UnreadableManifest, references_in};

/// Compares the renderings without and with the values.
///
/// # Errors
/// If the output of helm is not valid YAML.
pub fn vanished(
    images: &DestinationImages<'_>,
    before: &Rendered,
    after: &Rendered,
) -> Result<Vec<Gap>, UnreadableManifest> {
    let mut left = by_template(references_in(after)?);
    let mut gaps = Vec::new();
    for (template, before) in by_template(references_in(before)?) {
        let mut left = left.remove(&template).unwrap_or_default();
        // None is missing, and the proof judges those that are there.
        if left.len() >= before.len() {
            continue;
        }
        for found in before {
            let name = images.name(&found.reference);
            match left.iter().position(|left| images.name(&left.reference) == name) {
                Some(index) => drop(left.swap_remove(index)),
                None => gaps.push(Gap {
                    more: 0,
                    kind: GapKind::Vanished,
                    written: found.written,
                    place: found.place,
                }),
            }
        }
    }
    Ok(gaps)
}

/// Groups by the file of the chart, because names of objects may be generated in each rendering.
fn by_template(found: Vec<FoundImage>) -> BTreeMap<Option<String>, Vec<FoundImage>> {
    let mut groups: BTreeMap<_, Vec<FoundImage>> = BTreeMap::new();
    for found in found {
        groups.entry(found.place.template.clone()).or_default().push(found);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::ImageList;

    const LIST: &str = r#"
        [[image]]
        source = "quay.io/team/one"
        tag = "1"
        target = "other/one"
        [[image]]
        source = "quay.io/team/two"
        tag = "2"
    "#;

    fn rendered(images: &[&str]) -> Rendered {
        let mut text =
            String::from("# Source: c/templates/a.yaml\nkind: Pod\nspec:\n  containers:\n");
        for image in images {
            text += &format!("  - image: \"{image}\"\n");
        }
        Rendered { rendering: "default".to_owned(), text, warnings: String::new() }
    }

    #[test]
    fn an_image_that_the_values_drop_is_found_and_one_that_they_move_is_not() {
        let one = "quay.io/team/one:1";
        let two = "quay.io/team/two:2";
        let three = "quay.io/team/three:3";
        let (moved_one, moved_two) = ("m.io/x/other/one:1", "m.io/x/team/two:2");
        let table: [(&[&str], &[&str], &[&str]); 8] = [
            (&[one, two], &[moved_one, moved_two], &[]),
            (&[one, two], &[moved_two, one], &[]),
            (&[one, two], &[moved_one], &[two]),
            (&[one, two], &[two], &[one]),
            (&[one, one], &[moved_one], &[one]),
            (&[one, three], &["m.io/x/team/three:3"], &[one]),
            (&[one, three], &[moved_one], &[three]),
            // It is at the wrong path, which the proof reports.
            (&[one], &["m.io/x/team/one:1"], &[]),
        ];
        let list = ImageList::parse("images.toml", LIST).unwrap();
        let destination = "m.io/x".parse().unwrap();
        let images = DestinationImages::new(&list, &destination);
        for (before, after, expected) in table {
            let gaps = vanished(&images, &rendered(before), &rendered(after)).unwrap();
            let written: Vec<&str> = gaps.iter().map(|gap| gap.written.as_str()).collect();
            assert_eq!(written, expected, "{before:?} {after:?}");
        }
    }
}
