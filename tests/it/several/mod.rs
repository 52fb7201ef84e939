//! Several lists and destinations: the members of a workspace, `-d` twice, and `--all-destinations`.

mod pages;
mod report_files;
mod shards;
mod targets;
mod together;
mod unusable_lists;

use std::time::{Duration, Instant};

use registry_in_memory::content::docker_image;
use registry_in_memory::{Effect, Fault, InMemoryRegistry, RegistryOptions};
use serde_json::Value;

use crate::support::xtask::{Finished, Xtask, ended};
use crate::support::{assert_says, layers, script, store, write};

/// A source, two destinations, and a workspace with two lists of one image each.
struct Workspace {
    source: InMemoryRegistry,
    destinations: [InMemoryRegistry; 2],
    xtask: Xtask,
}

impl Workspace {
    async fn new() -> Self {
        let start = || InMemoryRegistry::start(RegistryOptions::default());
        let source = start().await.unwrap();
        let destinations = [start().await.unwrap(), start().await.unwrap()];
        let xtask = Xtask::new();
        let [north, south] = destinations.each_ref().map(InMemoryRegistry::address);
        let root = format!(
            "[workspace]\nmembers = [\"charts/*\"]\n[destinations]\n\
             north.registry = \"{north}\"\nsouth.registry = \"{south}\"\n"
        );
        write(&xtask, "images.toml", root);
        for name in ["a", "b"] {
            store(&source, &format!("acme/{name}"), "1", &docker_image(&layers(&[name])));
            let list = format!(
                "[values]\n\"{name}.registry\" = \"{{registry}}\"\n\
                 [[image]]\nsource = \"{}/acme/{name}\"\ntag = \"1\"\n",
                source.address()
            );
            write(&xtask, &format!("charts/{name}/images.toml"), list);
        }
        Self { source, destinations, xtask }
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.run_in("", arguments)
    }

    fn run_in(&self, folder: &str, arguments: &[&str]) -> Finished {
        tokio::task::block_in_place(|| self.xtask.run_in(folder, arguments, &[]))
    }

    /// Interrupts a command once it has requested something of a repository at the source.
    async fn interrupted(&self, arguments: &[&str], repository: &str) -> Finished {
        self.source.forget_requests();
        let running = self.xtask.start(arguments, &[]);
        wait_until(|| {
            self.source.requests().iter().any(|request| request.path.contains(repository))
        })
        .await;
        script::kill("-INT", running.pids()[0]);
        tokio::task::block_in_place(|| ended(&running))
    }

    /// Interrupts a run once it has mirrored the first list to the first destination.
    async fn interrupted_after_first_list(&self, arguments: &[&str]) -> Finished {
        let running = self.xtask.start(arguments, &[]);
        wait_until(|| self.repositories()[0] == ["acme/a"]).await;
        // Until the response to the last request has arrived.
        tokio::time::sleep(Duration::from_secs(1)).await;
        script::kill("-INT", running.pids()[0]);
        tokio::task::block_in_place(|| ended(&running))
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.xtask.directory().join(file)).unwrap()
    }

    fn repositories(&self) -> [Vec<String>; 2] {
        self.destinations.each_ref().map(|registry| registry.store().repositories())
    }
}

async fn wait_until(is_reached: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_reached() {
        assert!(Instant::now() < deadline, "it does not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_lists_are_mirrored_to_all_destinations_and_a_second_run_pushes_nothing() {
    let workspace = Workspace::new().await;
    let first = workspace.run(&["mirror", "--all-destinations"]);
    assert_eq!(first.exit_code, 0, "{first:?}");
    for (list, destination) in [("a", "north"), ("a", "south"), ("b", "north"), ("b", "south")] {
        let heading = format!("== charts/{list}/images.toml to {destination} ==\n");
        assert_says(&first.stdout, &[&heading]);
    }
    assert_says(&first.stdout, &["4 parts: 4 done, 0 failed, 0 could not run\n"]);
    let both = vec!["acme/a".to_owned(), "acme/b".to_owned()];
    assert_eq!(workspace.repositories(), [both.clone(), both]);

    workspace.destinations.iter().for_each(InMemoryRegistry::forget_requests);
    assert_eq!(workspace.run(&["mirror", "--all-destinations"]).exit_code, 0);
    let requests = workspace.destinations.iter().flat_map(InMemoryRegistry::requests);
    let methods: Vec<String> = requests.map(|request| request.method.to_string()).collect();
    assert!(methods.iter().all(|method| method != "PUT" && method != "POST"), "{methods:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flags_and_folders_select_members_and_destinations() {
    let workspace = Workspace::new().await;
    let finished = workspace.run(&["mirror", "--member", "a", "-d", "north", "-d", "south"]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let only = |name: &str| vec![format!("acme/{name}")];
    assert_eq!(workspace.repositories(), [only("a"), only("a")]);

    let finished = workspace.run_in("charts/b", &["mirror", "-d", "south"]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    // One list and one destination: the report of before, without headings.
    assert!(!finished.stdout.contains("=="), "{}", finished.stdout);
    let both = vec!["acme/a".to_owned(), "acme/b".to_owned()];
    assert_eq!(workspace.repositories(), [only("a"), both]);

    let refused = workspace.run_in("charts/b", &["mirror"]);
    assert_eq!(refused.exit_code, 2);
    assert_says(&refused.stderr, &["several destinations", "`-d north`", "`--all-destinations`"]);
    // Once, and before anything is reported about a list.
    let refused = workspace.run(&["mirror"]);
    assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""));
    assert_eq!(refused.stderr.matches("several destinations").count(), 1, "{}", refused.stderr);
    let refused = workspace.run(&["pin", "--member", "c"]);
    assert_eq!(refused.exit_code, 2);
    assert_says(&refused.stderr, &["no member `c`", "`charts/a`, `charts/b`"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_in_json_has_a_part_for_each_and_the_exit_code_is_the_worst() {
    let workspace = Workspace::new().await;
    workspace.source.store().delete_tag("acme/b", "1");
    let finished = workspace.run(&["mirror", "-d", "north", "--format", "json"]);
    assert_eq!(finished.exit_code, 1, "{finished:?}");
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(report["version"], 1);
    assert_eq!(report["command"], "mirror");
    assert_eq!(report["totals"]["parts"], 2);
    assert_eq!(report["totals"]["failed"], 1);
    let parts = report["parts"].as_array().unwrap();
    let lists: Vec<&str> = parts.iter().map(|part| part["list"].as_str().unwrap()).collect();
    assert_eq!(lists, ["charts/a/images.toml", "charts/b/images.toml"]);
    assert_eq!(parts[0]["images"][0]["outcome"], "copied");
    assert_eq!(parts[1]["images"][0]["outcome"], "failed");
    // The line about the image has the cause as well.
    let line = finished.stderr.lines().find(|line| line.starts_with("failed ")).unwrap();
    assert_says(line, &["/acme/b:1: source: ", "404"]);
    assert_eq!(parts[1]["requested-destination"], "north");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_verification_covers_all_lists_and_findings_name_their_list() {
    let workspace = Workspace::new().await;
    assert_eq!(workspace.run(&["mirror", "--all-destinations"]).exit_code, 0);
    assert_eq!(workspace.run(&["values", "--write"]).exit_code, 0);
    // The paths begin at the current folder, without `./`.
    let inside = workspace.run_in("charts/a", &["values", "--check"]);
    assert_says(&inside.stdout, &["up to date  values/north.yaml\n"]);
    for file in ["charts/a/values/north.yaml", "charts/b/values/south.yaml"] {
        assert!(workspace.xtask.directory().join(file).is_file(), "{file}");
    }
    let checks = ["--only", "list", "--only", "values", "--only", "destination"];
    let passed = workspace.run(&[&["verify"], &checks[..]].concat());
    assert_eq!(passed.exit_code, 0, "{passed:?}");

    workspace.destinations[1].store().delete_tag("acme/b", "1");
    let failed = workspace.run(&["verify", "--only", "destination", "--format", "json"]);
    assert_eq!(failed.exit_code, 1, "{failed:?}");
    let report: Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!(report["list"], "images.toml");
    let findings = report["findings"].as_array().unwrap();
    let errors: Vec<_> = findings.iter().filter(|finding| finding["severity"] == "error").collect();
    assert_eq!(errors.len(), 1, "{report:#}");
    assert_eq!(errors[0]["code"], "destination-missing");
    assert_eq!(errors[0]["location"]["file"], "charts/b/images.toml");

    workspace.destinations.iter().for_each(InMemoryRegistry::forget_requests);
    let other = ["verify", "--only", "destination", "--image", "acme/a"];
    let passed = workspace.run(&other);
    assert_eq!(passed.exit_code, 0, "{passed:?}");
    let requests = workspace.destinations.iter().flat_map(InMemoryRegistry::requests);
    assert!(
        requests.clone().all(|request| request.path.contains("acme/a") || request.path == "/v2/")
    );
    assert!(requests.count() > 0);
    let unknown = workspace.run(&["verify", "--only", "list", "--image", "nothing"]);
    assert_eq!(unknown.exit_code, 2);
    assert_says(&unknown.stderr, &["no list has an image `nothing`"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_examines_all_destinations_and_reports_the_machine_once() {
    let workspace = Workspace::new().await;
    let finished = workspace.run(&["doctor", "--member", "a"]);
    assert_says(&finished.stdout, &["images.toml to north ==\n", "images.toml to south ==\n"]);
    for part in ["credentials come from", "helm"] {
        let lines = finished.stdout.lines().filter(|line| line.starts_with(part));
        assert_eq!(lines.count(), 1, "{part}: {}", finished.stdout);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_documents_are_not_printed_as_one() {
    let workspace = Workspace::new().await;
    let refused = workspace.run(&["values", "-d", "north"]);
    assert_eq!((refused.exit_code, refused.stdout.as_str()), (2, ""));
    assert_says(&refused.stderr, &["cannot be printed at once", "`--member`"]);
    let printed = workspace.run(&["values", "-d", "north", "--member", "charts/a"]);
    assert_says(&printed.stdout, &["registry: \"127.0.0.1:"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_glob_may_select_images_of_one_list_only_and_a_wrong_flag_stops_the_run_before_it_copies()
{
    let workspace = Workspace::new().await;
    let finished = workspace.run(&["mirror", "-d", "north", "--only", "a"]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    assert_eq!(workspace.repositories(), [vec!["acme/a".to_owned()], vec![]]);
    let unknown = workspace.run(&["mirror", "-d", "north", "--only", "a", "--only", "nothing"]);
    assert_eq!(unknown.exit_code, 2);
    assert_says(&unknown.stderr, &["no list has an image `nothing`"]);
    let refused = workspace.run(&["mirror", "-d", "south", "-d", "nowhere"]);
    assert_eq!(refused.exit_code, 2);
    assert_says(&refused.stderr, &["charts/a/images.toml: ", "`-d nowhere`"]);
    assert_eq!(workspace.repositories()[1], [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_member_is_named_and_hints_repeat_the_selected_member() {
    let workspace = Workspace::new().await;
    let unpinned = workspace.run(&["verify", "--only", "list", "--member", "a"]);
    assert_says(&unpinned.stdout, &["`chart-mirror --member a pin`"]);
    write(&workspace.xtask, "charts/b/images.toml", "[[image]]\nsource = 1\n");
    let failed = workspace.run(&["verify", "--only", "list", "--format", "json"]);
    assert_eq!(failed.exit_code, 2, "{failed:?}");
    let report: Value = serde_json::from_str(&failed.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let invalid = findings.iter().find(|finding| finding["code"] == "list-invalid").unwrap();
    assert_eq!(invalid["location"]["file"], "charts/b/images.toml");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_needs_to_fit_only_the_destinations_of_its_workspace() {
    let workspace = Workspace::new().await;
    let root = workspace.text("images.toml");
    let apart =
        root.replace("south.registry", "south.target = \"{registry}/{path}\"\nsouth.registry");
    let apart =
        apart.replace("north.registry", "north.target = \"{registry}/{path}\"\nnorth.registry");
    write(&workspace.xtask, "images.toml", apart);
    // `localhost` is the same registry under another name, so both images have one path.
    let address = workspace.source.address();
    let other = address.replace("127.0.0.1", "localhost");
    let image =
        |registry: &str| format!("[[image]]\nsource = \"{registry}/acme/a\"\ntag = \"1\"\n");
    let list =
        format!("[registries.\"{other}\"]\nplain-http = true\n{}{}", image(address), image(&other));
    write(&workspace.xtask, "charts/a/images.toml", list);
    for arguments in [&["pin", "--member", "a"][..], &["mirror", "-d", "north", "--member", "a"]] {
        let finished = workspace.run(arguments);
        assert_eq!(finished.exit_code, 0, "{finished:?}");
    }
    assert_eq!(workspace.text("charts/a/images.toml").matches("digest = ").count(), 2);
    assert_eq!(workspace.repositories()[0].len(), 2, "{:?}", workspace.repositories());

    // Without its own target, each has the path of the other.
    write(&workspace.xtask, "images.toml", root);
    let refused = workspace.run(&["mirror", "-d", "north", "--member", "a"]);
    assert_eq!(refused.exit_code, 2);
    let words = ["two images have the target", "at the destination `north` of the workspace"];
    assert_says(&refused.stderr, &words);
    assert_says(&refused.stderr, &["charts/a/images.toml:"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dot_selects_the_list_of_the_workspace_itself() {
    let workspace = Workspace::new().await;
    let none = workspace.run(&["mirror", "-d", "north", "--member", "."]);
    assert_eq!(none.exit_code, 2);
    assert_says(
        &none.stderr,
        &["the images.toml of the workspace lists no images", "`charts/a`, `charts/b`"],
    );
    store(&workspace.source, "acme/root", "1", &docker_image(&layers(&["root"])));
    let image = format!(
        "\n[[image]]\nsource = \"{}/acme/root\"\ntag = \"1\"\n",
        workspace.source.address()
    );
    write(&workspace.xtask, "images.toml", workspace.text("images.toml") + &image);
    let finished = workspace.run_in("charts/a", &["mirror", "-d", "north", "--member", "."]);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    assert_eq!(workspace.repositories()[0], ["acme/root"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_reports_what_was_done_and_what_was_not() {
    let workspace = Workspace::new().await;
    let hour = Effect::Delay(Duration::from_secs(3600));
    workspace.source.inject(Fault::new(hour).repository("acme/b").always());
    for arguments in [
        &["mirror", "-d", "north", "--format", "json"][..],
        &["pin", "--check", "--format", "json"],
        &["verify", "--only", "source", "--format", "json"],
    ] {
        // The parts of `mirror` run at the same time.
        let output = match arguments[0] {
            "mirror" => workspace.interrupted_after_first_list(arguments).await,
            _ => workspace.interrupted(arguments, "acme/b").await,
        };
        assert_eq!(output.exit_code, 130, "{output:?}");
        let report: Value = serde_json::from_str(&output.stdout).unwrap();
        if arguments[0] == "verify" {
            let findings = report["findings"].as_array().unwrap();
            let left = findings.iter().find(|finding| finding["code"] == "check-not-run").unwrap();
            assert_eq!(left["location"]["file"], "charts/b/images.toml");
            continue;
        }
        let parts = report["parts"].as_array().unwrap();
        assert!(parts[0]["images"].is_array(), "{report:#}");
        assert_eq!(parts[1]["error"], "interrupted");
        assert_eq!(report["totals"]["not-run"], 1);
        assert_says(&output.stderr, &["not done: charts/b/images.toml", "interrupted"]);
    }
    assert_eq!(workspace.repositories()[0], ["acme/a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interruption_while_helm_runs_ends_the_run_after_the_finished_parts() {
    let workspace = Workspace::new().await;
    let folder = workspace.xtask.directory();
    let (helm, started) = (folder.join("helm"), folder.join("started"));
    script::write_script(
        &helm,
        &format!(
            "[ \"$1\" = template ] || {{ echo v3.0.0; exit; }}\n\
             case \"$PWD $*\" in *charts/b*) echo $$ >'{0}.new'; mv '{0}.new' '{0}'; exec sleep 60 ;; esac\n\
             printf '%s\\n' '---' '# Source: a/templates/p.yaml' 'kind: Pod' 'spec: {{image: \"q.io/a:1\"}}'",
            started.display()
        ),
    );
    for name in ["a", "b"] {
        let file = format!("charts/{name}/images.toml");
        write(&workspace.xtask, &file, format!("[chart]\nname = \".\"\n{}", workspace.text(&file)));
        write(&workspace.xtask, &format!("charts/{name}/Chart.yaml"), "name: x\nversion: 1.0.0\n");
    }
    for command in [
        &["images", "--format", "json"][..],
        &["verify", "--only", "chart,source", "--format", "json"],
    ] {
        let running = workspace.xtask.start(command, &[("HELM", helm.to_str().unwrap())]);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !started.is_file() {
            assert!(Instant::now() < deadline, "helm is not started");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // As a terminal does: helm is in another process group.
        script::kill("-INT", running.pids()[0]);
        let output = tokio::task::block_in_place(|| ended(&running));
        assert_eq!(output.exit_code, 130, "{output:?}");
        let report: Value = serde_json::from_str(&output.stdout).unwrap();
        std::fs::remove_file(&started).unwrap();
        if command[0] == "images" {
            assert!(report["parts"][0]["images"].is_array(), "{report:#}");
            assert_eq!(report["parts"][1]["error"], "interrupted");
            assert_says(&output.stderr, &["not done: charts/b/images.toml: interrupted"]);
            continue;
        }
        let findings = report["findings"].as_array().unwrap().iter();
        let of_b = findings.filter(|finding| finding["location"]["file"] == "charts/b/images.toml");
        let messages: Vec<_> = of_b.map(|finding| finding["message"].as_str().unwrap()).collect();
        assert_eq!(messages, ["the run was interrupted"; 2], "{report:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_asks_the_sources_of_a_list_once_for_all_destinations() {
    let workspace = Workspace::new().await;
    let asked = |arguments: &[&str]| {
        workspace.source.forget_requests();
        let finished = workspace.run(arguments);
        assert_eq!(finished.exit_code, 0, "{finished:?}");
        (workspace.source.requests().len(), finished.stdout)
    };
    let (for_one, _) = asked(&["doctor", "-d", "north"]);
    let (for_all, report) = asked(&["doctor", "--all-destinations", "--format", "json"]);
    assert!(for_one > 0);
    assert_eq!(for_all, for_one);
    // Each part is complete.
    let report: Value = serde_json::from_str(&report).unwrap();
    for part in report["parts"].as_array().unwrap() {
        let registries = part["registries"].as_array().unwrap();
        let sides: Vec<_> = registries.iter().map(|registry| registry["side"].as_str()).collect();
        assert_eq!(sides.len(), 2, "{part:#}");
        assert!(sides.contains(&Some("source")) && sides.contains(&Some("destination")));
        assert!(registries.iter().all(|registry| registry["logins"][0]["answer"] == "open"));
    }
}
