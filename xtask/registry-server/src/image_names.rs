//! `ImageNames`: the repositories and tags that the names of a layout's images stand for.

use std::collections::BTreeMap;

use oci::{Digest, Reference, Repository};

/// Tags by repository, whose name is complete: `docker.io/library/busybox`.
#[derive(Debug, Default)]
pub(crate) struct ImageNames(BTreeMap<String, BTreeMap<String, Digest>>);

impl ImageNames {
    /// Adds an image, also below its repository as it is written: `charts/app`. A name is `REPOSITORY:TAG` or
    /// `REPOSITORY@DIGEST`; others, such as the bare tags of other tools, name no repository.
    pub(crate) fn add(&mut self, name: &str, digest: &Digest) {
        let reference = name.parse::<Reference>().ok();
        let tagged = reference.map(|it| (it.repository().clone(), Some(it.tag().to_string())));
        let by_digest = || {
            let (repository, _) = name.split_once('@')?;
            Some((repository.parse::<Repository>().ok()?, None))
        };
        let Some((repository, tag)) = tagged.or_else(by_digest) else { return };
        let ending = tag.as_ref().map(|tag| format!(":{tag}"));
        let as_written = ending.and_then(|ending| name.strip_suffix(&ending));
        for name in as_written.map(str::to_owned).into_iter().chain(spellings(&repository)) {
            let tags = self.0.entry(name).or_default();
            if let Some(tag) = &tag {
                tags.insert(tag.clone(), digest.clone());
            }
        }
    }

    pub(crate) fn digest(&self, repository: &str, tag: &str) -> Option<&Digest> {
        self.0.get(repository)?.get(tag)
    }

    /// The tags of a repository, in order; `None` if there is no such repository.
    pub(crate) fn tags(&self, repository: &str) -> Option<Vec<String>> {
        Some(self.0.get(repository)?.keys().cloned().collect())
    }
}

/// The name under which clients can pull a repository of a layout. They accept neither a colon nor capitals in a
/// path: `localhost:5000/app` is `localhost_5000/app`.
pub fn pullable_name(repository: &Repository) -> String {
    let host = repository.registry().as_str().to_lowercase().replace(':', "_");
    format!("{host}/{}", repository.path())
}

/// The name of a repository, and the one under which clients can pull it.
fn spellings(repository: &Repository) -> Vec<String> {
    let (complete, pullable) = (repository.to_string(), pullable_name(repository));
    if pullable == complete { vec![complete] } else { vec![complete, pullable] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_a_tag_of_a_repository() {
        let digest = Digest::of(b"x");
        let by_digest = format!("quay.io/a/c@{digest}");
        let mut names = ImageNames::default();
        for name in
            ["quay.io/a/b:1", "quay.io/a/b:2", "busybox:1", "localhost:5000/a:1", "1.0", &by_digest]
        {
            names.add(name, &digest);
        }
        let tags = |repository: &str| names.tags(repository).map(|tags| tags.join(" "));
        let table = [
            ("quay.io/a/b", Some("1 2")),
            ("docker.io/library/busybox", Some("1")),
            ("busybox", Some("1")),
            ("library/busybox", None),
            ("localhost:5000/a", Some("1")),
            ("localhost_5000/a", Some("1")),
            ("quay.io/a/c", Some("")),
            ("1.0", None),
        ];
        for (repository, expected) in table {
            assert_eq!(tags(repository).as_deref(), expected, "{repository}");
        }
        assert_eq!(names.digest("localhost_5000/a", "1"), Some(&digest));
        assert_eq!(names.digest("localhost_5000/a", "2"), None);
    }
}
