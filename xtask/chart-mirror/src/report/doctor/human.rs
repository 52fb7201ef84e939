//! The report of `doctor` as plain text.

use std::fmt::Write as _;

use crate::commands::doctor::result::{
    DoctorReport, HostAnswer, HostReport, LoginFile, LoginReport,
};
use crate::report::common::is_are;
use registry::ping::{AuthState, CredentialState, HostSummary, Ping};

pub fn human(report: &DoctorReport) -> String {
    let mut text: String = report.hosts.iter().map(host_lines).collect();
    text += "credentials come from environment variables, then from these files:\n";
    for LoginFile { file, found } in &report.login_files {
        let state = if *found { "found   " } else { "missing " };
        let _ = writeln!(text, "  {state}  {}", file.display());
    }
    for program in &report.programs {
        let (name, needed_for) = (&program.name, program.needed_for);
        let path = program.path.as_ref().map(|path| format!(" at {}", path.display()));
        let path = path.unwrap_or_default();
        let _ = match &program.version {
            Ok(version) => writeln!(text, "{name} {version}{path}"),
            Err(error) => writeln!(text, "{name}{path}: {error} (needed for {needed_for})"),
        };
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    if report.destination.is_none() {
        text += "no destination was examined\nhint: name one with `-d`\n";
    }
    text + &conclusion(report)
}

fn host_lines(host: &HostReport) -> String {
    let mut text = String::new();
    let HostSummary { address, abilities } = &host.summary;
    let transport = if host.is_encrypted() { "TLS" } else { "plain HTTP, without TLS" };
    let _ = writeln!(text, "{} ({}): {address}, {transport}", host.registry, host.side);
    let _ = writeln!(text, "  {}", abilities.join("; "));
    for login in &host.logins {
        text += &login_lines(login);
    }
    text
}

fn login_lines(login: &LoginReport) -> String {
    let state = match &login.login {
        CredentialState::None => "none".to_owned(),
        CredentialState::CommandFailed(hint) => format!("none: {hint}"),
        CredentialState::From(origin) => format!("from {origin}"),
        CredentialState::HelperPending(origin) => format!("to be requested from {origin}"),
        CredentialState::Broken(advice) => {
            format!("unusable: {}", advice.to_string().replace("\nhint: ", "\n  hint: "))
        }
    };
    let repositories = match login.repositories.as_slice() {
        [only] => format!("`{only}`"),
        several => format!("{} repositories", several.len()),
    };
    let mut text = format!("  credentials for {repositories}: {state}\n");
    match &login.answer {
        HostAnswer::NotContacted => {}
        HostAnswer::Usable(Ping { round_trip, authentication }) => {
            let access = match authentication {
                AuthState::NotRequired => "responds without authentication",
                AuthState::Anonymous => "responds, and grants anonymous access",
                AuthState::Authenticated => "responds, and accepts the credentials",
            };
            let milliseconds = round_trip.as_secs_f64() * 1000.0;
            let _ = writeln!(text, "    {access}; round trip {milliseconds:.1} ms");
        }
        HostAnswer::Failed(error) => {
            let _ = writeln!(text, "    error: {error}");
            if let Some(hint) = error.hint() {
                let _ = writeln!(text, "    hint: {hint}");
            }
        }
    }
    text
}

fn conclusion(report: &DoctorReport) -> String {
    let (all, unusable) = (report.hosts.len(), report.unusable().count());
    let mut logins = report.hosts.iter().flat_map(|host| &host.logins);
    let was_contacted = logins.any(|login| !matches!(login.answer, HostAnswer::NotContacted));
    match (unusable, was_contacted) {
        (0, true) => format!("{all} of {all} registries {} usable\n", is_are(all)),
        (0, false) => "no problem found (registries were not contacted)\n".to_owned(),
        _ => format!("{unusable} of {all} registries {} unusable\n", is_are(unusable)),
    }
}
