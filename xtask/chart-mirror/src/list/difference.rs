//! `ImageList::difference`: where two lists differ, for messages.

use super::{Image, ImageList};

impl ImageList {
    /// The first difference from another list, in the words of images.toml. `None` if they are equal
    /// except for the places of their entries.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let (own, other) = (self.clone().without_places(), other.clone().without_places());
        for (image, changed) in own.images.iter().zip(&other.images) {
            if let Some(key) = different_key(image, changed) {
                return Some(format!("`{key}` of `{}`", image.reference()));
            }
        }
        let tables = [
            (own.images.len() != other.images.len(), "the number of images"),
            (own.values != other.values, "`[values]`"),
            (own.registries != other.registries, "`[registries]`"),
            (own.destinations != other.destinations, "`[destinations]`"),
            (own.chart != other.chart, "`[chart]`"),
            (own.policy != other.policy, "`[policy]`"),
        ];
        tables.iter().find(|(differs, _)| *differs).map(|(_, table)| (*table).to_owned())
    }
}

fn different_key(one: &Image, other: &Image) -> Option<&'static str> {
    let keys = [
        (one.source != other.source, "source"),
        (one.tag != other.tag, "tag"),
        (one.digest != other.digest, "digest"),
        (one.subsets != other.subsets, "subsets"),
        (one.target != other.target, "target"),
        (one.values != other.values, "values"),
        (one.replaces != other.replaces, "replaces"),
        (one.keep != other.keep, "keep"),
    ];
    keys.iter().find(|(differs, _)| *differs).map(|(_, key)| *key)
}

#[cfg(test)]
mod tests {
    use crate::list::ImageList;

    #[test]
    fn the_first_difference_is_named() {
        let image = "[[image]]\nsource = 'q.io/a'\ntag = '1'\n";
        let table = [
            (image.to_owned(), None),
            (format!("# x\n\n{image}"), None),
            (image.replace("'1'", "'2'"), Some("`tag` of `q.io/a:1`")),
            (format!("{image}keep = 'x'\n"), Some("`keep` of `q.io/a:1`")),
            (format!("{image}{}", image.replace("/a", "/b")), Some("the number of images")),
            (format!("{image}[values]\nx = '{{registry}}'\n"), Some("`[values]`")),
            (format!("{image}[chart]\nname = 'c'\n"), Some("`[chart]`")),
        ];
        let list = ImageList::parse("x", image).unwrap();
        for (other, expected) in table {
            let other = ImageList::parse("x", &other).unwrap();
            assert_eq!(list.difference(&other).as_deref(), expected);
        }
    }
}
