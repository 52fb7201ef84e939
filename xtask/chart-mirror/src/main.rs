//! The binary `chart-mirror`: the same commands as `cargo xtask`.

fn main() -> std::process::ExitCode {
    chart_mirror::main()
}
