//! Parse, run, exit code; nothing else.

use std::process::ExitCode;

use clap::Parser as _;
use xtask::flags::Flags;
use xtask::list::Problems;
use xtask::{ci, dispatch, runtime, terminal};

const COULD_NOT_RUN: u8 = 2;
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let flags = Flags::parse();
    runtime::show_requests(flags.verbose);
    let code = dispatch::run(&flags).unwrap_or_else(|error| {
        terminal::message(&told(&error));
        if error.is::<runtime::Interrupted>() {
            INTERRUPTED
        } else if error.is::<ci::StepFailed>() {
            dispatch::FAILED
        } else {
            COULD_NOT_RUN
        }
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
