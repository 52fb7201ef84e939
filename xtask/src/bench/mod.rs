//! `cargo xtask bench`: runs chart-mirror between registries in memory, and counts what a run costs.
//!
//! The program that is measured is this one, as a child process. The registries are in this process, each behind a slow
//! link and TLS if the setting has them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use chart_mirror::cli::terminal;
use chart_mirror::files::write_atomically;
use clap::{Parser, ValueEnum as _};
use registry_in_memory::LinkSpeed;
use serde::Serialize;
use tokio::runtime::Builder;

use corpus::Corpus;
use counts::{Baseline, Change, Run};
use stage::{Certificates, Stage};
use story::{Scenario, Setting};
use table::Row;

mod child;
mod corpus;
mod counts;
mod stage;
mod story;
mod table;

const BASELINE: &str = "tests/bench/baseline.json";

/// The settings of the baseline.
const COUNTED: [Setting; 2] = [Setting::Plain, Setting::Tokens];

/// The round trip of the settings with a delay, unless a flag sets it.
const ROUND_TRIP_MS: u16 = 50;

/// Measure what a run costs: requests, tokens, bytes, connections, time, memory, CPU
///
/// Mirrors and verifies 22 generated images between registries in memory, in three settings:
///
///   plain   HTTP, without a delay
///   tls     TLS, over links with a round trip of 50 ms
///   tokens  TLS, over the same links, with bearer tokens at all registries
///
/// The columns:
///
///   time/RTT     the time in round trips, with the start of the program and its CPU
///                time; `--rtt-ms 500` makes these small
///   requests     at the source + at the destinations, without those for tokens
///   tokens       requests for tokens
///   read         the bytes that the source sent
///   written      the bytes that the destinations received
///   connections  at the source + at the destinations
///   peak memory  resident; Linux shows it, and the CPU time
///
/// The links delay every byte, and do not imitate the slow start of TCP.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
#[command(max_term_width = 100, verbatim_doc_comment)]
#[command(after_help = "Exit codes: 0 done, 1 more than in the baseline, 2 could not run")]
struct BenchFlags {
    /// Fail if a run has more requests, tokens or bytes than in the baseline
    ///
    /// Runs `plain` and `tokens`, without a delay unless `--rtt-ms` sets one.
    #[arg(long, conflicts_with = "update")]
    check: bool,

    /// Record the counts in the baseline
    ///
    /// Runs the same as `--check`.
    #[arg(long)]
    update: bool,

    /// Run only these scenarios
    #[arg(long, value_name = "NAME", value_enum)]
    scenario: Vec<Scenario>,

    /// The round trip of `tls` and `tokens`, in milliseconds
    #[arg(long, value_name = "N")]
    rtt_ms: Option<u16>,

    /// The most megabytes a second of `tls` and `tokens`, to and from each registry
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rate_mb: Option<u16>,

    /// Write the results as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The results as JSON.
#[derive(Serialize)]
struct Results<'a> {
    optimised: bool,
    /// The round trip of the settings with a delay.
    rtt_ms: u16,
    rate_mb: Option<u16>,
    runs: &'a [Row],
}

/// Runs the command. The exit code is 0, 1 if the check fails, or 2 if a run is not possible.
pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let words = std::iter::once("cargo xtask bench").chain(arguments.iter().map(String::as_str));
    let flags = match BenchFlags::try_parse_from(words) {
        Ok(flags) => flags,
        Err(help) if !help.use_stderr() => {
            let written = terminal::result(&help.render().to_string());
            return if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
        Err(error) => {
            terminal::error(error.render().to_string().trim_end());
            return ExitCode::from(2);
        }
    };
    match run(&flags) {
        Ok(exit) => exit,
        Err(error) => {
            terminal::error(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run(flags: &BenchFlags) -> anyhow::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let rows = measure(flags, &Certificates::read(root)?)?;
    if let Some(file) = &flags.json {
        let optimised = is_optimised();
        let (rtt_ms, rate_mb) = (flags.round_trip_ms(), flags.rate_mb);
        let results = Results { optimised, rtt_ms, rate_mb, runs: &rows };
        write_atomically(file, &(serde_json::to_string_pretty(&results)? + "\n"))?;
    }
    let runs: Vec<Run> = rows.iter().map(Row::as_run).collect();
    let file = root.join(BASELINE);
    if flags.update {
        let mut baseline =
            if flags.scenario.is_empty() { Baseline::default() } else { read_baseline(&file)? };
        baseline.record(&runs);
        write_atomically(&file, &(serde_json::to_string_pretty(&baseline)? + "\n"))?;
        terminal::message(&format!("recorded in {BASELINE}"));
    } else if flags.check {
        return Ok(report(&read_baseline(&file)?.compare(&runs)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the story, and writes a line about each run.
fn measure(flags: &BenchFlags, certificates: &Certificates) -> anyhow::Result<Vec<Row>> {
    let scenarios = match &flags.scenario[..] {
        [] => Scenario::value_variants(),
        selected => selected,
    };
    // One thread runs the link and TLS while another one serves.
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("cannot start the threads of the registries")?;
    let corpus = Corpus::generate();
    terminal::result(&introduction(flags))?;
    terminal::result(&table::head())?;
    let mut rows = Vec::new();
    for &setting in flags.settings() {
        let speed = flags.speed(setting);
        for &scenario in scenarios {
            let row = runtime.block_on(async {
                let stage = Stage::prepare(scenario, setting, speed, &corpus, certificates).await?;
                let usage = child::run(&stage.arguments, stage.folder.path()).await?;
                stage.check()?;
                let names = (setting.name(), scenario.name());
                let counted = (stage.counts(), stage.connections());
                anyhow::Ok(Row::new(names, usage, counted, speed.round_trip))
            });
            let row = row.with_context(|| format!("{} {}", setting.name(), scenario.name()))?;
            terminal::result(&row.line())?;
            rows.push(row);
        }
    }
    Ok(rows)
}

fn introduction(flags: &BenchFlags) -> String {
    let build = if is_optimised() { "optimised" } else { "unoptimised" };
    let rate = flags.rate_mb.map_or(String::new(), |rate| format!(", {rate} MB/s"));
    let mut text =
        format!("{build} build; tls and tokens: RTT {} ms{rate}\n", flags.round_trip_ms());
    if !is_optimised() && !flags.is_for_counts() {
        text += "for times, run it optimised: cargo run --release --package xtask -- bench\n";
    }
    text
}

fn is_optimised() -> bool {
    !cfg!(debug_assertions)
}

/// Reports how the runs differ from the baseline. The exit code is 1 if one is worse.
fn report(changes: &[Change]) -> ExitCode {
    let (worse, better): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.is_worse());
    worse.iter().for_each(|change| terminal::error(&format!("error: {change}")));
    better.iter().for_each(|change| terminal::message(&change.to_string()));
    if !changes.is_empty() {
        terminal::message(&format!(
            "hint: if that is intended, `cargo xtask bench --update` records it in {BASELINE}"
        ));
    }
    if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read_baseline(file: &Path) -> anyhow::Result<Baseline> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`; `--update` writes it", file.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("`{}` is not a baseline; `--update` writes it", file.display()))
}

impl BenchFlags {
    /// Without `tls` if only the counts matter: they are those of `plain`, and `tokens` has TLS.
    fn settings(&self) -> &'static [Setting] {
        if self.is_for_counts() { &COUNTED } else { &Setting::ALL }
    }

    fn is_for_counts(&self) -> bool {
        self.check || self.update
    }

    fn round_trip_ms(&self) -> u16 {
        let usual = if self.is_for_counts() { 0 } else { ROUND_TRIP_MS };
        self.rtt_ms.unwrap_or(usual)
    }

    fn speed(&self, setting: Setting) -> LinkSpeed {
        match setting {
            Setting::Plain => LinkSpeed::default(),
            Setting::Tls | Setting::Tokens => LinkSpeed {
                round_trip: Duration::from_millis(self.round_trip_ms().into()),
                bytes_per_second: self.rate_mb.map(|rate| u64::from(rate) * 1_000_000),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn flags(words: &str) -> Result<BenchFlags, clap::Error> {
        BenchFlags::try_parse_from(words.split(' '))
    }

    #[test]
    fn the_flags_are_consistent() {
        BenchFlags::command().debug_assert();
        assert!(flags("bench --check --update").is_err());
        assert!(flags("bench --scenario unknown").is_err());
        assert!(flags("bench --rate-mb 0").is_err());
    }

    #[test]
    fn only_a_run_for_times_has_a_delay_by_default() {
        let table = [
            ("bench", 50),
            ("bench --check", 0),
            ("bench --update", 0),
            ("bench --check --rtt-ms 20", 20),
        ];
        for (words, expected) in table {
            let flags = flags(words).unwrap();
            assert_eq!(flags.speed(Setting::Tokens).round_trip.as_millis(), expected, "{words}");
            assert_eq!(flags.speed(Setting::Plain), LinkSpeed::default());
        }
    }

    #[test]
    fn the_committed_baseline_has_every_run() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let baseline = read_baseline(&root.join(BASELINE)).unwrap();
        let settings: Vec<_> = COUNTED.iter().map(|setting| setting.name()).collect();
        assert_eq!(baseline.0.len(), settings.len());
        for setting in settings {
            for scenario in Scenario::value_variants() {
                assert!(baseline.0[setting].contains_key(scenario.name()), "{setting}");
            }
        }
    }
}
