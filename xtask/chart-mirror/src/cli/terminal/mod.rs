//! What the user sees: results on stdout, messages and progress on stderr, each with or without colours.
//!
//! `streams` writes, `colour` decides about colours, and `progress` shows the state of a run.

pub use progress::{ProgressDisplay, RunScope};
pub use streams::{
    Appearance, LogWriter, ProgressFormat, Verbosity, appear_as, error, message, message_style,
    presentation, record, result, result_for_programs, verbosity,
};

mod colour;
mod progress;
mod streams;
