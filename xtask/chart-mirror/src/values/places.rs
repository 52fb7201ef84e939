//! Pairs the places of two renderings of a chart, without and with the values of a destination; pure.

use std::collections::{HashMap, VecDeque};

use crate::chart::ManifestLocation;

/// What the path of a place has before the number of a line.
const LINE: &str = " > line ";

/// A place in either or both of two renderings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<'a, T> {
    pub before: Option<&'a T>,
    pub after: Option<&'a T>,
}

/// Pairs what stands at the same place: the same template, kind, name and path, and the same position
/// among several at one path. Charts may generate names, and values may add lines to a text, so what is left
/// is paired without the name, and then without the number of the line.
pub fn pair<'a, T>(
    before: &'a [T],
    after: &'a [T],
    place: impl Fn(&T) -> &ManifestLocation,
) -> Vec<Pair<'a, T>> {
    let mut partners: Vec<Option<usize>> = vec![None; before.len()];
    let mut is_paired = vec![false; after.len()];
    for keys in [Key::with_name, Key::without_name, Key::without_line] {
        let key = |item: &'a T| keys(place(item));
        let mut open: HashMap<Key<'_>, VecDeque<usize>> = HashMap::new();
        for (index, item) in after.iter().enumerate().filter(|(index, _)| !is_paired[*index]) {
            open.entry(key(item)).or_default().push_back(index);
        }
        for (index, item) in before.iter().enumerate() {
            if partners[index].is_none()
                && let Some(partner) = open.get_mut(&key(item)).and_then(VecDeque::pop_front)
            {
                partners[index] = Some(partner);
                is_paired[partner] = true;
            }
        }
    }
    let with_before = before.iter().zip(partners).map(|(item, partner)| Pair {
        before: Some(item),
        after: partner.and_then(|partner| after.get(partner)),
    });
    let alone = after.iter().zip(is_paired).filter(|(_, is_paired)| !is_paired);
    let alone = alone.map(|(item, _)| Pair { before: None, after: Some(item) });
    with_before.chain(alone).collect()
}

#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    template: Option<&'a str>,
    kind: &'a str,
    name: Option<&'a str>,
    path: &'a str,
    line: &'a str,
}

impl<'a> Key<'a> {
    fn with_name(place: &'a ManifestLocation) -> Self {
        Self { name: Some(place.name.as_str()), ..Self::without_name(place) }
    }

    fn without_name(place: &'a ManifestLocation) -> Self {
        Self {
            template: place.template.as_deref(),
            kind: &place.kind,
            name: None,
            path: &place.path,
            line: "",
        }
    }

    /// `data["run.sh"] > line 7` without the number.
    fn without_line(place: &'a ManifestLocation) -> Self {
        let key = Self::without_name(place);
        let Some((path, rest)) = key.path.rsplit_once(LINE) else { return key };
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        Self { path, line: if rest.is_empty() { LINE } else { rest }, ..key }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(texts: &[&str]) -> Vec<ManifestLocation> {
        let place = |text: &&str| {
            let (name, path) = text.split_once(' ').unwrap();
            ManifestLocation {
                rendering: "default".to_owned(),
                template: Some("a.yaml".to_owned()),
                kind: "Pod".to_owned(),
                name: name.to_owned(),
                path: path.to_owned(),
            }
        };
        texts.iter().map(place).collect()
    }

    fn pairs(before: &[&str], after: &[&str]) -> Vec<(Option<usize>, Option<usize>)> {
        let (before, after) = (places(before), places(after));
        let position = |all: &[ManifestLocation], one: Option<&ManifestLocation>| {
            one.and_then(|one| all.iter().position(|it| std::ptr::eq(it, one)))
        };
        let pairs = pair(&before, &after, |place| place);
        pairs.iter().map(|it| (position(&before, it.before), position(&after, it.after))).collect()
    }

    #[test]
    fn places_are_paired_by_name_and_then_without_it() {
        let some = |before, after| (Some(before), Some(after));
        assert_eq!(pairs(&["a x", "b x"], &["b x", "a x"]), [some(0, 1), some(1, 0)]);
        assert_eq!(pairs(&["a-1 x", "b x"], &["a-2 x", "b x"]), [some(0, 0), some(1, 1)]);
        assert_eq!(pairs(&["a x", "a x"], &["a x", "a x"]), [some(0, 0), some(1, 1)]);
        assert_eq!(pairs(&["a x", "a x"], &["a x"]), [some(0, 0), (Some(1), None)]);
        assert_eq!(pairs(&["a x > line 1"], &["b x > line 3"]), [some(0, 0)]);
        assert_eq!(
            pairs(&["a x > line 1"], &["a x > line 3.b"]),
            [(Some(0), None), (None, Some(0))]
        );
        assert_eq!(pairs(&["a x"], &["a y"]), [(Some(0), None), (None, Some(0))]);
    }
}
