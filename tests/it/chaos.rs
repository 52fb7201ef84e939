//! Mirroring while requests fail at random, in every way that registries and networks are known to fail.
//!
//! A failing seed is printed, and `CHAOS_SEED=17` repeats it with its faults. `CHAOS_SEEDS=200` runs more seeds
//! than a usual test run does.
//!
//! Each run has a clock of its own, which moves on whenever all tasks wait. So pauses and timeouts are those of
//! users, take no time, and do not depend on how busy the machine is.

mod shapes;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use chart_mirror::commands::mirror::result::MirrorReport;
use registry_in_memory::{Chaos, End, Faulty, InMemoryRegistry};

use crate::support::stage::{ABSENT, Stage, report_text};
use tokio::time::Instant;

/// Seeds of a usual test run; a quarter of them with many faults.
const SEEDS: u64 = 24;
const AT_ONCE: usize = 2;
/// No run takes this long by its own clock.
const FOREVER: Duration = Duration::from_secs(4 * 3600);

/// How many requests fail, and how.
#[derive(Clone, Copy)]
struct Weather {
    name: &'static str,
    per_mille: u64,
    faults: Faulty,
    seeds: u64,
}

/// What one seed has led to.
struct Row {
    seed: u64,
    /// What is not as it has to be.
    problems: Vec<String>,
    complete: bool,
    /// The requests as a multiple of those without faults.
    ratio: f64,
    took: Duration,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

fn seeds(weather: Weather) -> Vec<u64> {
    number("CHAOS_SEED").map_or((0..weather.seeds).collect(), |seed| vec![seed])
}

fn requests(stage: &Stage) -> usize {
    stage.source.requests().len() + stage.destination.requests().len()
}

fn storm(stage: &Stage, seed: u64, weather: Weather) {
    let Weather { per_mille, faults, .. } = weather;
    // With final refusals, most images fail early; without them, most of the work is done.
    let faults = if seed.is_multiple_of(2) { Faulty::Passing } else { faults };
    stage.source.set_chaos(Chaos { seed, per_mille, end: End::Source, faults });
    stage.destination.set_chaos(Chaos { seed, per_mille, end: End::Destination, faults });
}

/// What a run left that must never be: a tag with other or incomplete content, or an image that is missing
/// although it was not reported as failed.
fn damage(stage: &Stage, report: Option<&MirrorReport>) -> Vec<String> {
    let mut problems = stage.destination.store().incomplete_tags();
    let failed: Vec<String> =
        report.into_iter().flat_map(MirrorReport::failures).map(named).collect();
    for (image, why) in stage.differences() {
        let is_reported = report.is_none() || failed.iter().any(|name| name.ends_with(&image));
        if why != ABSENT || !is_reported {
            problems.push(format!("{image}: {why}"));
        }
    }
    problems
}

fn named(
    (image, _): (&chart_mirror::commands::mirror::result::ImageReport, &registry::Error),
) -> String {
    image.source.to_string()
}

/// Mirrors with one seed. `clean` is the number of requests without faults.
async fn mirror(seed: u64, weather: Weather, clean: usize) -> Row {
    let stage = shapes::stage(seed).await;
    storm(&stage, seed, weather);
    let began = Instant::now();
    let ran = tokio::time::timeout(FOREVER, stage.try_mirror()).await;
    let (took, ratio) = (began.elapsed(), requests(&stage) as f64 / clean as f64);
    let mut problems = Vec::new();
    let report = match ran {
        Ok(result) => result.inspect_err(|error| problems.push(format!("{error:#}"))).ok(),
        Err(_) => {
            problems.push("the run hangs".to_owned());
            None
        }
    };
    let failures = report.iter().flat_map(MirrorReport::failures);
    problems.extend(failures.map(|(image, error)| format!("{}: {error}", image.source)));
    problems.extend(shapes::missing_attachments(&stage));
    let complete = problems.is_empty();
    if weather.faults == Faulty::Any {
        // Failures are allowed, if the run names them.
        problems.clear();
    }
    problems.extend(damage(&stage, report.as_ref()));
    if number("CHAOS_SEED").is_some() {
        print_faults("source", &stage.source);
        print_faults("destination", &stage.destination);
    }
    if !complete && problems.is_empty() {
        stage.source.clear_faults();
        stage.destination.clear_faults();
        let again = stage.try_mirror().await.unwrap();
        problems.extend(
            again.failures().map(|(image, error)| format!("again: {}: {error}", image.source)),
        );
        problems.extend(damage(&stage, Some(&again)));
        problems.extend(shapes::missing_attachments(&stage));
    }
    Row { seed, problems, complete, ratio, took }
}

#[expect(clippy::print_stdout, reason = "anyone who repeats a seed has to see what happened")]
fn print_faults(end: &str, registry: &InMemoryRegistry) {
    for request in registry.requests() {
        let (line, query, status) = (request.line(), &request.query, request.status);
        let effect = request.effect.map_or(String::new(), |effect| format!("  <- {effect:?}"));
        println!("{:>9.3?} {end:<11} {line}?{query} {status:?}{effect}", request.arrived);
    }
}

/// Runs a future with a clock of its own.
fn with_own_clock<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(future)
}

/// The requests of a run without faults, for each shape.
async fn clean_counts() -> Vec<usize> {
    let mut counts = Vec::new();
    for shape in 0..shapes::COUNT {
        let stage = shapes::stage(shape).await;
        let report = stage.try_mirror().await.unwrap();
        assert_eq!(report.failures().count(), 0, "{}", report_text(&report));
        stage.assert_mirrored();
        assert_eq!(shapes::missing_attachments(&stage), [""; 0], "shape {shape}");
        counts.push(requests(&stage));
    }
    counts
}

#[expect(clippy::print_stdout, reason = "the table that a run of many seeds is for")]
fn run(weather: Weather) -> Vec<Row> {
    let (clean, began) = (with_own_clock(clean_counts()), std::time::Instant::now());
    let (pending, rows) = (Mutex::new(seeds(weather)), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(seed) = pending.lock().unwrap().pop() else { return };
                    let clean = clean[(seed % shapes::COUNT) as usize];
                    let row = with_own_clock(mirror(seed, weather, clean));
                    rows.lock().unwrap().push(row);
                }
            });
        }
    });
    let rows = rows.into_inner().unwrap();
    let complete = rows.iter().filter(|row| row.complete).count();
    let mut ratios: Vec<f64> = rows.iter().map(|row| row.ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let mut times: Vec<Duration> = rows.iter().map(|row| row.took).collect();
    times.sort();
    println!(
        "{}: {} seeds, {complete} complete; requests x {:.2} (median), {:.2} (most); a run takes {:.1?} (median), \
         {:.1?} (most); {:.1?} in all; requests without faults {clean:?}",
        weather.name,
        rows.len(),
        ratios[ratios.len() / 2],
        ratios[ratios.len() - 1],
        times[times.len() / 2],
        times[times.len() - 1],
        began.elapsed(),
    );
    rows
}

fn assert_right(rows: &[Row], test: &str) {
    let wrong: BTreeMap<u64, &Vec<String>> = rows
        .iter()
        .filter(|row| !row.problems.is_empty())
        .map(|row| (row.seed, &row.problems))
        .collect();
    let replay = wrong.keys().map(|seed| {
        format!("CHAOS_SEED={seed} cargo test -p chart-mirror --test it -- --nocapture {test}\n")
    });
    assert!(wrong.is_empty(), "{wrong:#?}\nto repeat:\n{}", replay.collect::<String>());
}

#[test]
fn with_one_request_in_ten_failing_every_image_arrives_with_few_requests_more() {
    let seeds = number("CHAOS_SEEDS").unwrap_or(SEEDS);
    let weather = Weather { name: "10 %", per_mille: 100, faults: Faulty::Passing, seeds };
    let mut rows = run(weather);
    for row in &mut rows {
        if row.ratio > 2.5 {
            row.problems.push(format!("{:.2} times the requests of a clean run", row.ratio));
        }
    }
    assert_right(&rows, "one_request_in_ten");
}

#[test]
fn with_three_requests_in_ten_failing_in_any_way_no_tag_is_ever_wrong() {
    let seeds = number("CHAOS_SEEDS").unwrap_or(SEEDS) / 4;
    let weather = Weather { name: "30 %", per_mille: 300, faults: Faulty::Any, seeds };
    assert_right(&run(weather), "three_requests_in_ten");
}
