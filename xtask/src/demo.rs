//! The command `demo`: the whole story on this machine, with registries in memory and generated images.
//!
//! Nothing is staged: the images go over HTTP into one registry, the same engine as `mirror`'s copies
//! them, and what is told is read off reports and the registries themselves.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::chart::Wanted;
use crate::copy::{Copied, Observer, Wishes};
use crate::embedded::content::{self, Content};
use crate::embedded::publish::Publisher;
use crate::embedded::{EmbeddedRegistry, Options};
use crate::list::{Destination, Image, ImageList};
use crate::mirror;
use crate::oci::{Repository, RepositoryPath};
use crate::plan::Transfer;
use crate::registry::credentials::NobodysEnvironment;
use crate::registry::{Error, RetryPolicy};
use crate::report::{self, MirrorReport, human};
use crate::values::Overlay;
use crate::values::chart_command::Subject;

const PUBLISHED_AT_ONCE: usize = 4;
/// A chart with the keys and shapes of StackState 4.5.6.
const CHART: &str = "tests/data/charts/stackstate-shapes";

/// Runs the demonstration over the images of a list, and tells what came of it. `root` is the folder
/// of the workspace, whose charts for tests stand in for the real one.
///
/// # Errors
/// When no port can be had, or when something that should have worked did not.
pub async fn run(original: &ImageList, root: &Path) -> anyhow::Result<String> {
    let began = Instant::now();
    let source = EmbeddedRegistry::start(Options::default()).await?;
    let destination = EmbeddedRegistry::start(Options::default()).await?;
    let mut list = localised(original, source.address())?;
    publish_all(&mut list, &source).await?;

    let mut story = String::new();
    let images = list.images.len();
    writeln!(
        story,
        "Two registries in memory: a source at {} with {images} generated images",
        source.address()
    )?;
    writeln!(
        story,
        "under the names of the list, and an empty destination at {}.\n",
        destination.address()
    )?;

    chapter(&mut story, "Mirror", &list, &destination).await?;
    chapter(
        &mut story,
        "Mirror again: each image costs one look at the destination",
        &list,
        &destination,
    )
    .await?;

    let rebuilt = rebuild_first(&mut list, &source).await?;
    let title = format!("{rebuilt} was rebuilt and pinned anew: only what is new moves");
    chapter(&mut story, &title, &list, &destination).await?;

    compare(&list, &source, &destination)?;
    writeln!(
        story,
        "Every tag at the destination has the digest of the source, and all that it points to."
    )?;
    writeln!(story, "For example: {}\n", example(&list, &destination)?)?;
    values_and_proof(&mut story, original, root)?;
    writeln!(story, "With registries of your own: cargo xtask mirror -d registry.example.com")?;
    writeln!(
        story,
        "(-t prints what would be copied). This took {:.1} s.",
        began.elapsed().as_secs_f64()
    )?;
    Ok(story)
}

/// The list with every source moved to the registry in memory, below the name of its own registry.
fn localised(list: &ImageList, address: &str) -> anyhow::Result<ImageList> {
    let mut local = list.clone();
    local.registries.clear();
    let targets = destination_for(list, "registry.example.com")?.paths(&list.images)?;
    for (image, target) in local.images.iter_mut().zip(targets) {
        image.target = Some(target);
        let host: RepositoryPath =
            image.source.registry().to_lowercase().replace(':', "-").parse()?;
        image.source = Repository::new(address, image.source.path().below(&host));
    }
    Ok(local)
}

/// A destination that has a place for every image: where paths are not enough to tell two of them
/// apart, with the names of their registries.
fn destination_for(list: &ImageList, address: &str) -> anyhow::Result<Destination> {
    let plain: Destination = address.parse()?;
    if plain.paths(&list.images).is_ok() {
        return Ok(plain);
    }
    Ok(Destination { target: "{registry}/{path}".parse()?, ..plain })
}

/// Puts generated content under every source, and pins the list to it.
async fn publish_all(list: &mut ImageList, source: &EmbeddedRegistry) -> anyhow::Result<()> {
    let publisher = Publisher::new(source.address())?;
    let all = list.images.iter_mut().map(|image| async {
        let content = content::for_list(image.source.path().as_str(), image.tag.as_str());
        publish(&publisher, image, &content).await
    });
    stream::iter(all).buffer_unordered(PUBLISHED_AT_ONCE).try_collect().await
}

async fn publish(
    publisher: &Publisher,
    image: &mut Image,
    content: &Content,
) -> anyhow::Result<()> {
    publisher.publish(image.source.path().as_str(), image.tag.as_str(), content).await?;
    image.digest = Some(content.top.clone());
    Ok(())
}

/// Gives the first image of the list a second version, as a rebuilt one has.
async fn rebuild_first(list: &mut ImageList, source: &EmbeddedRegistry) -> anyhow::Result<String> {
    let image = list.images.first_mut().context("the list is empty")?;
    let path = image.source.path().as_str();
    let content = content::for_list(path, &format!("{}-rebuilt", image.tag));
    publish(&Publisher::new(source.address())?, image, &content).await?;
    Ok(format!("{}:{}", image.path(), image.tag))
}

/// One mirror run, told by its own report and by the destination's log.
async fn chapter(
    story: &mut String,
    title: &str,
    list: &ImageList,
    destination: &EmbeddedRegistry,
) -> anyhow::Result<()> {
    destination.forget_requests();
    let options = mirror::Options {
        destination: Some(destination.address().to_owned()),
        only: Vec::new(),
        concurrency: None,
        wishes: Wishes::default(),
        retry: RetryPolicy::default(),
    };
    let plan = mirror::plan(list, &options)?;
    let report =
        mirror::run(list, &plan, &options, &NobodysEnvironment, Arc::new(Unwatched)).await?;
    if let Some((image, error)) = report.failures().next() {
        anyhow::bail!("{}: {error}", image.source);
    }
    writeln!(story, "{title}")?;
    for line in human::mirror(&report).lines() {
        writeln!(story, "  {line}")?;
    }
    writeln!(story, "  {}\n", methods(&report, destination))?;
    Ok(())
}

/// What the destination was asked, by its own log.
fn methods(report: &MirrorReport, destination: &EmbeddedRegistry) -> String {
    let requests = destination.requests();
    let count = |method: &str| requests.iter().filter(|request| request.method == method).count();
    let counted =
        ["HEAD", "GET", "POST", "PUT"].map(|method| format!("{} {method}", count(method)));
    let seconds = report.took.as_secs_f64().max(0.001);
    let rate = (report.totals().images as f64 / seconds).round();
    format!("the destination answered {}; {rate} images a second", counted.join(", "))
}

/// Proves what the story claims, from the registries' contents.
fn compare(
    list: &ImageList,
    source: &EmbeddedRegistry,
    destination: &EmbeddedRegistry,
) -> anyhow::Result<()> {
    for image in &list.images {
        let (path, target, tag) =
            (image.source.path().as_str(), image.path().as_str(), image.tag.as_str());
        let here = source.store().manifest(path, tag).map(|(_, bytes, _)| bytes);
        let there = destination.store().manifest(target, tag).map(|(_, bytes, _)| bytes);
        anyhow::ensure!(here.is_some() && here == there, "{target}:{tag} differs from its source");
    }
    let incomplete = destination.store().incomplete_tags();
    anyhow::ensure!(
        incomplete.is_empty(),
        "incomplete at the destination: {}",
        incomplete.join(", ")
    );
    Ok(())
}

fn example(list: &ImageList, destination: &EmbeddedRegistry) -> anyhow::Result<String> {
    let image = list.images.first().context("the list is empty")?;
    let (_, _, digest) = destination
        .store()
        .manifest(image.path().as_str(), image.tag.as_str())
        .context("the first image is not there")?;
    Ok(format!("{}:{} is {}", image.path(), image.tag, digest.short()))
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
    let subject = Subject::new(list, root, &wanted)?;
    if !chart.is_dir() {
        writeln!(story, "Left out: the proof, because {CHART} is not here.\n")?;
    } else if !subject.has_helm() {
        writeln!(
            story,
            "Left out: the proof that this moves every image, because it needs helm (https://helm.sh).\n"
        )?;
    } else {
        let told = match subject.prove(list, &destination) {
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

struct Unwatched;

impl Observer for Unwatched {
    fn expects(&self, _: u64) {}
    fn sent(&self, _: u64) {}
    fn ended(&self, _: &Transfer, _: &Result<Copied, Error>) {}
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
    }
}
