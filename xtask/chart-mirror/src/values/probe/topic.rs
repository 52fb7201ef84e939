//! Which part of an image reference the words of a key announce.

use crate::chart::discovery::words;

/// What a word in a key announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// `image`, `sidecarImage`: a whole reference, or a map of its parts.
    Image,
    Registry,
    Repository,
    Tag,
    /// A tag, if it stands beside a key for an image.
    Version,
    Digest,
    /// The start or end of another part, if it stands beside a key for an image.
    Affix,
}

/// Words that occur in keys beside an image, and never in a key for a part of its reference.
const OTHER: [&str; 34] = [
    "policy",
    "secret",
    "secrets",
    "stage",
    "annotation",
    "annotations",
    "label",
    "labels",
    "enabled",
    "enable",
    "disabled",
    "create",
    "install",
    "args",
    "command",
    "env",
    "port",
    "ports",
    "user",
    "username",
    "password",
    "email",
    "credentials",
    "auth",
    "token",
    "debug",
    "resources",
    "context",
    "timeout",
    "interval",
    "url",
    "service",
    "account",
    "mutability",
];

/// The first words of keys for booleans.
const QUESTIONS: [&str; 9] =
    ["use", "is", "has", "enable", "disable", "skip", "verify", "allow", "ignore"];

/// What a key is about: its last word that announces something. `imageTag` is about a tag.
pub(super) fn topic(key: &str) -> Option<Topic> {
    words(key).iter().rev().find_map(|word| topic_of_word(word))
}

/// Whether a key is about something that no part of a reference is, such as `imagePullPolicy`. What
/// precedes the last word that announces something may name a component: `userImage` is about an image.
pub(super) fn is_about_something_else(key: &str) -> bool {
    let words = words(key);
    let end = words.iter().rposition(|word| topic_of_word(word).is_some());
    let after = words.get(end.map_or(0, |end| end + 1)..).unwrap_or_default();
    let first = words.first().map_or("", String::as_str);
    after.iter().any(|word| OTHER.contains(&word.as_str())) || QUESTIONS.contains(&first)
}

fn topic_of_word(word: &str) -> Option<Topic> {
    Some(match word {
        "image" | "images" => Topic::Image,
        "registry" | "registries" | "hub" | "imageregistry" | "dockerregistry" => Topic::Registry,
        "repository" | "repositories" | "repo" | "repos" | "imagerepository" | "imagename" => {
            Topic::Repository
        }
        "tag" | "tags" | "imagetag" => Topic::Tag,
        "version" => Topic::Version,
        "digest" | "sha" | "sha256" | "sha512" => Topic::Digest,
        "suffix" | "prefix" => Topic::Affix,
        other if other.ends_with("image") => Topic::Image,
        other if other.ends_with("registry") => Topic::Registry,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_about_its_last_word_that_announces_a_part() {
        let table = [
            ("image", Some(Topic::Image)),
            ("imageTag", Some(Topic::Tag)),
            ("imageRegistry", Some(Topic::Registry)),
            ("repositorySuffix", Some(Topic::Affix)),
            ("image_digest", Some(Topic::Digest)),
            ("busyboxImageName", Some(Topic::Image)),
            ("waitimage", Some(Topic::Image)),
            ("percentage", None),
            ("stagehub", None),
            ("vintage", None),
        ];
        for (key, expected) in table {
            assert_eq!(topic(key), expected, "{key}");
        }
        assert!(is_about_something_else("imagePullPolicy"));
        assert!(is_about_something_else("useDigest"));
        assert!(!is_about_something_else("userImage") && !is_about_something_else("image"));
    }
}
