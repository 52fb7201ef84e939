//! `DoctorReport`: the result of `doctor`. It holds no secrets, only where credentials come from.

use std::path::PathBuf;

use messages::Advice;
use oci::Registry;
use registry::ping::{AuthState, Base, CredentialState, Ping};
use registry::{Error, Side};
use serde::{Serialize, Serializer};

/// What a run would use.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct DoctorReport {
    /// Null if the list names no destination and none was requested.
    pub destination: Option<String>,
    #[serde(rename = "registries")]
    pub hosts: Vec<HostReport>,
    /// The files that may hold credentials. Environment variables take precedence over them.
    pub login_files: Vec<LoginFile>,
    pub programs: Vec<ProgramReport>,
    pub warnings: Vec<String>,
}

/// A registry as one side of a copy.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HostReport {
    pub registry: Registry,
    pub side: Side,
    pub address: String,
    pub tls: bool,
    /// What is special about this registry, and how many requests it gets at a time.
    pub abilities: Vec<String>,
    /// One, unless its repositories have different credentials.
    pub logins: Vec<LoginReport>,
}

/// Credentials, the repositories that they are for, and how the registry responded to them.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LoginReport {
    pub repositories: Vec<String>,
    pub login: LoginState,
    /// Where the credentials come from, or why there are none.
    pub from: Option<String>,
    #[serde(flatten)]
    pub answer: HostAnswer,
    /// The HTTP status of `/v2/` if the registry does not serve that; null if it does, or was not contacted. `answer`
    /// is then about the first repository.
    #[serde(rename = "base-status")]
    pub base_status: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LoginState {
    Found,
    None,
    /// A credential helper would be run first.
    ToBeAsked,
    /// The credentials are configured, but cannot be read or obtained.
    Broken,
}

/// How the registry responded; `seconds` is the time of a round trip.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum HostAnswer {
    /// It was not contacted.
    Unknown,
    /// It requires no authentication.
    Open {
        seconds: f64,
    },
    /// It issues tokens without credentials.
    Anonymous {
        seconds: f64,
    },
    /// It accepted the credentials.
    Accepted {
        seconds: f64,
    },
    Failed {
        error: Error,
    },
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LoginFile {
    pub file: PathBuf,
    /// Whether the file exists.
    pub found: bool,
}

/// A program that some commands need.
#[derive(Debug, Clone, Serialize)]
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
    /// What was learned about the sources.
    pub fn sources(&self) -> Vec<HostReport> {
        self.hosts.iter().filter(|host| host.side == Side::Source).cloned().collect()
    }

    /// Whether a run could begin to copy.
    pub fn is_well(&self) -> bool {
        self.unusable().count() == 0
    }

    /// The registries that a run could not use.
    pub fn unusable(&self) -> impl Iterator<Item = &HostReport> {
        self.hosts.iter().filter(|host| host.logins.iter().any(LoginReport::is_unusable))
    }
}

impl LoginReport {
    pub fn new(repository: String, credentials: &CredentialState) -> Self {
        let (login, from) = match credentials {
            CredentialState::None => (LoginState::None, None),
            CredentialState::CommandFailed(hint) => (LoginState::None, Some(hint.clone())),
            CredentialState::From(origin) => (LoginState::Found, Some(origin.to_string())),
            CredentialState::HelperPending(origin) => {
                (LoginState::ToBeAsked, Some(origin.to_string()))
            }
            CredentialState::Broken(advice) => (LoginState::Broken, Some(advice.to_string())),
        };
        let (repositories, answer) = (vec![repository], HostAnswer::Unknown);
        Self { repositories, login, from, answer, base_status: None }
    }

    /// Records how the registry responded.
    pub fn responded(&mut self, result: Result<Ping, Error>) {
        if let Ok(Ping { base: Base::NotServed(status), .. }) = &result {
            self.base_status = Some(*status);
        }
        self.answer = result.into();
    }

    pub fn is_unusable(&self) -> bool {
        self.login == LoginState::Broken || matches!(self.answer, HostAnswer::Failed { .. })
    }
}

impl From<Result<Ping, Error>> for HostAnswer {
    fn from(result: Result<Ping, Error>) -> Self {
        let ping = match result {
            Ok(ping) => ping,
            Err(error) => return Self::Failed { error },
        };
        let seconds = ping.round_trip.as_secs_f64();
        match ping.authentication {
            AuthState::NotRequired => Self::Open { seconds },
            AuthState::Anonymous => Self::Anonymous { seconds },
            AuthState::Authenticated => Self::Accepted { seconds },
        }
    }
}
