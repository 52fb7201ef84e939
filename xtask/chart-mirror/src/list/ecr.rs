//! `EcrSettings`: what a destination in Amazon's ECR says of the repositories that are made there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `[destinations.NAME.ecr]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EcrSettings {
    pub creation: Creation,
    pub options: RepositoryOptions,
}

/// Who makes the repositories that are missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Creation {
    /// We do, before the first push.
    #[default]
    Create,
    /// Somebody else.
    Leave,
}

/// How repositories are made. What is `None` is Amazon's to choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositoryOptions {
    pub tags: BTreeMap<String, String>,
    pub scan_on_push: Option<bool>,
    /// Whether a tag stays what it is.
    pub immutable_tags: Option<bool>,
    pub encryption: Option<Encryption>,
    /// As written: relative to the list.
    pub lifecycle_policy_file: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    Aes256,
    Kms {
        /// Without one, the account's own for ECR.
        key: Option<String>,
    },
}

impl EcrSettings {
    /// With its file below a folder, unless it is absolute.
    #[must_use]
    pub fn with_files_below(mut self, folder: &Path) -> Self {
        let file = &mut self.options.lifecycle_policy_file;
        *file = file.take().map(|file| folder.join(file));
        self
    }
}

impl Encryption {
    /// As `encryption` has it, and Amazon.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms { .. } => "KMS",
        }
    }
}
