//! The command `demo`: the whole workflow on this machine, between registries in memory, with generated
//! images.
//!
//! The commands are the real ones: images travel over HTTP, and the story quotes their reports and the
//! logs of the registries.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::chart::ChartOptions;
use crate::commands::chart_run::ChartRun;
use crate::commands::mirror::result::MirrorReport;
use crate::commands::pin::result::Mode;
use crate::commands::verify::{Input, Verification, VerifyOptions};
use crate::commands::{mirror, pin};
use crate::copy::Silent;
use crate::list::ImageList;
use crate::list::finding_code::{Check, Code};
use crate::report;
use crate::report::layout::Layout;
use crate::report::verify::Format;
use crate::values::Overlay;
use registry::RetryPolicy;
use registry::auth::credentials::EmptyEnvironment;
use registry_in_memory::InMemoryRegistry;
use stage::{Stage, destination_for};

mod stage;

/// A chart with the keys and shapes of StackState 4.5.6.
const CHART: &str = "tests/data/charts/stackstate-shapes";
/// The checks that need neither files nor helm.
const CHECKS: [Check; 2] = [Check::Source, Check::Destination];

/// The demonstration in progress, and its text so far.
struct Story<'a> {
    text: String,
    stage: Stage,
    /// What commands begin with.
    program: &'a str,
}

/// Runs the demonstration with the images of a list. `root` is the folder of the workspace, whose test
/// charts stand in for the real one.
///
/// # Errors
/// When no port is available, or when a step does not have the expected result.
pub async fn run(list: &ImageList, root: &Path, program: &str) -> anyhow::Result<String> {
    let began = Instant::now();
    let mut story = Story { text: String::new(), stage: Stage::open(list).await?, program };
    let stage = &story.stage;
    let text = format!(
        "Two registries in memory: a source at {} with {} generated images\n\
         named as in images.toml, and an empty destination at {}.\n",
        stage.source.address(),
        stage.list.images().len(),
        stage.destination.address(),
    );
    story.line(&text);
    story.line("pin: record the digest of every tag");
    story.pin(Mode::Pin).await?;
    story.mirror("mirror").await?;
    story.mirror("mirror again: one request to the destination per image").await?;
    story.line("verify: source and destination have what the list pins");
    story.verify(&[]).await?;

    let rebuilt = story.stage.rebuild_first()?;
    story.line(&format!("A tag moves at the source: {rebuilt}\nverify reports it"));
    story.verify(&[Code::SourceMoved]).await?;
    story.line("pin --update: show what changed, and accept it");
    story.pin(Mode::Update).await?;
    story.mirror("mirror: only the new content is copied").await?;

    let deleted = story.stage.delete_first()?;
    story.line(&format!("An image is deleted at the destination: {deleted}\nverify reports it"));
    story.verify(&[Code::DestinationMissing]).await?;
    story.mirror("mirror: it is copied again").await?;
    story.verify(&[]).await?;

    story.stage.compare()?;
    let example = story.stage.example()?;
    story.line(&format!(
        "Every tag at the destination names the digest of the source, and nothing below it is missing.\n\
         For example: {example}\n"
    ));
    story.values_and_proof(list, root)?;
    story.line(&format!(
        "With your own registries: {program} mirror -d registry.example.com\n\
         (-t prints what would be copied). This took {:.1} s.",
        began.elapsed().as_secs_f64()
    ));
    Ok(story.text)
}

impl Story<'_> {
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
    }

    /// Quotes a report, and ends the paragraph.
    fn quote<'r>(&mut self, lines: impl IntoIterator<Item = &'r str>) {
        for line in lines.into_iter().filter(|line| !line.is_empty()) {
            let _ = writeln!(self.text, "  {line}");
        }
        self.text.push('\n');
    }

    async fn pin(&mut self, mode: Mode) -> anyhow::Result<()> {
        let options = pin::PinOptions { images: Vec::new(), mode, retry: RetryPolicy::default() };
        let report = pin::resolve(&self.stage.list, &options, &EmptyEnvironment).await?;
        for image in &report.images {
            if let Some(digest) = image.digest.as_ref().filter(|_| image.written) {
                self.stage.write(&image.source, digest)?;
            }
        }
        let command = format!("{} pin", self.program);
        let mut text = String::new();
        // The first run pins every image, so the summary is enough.
        if mode == Mode::Update {
            text = report::pin::human(&report, &command) + "\n";
        }
        text += &report::pin::summary(&report, "the list in memory", &command);
        self.quote(text.lines().filter(|line| !line.starts_with("unchanged")));
        Ok(())
    }

    /// Fails unless `verify` finds exactly this.
    async fn verify(&mut self, expected: &[Code]) -> anyhow::Result<()> {
        let options = VerifyOptions {
            destination: Some(self.stage.destination.address().to_owned()),
            checks: BTreeSet::from(CHECKS),
            deep: true,
            strict: true,
            ..VerifyOptions::default()
        };
        let (list, file_name) = (&self.stage.list, "images.toml");
        let input = Input { list, file: Path::new(file_name), file_name, command: self.program };
        let mut verification = Verification::begin(input, &options)?;
        verification.check_registries(&EmptyEnvironment, &Silent).await;
        let report = verification.finish();
        let text = Format::Human.render(&report, Layout::default());
        self.quote(text.lines().filter(|line| !line.ends_with("skipped")));
        let found: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
        let story = &self.text;
        anyhow::ensure!(found == expected, "found {found:?} instead of {expected:?}:\n{story}");
        Ok(())
    }

    async fn mirror(&mut self, title: &str) -> anyhow::Result<()> {
        let Stage { destination, list, .. } = &self.stage;
        destination.forget_requests();
        let options = mirror::MirrorOptions {
            destination: Some(destination.address().to_owned()),
            ..mirror::MirrorOptions::default()
        };
        let plan = mirror::plan(list, &options)?;
        let progress = Arc::new(Silent);
        let report = mirror::run(list, &plan, &options, &EmptyEnvironment, progress).await?;
        if let Some((image, error)) = report.failures().next() {
            anyhow::bail!("{}: {error}", image.source);
        }
        let requests = requests(&report, destination);
        self.line(title);
        self.quote((report::mirror::human(&report) + "\n" + &requests).lines());
        Ok(())
    }

    /// The values for a mirror, and the proof with a chart that has the keys of the real one.
    fn values_and_proof(&mut self, list: &ImageList, root: &Path) -> anyhow::Result<()> {
        let destination = destination_for(list, "registry.example.com")?;
        let command = format!("{} values", self.program);
        let values = Overlay::of(list, &destination)?.yaml();
        self.line(&format!("{command} -d {destination} makes the chart pull from there:"));
        self.quote(values.lines());
        let chart = root.join(CHART);
        let options = ChartOptions {
            chart: Some(chart.to_string_lossy().into_owned()),
            ..ChartOptions::default()
        };
        let run = ChartRun::new(list, root, &options)?;
        if !chart.is_dir() {
            self.line(&format!("The proof is skipped, because {CHART} does not exist.\n"));
        } else if run.check_helm().is_err() {
            self.line("The proof is skipped, because it needs helm (https://helm.sh).\n");
        } else {
            self.line(&format!("The proof, by helm with {CHART}:"));
            let proof = match run.prove(list, &destination, &run.render()) {
                Ok(proof) => report::proof::text(&proof, &destination.to_string()),
                // A list for another chart has renderings that do not fit this one.
                Err(error) => format!("skipped, because the chart does not render: {error:#}"),
            };
            // The beginning and the end: a list for another chart has many gaps.
            self.quote(proof.lines().take(3).chain(proof.lines().skip(3).last()));
        }
        Ok(())
    }
}

/// The number of requests, from the log of the destination.
fn requests(report: &MirrorReport, destination: &InMemoryRegistry) -> String {
    let requests = destination.requests();
    let count = |method: &str| requests.iter().filter(|request| request.method == method).count();
    let counts = ["HEAD", "GET", "POST", "PUT"].map(|method| format!("{} {method}", count(method)));
    let seconds = report.seconds.max(0.001);
    let rate = (report.totals().images as f64 / seconds).round();
    format!("the destination received {}; {rate} images per second", counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_demonstration_works_with_any_list() {
        let text = "[[image]]\nsource = \"localhost:5000/a\"\ntag = \"1\"\n\
                    [[image]]\nsource = \"docker.io/library/a\"\ntag = \"1\"\ntarget = \"b\"\n";
        let list = ImageList::parse("images.toml", text).unwrap();
        let story = run(&list, Path::new("nowhere"), "cargo xtask").await.unwrap();
        assert!(story.contains("2 images to 127.0.0.1:"), "{story}");
        assert!(story.contains("0 copied, 2 up to date"), "{story}");
        assert!(story.contains("1 copied, 1 up to date"), "{story}");
        assert!(story.contains("error[source-moved]"), "{story}");
        assert!(story.contains("error[destination-missing]"), "{story}");
    }
}
