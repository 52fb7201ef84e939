//! `DoctorReport`: what `doctor` found, as a value. It holds no secrets: only where a login comes from.

use std::path::PathBuf;

use oci::Registry;
use registry::ping::{Greeting, LoginFound, Manner};
use registry::{Error, Side};

/// What is known of everything that a run would use.
#[derive(Debug)]
pub struct DoctorReport {
    /// None where the list names none, and none was asked for.
    pub destination: Option<String>,
    pub hosts: Vec<HostReport>,
    /// Where logins are looked for after the variables, and whether something is there.
    pub login_files: Vec<(PathBuf, bool)>,
    pub programs: Vec<ProgramReport>,
    pub warnings: Vec<String>,
}

/// A registry as one side of a copy.
#[derive(Debug)]
pub struct HostReport {
    pub registry: Registry,
    pub side: Side,
    pub manner: Manner,
    /// One, unless repositories have logins of their own.
    pub logins: Vec<LoginReport>,
}

/// A login, and what it is for.
#[derive(Debug)]
pub struct LoginReport {
    pub repositories: Vec<String>,
    pub login: LoginFound,
    pub answer: HostAnswer,
}

#[derive(Debug)]
pub enum HostAnswer {
    /// Nobody asked.
    Unknown,
    Good(Greeting),
    Bad(Error),
}

/// A program that some commands need.
#[derive(Debug)]
pub struct ProgramReport {
    pub name: String,
    pub path: Option<PathBuf>,
    /// What it calls its version, or why it does not.
    pub version: Result<String, String>,
    pub needed_for: &'static str,
}

impl DoctorReport {
    /// Whether a run would come as far as its first image.
    pub fn is_well(&self) -> bool {
        self.ailing().count() == 0
    }

    pub fn ailing(&self) -> impl Iterator<Item = &HostReport> {
        self.hosts.iter().filter(|host| host.logins.iter().any(LoginReport::is_ailing))
    }
}

impl LoginReport {
    pub fn is_ailing(&self) -> bool {
        let is_bad = matches!(self.answer, HostAnswer::Bad(_));
        is_bad || matches!(self.login, LoginFound::Broken(_))
    }
}
