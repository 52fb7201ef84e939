//! The command line: flags in, results on stdout, messages on stderr, an exit code out.

use std::process::ExitCode;

use crate::chart::inventory::Obstacles;
use crate::list::Problems;
use crate::report::presentation::Style;
use crate::workspace::UnreadableLists;
use exit::Exit;
use flags::Flags;
use messages::Advice;

#[cfg(feature = "demo")]
pub mod demo;
pub mod dispatch;
pub mod exit;
mod flag_values;
pub mod flags;
pub mod help;
pub mod program;
pub mod runtime;
#[cfg(feature = "shell")]
pub mod shell;
pub mod terminal;

/// Parses the command line, runs the command and returns its exit code.
pub fn main() -> ExitCode {
    let flags = Flags::from_command_line();
    messages::program::called_as(flags.command_prefix());
    terminal::appear_as(flags.appearance());
    runtime::start_logging();
    runtime::remember_interruptions();
    let result = dispatch::run(&flags);
    if let Some(exit) = runtime::interrupted_by() {
        return interrupted(result, exit).into();
    }
    let exit = result.unwrap_or_else(|error| {
        terminal::error(&rendered(&error));
        if error.is::<Obstacles>() {
            // The run worked; images of the chart cannot be mirrored.
            Exit::Failed
        } else {
            Exit::CouldNotRun
        }
    });
    exit.into()
}

/// After an interruption, a failure is due to it: a program was stopped, for example.
fn interrupted(result: anyhow::Result<Exit>, exit: Exit) -> Exit {
    let advice = Advice::new("interrupted").with_hint("run the same command again");
    match result {
        Ok(Exit::Done) => return Exit::Done,
        Err(error) if error.is::<runtime::Interrupted>() => terminal::error(&rendered(&error)),
        Ok(_) | Err(_) => terminal::error(&rendered(&advice.into())),
    }
    exit
}

/// The problems of a list are drawn, each with its line. Any other error is a sentence.
fn rendered(error: &anyhow::Error) -> String {
    let style = terminal::message_style();
    if let Some(UnreadableLists(errors)) = error.downcast_ref() {
        return errors.iter().map(rendered).collect::<Vec<_>>().join("\n\n");
    }
    match error.downcast_ref::<Problems>() {
        Some(problems) if style == Style::Coloured => problems.render_with_colours(),
        Some(problems) => problems.to_string(),
        None => format!("{}: {error:#}", style.error("error")),
    }
}
