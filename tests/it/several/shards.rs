//! Several machines for one run: `mirror --shard`, and `report merge`.

use std::collections::BTreeSet;

use registry_in_memory::content::docker_image;
use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use serde_json::Value;

use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, layers, store, write};

/// A list of 12 images in 6 repositories, and one destination.
struct Fleet {
    source: InMemoryRegistry,
    destination: InMemoryRegistry,
    xtask: Xtask,
}

impl Fleet {
    async fn new() -> Self {
        let start = || InMemoryRegistry::start(RegistryOptions::default());
        let (source, destination) = (start().await.unwrap(), start().await.unwrap());
        let mut list = format!("[destinations.d]\nregistry = \"{}/m\"\n", destination.address());
        for number in 0..12 {
            let (repository, tag) = (format!("acme/r{}", number % 6), number.to_string());
            let image = docker_image(&layers(&["base", &tag]));
            store(&source, &repository, &tag, &image);
            let source = source.address();
            list += &format!("[[image]]\nsource = \"{source}/{repository}\"\ntag = \"{tag}\"\n");
        }
        let xtask = Xtask::new();
        write(&xtask, "images.toml", list);
        Self { source, destination, xtask }
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        tokio::task::block_in_place(|| self.xtask.run_in("", arguments, &[]))
    }

    /// Runs a shard, and keeps its report in a file.
    fn shard(&self, shard: &str) -> (i32, String) {
        let run = self.run(&["mirror", "--shard", shard, "--format", "json"]);
        let file = format!("shard-{}.json", shard.replace('/', "-of-"));
        write(&self.xtask, &file, run.stdout);
        (run.exit_code, file)
    }

    fn merged(&self, files: &[String]) -> (i32, Value) {
        let files = files.iter().map(String::as_str);
        let arguments: Vec<&str> =
            ["report", "merge"].into_iter().chain(files).chain(["--format", "json"]).collect();
        let run = self.run(&arguments);
        (run.exit_code, serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}")))
    }
}

/// The tags that were pushed.
fn pushed(registry: &InMemoryRegistry) -> Vec<String> {
    let requests = registry.requests().into_iter();
    let puts = requests.filter(|request| request.method == "PUT");
    puts.filter(|request| request.path.contains("/manifests/"))
        .map(|request| request.path)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_copy_every_image_once_and_their_joined_report_is_that_of_one_run() {
    let fleet = Fleet::new().await;
    let shards: Vec<_> = ["3/3", "1/3", "2/3"].iter().map(|shard| fleet.shard(shard)).collect();
    assert!(shards.iter().all(|(exit_code, _)| *exit_code == 0), "{shards:?}");
    let tags = pushed(&fleet.destination);
    assert_eq!((tags.len(), tags.iter().collect::<BTreeSet<_>>().len()), (12, 12), "{tags:?}");

    let files: Vec<String> = shards.into_iter().map(|(_, file)| file).collect();
    let (exit_code, mut merged) = fleet.merged(&files);
    assert_eq!(exit_code, 0, "{merged}");
    let another = Fleet::new().await;
    let whole = another.run(&["mirror", "--format", "json"]).stdout;
    let (source, destination) = (another.source.address(), another.destination.address());
    let whole = whole.replace(source, fleet.source.address());
    let whole = whole.replace(destination, fleet.destination.address());
    let mut whole: Value = serde_json::from_str(&whole).unwrap();
    // These depend on what is shared between repositories, and on the clock.
    for report in [&mut merged, &mut whole] {
        let report = report.as_object_mut().unwrap();
        report.retain(|key, _| !["seconds", "ended", "requests"].contains(&key.as_str()));
        let of_blobs = ["moved", "mounted", "skipped"];
        let forget = |object: &mut Value| {
            object.as_object_mut().unwrap().retain(|key, _| !of_blobs.contains(&key.as_str()));
        };
        forget(&mut report["totals"]);
        report["images"].as_array_mut().unwrap().iter_mut().for_each(forget);
    }
    assert_eq!(merged, whole);

    let again = ["1/3", "2/3", "3/3"].map(|shard| {
        fleet.destination.forget_requests();
        let (exit_code, _) = fleet.shard(shard);
        (exit_code, pushed(&fleet.destination).len())
    });
    assert_eq!(again, [(0, 0); 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_joined_report_has_the_worst_exit_code_and_names_what_is_missing() {
    let fleet = Fleet::new().await;
    fleet.source.store().delete_tag("acme/r1", "7");
    let shards = ["1/2", "2/2"].map(|shard| fleet.shard(shard));
    let exit_codes: BTreeSet<i32> = shards.iter().map(|(exit_code, _)| *exit_code).collect();
    assert_eq!(exit_codes, BTreeSet::from([0, 1]));
    let files = shards.map(|(_, file)| file);

    let (exit_code, merged) = fleet.merged(&files);
    assert_eq!((exit_code, &merged["totals"]["failed"]), (1, &1.into()), "{merged}");
    let human = fleet.run(&["report", "merge", &files[0], &files[1]]);
    assert_eq!(human.exit_code, 1);
    assert_says(&human.stdout, &["acme/r1:7", "12 images", "1 failed"]);

    let (exit_code, merged) = fleet.merged(&files[..1]);
    assert_eq!((exit_code, &merged["shard"]["missing"]), (2, &vec![2].into()), "{merged}");
    let human = fleet.run(&["report", "merge", &files[0]]);
    assert_says(&human.stdout, &["without a report: shard 2 of 2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_that_do_not_belong_together_are_refused() {
    let fleet = Fleet::new().await;
    let (_, of_two) = fleet.shard("1/2");
    let (_, of_three) = fleet.shard("2/3");
    write(&fleet.xtask, "whole.json", fleet.run(&["mirror", "--format", "json"]).stdout);
    let planned = fleet.run(&["mirror", "-t", "--format", "json"]).stdout;
    write(&fleet.xtask, "planned.json", planned);
    write(&fleet.xtask, "other.json", "{\"version\": 1, \"command\": \"pin\"}");
    write(&fleet.xtask, "cut.json", "{\"version\": 1");
    for (files, expected) in [
        (&[&of_two[..], &of_two][..], "both of shard 1/2"),
        (&[&of_two, &of_three], "2 shards"),
        (&["whole.json"], "of a whole run"),
        (&["planned.json"], "`planned.json`"),
        (&["other.json"], "not a report of `mirror`"),
        (&["cut.json"], "not a JSON report"),
        (&["none.json"], "cannot read the report `none.json`"),
    ] {
        let refused = fleet.run(&[&["report", "merge"], files].concat());
        assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""), "{files:?}");
        assert_says(&refused.stderr, &[expected]);
    }
    let refused = fleet.run(&["mirror", "--shard", "3/2"]);
    assert_eq!(refused.exit_code, 2);
    assert_says(&refused.stderr, &["`3/2` is not a shard"]);
}
