//! What `cargo xtask` runs: `ci` checks this repository, `bench` measures a run, everything else is chart-mirror.

use std::process::ExitCode;

mod bench;
mod ci;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, rest)) if command == "bench" => bench::main(rest),
        Some((command, rest)) if command == "ci" => ci::main(rest),
        _ => chart_mirror::main(),
    }
}
