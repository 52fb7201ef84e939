//! `mirror --plan` and `mirror --apply`.

use std::collections::BTreeSet;

use registry_in_memory::content::docker_image;
use registry_in_memory::{Fault, InMemoryRegistry, RegistryOptions};
use serde_json::Value;

use crate::support::scene::Scene;
use crate::support::xtask::{Finished, Xtask};
use crate::support::{assert_says, layers, store, write};

/// A list of eight images in four repositories; all have one layer in common, and the two of a repository another one.
struct Planning {
    source: InMemoryRegistry,
    destination: InMemoryRegistry,
    xtask: Xtask,
}

impl Planning {
    async fn new() -> Self {
        let start = || InMemoryRegistry::start(RegistryOptions::default());
        let (source, destination) = (start().await.unwrap(), start().await.unwrap());
        let planning = Self { source, destination, xtask: Xtask::new() };
        let mut list =
            format!("[destinations.d]\nregistry = \"{}/m\"\n", planning.destination.address());
        for number in 0..8 {
            let (repository, tag) = (format!("acme/r{}", number % 4), number.to_string());
            planning.publish(&repository, &tag, &format!("image {number}"));
            let source = planning.source.address();
            list += &format!("[[image]]\nsource = \"{source}/{repository}\"\ntag = \"{tag}\"\n");
        }
        write(&planning.xtask, "images.toml", list);
        planning
    }

    fn publish(&self, repository: &str, tag: &str, layer: &str) {
        store(&self.source, repository, tag, &docker_image(&layers(&["base", repository, layer])));
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let arguments = [&["mirror"], arguments].concat();
        tokio::task::block_in_place(|| self.xtask.run_in("", &arguments, &[]))
    }

    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let run = self.run(&[arguments, &["--format", "json"]].concat());
        (run.exit_code, serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}")))
    }

    /// The methods of the requests to the destination, and how many tags were pushed.
    fn sent(&self) -> (BTreeSet<String>, usize) {
        let requests = self.destination.requests();
        let is_tag = |path: &str| path.contains("/manifests/") && !path.contains("sha256:");
        let tags = requests.iter().filter(|it| it.method == "PUT" && is_tag(&it.path)).count();
        (requests.into_iter().map(|request| request.method).collect(), tags)
    }

    fn tags(&self) -> usize {
        let store = self.destination.store();
        store.repositories().iter().map(|repository| store.tags(repository).len()).sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_writes_nothing_and_its_run_does_what_it_says() {
    let planning = Planning::new().await;
    let (exit_code, plan) = planning.json(&["--plan", "plan.json"]);
    assert_eq!((exit_code, &plan["totals"]["create"]), (0, &8.into()), "{plan:#}");
    let (methods, _) = planning.sent();
    assert!(!methods.contains("PUT") && !methods.contains("POST"), "{methods:?}");
    let blobs = planning.source.requests().into_iter().filter(|it| it.path.contains("/blobs/"));
    assert_eq!(blobs.count(), 0);
    let saved = std::fs::read_to_string(planning.xtask.directory().join("plan.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&saved).unwrap(), plan);

    planning.destination.forget_requests();
    planning.source.forget_requests();
    let (exit_code, report) = planning.json(&["--apply", "plan.json"]);
    assert_eq!((exit_code, &report["totals"]["copied"]), (0, &8.into()), "{report:#}");
    for amount in ["moved", "mounted"] {
        assert_eq!(report["totals"][amount], plan["totals"][amount], "{amount}");
    }
    assert_eq!((planning.sent().1, planning.tags()), (8, 8));

    let (_, plan) = planning.json(&["--plan", "plan.json"]);
    assert_eq!(plan["totals"]["up-to-date"], 8);
    planning.destination.forget_requests();
    assert_eq!(planning.json(&["--apply", "plan.json"]).0, 0);
    assert_eq!(planning.sent(), (BTreeSet::from(["HEAD".to_owned()]), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_is_out_of_date_is_refused_and_nothing_is_pushed() {
    type Change = fn(&Planning);
    let changes: [(Change, &str); 4] = [
        (|it| it.publish("acme/r1", "5", "another"), "at the source names sha256:"),
        (
            |it| {
                let image = docker_image(&layers(&["else"]));
                store(&it.destination, "m/acme/r1", "5", &image);
            },
            "at the destination names sha256:",
        ),
        (
            |it| {
                let path = it.xtask.directory().join("images.toml");
                let list = std::fs::read_to_string(path).unwrap();
                let (rest, _) = list.rsplit_once("[[image]]").unwrap();
                write(&it.xtask, "images.toml", rest);
            },
            "r3:7: the list does not have it any more",
        ),
        (
            |it| {
                let path = it.xtask.directory().join("images.toml");
                let list = std::fs::read_to_string(path).unwrap();
                let more = format!(
                    "[[image]]\nsource = \"{}/acme/new\"\ntag = \"1\"\n",
                    it.source.address()
                );
                write(&it.xtask, "images.toml", list + &more);
            },
            "new:1: the list has it, and the plan does not",
        ),
    ];
    for (change, what) in changes {
        let planning = Planning::new().await;
        assert_eq!(planning.json(&["--plan", "plan.json"]).0, 0);
        change(&planning);
        planning.destination.forget_requests();
        let run = planning.run(&["--apply", "plan.json"]);
        assert_eq!(run.exit_code, 2, "{run:?}");
        assert_says(&run.stderr, &["out of date", what, "hint: make another plan"]);
        let (methods, _) = planning.sent();
        assert!(!methods.contains("PUT") && !methods.contains("POST"), "{what}: {methods:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shards_of_a_plan_copy_every_image_once() {
    let planning = Planning::new().await;
    let (_, plan) = planning.json(&["--plan", "plan.json", "--shards", "2"]);
    let images = plan["parts"][0]["images"].as_array().unwrap();
    let shard_of = |image: &Value| {
        (image["target"].as_str().unwrap().to_owned(), image["shard"].as_u64().unwrap())
    };
    let of_first = images.iter().map(shard_of).filter(|(_, shard)| *shard == 1).count();
    assert_eq!(of_first, 4, "{plan:#}");

    let run = planning.run(&["--apply", "plan.json"]);
    assert_eq!(run.exit_code, 2);
    assert_says(&run.stderr, &["was made for 2 shards, not for one machine"]);
    let mut files = Vec::new();
    for shard in ["1/2", "2/2"] {
        // Machines start at the same time, so each finds what was planned.
        let report = planning.run(&["--apply", "plan.json", "--shard", shard, "--format", "json"]);
        assert_eq!(report.exit_code, 0, "{report:?}");
        let file = format!("{}.json", shard.replace('/', "-"));
        write(&planning.xtask, &file, report.stdout);
        files.push(file);
        let again = planning.run(&["--apply", "plan.json", "--shard", shard]);
        assert_eq!(again.exit_code, 0, "the same shard again: {again:?}");
    }
    assert_eq!((planning.sent().1, planning.tags()), (8, 8));
    let arguments = ["report", "merge", &files[0], &files[1], "--format", "json"];
    let merged = tokio::task::block_in_place(|| planning.xtask.run_in("", &arguments, &[]));
    assert_eq!(merged.exit_code, 0, "{merged:?}");
    let merged: Value = serde_json::from_str(&merged.stdout).unwrap();
    assert_eq!(merged["totals"]["copied"], 8, "{merged:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_cannot_be_copied_is_in_the_plan_and_the_others_are_copied() {
    let planning = Planning::new().await;
    planning.source.store().delete_tag("acme/r2", "6");
    let plan = planning.run(&["--plan", "plan.json", "--rate", "1MB"]);
    assert_eq!(plan.exit_code, 1, "{plan:?}");
    assert_says(
        &plan.stdout,
        &["error:", "acme/r2:6", "8 images: 7 to create", "1 cannot be copied", "per second"],
    );
    assert!(!plan.stderr.contains("copied 127"), "{}", plan.stderr);
    let (exit_code, report) = planning.json(&["--apply", "plan.json"]);
    assert_eq!((exit_code, &report["totals"]["copied"]), (1, &7.into()), "{report:#}");
    let again = planning.run(&["--apply", "plan.json"]);
    assert_eq!(again.exit_code, 1, "{again:?}");
    assert_says(&again.stdout, &["acme/r2:6", "for the plan", "404", "make another plan"]);
    let failed = &report["images"][6];
    assert_eq!((&failed["outcome"], &failed["pinned"]), (&"failed".into(), &false.into()));

    write(&planning.xtask, "other.json", "{\"command\": \"mirror\", \"version\": 1}");
    let run = planning.run(&["--apply", "other.json"]);
    assert_eq!(run.exit_code, 2);
    assert_says(&run.stderr, &["`other.json` is not a plan", "hint"]);
}

/// Half of the images are at the destination, and the first of them is pinned.
async fn half_done() -> Planning {
    let planning = Planning::new().await;
    assert_eq!(planning.run(&["--only", "*/acme/r0", "--only", "*/acme/r1"]).exit_code, 0);
    let pinned = tokio::task::block_in_place(|| planning.xtask.run_in("", &["pin", "*/r0"], &[]));
    assert_eq!(pinned.exit_code, 0, "{pinned:?}");
    planning
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_of_a_plan_is_about_all_images_and_counts_the_requests_that_compared_it() {
    let planning = half_done().await;
    assert_eq!(planning.json(&["--plan", "plan.json"]).0, 0);
    planning.destination.forget_requests();
    planning.source.forget_requests();
    let (exit_code, report) = planning.json(&["--apply", "plan.json"]);
    assert_eq!(exit_code, 0, "{report:#}");
    let images = report["images"].as_array().unwrap();
    let of_images = |key: &str| images.iter().map(|it| it[key].clone()).collect::<Vec<_>>();
    let each = |words: [&'static str; 4]| [words, words].concat();
    assert_eq!(of_images("outcome"), each(["up-to-date", "up-to-date", "copied", "copied"]));
    let pinned = [true, false, false, false];
    assert_eq!(of_images("pinned"), [pinned, pinned].concat());
    assert!(of_images("digest").iter().all(Value::is_string), "{report:#}");
    let requests = [&planning.source, &planning.destination].map(|it| it.requests().len());
    let counted = &report["requests"];
    assert_eq!(counted["source"], requests[0], "{counted}");
    assert_eq!(counted["destination"], requests[1], "{counted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_joined_reports_of_the_shards_of_a_plan_are_the_report_of_one_machine() {
    let planning = half_done().await;
    assert_eq!(planning.json(&["--plan", "two.json", "--shards", "2"]).0, 0);
    assert_eq!(planning.json(&["--plan", "one.json"]).0, 0);
    let shards = ["1/2", "2/2"].map(|shard| {
        let (exit_code, report) = planning.json(&["--apply", "two.json", "--shard", shard]);
        assert_eq!(exit_code, 0, "{report:#}");
        let file = format!("{}.json", shard.replace('/', "-"));
        write(&planning.xtask, &file, report.to_string());
        file
    });
    let arguments = ["report", "merge", &shards[1], &shards[0], "--format", "json"];
    let merged = tokio::task::block_in_place(|| planning.xtask.run_in("", &arguments, &[]));
    let mut merged: Value = serde_json::from_str(&merged.stdout).unwrap();
    for number in [2, 3, 6, 7] {
        let store = planning.destination.store();
        store.delete_tag(&format!("m/acme/r{}", number % 4), &number.to_string());
    }
    let (exit_code, mut whole) = planning.json(&["--apply", "one.json"]);
    assert_eq!((exit_code, &whole["totals"]["up-to-date"]), (0, &4.into()), "{whole:#}");
    // These depend on what is there already, on what is shared, and on the clock.
    for report in [&mut merged, &mut whole] {
        let forget = |object: &mut Value, keys: &[&str]| {
            object.as_object_mut().unwrap().retain(|key, _| !keys.contains(&key.as_str()));
        };
        forget(report, &["seconds", "ended", "requests"]);
        let of_blobs = ["moved", "mounted", "skipped", "content"];
        forget(&mut report["totals"], &of_blobs);
        let images = report["images"].as_array_mut().unwrap();
        images.iter_mut().for_each(|image| forget(image, &of_blobs));
    }
    assert_eq!(merged, whole);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_is_down_is_one_error_of_a_plan_and_of_its_run() {
    let planning = Planning::new().await;
    planning.destination.inject(Fault::status(418).always());
    let plan = planning.run(&["--plan", "plan.json"]);
    assert_eq!(plan.exit_code, 1, "{plan:?}");
    assert_says(&plan.stdout, &["error: 8 images: destination:", "and 3 more"]);
    assert_eq!(plan.stdout.matches(": 418").count(), 1, "{}", plan.stdout);
    assert_eq!(planning.run(&["--plan", "plan.json", "-v"]).stdout.matches(" to 127.").count(), 8);
    let run = planning.run(&["--apply", "plan.json"]);
    assert_eq!(run.exit_code, 1, "{run:?}");
    assert_says(
        &run.stdout,
        &["error: 8 images: destination:", "8 failed", "hint: make another plan"],
    );
    assert_eq!(run.stdout.matches(": 418").count(), 1, "{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_that_could_not_be_planned_fails_alone_and_the_images_are_copied() {
    let scene = Scene::new().await;
    scene.destination.inject(Fault::status(418).path("/charts/").times(1));
    let plan = scene.run(&["mirror", "--with-chart", "--plan", "plan.json"]);
    assert_eq!(plan.exit_code, 1, "{plan:?}");
    assert_says(&plan.stdout, &["error: ", "charts/chart:1.0.0", "418"]);
    // Its failure is not lost with the flag.
    let without = scene.run(&["mirror", "--apply", "plan.json"]);
    assert_eq!(without.exit_code, 2, "{without:?}");
    let run = scene.run(&["mirror", "--with-chart", "--apply", "plan.json"]);
    assert_eq!(run.exit_code, 1, "{run:?}");
    let words =
        ["chart:1.0.0\n  it could not be planned: ", "418", "make another plan", "2 up to date"];
    assert_says(&run.stdout, &words);
    let pushed = scene.destination.requests().into_iter().filter(|it| it.method == "PUT");
    assert!(pushed.into_iter().all(|put| !put.path.contains("/charts/")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_has_a_page_and_a_report_and_no_metrics() {
    let planning = half_done().await;
    let refused = planning.run(&["--plan", "plan.json", "--report=prometheus=m.prom"]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["has no metrics", "hint: use `json=` or `html=`"]);
    let before = planning.run(&["--only", "*/acme/r0", "--report=json=old.json"]);
    assert_eq!(before.exit_code, 0, "{before:?}");
    let files = ["--report=html=page.html", "--report=json=copy.json", "--since=old.json"];
    let run = planning.run(&[&["--plan", "plan.json", "--rate", "1kB"], &files[..]].concat());
    assert_eq!(run.exit_code, 0, "{run:?}");
    let folder = planning.xtask.directory();
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    assert_eq!(text("copy.json"), text("plan.json"));
    let page = text("page.html");
    let words =
        ["4 to create", "At 1.0 kB per second", "6 images are new", "1 blob is in several images:"];
    assert_says(&page, &words);

    let made = |arguments: &[&str]| {
        let arguments = [&["report", "html", "-o", "made.html"], arguments].concat();
        tokio::task::block_in_place(|| planning.xtask.run_in("", &arguments, &[]))
    };
    assert_eq!(made(&["plan.json", "--rate=1kB", "--since=old.json"]).exit_code, 0);
    assert_eq!(text("made.html"), page);
    let refused = made(&["old.json", "--rate=1kB"]);
    assert_eq!(refused.exit_code, 2, "{refused:?}");
    assert_says(&refused.stderr, &["`--rate` is for plans"]);
    assert_eq!(planning.run(&["--apply", "plan.json"]).exit_code, 0);
    assert_eq!(made(&["old.json", "--since=plan.json"]).exit_code, 0, "a plan may be earlier");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_overwrites_no_list_and_creates_no_layout() {
    let planning = Planning::new().await;
    let folder = planning.xtask.directory();
    let list = || std::fs::read_to_string(folder.join("images.toml")).unwrap();
    let before = list();
    let run = planning.run(&["--plan", "images.toml"]);
    assert_eq!((run.exit_code, list()), (2, before), "{run:?}");
    assert_says(&run.stderr, &["--plan images.toml", "the image list"]);
    let run = planning.run(&["--plan", "plan.json", "-d", "oci:out"]);
    assert_eq!(run.exit_code, 2, "{run:?}");
    assert_says(&run.stderr, &["needs a registry", "oci:out"]);
    assert!(!folder.join("out").exists() && !folder.join("plan.json").exists());
}
