//! The report of `doctor` as JSON.

use serde::Serialize;

use crate::commands::doctor::result::{
    DoctorReport, HostAnswer, HostReport, LoginFile, LoginReport, ProgramReport,
};
use crate::report::json::document;
use oci::Registry;
use registry::ping::{AuthState, CredentialState};
use registry::{Error, Side};

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(in crate::report) struct Doctor<'a> {
    destination: Option<&'a str>,
    /// Whether no problem was found.
    well: bool,
    registries: Vec<Host<'a>>,
    login_files: &'a [LoginFile],
    programs: &'a [ProgramReport],
    warnings: &'a [String],
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Host<'a> {
    registry: &'a Registry,
    side: Side,
    address: &'a str,
    tls: bool,
    /// How requests to this registry differ from those to others.
    abilities: &'a [String],
    logins: Vec<Login<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Login<'a> {
    /// The repositories that these credentials are for.
    repositories: &'a [String],
    login: LoginState,
    /// Where the credentials come from, or why there are none.
    from: Option<String>,
    #[serde(flatten)]
    answer: Answer<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
enum LoginState {
    Found,
    None,
    ToBeAsked,
    Broken,
}

/// How the registry responded; `seconds` is the time of a round trip.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "answer", rename_all = "kebab-case")]
enum Answer<'a> {
    Unknown,
    Open { seconds: f64 },
    Anonymous { seconds: f64 },
    Accepted { seconds: f64 },
    Failed { error: &'a Error },
}

/// One document.
pub fn json(report: &DoctorReport) -> String {
    let doctor = Doctor {
        destination: report.destination.as_deref(),
        well: report.is_well(),
        registries: report.hosts.iter().map(host).collect(),
        login_files: &report.login_files,
        programs: &report.programs,
        warnings: &report.warnings,
    };
    document("doctor", doctor)
}

fn host(host: &HostReport) -> Host<'_> {
    Host {
        registry: &host.registry,
        side: host.side,
        address: &host.summary.address,
        tls: host.is_encrypted(),
        abilities: &host.summary.abilities,
        logins: host.logins.iter().map(login).collect(),
    }
}

fn login(login: &LoginReport) -> Login<'_> {
    let (state, from) = match &login.login {
        CredentialState::None => (LoginState::None, None),
        CredentialState::CommandFailed(hint) => (LoginState::None, Some(hint.clone())),
        CredentialState::From(origin) => (LoginState::Found, Some(origin.to_string())),
        CredentialState::HelperPending(origin) => (LoginState::ToBeAsked, Some(origin.to_string())),
        CredentialState::Broken(why) => (LoginState::Broken, Some(why.to_string())),
    };
    let answer = match &login.answer {
        HostAnswer::NotContacted => Answer::Unknown,
        HostAnswer::Usable(ping) => {
            let seconds = ping.round_trip.as_secs_f64();
            match ping.authentication {
                AuthState::NotRequired => Answer::Open { seconds },
                AuthState::Anonymous => Answer::Anonymous { seconds },
                AuthState::Authenticated => Answer::Accepted { seconds },
            }
        }
        HostAnswer::Failed(error) => Answer::Failed { error },
    };
    Login { repositories: &login.repositories, login: state, from, answer }
}
