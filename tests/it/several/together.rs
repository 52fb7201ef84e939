//! Several destinations in one run: each blob is read once, and no destination holds up another one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use registry_in_memory::content::{Layer, docker_image, oci_index};
use registry_in_memory::{Effect, Fault, InMemoryRegistry, Kind, RegistryOptions};
use serde_json::Value;

use crate::mirror::trace::{requests, timelines};
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, layers, script, store, write};

/// The size of the layer that every image has, and which does not fit into memory at once.
const LARGE: usize = 3 << 20;

/// A list of images, of which many layers are shared, and several destinations.
struct Destinations {
    source: InMemoryRegistry,
    all: Vec<InMemoryRegistry>,
    images: Vec<String>,
    xtask: Xtask,
}

impl Destinations {
    async fn new(count: usize, images: usize) -> Self {
        let mut all = Vec::new();
        for _ in 0..=count {
            all.push(InMemoryRegistry::start(RegistryOptions::default()).await.unwrap());
        }
        // Registries are usually asked in this order, so the source is not always the last one.
        all.sort_by(|a, b| a.address().cmp(b.address()));
        let source = all.remove(0);
        let mut list = String::new();
        for (number, destination) in all.iter().enumerate() {
            let address = destination.address();
            list += &format!("[destinations.d{number}]\nregistry = \"{address}/m{number}\"\n");
        }
        let mut names = Vec::new();
        for number in 0..images {
            let name = format!("acme/i{number}");
            let mut of_image = layers(&["base", &name]);
            of_image.push(Layer::new("large", LARGE));
            of_image.push(Layer::new(format!("large {name}"), LARGE));
            let image = match number % 2 {
                0 => docker_image(&of_image),
                _ => oci_index(&of_image),
            };
            store(&source, &name, "1", &image);
            let source = source.address();
            list += &format!("[[image]]\nsource = \"{source}/{name}\"\ntag = \"1\"\n");
            names.push(name);
        }
        let xtask = Xtask::new();
        write(&xtask, "images.toml", list);
        Self { source, all, images: names, xtask }
    }

    /// Adds lines to the table of the registry of a destination.
    fn set(&self, number: usize, lines: &str) {
        let file = self.xtask.directory().join("images.toml");
        let address = self.all[number].address();
        let list = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("[registries.\"{address}\"]\n{lines}\n{list}")).unwrap();
    }

    fn mirror(&self, flags: &[&str]) -> (Finished, Value) {
        let usual = ["mirror", "--all-destinations", "--format", "json"];
        let arguments: Vec<&str> = usual.iter().chain(flags).copied().collect();
        let run = tokio::task::block_in_place(|| self.xtask.run_in("", &arguments, &[]));
        let report = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
        (run, report)
    }

    /// How often each blob and manifest was requested from the source.
    fn reads(&self) -> BTreeMap<String, usize> {
        let mut reads = BTreeMap::new();
        for request in self.source.requests() {
            let content = request.path.rsplit_once("/blobs/").map(|(_, digest)| digest.to_owned());
            if request.method == "GET" && request.path != "/v2/" {
                *reads.entry(content.unwrap_or(request.path)).or_default() += 1;
            }
        }
        reads
    }

    /// Whether a destination has every image of the list as the source has it.
    fn is_complete(&self, number: usize) -> bool {
        let digest = |registry: &InMemoryRegistry, name: &str| {
            registry.store().manifest(name, "1").map(|(_, _, digest)| digest)
        };
        self.images.iter().all(|name| {
            digest(&self.all[number], &format!("m{number}/{name}")) == digest(&self.source, name)
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_destinations_get_everything_and_the_source_is_read_once() {
    let destinations = Destinations::new(3, 12).await;
    let (run, report) = destinations.mirror(&[]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert!((0..3).all(|number| destinations.is_complete(number)));
    let reads = destinations.reads();
    let again: Vec<_> = reads.iter().filter(|(_, times)| **times > 1).collect();
    assert!(again.is_empty(), "{again:?}");

    let totals = &report["totals"];
    assert_eq!(
        (&totals["done"], &totals["source-reads"]["read-again"]["blobs"]),
        (&3.into(), &0.into())
    );
    let blobs = reads.keys().filter(|name| name.starts_with("sha256:")).count();
    assert_eq!(totals["source-reads"]["read"]["blobs"], blobs);
    let sent: u64 = destinations.all.iter().map(|it| it.requests().len() as u64).sum();
    assert_eq!(totals["requests"]["destination"], sent);
    for part in report["parts"].as_array().unwrap() {
        assert_eq!((&part["totals"]["copied"], &part["requests"]), (&12.into(), &Value::Null));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn destinations_with_different_platforms_share_what_both_need() {
    let destinations = Destinations::new(3, 12).await;
    let file = destinations.xtask.directory().join("images.toml");
    let mut list = std::fs::read_to_string(&file).unwrap();
    for (destination, platforms) in [("d1", "linux/amd64"), ("d2", "linux/arm64")] {
        let table = format!("[destinations.{destination}]\n");
        list = list.replace(&table, &format!("{table}platforms = [\"{platforms}\"]\n"));
    }
    // The images without an index are for one platform.
    let images: Vec<&str> = list.split("[[image]]").collect();
    let indexes = images.iter().enumerate().filter(|(number, _)| *number == 0 || number % 2 == 0);
    let list = indexes.map(|(_, image)| *image).collect::<Vec<_>>().join("[[image]]");
    std::fs::write(&file, list).unwrap();

    let (run, report) = destinations.mirror(&[]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert!(!run.stderr.contains("does not keep up"), "{}", run.stderr);
    let reads = destinations.reads();
    let again: Vec<_> = reads.iter().filter(|(_, times)| **times > 1).collect();
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(report["totals"]["source-reads"]["read-again"]["blobs"], 0);
    // Each has its own part of them.
    let bytes = |part: usize| report["parts"][part]["totals"]["moved"]["bytes"].as_u64().unwrap();
    assert!(bytes(0) > bytes(1) && bytes(0) > bytes(2), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_has_everything_costs_the_source_nothing_more() {
    let destinations = Destinations::new(2, 6).await;
    let arguments = ["mirror", "-d", "d1"];
    let run = tokio::task::block_in_place(|| destinations.xtask.run_in("", &arguments, &[]));
    assert_eq!(run.exit_code, 0, "{run:?}");
    destinations.source.forget_requests();
    let (run, report) = destinations.mirror(&[]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    assert!(destinations.is_complete(0) && destinations.is_complete(1));
    let reads = destinations.reads();
    assert!(reads.values().all(|times| *times == 1), "{reads:?}");
    assert_eq!(report["parts"][1]["totals"]["up-to-date"], 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_has_the_requests_of_all_destinations() {
    let destinations = Destinations::new(2, 4).await;
    let (run, report) = destinations.mirror(&["--trace", "trace.json"]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    let file = destinations.xtask.directory().join("trace.json");
    let timelines = timelines(&std::fs::read_to_string(file).unwrap());
    assert_eq!((timelines.len(), timelines["images"].len()), (4, 8), "{:?}", timelines.keys());
    for side in ["source", "destination"] {
        let traced = requests(&timelines, side).len();
        assert_eq!(report["totals"]["requests"][side], traced, "{side}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_a_plan_counts_and_traces_the_requests_that_compared_it() {
    let destinations = Destinations::new(2, 4).await;
    let (run, _) = destinations.mirror(&["--plan", "plan.json"]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    destinations.source.forget_requests();
    destinations.all.iter().for_each(InMemoryRegistry::forget_requests);
    let apply = ["mirror", "--apply", "plan.json", "--format", "json", "--trace", "trace.json"];
    let run = tokio::task::block_in_place(|| destinations.xtask.run_in("", &apply, &[]));
    assert_eq!(run.exit_code, 0, "{run:?}");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let at_destinations: usize = destinations.all.iter().map(|it| it.requests().len()).sum();
    let file = destinations.xtask.directory().join("trace.json");
    let timelines = timelines(&std::fs::read_to_string(file).unwrap());
    let sent = [("source", destinations.source.requests().len()), ("destination", at_destinations)];
    for (side, sent) in sent {
        assert_eq!(report["totals"]["requests"][side], sent, "{side}");
        assert_eq!(requests(&timelines, side).len(), sent, "{side}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_refuses_everything_fails_alone() {
    let destinations = Destinations::new(2, 6).await;
    destinations.all[1].inject(Fault::status(403).method("POST").kind(Kind::Upload).always());
    let (run, report) = destinations.mirror(&[]);
    assert_eq!(run.exit_code, 1, "{run:?}");
    assert!(destinations.is_complete(0) && !destinations.is_complete(1));
    let totals = |part: usize| &report["parts"][part]["totals"];
    assert_eq!((&totals(0)["failed"], &totals(1)["failed"]), (&0.into(), &6.into()));
    assert_says(&run.stdout, &["403"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_stalls_does_not_hold_up_the_other() {
    let destinations = Destinations::new(2, 12).await;
    let stalls = Effect::Delay(Duration::from_secs(600));
    destinations.all[0].inject(Fault::new(stalls).method("PUT").kind(Kind::Upload).always());
    let running = destinations.xtask.start(&["mirror", "--all-destinations"], &[]);
    let began = Instant::now();
    while !destinations.is_complete(1) {
        assert!(began.elapsed() < Duration::from_secs(30), "the second destination waits");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    script::kill("-KILL", running.pids()[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_answers_no_upload_is_given_up_after_the_time_of_one() {
    let destinations = Destinations::new(2, 8).await;
    destinations.set(0, "silence-timeout = 1");
    let never = Effect::Delay(Duration::from_secs(3600));
    destinations.all[0].inject(Fault::new(never).method("PUT").kind(Kind::Upload).always());
    let began = Instant::now();
    let (run, report) = destinations.mirror(&[]);
    // It may take five seconds to store a blob. Large blobs, which it reads one at a time, do not wait for that.
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    assert_eq!((run.exit_code, destinations.is_complete(1)), (1, true), "{run:?}");
    assert_eq!(report["parts"][0]["totals"]["failed"], 8);
    assert_says(&run.stdout, &["nothing received for"]);
}
