//! Child processes: every program that the tool runs (helm, tar, the command lines of clouds,
//! credential helpers) is started here, without a shell, with a deadline and an output limit.
//!
//! Programs that read files get them in a [`TempFolder`].

mod find;
mod program;
mod stop;
mod temp_folder;

pub use find::find_program;
pub use program::{Output, ProcessError, Program};
pub use stop::stop_programs;
pub use temp_folder::TempFolder;
