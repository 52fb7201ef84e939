//! How the user called this program, so that hints repeat it: `cargo xtask --images other.toml pin`.

use std::fmt::Display;
use std::sync::OnceLock;

/// If `main` does not set another: the library is used by another program, or by a test.
const DEFAULT: &str = "chart-mirror";

static CALLED_AS: OnceLock<String> = OnceLock::new();

/// Sets what commands in hints begin with: the program, and the options that choose the list. It is a
/// fact about the process, as its arguments are, so only the first call counts.
pub fn called_as(prefix: String) {
    // A second call would change hints in the middle of a run.
    drop(CALLED_AS.set(prefix));
}

/// A command of this program as the user would type it, in backticks: `` `cargo xtask pin` ``.
pub fn command(arguments: impl Display) -> String {
    format!("`{} {arguments}`", CALLED_AS.get().map_or(DEFAULT, String::as_str))
}
