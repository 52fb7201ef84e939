//! `SignaturePolicy`: which images must be signed, and the keys of which one must have signed them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::list::Policy;
use crate::list::finding_code::{Code, Severity};
use crate::signatures::{PublicKey, PublicKeys};
use messages::Advice;
use oci::Reference;

/// What the policy of a list requires, with its keys.
#[derive(Debug, Default)]
pub struct SignaturePolicy {
    rules: Policy,
    keys: BTreeMap<PathBuf, PublicKey>,
    /// What is copied with the images, but is not one of them.
    others: BTreeSet<Reference>,
}

impl SignaturePolicy {
    /// `read` returns the content of a file.
    ///
    /// # Errors
    /// If a key cannot be read or used.
    pub fn new(
        policy: &Policy,
        read: impl Fn(&Path) -> std::io::Result<Vec<u8>>,
    ) -> Result<Self, Advice> {
        let mut keys = BTreeMap::new();
        for file in policy.key_files() {
            let name = file.display().to_string();
            let content = read(file).map_err(|error| {
                let hint = "`keys` in `[[policy.signatures]]` names files relative to images.toml";
                Advice::new(format!("cannot read the public key `{name}`: {error}")).with_hint(hint)
            })?;
            keys.insert(file.to_owned(), PublicKey::parse(&name, &content)?);
        }
        Ok(Self { rules: policy.clone(), keys, others: BTreeSet::new() })
    }

    /// This policy, which does not apply to these: a chart is no image.
    #[must_use]
    pub fn except(self, others: impl IntoIterator<Item = Reference>) -> Self {
        Self { others: others.into_iter().collect(), ..self }
    }

    pub(super) fn severity(&self, code: Code) -> Severity {
        self.rules.severity(code)
    }

    /// The keys of which one must have signed an image; `None` if it needs no signature, or if the policy
    /// ignores the lack of one.
    pub(crate) fn keys_for(&self, source: &Reference) -> Option<PublicKeys> {
        let codes = [Code::Unsigned, Code::SignatureInvalid];
        if codes.iter().all(|code| self.rules.severity(*code) == Severity::Ignore) {
            return None;
        }
        if self.others.contains(source) {
            return None;
        }
        let files = self.rules.keys_for(source)?.iter();
        Some(PublicKeys::new(files.filter_map(|file| self.keys.get(file)).cloned().collect()))
    }
}
