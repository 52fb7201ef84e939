//! `CredentialCandidate`: a place where credentials for a repository may be found, and what is known about it
//! before any program has been started.

use std::fmt;
use std::path::PathBuf;

use messages::Advice;

use super::cloud_cli::CloudCli;
use super::helper::HelperName;
use super::secret::Credentials;

/// A possible source of credentials, and how to name it to users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CredentialCandidate {
    pub(crate) origin: Origin,
    pub(crate) source: CredentialSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CredentialSource {
    Known(Credentials),
    /// A credential helper has to be started.
    Helper(HelperName),
    /// The command line of a cloud has to be started.
    CloudCli(CloudCli),
    /// The entry exists and cannot be used.
    Broken(Advice),
}

/// Where credentials come from, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Variables { username: String, password: String },
    Entry { key: String, file: PathBuf },
    Helper { program: String, file: PathBuf },
    CloudCli { command: String },
}

impl CredentialCandidate {
    pub(crate) fn cloud(cli: CloudCli) -> Self {
        let origin = Origin::CloudCli { command: cli.to_string() };
        Self { origin, source: CredentialSource::CloudCli(cli) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variables { username, password } => write!(f, "`{username}` and `{password}`"),
            Self::Entry { key, file } => write!(f, "`{key}` in {}", file.display()),
            Self::Helper { program, file } => {
                write!(f, "`{program}`, configured in {}", file.display())
            }
            Self::CloudCli { command } => f.write_str(command),
        }
    }
}
