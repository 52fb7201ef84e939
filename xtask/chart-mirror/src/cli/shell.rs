//! Completions for shells, and man pages, from the definitions of the flags.

use std::path::Path;

use clap::CommandFactory as _;
pub use clap_complete::Shell;

use super::flags::Flags;
use super::program::BINARY;

/// A script that completes the commands and flags of the binary.
pub fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Flags::command(), BINARY, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a page for the binary and one for each command into a folder.
///
/// # Errors
/// When the folder or a file in it cannot be written.
pub fn write_man_pages(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    Ok(clap_mangen::generate_to(Flags::command(), folder)?)
}
