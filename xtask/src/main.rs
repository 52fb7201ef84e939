//! What `cargo xtask` runs: `ci` checks this repository, everything else is chart-mirror.

use std::process::ExitCode;

mod ci;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("ci"), None) => ci::main(),
        _ => chart_mirror::main(),
    }
}
