//! `ImageReference`: the name of an image in a manifest, as written and normalised.

use std::fmt;
use std::str::FromStr;

use oci::{Digest, Registry, Repository, Tag};

/// `[registry/]path[:tag][@digest]`.
///
/// References in different notations (`busybox`, `docker.io/library/busybox`) are not equal; compare
/// their [`repository`](Self::repository).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageReference {
    /// The registry as written, if there is one.
    pub registry: Option<String>,
    /// The path as written, between the registry and the tag.
    pub path: String,
    pub tag: Option<Tag>,
    pub digest: Option<Digest>,
    /// The normalised registry and path.
    pub repository: Repository,
}

/// Why a text is not a reference. Displayed after "`…`: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidImageReference(String);

impl ImageReference {
    /// The reference with its registry, and with `library/` where Docker Hub has it.
    pub fn normalised(&self) -> String {
        let mut text = self.repository.to_string();
        self.push_version(&mut text);
        text
    }

    /// Whether it has a tag or a digest.
    pub fn is_versioned(&self) -> bool {
        self.tag.is_some() || self.digest.is_some()
    }

    /// Whether its tag is a version. A digest alone is not one, because a copy needs a tag.
    pub fn names_version(&self) -> bool {
        self.tag.as_ref().is_some_and(is_version)
    }

    fn push_version(&self, text: &mut String) {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag.as_str());
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(digest.as_str());
        }
    }
}

/// Whether a tag names a version.
pub(super) fn is_version(tag: &Tag) -> bool {
    tag.as_str() != "latest"
}

impl FromStr for ImageReference {
    type Err = InvalidImageReference;

    fn from_str(text: &str) -> Result<Self, InvalidImageReference> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse::<Digest>().map_err(invalid)?)),
            None => (text, None),
        };
        // A colon before the last slash separates a port.
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].find(':').map(|colon| last + colon) {
            Some(colon) => (&name[..colon], Some(name[colon + 1..].parse().map_err(invalid)?)),
            None => (name, None),
        };
        let repository: Repository = name.parse().map_err(invalid)?;
        let registry = name.split_once('/').filter(|(first, _)| Registry::is_meant_by(first));
        let (registry, path) = match registry {
            Some((registry, path)) => (Some(registry.to_owned()), path.to_owned()),
            None => (None, name.to_owned()),
        };
        Ok(Self { registry, path, tag, digest, repository })
    }
}

fn invalid(why: impl fmt::Display) -> InvalidImageReference {
    InvalidImageReference(why.to_string())
}

/// As written.
impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        if let Some(registry) = &self.registry {
            text.push_str(registry);
            text.push('/');
        }
        text.push_str(&self.path);
        self.push_version(&mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

    #[test]
    fn a_reference_is_kept_as_written_and_normalised() {
        let pinned = format!("dp.apps.rancher.io/containers/aws-cli@{DIGEST}");
        let both = format!("quay.io/stackstate/kafka:3.9@{DIGEST}");
        let table = [
            ("quay.io/stackstate/wait:1.0.6", Some("quay.io"), "stackstate/wait", None),
            ("busybox", None, "busybox", Some("docker.io/library/busybox")),
            (
                "docker.io/busybox:1",
                Some("docker.io"),
                "busybox",
                Some("docker.io/library/busybox:1"),
            ),
            (
                "index.docker.io/busybox:1",
                Some("index.docker.io"),
                "busybox",
                Some("docker.io/library/busybox:1"),
            ),
            (
                "index.docker.io/minio/mc:1",
                Some("index.docker.io"),
                "minio/mc",
                Some("docker.io/minio/mc:1"),
            ),
            ("minio/mc:RELEASE.2021", None, "minio/mc", Some("docker.io/minio/mc:RELEASE.2021")),
            ("gcr.io/pause:3.9", Some("gcr.io"), "pause", None),
            ("GCR.io/pause:3.9", Some("GCR.io"), "pause", Some("gcr.io/pause:3.9")),
            ("LOCALHOST/a:1", Some("LOCALHOST"), "a", Some("localhost/a:1")),
            (
                "localhost:5000/stackstate/wait:1.0.6",
                Some("localhost:5000"),
                "stackstate/wait",
                None,
            ),
            ("localhost:5000/wait", Some("localhost:5000"), "wait", None),
            ("registry.suse.com/a/b/c/d:1", Some("registry.suse.com"), "a/b/c/d", None),
            (&pinned, Some("dp.apps.rancher.io"), "containers/aws-cli", None),
            (&both, Some("quay.io"), "stackstate/kafka", None),
        ];
        for (text, registry, path, normalised) in table {
            let reference: ImageReference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!((reference.registry.as_deref(), reference.path.as_str()), (registry, path));
            assert_eq!(reference.normalised(), normalised.unwrap_or(text));
        }
        let both: ImageReference = both.parse().unwrap();
        assert_eq!(both.tag.unwrap().as_str(), "3.9");
        assert_eq!(both.digest.unwrap().as_str(), DIGEST);
    }

    #[test]
    fn invalid_references_are_refused() {
        for text in [
            "",
            "quay.io/stackstate/wait:",
            "quay.io//wait:1",
            "quay.io/StackState/wait:1",
            "quay.io/stackstate/wait@sha256:00",
            "https://quay.io/stackstate/wait:1",
            "$(REGISTRY)/wait:1",
            "{{ .Values.image }}",
            "what to run",
            "/images/logo.png",
            "a:b:c",
        ] {
            assert!(text.parse::<ImageReference>().is_err(), "{text}");
        }
    }

    /// The result of another parser. It adds `latest` if there is neither tag nor digest.
    fn oracle(text: &str) -> Option<(String, String, Option<String>, Option<String>)> {
        let read = oci_distribution::Reference::try_from(text).ok()?;
        let of = |text: &str| text.to_owned();
        Some((
            // Host names are case-insensitive (RFC 3986, section 3.2.2).
            read.registry().to_lowercase(),
            of(read.repository()),
            read.tag().map(of),
            read.digest().map(of),
        ))
    }

    proptest::proptest! {
        #[test]
        fn another_parser_reads_references_in_the_same_way(
            host in "((quay\\.io|localhost|127\\.0\\.0\\.1|docker\\.io|index\\.docker\\.io)(:[1-9][0-9]{0,3})?/)?",
            path in "[a-zA-Z0-9]([a-z0-9._/-]{0,10}[a-z0-9])?",
            tag in "(:[a-zA-Z0-9_.-]{0,3})?|:[a-z]{127,130}",
            digest in "(@(sha256|sha512|md5|SHA256):[0-9a-f]{64})?|@sha256:[0-9a-fA-F]{62,66}",
        ) {
            let text = format!("{host}{path}{tag}{digest}");
            let ours = text.parse::<ImageReference>().ok().map(|ours| {
                let tag = ours.tag.map(|tag| tag.to_string());
                let digest = ours.digest.map(|digest| digest.to_string());
                // The other parser adds this tag.
                let tag = tag.or(digest.is_none().then(|| "latest".to_owned()));
                let repository = ours.repository;
                (repository.registry().to_string(), repository.path().to_string(), tag, digest)
            });
            // Ours accepts only digests that it can compute, and no host with an underscore.
            let expected = oracle(&text).filter(|(registry, path, _, digest)| {
                let known = |digest: &String| digest.parse::<Digest>().is_ok();
                !registry.contains('_') && !path.contains(char::is_uppercase) && digest.as_ref().is_none_or(known)
            });
            proptest::prop_assert_eq!(ours, expected, "{}", text);
        }
    }
}
