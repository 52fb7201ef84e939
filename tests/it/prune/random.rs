//! Random lists, destinations and rules, on registries of every kind, with requests that fail at random and runs that
//! are interrupted: no tag that a list has is ever deleted, and nothing outside of the owned repositories.
//!
//! `PRUNE_SEEDS=2000` runs more seeds than a usual test run does, and `PRUNE_SEED=17` repeats one.

use std::path::{Path, PathBuf};

use chart_mirror::commands::prune::result::{DeletionOutcome, PruneMode};
use chart_mirror::commands::prune::{PruneOptions, PruneSubject, run};
use chart_mirror::list::ImageList;
use oci::Digest;
use registry::auth::credentials::EmptyEnvironment;
use registry_in_memory::content::{self, Content};
use registry_in_memory::{
    Chaos, Deletes, End, Faulty, InMemoryRegistry, Kind, RegistryOptions, dead_from_nth_request,
};

use super::{image, signature_of};
use crate::support::layers;
use crate::support::requests::asked;
use crate::support::stage::quick;

const SEEDS: u64 = 120;
const REPOSITORIES: [&str; 4] = ["mirror/a", "mirror/b", "mirror/c/d", "other/x"];
const TAGS: [&str; 8] = ["1.0", "1.1", "1.1-rc1", "1.10", "2.0", "latest", "lts", "v3"];
const KINDS: [Deletes; 3] = [Deletes::TagsAndDigests, Deletes::Digests, Deletes::ManifestsOfTags];

/// Numbers that depend only on a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn of<'a, T>(&mut self, some: &'a [T]) -> &'a T {
        &some[self.roll(some.len())]
    }
}

/// A registry, the lists of a workspace, and what they have there.
struct World {
    registry: InMemoryRegistry,
    lists: Vec<(PathBuf, ImageList)>,
    owned: Vec<&'static str>,
    /// Tags of lists that the registry has, each with its repository and digest.
    wanted: Vec<(String, String, Digest)>,
    /// Referrers, each with its repository and its subject. Most have no tag.
    attached: Vec<(String, Digest, Digest)>,
}

fn contents() -> Vec<Content> {
    let mut contents: Vec<Content> = ["one", "two", "three"].map(image).into();
    contents.extend(["four", "five"].map(|name| content::oci_index(&layers(&[name]))));
    contents
}

async fn world(dice: &mut Dice) -> World {
    let options = RegistryOptions {
        deletes: *dice.of(&KINDS),
        longest_page: *dice.of(&[None, Some(1), Some(3)]),
        catalog: dice.roll(4) > 0,
        referrers_api: dice.roll(4) > 0,
        ..RegistryOptions::default()
    };
    let registry = InMemoryRegistry::start(options).await.unwrap();
    let (store, contents) = (registry.store(), contents());
    let mut attached = Vec::new();
    for repository in REPOSITORIES {
        for _ in 0..dice.roll(8) {
            let content = dice.of(&contents);
            store.publish(repository, dice.of::<&str>(&TAGS), content);
            if dice.roll(3) == 0 {
                let (tag, signature) = signature_of(content);
                store.publish(repository, &tag, &signature);
            }
            if dice.roll(2) == 0 {
                attached.extend(attach(dice, &registry, repository, content));
            }
            if dice.roll(4) == 0 {
                // An image of an index has a tag, too.
                let part = &content.manifests[0];
                store.put_manifest(
                    repository,
                    dice.of::<&str>(&TAGS),
                    &part.media_type,
                    part.bytes.clone(),
                );
            }
        }
    }
    let (lists, owned) = lists(dice, &registry);
    let mut wanted = Vec::new();
    for (_, list) in &lists {
        for image in list.images() {
            let repository = format!("mirror/{}", image.target.as_ref().unwrap());
            if let Some((.., digest)) = store.manifest(&repository, image.tag.as_str()) {
                wanted.push((repository, image.tag.to_string(), digest));
            }
        }
    }
    World { registry, lists, owned, wanted, attached }
}

/// Attaches something to content, and something to that. Returns each with its repository and its subject.
fn attach(
    dice: &mut Dice,
    registry: &InMemoryRegistry,
    repository: &str,
    subject: &Content,
) -> Vec<(String, Digest, Digest)> {
    let mut subject = subject.clone();
    let mut attached = Vec::new();
    for kind in ["application/spdx+json", "application/signature"] {
        let referrer = content::referrer(subject.top_manifest().unwrap(), kind);
        // Some have a tag, or their subject has a list of them.
        let reference = match dice.roll(6) {
            0 => (*dice.of(&TAGS)).to_owned(),
            _ => referrer.top.to_string(),
        };
        registry.store().publish(repository, &reference, &referrer);
        if dice.roll(4) == 0 {
            let list = content::referrers_index(std::slice::from_ref(&referrer));
            registry.store().publish(repository, &subject.top.as_tag(), &list);
        }
        attached.push((repository.to_owned(), subject.top, referrer.top.clone()));
        subject = referrer;
    }
    attached
}

/// The lists of some members, with one destination, and the globs of the repositories that it owns.
fn lists(
    dice: &mut Dice,
    registry: &InMemoryRegistry,
) -> (Vec<(PathBuf, ImageList)>, Vec<&'static str>) {
    let owned = dice.of(&[vec!["**"], vec!["a", "c/**"], vec!["b*"], vec!["*"]]).clone();
    let keep = *dice.of(&["", "prune.keep = ['lts']\n", "prune.keep = ['1.*', '*.sig']\n"]);
    let newest = *dice.of(&["", "", "prune.keep-last = 1\n", "prune.keep-last = 2\n"]);
    let destination = format!(
        "[destinations.d]\nregistry = '{}/mirror'\nprune.repositories = {owned:?}\n{keep}{newest}",
        registry.address()
    );
    let mut lists = Vec::new();
    for member in 0..1 + dice.roll(3) {
        let mut text = destination.clone();
        let mut listed = Vec::new();
        for _ in 0..1 + dice.roll(4) {
            let path = *dice.of(&["a", "b", "c/d"]);
            let there = registry.store().tags(&format!("mirror/{path}"));
            let there: Vec<String> =
                there.into_iter().filter(|tag| !tag.starts_with("sha256-")).collect();
            // Most of what is listed is there.
            let tag = match there.is_empty() || dice.roll(8) == 0 {
                true => (*dice.of(&TAGS)).to_owned(),
                false => dice.of(&there).clone(),
            };
            if tag == "latest" || listed.contains(&(path, tag.clone())) {
                continue;
            }
            let digest =
                registry.store().manifest(&format!("mirror/{path}"), &tag).map(|(.., it)| it);
            let digest = digest.filter(|_| dice.roll(2) == 0);
            let digest = digest.map_or(String::new(), |digest| format!("digest = '{digest}'\n"));
            text += &format!(
                "[[image]]\nsource = 'quay.io/{path}'\ntag = '{tag}'\ntarget = '{path}'\n{digest}"
            );
            listed.push((path, tag));
        }
        if !listed.is_empty() {
            let list = ImageList::parse("images.toml", &text)
                .unwrap_or_else(|why| panic!("{why}\n{text}"));
            lists.push((PathBuf::from(format!("{member}/images.toml")), list));
        }
    }
    (lists, owned)
}

impl World {
    /// Prunes. Returns what the run has deleted, if it came to its end.
    async fn apply(&self) -> Option<Deletions> {
        let all: Vec<(&Path, &ImageList)> =
            self.lists.iter().map(|(file, list)| (file.as_path(), list)).collect();
        let (_, list) = all[0];
        let subject = PruneSubject { destination: &list.destinations()["d"], list, all: &all };
        let options =
            PruneOptions { mode: PruneMode::Apply, retry: quick(), ..PruneOptions::default() };
        let report = run(&subject, &options, &EmptyEnvironment).await.ok()?;
        let tags = report.repositories.iter().flat_map(|repository| &repository.tags);
        let deleted =
            tags.filter(|it| it.outcome.as_ref().is_some_and(DeletionOutcome::is_deleted));
        let tags = deleted.map(|it| it.tag.to_string()).collect();
        Some(Deletions { tags, referrers: report.totals().referrers })
    }

    /// What must never be, and is.
    fn problems(&self) -> Vec<String> {
        let store = self.registry.store();
        let mut problems = store.incomplete_tags();
        for (repository, tag, digest) in &self.wanted {
            let now = store.manifest(repository, tag).map(|(.., now)| now);
            if now.as_ref() != Some(digest) {
                problems.push(format!("{repository}:{tag} was {digest}, and is {now:?}"));
            }
        }
        for (repository, subject, referrer) in &self.attached {
            let is_tagged = store.tags(repository).iter().any(|tag| {
                store.manifest(repository, tag).is_some_and(|(.., digest)| digest == *subject)
            });
            if is_tagged && store.manifest(repository, referrer.as_str()).is_none() {
                problems.push(format!("{repository}@{referrer} of {subject}, which has a tag"));
            }
        }
        let is_owned = |repository: &str| {
            let path = repository.strip_prefix("mirror/");
            path.is_some_and(|path| {
                self.owned.iter().any(|glob| match *glob {
                    "**" => true,
                    "c/**" => path.starts_with("c/"),
                    "b*" => path.starts_with('b') && !path.contains('/'),
                    "*" => !path.contains('/'),
                    name => path == name,
                })
            })
        };
        for request in asked(&self.registry, "DELETE", Kind::Manifest) {
            if !is_owned(request.repository.as_deref().unwrap()) {
                problems.push(format!("{} is not owned", request.line()));
            }
        }
        let writes = self.registry.requests().into_iter();
        let writes = writes.filter(|it| !matches!(it.method.as_str(), "GET" | "HEAD" | "DELETE"));
        problems.extend(writes.map(|request| request.line()));
        problems
    }
}

/// What runs have deleted.
#[derive(Debug, Default)]
struct Deletions {
    tags: Vec<String>,
    referrers: usize,
}

impl Deletions {
    fn add(&mut self, more: Self) {
        self.tags.extend(more.tags);
        self.referrers += more.referrers;
    }
}

/// Prunes with one seed: with faults, then without, then again. Returns what was deleted, and what went wrong.
async fn prune(seed: u64) -> (Deletions, Vec<String>) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1));
    let world = world(&mut dice).await;
    if world.lists.is_empty() {
        return (Deletions::default(), Vec::new());
    }
    let before = world.registry.store().repositories().len();
    let faults = if seed.is_multiple_of(2) { Faulty::Passing } else { Faulty::Any };
    match seed % 4 {
        0 => world.registry.inject(dead_from_nth_request(1 + dice.roll(90))),
        1..3 => {
            let per_mille = 50 + 50 * dice.roll(5) as u64;
            world.registry.set_chaos(Chaos { seed, per_mille, end: End::Destination, faults });
        }
        _ => {}
    }
    let mut deleted = world.apply().await.unwrap_or_default();
    let mut problems = world.problems();
    world.registry.clear_faults();
    deleted.add(world.apply().await.unwrap_or_default());
    problems.extend(world.problems());
    world.registry.forget_requests();
    let mut more = world.apply().await.unwrap_or_default();
    // A tag of what is attached to a referrer without a tag follows it in the next run, and what it kept in the run
    // after that.
    for _ in 0..2 {
        if !more.tags.is_empty() {
            more = world.apply().await.unwrap_or_default();
        }
    }
    if !more.tags.is_empty() || more.referrers > 0 {
        problems.push(format!("another run deletes {more:?}"));
    }
    problems.extend(world.problems());
    if world.registry.store().repositories().len() != before {
        problems.push("a repository appeared or vanished".to_owned());
    }
    (deleted, problems)
}

#[test]
fn whatever_fails_no_tag_of_a_list_is_deleted_and_nothing_that_is_not_owned() {
    let number =
        |variable: &str| std::env::var(variable).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = number("PRUNE_SEEDS").unwrap_or(SEEDS);
    let seeds = number("PRUNE_SEED").map_or(0..seeds, |seed| seed..seed + 1);
    let (mut deleted, mut wrong) = (Deletions::default(), Vec::new());
    for seed in seeds.clone() {
        // Its own clock moves on whenever all tasks wait.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        let (more, problems) = runtime.block_on(prune(seed));
        deleted.add(more);
        if !problems.is_empty() {
            wrong.push((seed, problems));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let count = (seeds.end - seeds.start) as usize;
    let (tags, referrers) = (deleted.tags.len(), deleted.referrers);
    assert!(count == 1 || tags > count, "{tags} tags were deleted with {count} seeds");
    assert!(count == 1 || referrers > count / 4, "{referrers} referrers were deleted");
}
