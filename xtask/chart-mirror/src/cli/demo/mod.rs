//! The command `demo`: the whole story on this machine, with registries in memory and generated images.
//!
//! Nothing is staged: the images go over HTTP into one registry, the same engine as `mirror`'s copies
//! them, and what is told is read off reports and the registries themselves.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::chart::Wanted;
use crate::commands::chart_run::ChartRun;
use crate::commands::mirror::result::MirrorReport;
use crate::commands::pin::result::Mode;
use crate::commands::verify;
use crate::commands::verify::Verification;
use crate::commands::{mirror, pin};
use crate::copy::{CopyOptions, Silent};
use crate::list::ImageList;
use crate::list::code::{Check, Code};
use crate::report::verify::Form;
use crate::report::verify::human::Style;
use crate::report::{self, human};
use crate::values::Overlay;
use registry::RetryPolicy;
use registry::auth::credentials::EmptyEnvironment;
use registry_in_memory::InMemoryRegistry;
use stage::{Stage, destination_for};

mod stage;

/// A chart with the keys and shapes of StackState 4.5.6.
const CHART: &str = "tests/data/charts/stackstate-shapes";
/// What can be verified without files and helm.
const CHECKS: [Check; 2] = [Check::Source, Check::Destination];

/// Runs the demonstration over the images of a list, and tells what came of it. `root` is the folder
/// of the workspace, whose charts for tests stand in for the real one.
///
/// # Errors
/// When no port can be had, or when something that should have worked did not.
pub async fn run(original: &ImageList, root: &Path) -> anyhow::Result<String> {
    let began = Instant::now();
    let mut stage = Stage::open(original).await?;
    let mut story = String::new();
    writeln!(
        story,
        "Two registries in memory: a source at {} with {} generated images\n\
         under the names of the list, and an empty destination at {}.\n",
        stage.source.address(),
        stage.list.images().len(),
        stage.destination.address(),
    )?;
    writeln!(story, "pin: which digests the tags name")?;
    pin_list(&mut story, &mut stage, Mode::Pin).await?;

    mirror_list(&mut story, "mirror", &stage).await?;
    mirror_list(&mut story, "mirror again: each image costs one look at the destination", &stage)
        .await?;
    writeln!(story, "verify: source and destination have what the list pins")?;
    verify_list(&mut story, &stage, &[]).await?;

    let rebuilt = stage.rebuild_first().await?;
    writeln!(story, "Somebody moves a tag at the source: {rebuilt}\nverify finds it")?;
    verify_list(&mut story, &stage, &[Code::SourceMoved]).await?;
    writeln!(story, "pin --update: what has changed, and accepted")?;
    pin_list(&mut story, &mut stage, Mode::Update).await?;
    mirror_list(&mut story, "mirror: only what is new moves", &stage).await?;

    let deleted = stage.delete_first()?;
    writeln!(story, "Somebody deletes an image at the destination: {deleted}\nverify finds it")?;
    verify_list(&mut story, &stage, &[Code::DestinationMissing]).await?;
    mirror_list(&mut story, "mirror: it comes back", &stage).await?;
    verify_list(&mut story, &stage, &[]).await?;

    stage.compare()?;
    writeln!(
        story,
        "Every tag at the destination has the digest of the source, and all that it points to.\n\
         For example: {}\n",
        stage.example()?
    )?;
    values_and_proof(&mut story, original, root)?;
    writeln!(
        story,
        "With registries of your own: cargo xtask mirror -d registry.example.com\n\
         (-t prints what would be copied). This took {:.1} s.",
        began.elapsed().as_secs_f64()
    )?;
    Ok(story)
}

/// One run of `pin`.
async fn pin_list(story: &mut String, stage: &mut Stage, mode: Mode) -> anyhow::Result<()> {
    let options = pin::Options { images: Vec::new(), mode, retry: RetryPolicy::default() };
    let report = pin::look(&stage.list, &options, &EmptyEnvironment).await?;
    for image in &report.images {
        if let Some(digest) = image.written(mode) {
            stage.write(&image.source, digest)?;
        }
    }
    // Twenty lines with a digest each tell less than their sum.
    if mode == Mode::Update {
        indent(story, &report::pin::human(&report, "cargo xtask pin"), is_about_a_change)?;
    }
    let summary = report::pin::summary(&report, "the list in memory", "cargo xtask pin");
    indent(story, &summary, |_| true)?;
    writeln!(story)?;
    Ok(())
}

fn is_about_a_change(line: &str) -> bool {
    !line.starts_with("unchanged")
}

/// One run of `verify`, which has to find just this.
async fn verify_list(story: &mut String, stage: &Stage, expected: &[Code]) -> anyhow::Result<()> {
    let options = verify::Options {
        destination: Some(stage.destination.address().to_owned()),
        checks: BTreeSet::from(CHECKS),
        deep: true,
        strict: true,
        chart: Wanted::default(),
        concurrency: None,
        retry: RetryPolicy::default(),
    };
    let file = Path::new("images.toml");
    let subject =
        verify::Subject { list: &stage.list, file, shown: "images.toml", command: "cargo xtask" };
    let mut verification = Verification::begin(subject, &options)?;
    verification.look_here(&Silent);
    verification.ask_registries(&EmptyEnvironment, &Silent).await?;
    let report = verification.end();
    indent(story, &Form::Human.render(&report, Style::Plain), |line| {
        !line.ends_with("not asked for")
    })?;
    writeln!(story)?;
    let found: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
    anyhow::ensure!(found == expected, "found {found:?} instead of {expected:?}:\n{story}");
    Ok(())
}

/// One run of `mirror`, told by its own report and by the destination's log.
async fn mirror_list(story: &mut String, title: &str, stage: &Stage) -> anyhow::Result<()> {
    let Stage { destination, list, .. } = stage;
    destination.forget_requests();
    let options = mirror::Options {
        destination: Some(destination.address().to_owned()),
        only: Vec::new(),
        concurrency: None,
        copy: CopyOptions::default(),
        retry: RetryPolicy::default(),
    };
    let plan = mirror::plan(list, &options)?;
    let report = mirror::run(list, &plan, &options, &EmptyEnvironment, Arc::new(Silent)).await?;
    if let Some((image, error)) = report.failures().next() {
        anyhow::bail!("{}: {error}", image.source);
    }
    writeln!(story, "{title}")?;
    indent(story, &human::mirror(&report), |_| true)?;
    writeln!(story, "  {}\n", methods(&report, destination))?;
    Ok(())
}

fn indent(story: &mut String, text: &str, is_told: impl Fn(&str) -> bool) -> std::fmt::Result {
    let mut lines = text.lines().filter(|line| !line.is_empty() && is_told(line));
    lines.try_for_each(|line| writeln!(story, "  {line}"))
}

/// What the destination was asked, by its own log.
fn methods(report: &MirrorReport, destination: &InMemoryRegistry) -> String {
    let requests = destination.requests();
    let count = |method: &str| requests.iter().filter(|request| request.method == method).count();
    let counted =
        ["HEAD", "GET", "POST", "PUT"].map(|method| format!("{} {method}", count(method)));
    let seconds = report.took.as_secs_f64().max(0.001);
    let rate = (report.totals().images as f64 / seconds).round();
    format!("the destination answered {}; {rate} images a second", counted.join(", "))
}

/// The values for a mirror, and the proof on a chart that has the keys of the real one.
fn values_and_proof(story: &mut String, list: &ImageList, root: &Path) -> anyhow::Result<()> {
    let destination = destination_for(list, "registry.example.com")?;
    let overlay = Overlay::of(list, &destination)?.render(
        list,
        &destination,
        "cargo xtask values",
        "images.toml",
    );
    writeln!(story, "cargo xtask values -d {destination} makes the chart pull from there:")?;
    for line in overlay.lines().filter(|line| !line.starts_with('#')) {
        writeln!(story, "  {line}")?;
    }
    let chart = root.join(CHART);
    let wanted = Wanted { chart: Some(chart.to_string_lossy().into_owned()), ..Wanted::default() };
    let run = ChartRun::new(list, root, &wanted)?;
    if !chart.is_dir() {
        writeln!(story, "Left out: the proof, because {CHART} is not here.\n")?;
    } else if !run.has_helm() {
        writeln!(
            story,
            "Left out: the proof that this moves every image, because it needs helm (https://helm.sh).\n"
        )?;
    } else {
        let told = match run.prove(list, &destination) {
            Ok(proof) => report::chart::proof(&proof, &destination.to_string()),
            // A list of another chart brings renderings that this one does not know.
            Err(error) => format!("left out, because it does not render: {error:#}"),
        };
        writeln!(story, "The proof, by helm on {CHART}:")?;
        // Of a list that is not the chart's own, the first gaps tell enough.
        for line in told.lines().take(3).chain(told.lines().skip(3).last()) {
            writeln!(story, "  {line}")?;
        }
        writeln!(story)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_demonstration_works_on_any_list() {
        let text = "[[image]]\nsource = \"localhost:5000/a\"\ntag = \"1\"\n\
                    [[image]]\nsource = \"docker.io/library/a\"\ntag = \"1\"\ntarget = \"b\"\n";
        let list = ImageList::parse("images.toml", text).unwrap();
        let story = run(&list, Path::new("nowhere")).await.unwrap();
        assert!(story.contains("2 images to 127.0.0.1:"), "{story}");
        assert!(story.contains("0 copied, 2 up to date"), "{story}");
        assert!(story.contains("1 copied, 1 up to date"), "{story}");
        assert!(story.contains("error[source-moved]"), "{story}");
        assert!(story.contains("error[destination-missing]"), "{story}");
    }
}
