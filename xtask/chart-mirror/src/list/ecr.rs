//! `EcrSettings`: how a destination in Amazon ECR creates repositories.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `[destinations.NAME.ecr]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EcrSettings {
    pub creation: Creation,
    pub options: RepositoryOptions,
}

/// Who creates missing repositories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Creation {
    /// `mirror`, before the first push.
    #[default]
    Create,
    /// Someone else. A push to a missing repository fails.
    Leave,
}

/// The options of new repositories. `None`: Amazon's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositoryOptions {
    pub tags: BTreeMap<String, String>,
    pub scan_on_push: Option<bool>,
    pub immutable_tags: Option<bool>,
    pub encryption: Option<Encryption>,
    /// Relative to the list, unless the list was read with `list_file`.
    pub lifecycle_policy_file: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    Aes256,
    Kms {
        /// Default: the account's key for ECR.
        key: Option<String>,
    },
}

impl EcrSettings {
    /// Resolves a relative file name against a folder.
    #[must_use]
    pub fn with_files_below(mut self, folder: &Path) -> Self {
        let file = &mut self.options.lifecycle_policy_file;
        *file = file.take().map(|file| folder.join(file));
        self
    }
}

impl Encryption {
    /// Its name in images.toml and at Amazon.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms { .. } => "KMS",
        }
    }
}
