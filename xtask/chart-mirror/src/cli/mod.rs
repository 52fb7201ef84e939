//! The command line: flags in, results on stdout, messages on stderr, an exit code out.

use std::process::ExitCode;

use crate::chart::inventory::Obstacles;
use crate::list::Problems;
use exit::Exit;
use flags::Flags;

#[cfg(feature = "demo")]
pub mod demo;
pub mod dispatch;
pub mod exit;
pub mod flags;
pub mod program;
pub mod runtime;
pub mod terminal;

/// Parses the command line, runs the command and returns its exit code.
pub fn main() -> ExitCode {
    let flags = Flags::from_command_line();
    runtime::start_logging(flags.verbosity());
    let exit = dispatch::run(&flags).unwrap_or_else(|error| {
        terminal::message(&rendered(&error));
        if error.is::<runtime::Interrupted>() {
            Exit::Interrupted
        } else if error.is::<Obstacles>() {
            // The run worked; images of the chart cannot be mirrored.
            Exit::Failed
        } else {
            Exit::CouldNotRun
        }
    });
    exit.into()
}

/// The problems of a list are drawn, each with its line. Any other error is a sentence.
fn rendered(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Problems>() {
        Some(problems) if terminal::has_colour() => problems.render_with_colours(),
        Some(problems) => problems.to_string(),
        None => format!("error: {error:#}"),
    }
}
