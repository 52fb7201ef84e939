//! Images that the chart has by itself, and no longer has with the overlay: an overlay that says a list
//! of the chart without its last items drops them, and what is not there needs no relocation.
//!
//! Pure, like `proof`, of which it is a part.

use std::collections::BTreeMap;

use super::listed;
use super::proof::{Gap, GapKind, Mirror};
use crate::chart::{FoundImage, ImageReference, Rendered, UnreadableManifest, references_in};

/// Compares a rendering without and with the overlay.
///
/// # Errors
/// When helm printed something that is not YAML.
pub fn vanished(
    mirror: &Mirror<'_>,
    before: &Rendered,
    after: &Rendered,
) -> Result<Vec<Gap>, UnreadableManifest> {
    let mut left = by_template(references_in(after)?);
    let mut gaps = Vec::new();
    for (template, before) in by_template(references_in(before)?) {
        let mut left = left.remove(&template).unwrap_or_default();
        // As many as before: whatever they are, the other parts of the proof judge them.
        if left.len() >= before.len() {
            continue;
        }
        for found in before {
            let same = |have: &FoundImage| {
                name_of(mirror, &have.reference) == name_of(mirror, &found.reference)
            };
            match left.iter().position(same) {
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

/// By the file of the chart: the names of objects may be made up for each rendering.
fn by_template(found: Vec<FoundImage>) -> BTreeMap<Option<String>, Vec<FoundImage>> {
    let mut groups: BTreeMap<_, Vec<FoundImage>> = BTreeMap::new();
    for found in found {
        groups.entry(found.place.template.clone()).or_default().push(found);
    }
    groups
}

/// The same for an image at its source and at the destination: its source, if it is listed.
fn name_of(mirror: &Mirror<'_>, reference: &ImageReference) -> String {
    let path = mirror.path_below_root(&reference.repository);
    let image = match path {
        Some(path) => mirror.image_at(path, reference),
        None => listed(mirror.list, reference),
    };
    if let Some(image) = image {
        return image.reference().to_string();
    }
    let path = path.unwrap_or_else(|| reference.repository.path().as_str());
    let tag = reference.tag.as_ref().map_or("", |tag| tag.as_str());
    let digest = reference.digest.as_ref().map_or("", |digest| digest.as_str());
    format!("{path}:{tag}@{digest}")
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
    fn an_image_that_only_the_chart_itself_has_is_told_and_one_that_moved_is_not() {
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
            // Wrong, but there: the proof tells what is wrong with it.
            (&[one], &["m.io/x/team/one:1"], &[]),
        ];
        let list = ImageList::parse("images.toml", LIST).unwrap();
        let destination = "m.io/x".parse().unwrap();
        let mirror = Mirror::new(&list, &destination);
        for (before, after, expected) in table {
            let gaps = vanished(&mirror, &rendered(before), &rendered(after)).unwrap();
            let written: Vec<&str> = gaps.iter().map(|gap| gap.written.as_str()).collect();
            assert_eq!(written, expected, "{before:?} {after:?}");
        }
    }
}
