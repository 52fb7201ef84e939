//! `DoctorReport`: the result of `doctor`. It holds no secrets, only where credentials come from.

use std::path::PathBuf;

use messages::Advice;
use oci::Registry;
use registry::ping::{CredentialState, HostSummary, Ping};
use registry::{Error, Side};
use serde::{Serialize, Serializer};

/// What a run would use.
#[derive(Debug)]
pub struct DoctorReport {
    /// `None` if the list names no destination and none was requested.
    pub destination: Option<String>,
    pub hosts: Vec<HostReport>,
    /// The files that may hold credentials. Environment variables take precedence over them.
    pub login_files: Vec<LoginFile>,
    pub programs: Vec<ProgramReport>,
    pub warnings: Vec<String>,
}

/// A registry as one side of a copy.
#[derive(Debug)]
pub struct HostReport {
    pub registry: Registry,
    pub side: Side,
    pub summary: HostSummary,
    /// One, unless its repositories have different credentials.
    pub logins: Vec<LoginReport>,
}

/// Credentials, the repositories that they are for, and how the registry responded to them.
#[derive(Debug)]
pub struct LoginReport {
    pub repositories: Vec<String>,
    pub login: CredentialState,
    pub answer: HostAnswer,
}

#[derive(Debug)]
pub enum HostAnswer {
    NotContacted,
    Usable(Ping),
    Failed(Error),
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LoginFile {
    pub file: PathBuf,
    /// Whether the file exists.
    pub found: bool,
}

/// A program that some commands need.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProgramReport {
    pub name: String,
    pub path: Option<PathBuf>,
    /// Null if the program does not report one.
    #[serde(serialize_with = "if_known")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub version: Result<String, Advice>,
    #[serde(skip)]
    pub needed_for: &'static str,
}

fn if_known<S: Serializer>(
    version: &Result<String, Advice>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    version.as_ref().ok().serialize(serializer)
}

impl DoctorReport {
    /// Whether a run could begin to copy.
    pub fn is_well(&self) -> bool {
        self.unusable().count() == 0
    }

    /// The registries that a run could not use.
    pub fn unusable(&self) -> impl Iterator<Item = &HostReport> {
        self.hosts.iter().filter(|host| host.logins.iter().any(LoginReport::is_unusable))
    }
}

impl HostReport {
    pub fn is_encrypted(&self) -> bool {
        self.summary.address.starts_with("https:")
    }
}

impl LoginReport {
    pub fn is_unusable(&self) -> bool {
        let has_failed = matches!(self.answer, HostAnswer::Failed(_));
        has_failed || matches!(self.login, CredentialState::Broken(_))
    }
}
