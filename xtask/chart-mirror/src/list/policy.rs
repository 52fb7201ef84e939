//! `Policy`: what is required of the images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::finding_code::{Code, Severity};
use super::{Place, wildcard_matches};
use oci::{Platforms, Reference};

/// Requirements for the images, and the severity of findings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Registries, or paths in one, that images may come from. Empty: any.
    pub allowed_registries: Vec<String>,
    /// Whether an image without a digest is an error; by default a warning.
    pub require_pins: Option<bool>,
    /// Every image must support all of these.
    pub require_platforms: Option<Platforms>,
    /// Replaces the usual severity of a finding.
    pub severities: BTreeMap<Code, Severity>,
    /// Which images must be signed. The first rule that matches an image decides.
    pub signatures: Vec<SignatureRule>,
}

/// Whether some images must be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureRule {
    /// Patterns for sources, in which `*` stands for any characters.
    pub sources: Vec<String>,
    pub requirement: SignatureRequirement,
    /// Where the list has it; nowhere, if it is from the workspace.
    pub defined_at: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureRequirement {
    /// One of these keys must have signed the image. The names of files are relative to the list, unless the
    /// list was read with `list_file`.
    Keys(Vec<PathBuf>),
    /// No signature is required, for this reason.
    Exempt(String),
}

impl Policy {
    pub fn severity(&self, code: Code) -> Severity {
        self.severities.get(&code).copied().unwrap_or(code.severity())
    }

    /// The files of the keys of which one must have signed an image; `None` if it needs no signature.
    pub fn keys_for(&self, source: &Reference) -> Option<&[PathBuf]> {
        match &self.signatures.iter().find(|rule| rule.matches(source))?.requirement {
            SignatureRequirement::Keys(files) => Some(files),
            SignatureRequirement::Exempt(_) => None,
        }
    }

    /// The files of all keys.
    pub fn key_files(&self) -> impl Iterator<Item = &Path> {
        let files = self.signatures.iter().flat_map(|rule| match &rule.requirement {
            SignatureRequirement::Keys(files) => files.as_slice(),
            SignatureRequirement::Exempt(_) => &[],
        });
        files.map(PathBuf::as_path)
    }

    /// This policy with the relative names of files resolved against a folder.
    #[must_use]
    pub fn with_files_below(mut self, folder: &Path) -> Self {
        for rule in &mut self.signatures {
            if let SignatureRequirement::Keys(files) = &mut rule.requirement {
                files.iter_mut().for_each(|file| *file = folder.join(&file));
            }
        }
        self
    }
}

impl SignatureRule {
    /// This rule as the members of a workspace get it.
    #[must_use]
    pub(super) fn inherited(self) -> Self {
        Self { defined_at: Place::NOWHERE, ..self }
    }

    /// Whether one of the patterns matches the reference of an image, with its tag or without.
    pub fn matches(&self, source: &Reference) -> bool {
        self.sources.iter().any(|pattern| pattern_matches(pattern, source))
    }
}

/// Whether a pattern for sources matches the reference of an image, with its tag or without.
pub fn pattern_matches(pattern: &str, source: &Reference) -> bool {
    wildcard_matches(pattern, &source.repository().to_string())
        || wildcard_matches(pattern, &source.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::ImageList;

    #[test]
    fn the_host_in_a_pattern_and_in_a_source_has_no_case() {
        let table = [
            ("LOCALHOST:5000/*", "localhost:5000/a:1", true),
            ("localhost:5000/*", "LocalHost:5000/a:1", true),
            ("*.IO/a:V*", "q.io/a:V1", true),
            ("*.IO/a:V*", "q.io/a:v1", false),
            ("QUAY.io*", "quay.io/a:1", true),
            ("Docker.io/library/*", "busybox:1", true),
            ("index.docker.io/library/*", "busybox:1", true),
            ("*:V1", "q.io/a:V1", true),
        ];
        for (pattern, source, expected) in table {
            let text = format!(
                "[[image]]\nsource = 'q.io/x'\ntag = '1'\n\
                 [[policy.signatures]]\nsources = ['{pattern}']\nkeys = ['a.pub']\n"
            );
            let list = ImageList::parse("images.toml", &text).unwrap();
            let keys = list.policy().keys_for(&source.parse().unwrap());
            assert_eq!(keys.is_some(), expected, "{pattern} {source}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_an_image_decides() {
        let list = ImageList::parse(
            "images.toml",
            "[[image]]\nsource = 'quay.io/team/app'\ntag = '1'\n\
             [[policy.signatures]]\nsources = ['quay.io/team/old', '*:0.1']\nexempt = 'older than the keys'\n\
             [[policy.signatures]]\nsources = ['quay.io/team/*']\nkeys = ['a.pub', 'b.pub']\n\
             [[policy.signatures]]\nsources = ['docker.io/library/nginx']\nkeys = ['/etc/c.pub']\n",
        );
        let list = list.unwrap_or_else(|why| panic!("{why}")).with_files_below(Path::new("lists"));
        let table: [(&str, Option<&[&str]>); 7] = [
            ("quay.io/team/app:1", Some(&["lists/a.pub", "lists/b.pub"])),
            ("quay.io/team/deep/app:1", Some(&["lists/a.pub", "lists/b.pub"])),
            ("quay.io/team/app:0.1", None),
            ("quay.io/team/old:1", None),
            ("quay.io/teams/app:1", None),
            ("nginx:1", Some(&["/etc/c.pub"])),
            ("nginx-unprivileged:1", None),
        ];
        for (source, expected) in table {
            let expected: Option<Vec<PathBuf>> =
                expected.map(|files| files.iter().map(PathBuf::from).collect());
            let found = list.policy().keys_for(&source.parse().unwrap());
            assert_eq!(found.map(<[PathBuf]>::to_vec), expected, "{source}");
        }
        assert_eq!(list.policy().key_files().count(), 3);
    }
}
