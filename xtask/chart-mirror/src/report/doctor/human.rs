//! What `doctor` found, as a value, and that value as text and as JSON. Secrets have no place in it:
//! it says where a login comes from, and not what it is.

use std::fmt::Write as _;

use crate::commands::doctor::result::{DoctorReport, HostAnswer, HostReport, LoginFile};
use registry::ping::{AuthState, CredentialState, HostSummary, Ping};

/// For people.
pub fn human(report: &DoctorReport) -> String {
    let mut text = String::new();
    for host in &report.hosts {
        text += &human_host(host);
    }
    text += "logins are looked for in variables, then in these files:\n";
    for LoginFile { file, found } in &report.login_files {
        let state = if *found { "there    " } else { "not there" };
        line(&mut text, format_args!("  {state}  {}", file.display()));
    }
    for program in &report.programs {
        let (name, needed_for) = (&program.name, program.needed_for);
        let path = program.path.as_ref().map(|path| format!(" at {}", path.display()));
        let path = path.unwrap_or_default();
        match &program.version {
            Ok(version) => line(&mut text, format_args!("{name} {version}{path}")),
            Err(why) => line(&mut text, format_args!("{name}{path}: {why} (for {needed_for})")),
        }
    }
    for warning in &report.warnings {
        line(&mut text, format_args!("warning: {warning}"));
    }
    if report.destination.is_none() {
        text += "no destination was examined\nhint: name one with `-d`\n";
    }
    text + &conclusion(report)
}

fn human_host(host: &HostReport) -> String {
    let mut text = String::new();
    let HostSummary { address, abilities } = &host.summary;
    let transport = if host.is_encrypted() { "TLS" } else { "plain HTTP, without TLS" };
    line(&mut text, format_args!("{} ({}): {address}, {transport}", host.registry, host.side));
    line(&mut text, format_args!("  {}", abilities.join("; ")));
    for login in &host.logins {
        let found = match &login.login {
            CredentialState::None => "none".to_owned(),
            CredentialState::CommandFailed(hint) => format!("none: {hint}"),
            CredentialState::From(origin) => format!("from {origin}"),
            CredentialState::HelperPending(origin) => format!("to be asked of {origin}"),
            CredentialState::Broken(why) => {
                format!("broken: {}", why.to_string().replace("\nhint: ", "\n  hint: "))
            }
        };
        let repositories = match login.repositories.as_slice() {
            [only] => format!("`{only}`"),
            several => format!("{} repositories", several.len()),
        };
        line(&mut text, format_args!("  login for {repositories}: {found}"));
        match &login.answer {
            HostAnswer::NotContacted => {}
            HostAnswer::Usable(Ping { round_trip, authentication }) => {
                let words = match authentication {
                    AuthState::NotRequired => "answers, and does not ask who we are",
                    AuthState::Anonymous => "answers, and lets in who has no login",
                    AuthState::Authenticated => "answers, and takes the login",
                };
                let milliseconds = round_trip.as_secs_f64() * 1000.0;
                line(&mut text, format_args!("    {words}; round trip {milliseconds:.1} ms"));
            }
            HostAnswer::Failed(error) => {
                line(&mut text, format_args!("    error: {error}"));
                if let Some(hint) = error.hint() {
                    line(&mut text, format_args!("    hint: {hint}"));
                }
            }
        }
    }
    text
}

fn conclusion(report: &DoctorReport) -> String {
    let (all, ailing) = (report.hosts.len(), report.unusable().count());
    let was_asked = report.hosts.iter().flat_map(|host| &host.logins);
    let mut was_asked = was_asked.filter(|login| !matches!(login.answer, HostAnswer::NotContacted));
    match (ailing, was_asked.next()) {
        (0, Some(_)) => format!("well: {all} of {all} registries can be used\n"),
        (0, None) => "nothing wrong was found without asking the registries\n".to_owned(),
        _ => format!("not well: {ailing} of {all} registries cannot be used\n"),
    }
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{what}");
}
