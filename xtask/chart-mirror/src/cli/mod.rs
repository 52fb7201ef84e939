//! From the command line to commands, and from their results to stdout and an exit code.

use std::process::ExitCode;

use clap::Parser as _;

use crate::list::Problems;
use flags::Flags;

pub mod demo;
pub mod dispatch;
pub mod flags;
pub mod runtime;
pub mod terminal;
const COULD_NOT_RUN: u8 = 2;
const INTERRUPTED: u8 = 130;

/// Parses the command line, runs the command and gives its exit code.
pub fn main() -> ExitCode {
    let flags = Flags::parse();
    runtime::show_requests(flags.verbose);
    let code = dispatch::run(&flags).unwrap_or_else(|error| {
        terminal::message(&told(&error));
        if error.is::<runtime::Interrupted>() { INTERRUPTED } else { COULD_NOT_RUN }
    });
    ExitCode::from(code)
}

/// The problems of a list are drawn, each with its line; any other error is a sentence.
fn told(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Problems>() {
        Some(problems) if terminal::has_colour() => problems.render_with_colours(),
        Some(problems) => problems.to_string(),
        None => format!("error: {error:#}"),
    }
}
