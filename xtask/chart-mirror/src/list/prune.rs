//! `PruneRules`: which repositories of a destination are owned, and which of their tags stay although no list
//! has them.

use std::fmt;
use std::str::FromStr;

use globset::{Glob, GlobBuilder};

/// `[destinations.NAME.prune]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneRules {
    /// Globs of paths below the address of the destination, at least one. `*` does not match `/`, `**` does.
    pub repositories: Vec<Glob>,
    /// Globs of tags that stay.
    pub keep: Vec<Glob>,
    /// So many of the other tags of each repository stay: those with the newest versions.
    pub keep_last: usize,
    /// Tags that were pushed more recently stay.
    pub minimum_age: Option<Age>,
}

/// A time span as people write it: `12h`, `30d`, `4w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age {
    seconds: u64,
}

/// The text is not an [`Age`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a time span")]
pub struct InvalidAge;

impl Age {
    pub fn seconds(self) -> u64 {
        self.seconds
    }
}

/// Seconds of each unit, largest first.
const UNITS: [(char, u64); 3] = [('w', 7 * 24 * 3600), ('d', 24 * 3600), ('h', 3600)];

impl FromStr for Age {
    type Err = InvalidAge;

    fn from_str(text: &str) -> Result<Self, InvalidAge> {
        let unit = text.chars().last().ok_or(InvalidAge)?;
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(InvalidAge)?;
        let number = text.strip_suffix(unit).unwrap_or_default();
        if !number.starts_with(|c: char| ('1'..='9').contains(&c)) {
            return Err(InvalidAge);
        }
        let number: u64 = number.parse().map_err(|_| InvalidAge)?;
        let seconds = number.checked_mul(*seconds).ok_or(InvalidAge)?;
        Ok(Self { seconds })
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, seconds): &&(char, u64)| self.seconds.is_multiple_of(*seconds);
        match UNITS.iter().find(fits) {
            Some((unit, seconds)) => write!(f, "{}{unit}", self.seconds / seconds),
            None => write!(f, "{} s", self.seconds),
        }
    }
}

/// A glob of repository paths.
///
/// # Errors
/// If its syntax is wrong.
pub(super) fn repository_glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).build()
}

/// Whether a glob of repositories begins with a name, and so can never match every repository.
pub(super) fn begins_with_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_with_its_unit() {
        let table = [("1h", Some(3600)), ("30d", Some(2_592_000)), ("4w", Some(2_419_200))];
        let bad = [
            "",
            "d",
            "30",
            "0d",
            "-1d",
            "+1d",
            "1.5d",
            "30 d",
            "30m",
            "01d",
            "9999999999999999999w",
        ];
        for (text, expected) in table.into_iter().chain(bad.map(|text| (text, None))) {
            let age = text.parse::<Age>();
            assert_eq!(age.ok().map(Age::seconds), expected, "{text}");
        }
        assert_eq!("14d".parse::<Age>().unwrap().to_string(), "2w");
        assert_eq!("36h".parse::<Age>().unwrap().to_string(), "36h");
    }

    #[test]
    fn one_star_stays_in_one_component_of_a_path() {
        let table = [
            ("team/*", "team/a", true),
            ("team/*", "team/a/b", false),
            ("team/**", "team/a/b", true),
            ("team/**", "team", false),
            ("team/**", "teams/a", false),
            ("team/a", "team/a", true),
            ("team/a", "team/ab", false),
            ("**/cache", "a/b/cache", true),
            ("team-*", "team-a", true),
            ("team-*", "team-a/b", false),
        ];
        for (glob, path, expected) in table {
            let matcher = repository_glob(glob).unwrap().compile_matcher();
            assert_eq!(matcher.is_match(path), expected, "{glob} {path}");
        }
        for glob in ["*", "**", "?/**", "{a,**}", "[a-z]*/**", "", "/a"] {
            assert!(!begins_with_name(glob), "{glob}");
        }
        assert!(begins_with_name("team*/**"));
    }
}
