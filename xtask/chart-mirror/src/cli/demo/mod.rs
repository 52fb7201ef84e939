//! The command `demo`: the whole workflow on this machine, between registries in memory, with generated
//! images named as in the list.
//!
//! The commands are the real ones: images travel over HTTP, and the story quotes their reports. It fits a
//! screen of 30 lines.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::commands::pin::result::Mode;
use crate::commands::verify::{Input, Verification, VerifyOptions};
use crate::commands::{mirror, pin};
use crate::copy::Silent;
use crate::list::ImageList;
use crate::list::finding_code::{Check, Code};
use crate::report;
use crate::report::common::{count, seconds};
use crate::report::presentation::Presentation;
use crate::report::verify::Format;
use registry::RetryPolicy;
use registry::auth::credentials::EmptyEnvironment;
use stage::Stage;

mod stage;

/// The checks that need neither files nor helm.
const CHECKS: [Check; 2] = [Check::Source, Check::Destination];
/// No line is longer.
const COLUMNS: usize = 80;

/// The demonstration in progress, and its lines so far.
struct Story<'a> {
    lines: Vec<String>,
    stage: Stage,
    /// What commands begin with.
    program: &'a str,
}

/// Runs the demonstration with images named as in a list.
///
/// # Errors
/// When no port is available, or when a step does not have the expected result.
pub async fn run(list: &ImageList, program: &str) -> anyhow::Result<String> {
    let began = Instant::now();
    let mut story = Story { lines: Vec::new(), stage: Stage::open(list).await?, program };
    let images = count(list.images().len() as u64, "generated image");
    story.line(&format!("In memory: a source with {images}, and an empty destination."));
    story.line("");
    story.pin(None, Mode::Pin).await?;
    story.mirror(&[0, 1]).await?;
    story.line("# Again: one request per image, because nothing is missing.");
    story.mirror(&[1]).await?;
    story.verify(&[]).await?;

    let rebuilt = story.stage.rebuild_first()?;
    story.line(&format!("# A tag moves at the source: {rebuilt}"));
    story.verify(&[Code::SourceMoved]).await?;
    story.pin(Some(&story.stage.first_name()?), Mode::Update).await?;
    story.mirror(&[0]).await?;

    let deleted = story.stage.delete_first()?;
    story.line(&format!("# An image is deleted at the destination: {deleted}"));
    story.verify(&[Code::DestinationMissing]).await?;
    story.mirror(&[0]).await?;
    story.stage.compare()?;

    story.line("Every tag names the digest of the source, and nothing below it is missing.");
    let time = seconds(began.elapsed().as_secs_f64());
    story.line(&format!("It took {time}. Yours: `{program} mirror -t{}`", destination_flag(list)));
    Ok(story.lines.join("\n") + "\n")
}

impl Story<'_> {
    fn line(&mut self, line: &str) {
        self.lines.push(fitting(line));
    }

    /// A command as the user would type it. It is never shortened.
    fn command(&mut self, arguments: &str) {
        self.lines.push(format!("$ {} {arguments}", self.program));
    }

    /// Pins the image of this name, or all.
    async fn pin(&mut self, image: Option<&str>, mode: Mode) -> anyhow::Result<()> {
        let options = pin::PinOptions {
            images: image.iter().map(|&name| name.to_owned()).collect(),
            mode,
            retry: RetryPolicy::default(),
            source: None,
        };
        let report = pin::resolve(&self.stage.list, &options, &EmptyEnvironment, &Silent).await?;
        for image in &report.images {
            if let Some(digest) = image.digest.as_ref().filter(|_| image.written) {
                self.stage.write(&image.source, digest)?;
            }
        }
        match image {
            Some(image) => self.command(&format!("pin --update {image}")),
            None => self.command("pin"),
        }
        if mode == Mode::Update {
            let images = report::pin::images(&report);
            let moved = images.lines().skip_while(|line| !line.starts_with("moved"));
            // The image, its old and its new digest.
            moved.take(3).for_each(|line| self.line(line));
        } else {
            let summary = report::pin::summary(&report, "the list in memory");
            summary.lines().take(1).for_each(|line| self.line(line));
        }
        Ok(())
    }

    /// Fails unless `verify` finds exactly this.
    async fn verify(&mut self, expected: &[Code]) -> anyhow::Result<()> {
        let destination = self.stage.destination.address().to_owned();
        let only = CHECKS.map(|check| format!(" --only {}", check.name())).concat();
        self.command(&format!("verify -d {destination}{only}"));
        let options = VerifyOptions {
            destinations: vec![destination],
            checks: BTreeSet::from(CHECKS),
            ..VerifyOptions::default()
        };
        let (list, file_name) = (&self.stage.list, "images.toml");
        let input = Input { list, file: Path::new(file_name), file_name, conflicts: &[] };
        let mut verification = Verification::begin(input, &options)?;
        verification.check_registries(&EmptyEnvironment, &Silent).await;
        let report = verification.finish();
        let found: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
        let text = Format::Human.render(&report, Presentation::default());
        anyhow::ensure!(found == expected, "found {found:?} instead of {expected:?}:\n{text}");
        match text.lines().map(str::trim).find(|line| line.starts_with("error[")) {
            Some(finding) => self.line(finding),
            None => self.line(text.lines().last().unwrap_or_default()),
        }
        Ok(())
    }

    /// `shown` are the lines of the summary that are quoted.
    async fn mirror(&mut self, shown: &[usize]) -> anyhow::Result<()> {
        let Stage { destination, list, .. } = &self.stage;
        let address = destination.address().to_owned();
        let options = mirror::MirrorOptions {
            destination: Some(address.clone()),
            ..mirror::MirrorOptions::default()
        };
        let plan = mirror::plan(list, &options)?;
        let progress = Arc::new(Silent);
        let report = mirror::run(list, &plan, &options, &EmptyEnvironment, progress).await?;
        if let Some((image, error)) = report.failures().next() {
            anyhow::bail!("{}: {error}", image.source);
        }
        self.command(&format!("mirror -d {address}"));
        let summary = report::mirror::summary(&report);
        let lines = summary.lines().enumerate().filter(|(number, _)| shown.contains(number));
        lines.for_each(|(_, line)| self.line(line));
        Ok(())
    }
}

/// The beginning of a line that is too long. A list ends at a semicolon.
fn fitting(line: &str) -> String {
    let is_short = |line: &&str| line.chars().count() <= COLUMNS;
    let whole_parts = line.rmatch_indices("; ").map(|(end, _)| &line[..end]);
    if let Some(fitting) = std::iter::once(line).chain(whole_parts).find(is_short) {
        return fitting.to_owned();
    }
    let beginning: String = line.chars().take(COLUMNS - 1).collect();
    let whole_words = beginning.rsplit_once(' ').filter(|(words, _)| words.len() > COLUMNS / 2);
    match whole_words {
        Some((words, _)) => format!("{words} …"),
        None => beginning + "…",
    }
}

/// What the command for the list itself needs to find its destinations.
fn destination_flag(list: &ImageList) -> &'static str {
    match list.destinations().len() {
        0 => " -d registry.example.com",
        1 => "",
        _ => " --all-destinations",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn story(list: &str) -> String {
        let list = ImageList::parse("images.toml", list).unwrap();
        run(&list, "cargo xtask").await.unwrap()
    }

    #[tokio::test]
    async fn the_demonstration_works_with_any_list() {
        let text = story(
            "[[image]]\nsource = \"localhost:5000/a\"\ntag = \"1\"\n\
             [[image]]\nsource = \"docker.io/library/a\"\ntag = \"1\"\ntarget = \"b\"\n",
        )
        .await;
        for words in [
            "2 generated images",
            "$ cargo xtask pin\n2 images: 2 new",
            "$ cargo xtask mirror -d 127.0.0.1:",
            "2 copied, 0 up to date, 0 failed",
            "requests: 0 to sources, 2 to the destination",
            "--only source --only destination\n2 images: passed",
            "error[source-moved]",
            "$ cargo xtask pin --update a\nmoved ",
            "1 copied, 1 up to date",
            "error[destination-missing]",
        ] {
            assert!(text.contains(words), "`{words}` is missing:\n{text}");
        }
    }

    #[tokio::test]
    async fn the_demonstration_fits_a_screen_of_thirty_lines() {
        let path = "a-team/with-a-long-name/and-a-product/and-a-component/and-an-image";
        let text = story(&format!("[[image]]\nsource = \"quay.io/{path}\"\ntag = \"1\"\n")).await;
        // The command itself and the next prompt are on the screen as well.
        assert!(text.lines().count() <= 28, "{}:\n{text}", text.lines().count());
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?}:\n{text}");
    }
}
