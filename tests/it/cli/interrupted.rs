//! Interrupted runs: no tag points to an incomplete image, and the next run continues.

use std::time::{Duration, Instant};

use registry_in_memory::{Effect, Fault, Kind};

use super::{assert_says, mirror, write};
use crate::support::requests::asked;
use crate::support::script;
use crate::support::stage::Stage;
use crate::support::xtask::{Xtask, ended};

/// The request that is in progress at the interruption.
fn slow_requests() -> [(&'static str, Fault); 4] {
    let hour = Effect::Delay(Duration::from_secs(3600));
    let drops = Effect::Trickle { pieces: 50, pause: Duration::from_secs(1) };
    [
        ("a download that stalls", Fault::new(Effect::Stall(500)).kind(Kind::Blob)),
        ("a download that trickles", Fault::new(drops).kind(Kind::Blob)),
        ("an upload without a response", Fault::new(hour.clone()).method("PUT").kind(Kind::Upload)),
        ("a manifest without a response", Fault::new(hour).method("PUT").kind(Kind::Manifest)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_leaves_no_incomplete_image_behind_a_tag() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        for (what, fault) in slow_requests() {
            let mut stage = Stage::new().await;
            stage.publish_many(3);
            let is_download = fault.matches.kind == Some(Kind::Blob);
            let registry = if is_download { &stage.source } else { &stage.destination };
            let (kind, method) = (fault.matches.kind.unwrap(), fault.matches.method.clone());
            registry.inject(fault.always());

            let xtask = Xtask::new();
            let images = write(&xtask, "images.toml", stage.list());
            let arguments = ["mirror", "--images", &images, "-d", stage.destination.address()];
            let running = xtask.start(&arguments, &[]);
            let method = method.unwrap_or_else(|| "GET".to_owned());
            let deadline = Instant::now() + Duration::from_secs(20);
            while asked(registry, &method, kind).is_empty() {
                assert!(Instant::now() < deadline, "{what} is not reached");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            script::kill(signal, running.pids()[0]);
            let output = tokio::task::block_in_place(|| ended(&running));
            assert_eq!(output.exit_code, code, "{what} {signal}: {output:?}");
            let words =
                ["error: interrupted", "no tag points to an incomplete", "hint: run the same"];
            assert_says(&output.stderr, &words);
            assert!(output.stdout.is_empty(), "{what}");
            assert_eq!(stage.destination.store().incomplete_tags(), [""; 0], "{what}");

            stage.source.clear_faults();
            stage.destination.clear_faults();
            let again = mirror(&stage, &[]);
            assert_eq!(again.exit_code, 0, "{what}: {}", again.stdout);
            stage.assert_mirrored();
        }
    }
}

/// Programs do not get the signal of the terminal, because each has a process group.
#[test]
fn an_interruption_ends_helm_with_its_children_and_leaves_no_temporary_files() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let xtask = Xtask::new();
        let folder = xtask.directory();
        let chart = folder.join("chart");
        std::fs::create_dir_all(chart.join("templates")).unwrap();
        std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: c\nversion: 1.0.0\n")
            .unwrap();
        std::fs::create_dir(folder.join("tmp")).unwrap();
        let helm = folder.join("helm");
        let started = folder.join("started");
        let wait =
            format!("sleep 300 & echo $! > '{0}.new'; mv '{0}.new' '{0}'; wait", started.display());
        script::write_script(&helm, &format!("[ \"$1\" = template ] || exec echo v3.0.0\n{wait}"));
        let list = "[chart]\nname = \"chart\"\n[values]\na = \"{registry}\"\n[[image]]\nsource = \"q.io/a\"\n\
                    tag = \"1\"\n[destinations]\nd.registry = \"r.example.com\"\n";
        write(&xtask, "images.toml", list);
        let temporary = folder.join("tmp");
        let variables = [("HELM", helm.to_str().unwrap()), ("TMPDIR", temporary.to_str().unwrap())];
        let running = xtask.start(&["values", "--probe"], &variables);
        let deadline = Instant::now() + Duration::from_secs(20);
        while !started.exists() {
            assert!(Instant::now() < deadline, "helm is not started");
            std::thread::sleep(Duration::from_millis(5));
        }
        script::kill(signal, running.pids()[0]);
        let output = ended(&running);
        assert_eq!(output.exit_code, code, "{signal}: {output:?}");
        let words = ["error: interrupted", "hint: run the same command again"];
        assert_says(&output.stderr, &words);
        let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        let child = std::fs::read_to_string(&started).unwrap();
        let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        assert!(!state.is_ok_and(|state| !state.contains(") Z ")), "a child of helm still runs");
    }
}
