//! The order of tags by their versions: numbers by value, and a pre-release before its release, as in semver.

use std::cmp::Ordering;

use oci::Tag;

/// Compares two tags: the greater one is newer. Tags that are no versions are older than all versions. No two
/// different tags are equal.
pub(super) fn compare(a: &Tag, b: &Tag) -> Ordering {
    let (one, other) = (Version::of(a.as_str()), Version::of(b.as_str()));
    let by_version = match (&one, &other) {
        (Some(one), Some(other)) => one.compare(other),
        (one, other) => one.is_some().cmp(&other.is_some()),
    };
    by_version.then_with(|| natural(a.as_str(), b.as_str())).then_with(|| a.cmp(b))
}

/// `v1.2.3-rc.1`: numbers, and what follows.
struct Version<'t> {
    numbers: Vec<&'t str>,
    rest: Rest<'t>,
}

/// What follows the numbers, in its order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rest<'t> {
    /// After a `-`.
    PreRelease(Identifiers<'t>),
    Nothing,
    /// After anything else: `1.2.3_2`, as charts write `1.2.3+2`, or `1.2.3b`.
    Later(Identifiers<'t>),
}

#[derive(PartialEq, Eq)]
struct Identifiers<'t>(&'t str);

impl<'t> Version<'t> {
    /// `None` if the text does not begin with a number, after an optional `v`.
    fn of(text: &'t str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let mut numbers = Vec::new();
        let mut rest = text;
        loop {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            if end == 0 {
                break;
            }
            numbers.push(&rest[..end]);
            rest = &rest[end..];
            match rest.strip_prefix('.') {
                Some(next) if next.starts_with(|c: char| c.is_ascii_digit()) => rest = next,
                _ => break,
            }
        }
        if numbers.is_empty() {
            return None;
        }
        let rest = match rest.strip_prefix('-') {
            _ if rest.is_empty() => Rest::Nothing,
            Some(pre_release) => Rest::PreRelease(Identifiers(pre_release)),
            None => Rest::Later(Identifiers(rest)),
        };
        Some(Self { numbers, rest })
    }

    fn compare(&self, other: &Self) -> Ordering {
        let longest = self.numbers.len().max(other.numbers.len());
        // `1.2` is `1.2.0`.
        let number = |version: &Self, at: usize| version.numbers.get(at).copied().unwrap_or("0");
        let numbers = (0..longest).map(|at| by_value(number(self, at), number(other, at)));
        numbers.fold(Ordering::Equal, Ordering::then).then_with(|| self.rest.cmp(&other.rest))
    }
}

impl Ord for Identifiers<'_> {
    /// Identifier by identifier; a number is less than a word, and fewer are less than more (semver 2.0, rule 11).
    fn cmp(&self, other: &Self) -> Ordering {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        let (mut own, mut others) = (self.0.split('.'), other.0.split('.'));
        loop {
            let order = match (own.next(), others.next()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => Ordering::Less,
                (Some(_), None) => Ordering::Greater,
                (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
                    (true, true) => by_value(a, b),
                    (true, false) => Ordering::Less,
                    (false, true) => Ordering::Greater,
                    (false, false) => natural(a, b),
                },
            };
            if order != Ordering::Equal {
                return order;
            }
        }
    }
}

impl PartialOrd for Identifiers<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares numbers of any length.
fn by_value(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Compares texts, and the numbers in them by value: `rc9` is less than `rc10`.
fn natural(mut a: &str, mut b: &str) -> Ordering {
    loop {
        let (number_of_a, number_of_b) = (digits(a), digits(b));
        let order = match (number_of_a, number_of_b) {
            (0, _) | (_, 0) => {
                let (first, second) = (a.chars().next(), b.chars().next());
                if first.is_none() && second.is_none() {
                    return Ordering::Equal;
                }
                let length = |c: Option<char>| c.map_or(0, char::len_utf8);
                (a, b) = (&a[length(first)..], &b[length(second)..]);
                first.cmp(&second)
            }
            (end, other_end) => {
                let order = by_value(&a[..end], &b[..other_end]);
                (a, b) = (&a[end..], &b[other_end..]);
                order
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The length of the number at the beginning of a text.
fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_in_their_order() {
        // Each is older than the next.
        let sorted = [
            "latest",
            "main-9",
            "main-10",
            "0.9",
            "1.0.0-1",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc9",
            "1.0.0-rc10",
            "1.0.0",
            "1.0.0_2",
            "1.0.0_10",
            "1.0.1",
            "1.2",
            "1.10",
            "v2.0.0",
            "2.0.1",
            "10.0",
            "99999999999999999999999999999999999999999",
        ];
        for (at, older) in sorted.iter().enumerate() {
            for newer in &sorted[at + 1..] {
                let (older, newer): (Tag, Tag) = (older.parse().unwrap(), newer.parse().unwrap());
                assert_eq!(compare(&older, &newer), Ordering::Less, "{older} {newer}");
                assert_eq!(compare(&newer, &older), Ordering::Greater, "{older} {newer}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_order_is_total(tags in prop::collection::vec("v?[0-9][0-9ab.-]{0,5}|[ab0-9][ab0-9.-]{0,4}", 3)) {
            let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
            let [a, b, c] = [&tags[0], &tags[1], &tags[2]];
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            prop_assert_eq!(compare(a, b) == Ordering::Equal, a == b);
            if compare(a, b) != Ordering::Greater && compare(b, c) != Ordering::Greater {
                prop_assert_ne!(compare(a, c), Ordering::Greater, "{} {} {}", a, b, c);
            }
        }
    }
}
