//! What `doctor` found, as a value, and that value as text and as JSON. Secrets have no place in it:
//! it says where a login comes from, and not what it is.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::json::{VERSION, pretty};
use crate::commands::doctor::result::{DoctorReport, HostAnswer, HostReport, LoginReport};
use registry::ping::{Accepted, Greeting, LoginFound, Manner};

/// For people.
pub fn human(report: &DoctorReport) -> String {
    let mut text = String::new();
    for host in &report.hosts {
        text += &human_host(host);
    }
    text += "logins are looked for in variables, then in these files:\n";
    for (file, is_there) in &report.login_files {
        let state = if *is_there { "there    " } else { "not there" };
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
    let Manner { address, abilities } = &host.manner;
    let transport = if address.starts_with("https:") { "TLS" } else { "plain HTTP, without TLS" };
    line(&mut text, format_args!("{} ({}): {address}, {transport}", host.registry, host.side));
    line(&mut text, format_args!("  {}", abilities.join("; ")));
    for login in &host.logins {
        let found = match &login.login {
            LoginFound::None => "none".to_owned(),
            LoginFound::CommandFailed(hint) => format!("none: {hint}"),
            LoginFound::From(origin) => format!("from {origin}"),
            LoginFound::HelperPending(origin) => format!("to be asked of {origin}"),
            LoginFound::Broken(why) => {
                format!("broken: {}", why.to_string().replace("\nhint: ", "\n  hint: "))
            }
        };
        let repositories = match login.repositories.as_slice() {
            [only] => format!("`{only}`"),
            several => format!("{} repositories", several.len()),
        };
        line(&mut text, format_args!("  login for {repositories}: {found}"));
        match &login.answer {
            HostAnswer::Unknown => {}
            HostAnswer::Good(Greeting { round_trip, accepted }) => {
                let words = match accepted {
                    Accepted::Everybody => "answers, and does not ask who we are",
                    Accepted::Anonymous => "answers, and lets in who has no login",
                    Accepted::Login => "answers, and takes the login",
                };
                let milliseconds = round_trip.as_secs_f64() * 1000.0;
                line(&mut text, format_args!("    {words}; round trip {milliseconds:.1} ms"));
            }
            HostAnswer::Bad(error) => {
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
    let (all, ailing) = (report.hosts.len(), report.ailing().count());
    let was_asked = report.hosts.iter().flat_map(|host| &host.logins);
    let mut was_asked = was_asked.filter(|login| !matches!(login.answer, HostAnswer::Unknown));
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

/// For programs.
pub fn json(report: &DoctorReport) -> String {
    let programs = report.programs.iter().map(|program| {
        let version = program.version.as_ref();
        json!({ "name": program.name, "path": program.path, "version": version.ok() })
    });
    let files = report.login_files.iter();
    let files = files.map(|(file, is_there)| json!({ "file": file, "found": is_there }));
    pretty(&json!({
        "version": VERSION,
        "command": "doctor",
        "destination": report.destination,
        "well": report.is_well(),
        "registries": report.hosts.iter().map(host_value).collect::<Vec<_>>(),
        "login-files": files.collect::<Vec<_>>(),
        "programs": programs.collect::<Vec<_>>(),
        "warnings": report.warnings,
    }))
}

fn host_value(host: &HostReport) -> Value {
    json!({
        "registry": host.registry,
        "side": host.side,
        "address": host.manner.address,
        "tls": host.manner.address.starts_with("https:"),
        "abilities": host.manner.abilities,
        "logins": host.logins.iter().map(login_value).collect::<Vec<_>>(),
    })
}

fn login_value(login: &LoginReport) -> Value {
    let (state, from) = match &login.login {
        LoginFound::None => ("none", None),
        LoginFound::CommandFailed(hint) => ("none", Some(hint.clone())),
        LoginFound::From(origin) => ("found", Some(origin.to_string())),
        LoginFound::HelperPending(origin) => ("to-be-asked", Some(origin.to_string())),
        LoginFound::Broken(why) => ("broken", Some(why.to_string())),
    };
    let mut value = json!({
        "repositories": login.repositories,
        "login": state,
        "from": from,
        "answer": "unknown",
    });
    match &login.answer {
        HostAnswer::Unknown => {}
        HostAnswer::Good(greeting) => {
            value["answer"] = json!(match greeting.accepted {
                Accepted::Everybody => "open",
                Accepted::Anonymous => "anonymous",
                Accepted::Login => "accepted",
            });
            value["seconds"] = json!(greeting.round_trip.as_secs_f64());
        }
        HostAnswer::Bad(error) => {
            value["answer"] = json!("failed");
            value["error"] = super::json::error(error);
        }
    }
    value
}
