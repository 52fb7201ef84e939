//! The report of `doctor` as plain text.

use std::fmt::Write as _;

use crate::commands::doctor::result::{
    DoctorReport, HostAnswer, HostReport, LoginFile, LoginReport, LoginState,
};
use crate::report::common::{hint_line, is_are};
use crate::report::failures::{Failure, by_cause};
use crate::report::presentation::{Presentation, Style};
use registry::Error;

/// Whether the report has the files of credentials and the programs, which do not depend on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    Shown,
    /// The report of another list or destination had them.
    ShownBefore,
}

pub fn human(report: &DoctorReport, machine: Machine, presentation: Presentation) -> String {
    let style = presentation.style;
    let mut text: String = report.hosts.iter().map(|host| host_lines(host, style)).collect();
    if machine == Machine::Shown {
        text += &machine_lines(report);
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "{}: {warning}", style.warning("warning"));
    }
    if report.destination.is_none() {
        text += "no destination was examined\nhint: name one with `-d`\n";
    }
    text + &summary(report)
}

fn machine_lines(report: &DoctorReport) -> String {
    let mut text =
        "credentials come from environment variables, then from these files:\n".to_owned();
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
    text
}

fn host_lines(host: &HostReport, style: Style) -> String {
    let HostReport { registry, side, address, tls, abilities, logins } = host;
    let transport = if *tls { "TLS" } else { "plain HTTP, without TLS" };
    let abilities = abilities.join("; ");
    let mut text = format!("{registry} ({side}): {address}, {transport}\n  {abilities}\n");
    // What hits several accounts at once is the registry's failure, and is reported once.
    let failures = logins.iter().filter_map(|login| match &login.answer {
        HostAnswer::Failed { error } => Some(Failure { name: String::new(), error }),
        _ => None,
    });
    let groups = by_cause(failures);
    let shared = groups.iter().find(|group| group.failures.len() > 1);
    let shared = shared.and_then(|group| group.failures.first()).map(|failure| failure.error);
    let cause = shared.map(Error::shared_cause);
    text.extend(logins.iter().map(|login| login_lines(login, cause.as_deref(), style)));
    if let (Some(error), Some(cause)) = (shared, cause) {
        let label = style.error("error");
        text += &format!("  {label}: {cause}\n{}", hint_line("  ", error));
    }
    text
}

fn login_lines(login: &LoginReport, shared: Option<&str>, style: Style) -> String {
    let from = login.from.as_deref().map(|from| from.replace("\nhint: ", "\n  hint: "));
    let state = match (login.login, from.unwrap_or_default()) {
        (LoginState::None, hint) if hint.is_empty() => "none".to_owned(),
        (LoginState::None, hint) => format!("none: {hint}"),
        (LoginState::Found, origin) => format!("from {origin}"),
        (LoginState::ToBeAsked, origin) => format!("to be requested from {origin}"),
        (LoginState::Broken, reason) => format!("unusable: {reason}"),
    };
    let repositories = match login.repositories.as_slice() {
        [only] => format!("`{only}`"),
        several => format!("{} repositories", several.len()),
    };
    let mut text = format!("  credentials for {repositories}: {state}\n");
    let (access, seconds) = match &login.answer {
        HostAnswer::Unknown => return text,
        HostAnswer::Failed { error } if shared == Some(&error.shared_cause()) => return text,
        HostAnswer::Failed { error } => {
            let label = style.error("error");
            return text + &format!("    {label}: {error}\n{}", hint_line("    ", error));
        }
        HostAnswer::Open { seconds } => ("responds without authentication", seconds),
        HostAnswer::Anonymous { seconds } => ("responds, and grants anonymous access", seconds),
        HostAnswer::Accepted { seconds } => ("responds, and accepts the credentials", seconds),
    };
    let _ = writeln!(text, "    {access}; round trip {:.1} ms", seconds * 1000.0);
    if let (Some(status), [first, ..]) = (login.base_status, login.repositories.as_slice()) {
        let _ =
            writeln!(text, "    does not serve `/v2/` ({status}); `{first}` was requested instead");
    }
    text
}

/// How many registries are usable.
pub fn summary(report: &DoctorReport) -> String {
    let (all, unusable) = (report.hosts.len(), report.unusable().count());
    let mut logins = report.hosts.iter().flat_map(|host| &host.logins);
    let was_contacted = logins.any(|login| !matches!(login.answer, HostAnswer::Unknown));
    match (unusable, was_contacted) {
        (0, true) => format!("{all} of {all} registries {} usable\n", is_are(all)),
        (0, false) => "no problem found (registries were not contacted)\n".to_owned(),
        _ => format!("{unusable} of {all} registries {} unusable\n", is_are(unusable)),
    }
}
