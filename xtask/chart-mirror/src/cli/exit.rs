//! `Exit`: how a run ended, from the best to the worst. Its number is the exit code.

use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    Done = 0,
    /// Something was found or has failed, and was reported.
    Failed = 1,
    CouldNotRun = 2,
    /// By Ctrl-C (SIGINT).
    Interrupted = 130,
    /// By SIGTERM.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        (exit as u8).into()
    }
}
