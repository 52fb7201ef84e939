//! Parse, run, exit code; nothing else.

use std::process::ExitCode;

use clap::Parser as _;
use xtask::flags::Flags;
use xtask::{ci, dispatch, runtime, terminal};

const COULD_NOT_RUN: u8 = 2;
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let flags = Flags::parse();
    runtime::show_requests(flags.verbose);
    let code = dispatch::run(&flags).unwrap_or_else(|error| {
        terminal::message(&format!("error: {error:#}"));
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
