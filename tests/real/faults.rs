//! Mirroring between real registries while something goes wrong: broken lines, kills, two runs at once, restarts,
//! a full disk, a registry that accepts no writes.

use std::time::Duration;

use oci::Digest;
use registry_in_memory::content::{
    Content, Layer, docker_image, docker_list, oci_image, oci_index,
};

use crate::faulty_line::{FaultyLine, Line};
use crate::programs::docker_registry::{Access, Disk, DockerRegistry, Mode};
use crate::programs::skopeo::Skopeo;
use crate::support::publish::publish;
use crate::support::script;
use crate::support::xtask::{Finished, Xtask, ended};

/// Two registries, and images at the source.
struct Pair {
    source: DockerRegistry,
    destination: DockerRegistry,
    images: Vec<(&'static str, Digest)>,
    xtask: Xtask,
}

fn corpus() -> Vec<(&'static str, Content)> {
    let layers = [Layer::new("base", 300_000), Layer::new("more", 20_000)];
    let small = [Layer::new("small", 9_000)];
    vec![
        ("team/small", docker_image(&small)),
        ("team/image", oci_image(&layers)),
        ("team/list", docker_list(&layers)),
        ("team/index", oci_index(&layers[..1])),
        ("team/other", docker_image(&layers[..1])),
    ]
}

impl Pair {
    async fn new() -> Self {
        let source = DockerRegistry::start(Access::Anyone);
        let destination = DockerRegistry::start(Access::Anyone);
        let mut images = Vec::new();
        for (repository, content) in corpus() {
            publish(source.address(), repository, "1.0", &content).await.unwrap();
            images.push((repository, content.top));
        }
        Self { source, destination, images, xtask: Xtask::new() }
    }

    /// Writes a list whose images come from an address, and returns the arguments that mirror it to another one.
    fn arguments(&self, from: &str, to: &str) -> Vec<String> {
        let entry = |(repository, digest): &(&str, Digest)| {
            format!(
                "[[image]]\nsource = \"{from}/{repository}\"\ntag = \"1.0\"\ndigest = \"{digest}\"\n"
            )
        };
        let list: String = self.images.iter().map(entry).collect();
        std::fs::write(self.xtask.directory().join("images.toml"), list).unwrap();
        let arguments = ["--images", "images.toml", "mirror", "--timeout", "3", "-d", to];
        arguments.map(str::to_owned).into()
    }

    fn usual(&self) -> Vec<String> {
        self.arguments(self.source.address(), self.destination.address())
    }

    /// Runs the tool while the registries and the lines in this process go on.
    fn run(&self, arguments: &[String]) -> Finished {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        tokio::task::block_in_place(|| self.xtask.run(&arguments, &[]))
    }

    fn start(&self, arguments: &[String]) -> duct::Handle {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.xtask.start(&arguments, &[])
    }

    /// The images that the destination has. Each has the right digest, and skopeo can copy all of it.
    fn arrived(&self) -> Vec<&str> {
        let elsewhere = DockerRegistry::start(Access::Anyone);
        let mut arrived = Vec::new();
        for (repository, digest) in &self.images {
            let there = format!("{}/{repository}:1.0", self.destination.address());
            let found = tokio::task::block_in_place(|| Skopeo::ANONYMOUS.digest_of(&there));
            let Ok(found) = found else { continue };
            assert_eq!(found, *digest, "{repository}");
            let on = format!("{}/{repository}:1.0", elsewhere.address());
            let copied = tokio::task::block_in_place(|| Skopeo::ANONYMOUS.copy_all(&there, &on));
            assert_eq!(copied, Ok(()), "{repository} is incomplete");
            arrived.push(*repository);
        }
        arrived
    }

    fn all(&self) -> Vec<&str> {
        self.images.iter().map(|(repository, _)| *repository).collect()
    }

    /// Mirrors when nothing goes wrong any more.
    fn finishes(&self) {
        let finished = self.run(&self.usual());
        assert_eq!(finished.exit_code, 0, "{}{}", finished.stderr, finished.stdout);
        assert_eq!(self.arrived(), self.all());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_image_arrives_over_lines_that_break_and_stall() {
    for seed in 0..4 {
        let pair = Pair::new().await;
        let from = FaultyLine::to(pair.source.address(), Line::Breaking, 2 * seed).await;
        let to = FaultyLine::to(pair.destination.address(), Line::Breaking, 2 * seed + 1).await;
        let finished = pair.run(&pair.arguments(&from.address, &to.address));
        assert_eq!(finished.exit_code, 0, "{seed}: {}{}", finished.stderr, finished.stdout);
        assert_eq!(pair.arrived(), pair.all(), "{seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_flip_bits_make_no_tag_wrong_and_failed_images_are_named() {
    for seed in 0..4 {
        let pair = Pair::new().await;
        let from = FaultyLine::to(pair.source.address(), Line::Flipping, 2 * seed).await;
        let to = FaultyLine::to(pair.destination.address(), Line::Flipping, 2 * seed + 1).await;
        let finished = pair.run(&pair.arguments(&from.address, &to.address));
        assert!(finished.exit_code <= 1, "{seed}: {}{}", finished.stderr, finished.stdout);
        let arrived = pair.arrived();
        for repository in pair.all() {
            let is_named = finished.stdout.contains(&format!("{}/{repository}", from.address));
            assert!(
                arrived.contains(&repository) || finished.exit_code == 1 && is_named,
                "{seed}: {repository} is absent:\n{}",
                finished.stdout
            );
        }
        pair.finishes();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_killed_at_any_time_leaves_no_incomplete_tag_and_the_next_one_finishes() {
    let mut killed_halfway = 0;
    for requests in [1, 8, 16, 24, 32, 40] {
        let pair = Pair::new().await;
        let running = pair.start(&pair.usual());
        pair.destination.wait_for_requests(requests, &running);
        // It may have ended already.
        if running.try_wait().unwrap().is_none() {
            script::kill("-KILL", running.pids()[0]);
        }
        tokio::task::block_in_place(|| running.wait()).unwrap();
        killed_halfway += usize::from(pair.arrived().len() < pair.images.len());
        pair.finishes();
    }
    assert!(killed_halfway >= 3, "{killed_halfway} of 6");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_at_once_both_succeed() {
    let pair = Pair::new().await;
    let runs = [pair.start(&pair.usual()), pair.start(&pair.usual())];
    for running in &runs {
        let finished = tokio::task::block_in_place(|| ended(running));
        assert_eq!(finished.exit_code, 0, "{}{}", finished.stderr, finished.stdout);
    }
    assert_eq!(pair.arrived(), pair.all());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_survives_the_restart_of_either_registry() {
    for restarts_source in [true, false] {
        let mut pair = Pair::new().await;
        let running = pair.start(&pair.usual());
        let registry = if restarts_source { &mut pair.source } else { &mut pair.destination };
        registry.wait_for_requests(5, &running);
        assert!(running.try_wait().unwrap().is_none(), "the run ended before the restart");
        registry.stop();
        tokio::time::sleep(Duration::from_millis(700)).await;
        registry.start_again();
        let finished = tokio::task::block_in_place(|| ended(&running));
        assert_eq!(finished.exit_code, 0, "{}{}", finished.stderr, finished.stdout);
        assert_eq!(pair.arrived(), pair.all());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_with_a_full_disk_fails_what_does_not_fit_and_nothing_else() {
    let mut pair = Pair::new().await;
    pair.destination.stop();
    pair.destination.start_again_with(Disk::Full, Mode::ReadWrite);
    let finished = pair.run(&pair.usual());
    assert_eq!(finished.exit_code, 1, "{}{}", finished.stderr, finished.stdout);
    assert_eq!(pair.arrived(), ["team/small"], "{}", finished.stdout);
    for repository in &pair.all()[1..] {
        assert!(finished.stdout.contains(repository), "{repository}: {}", finished.stdout);
    }
    pair.destination.stop();
    pair.destination.start_again();
    pair.finishes();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_accepts_no_writes_fails_every_image_at_once() {
    let mut pair = Pair::new().await;
    pair.destination.stop();
    pair.destination.start_again_with(Disk::Free, Mode::ReadOnly);
    let finished = pair.run(&pair.usual());
    assert_eq!(finished.exit_code, 1, "{}{}", finished.stderr, finished.stdout);
    assert!(finished.stdout.contains("5 failed"), "{}", finished.stdout);
    assert!(finished.stdout.contains("hint: "), "{}", finished.stdout);
    assert_eq!(pair.arrived(), [""; 0]);
    // Nothing is repeated: two requests for each of the blobs, the looks, and what a mount may become.
    let requests = pair.destination.requests();
    assert!(requests.len() < 80, "{} requests: {requests:?}", requests.len());
    pair.destination.stop();
    pair.destination.start_again();
    pair.finishes();
}
