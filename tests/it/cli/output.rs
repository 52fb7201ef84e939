//! Results go to stdout, everything else to stderr, and secrets to neither.

use registry_in_memory::{Effect, Fault, Kind};
use serde_json::Value;

use super::{mirror, write};
use crate::faults::secrets::{assert_no_secret, with_canaries};
use crate::support::clean_environment;
use crate::support::stage::Stage;
use crate::support::xtask::Xtask;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_json_report_has_the_documented_fields_and_nothing_else_is_printed() {
    let mut stage = Stage::new().await;
    stage.publish_many(3);
    let refused = Fault::status(403).repository("stackstate/i02").method("PUT");
    stage.destination.inject(refused.always());
    let finished = mirror(&stage, &["--only", "i00", "--format", "json"]);
    assert_eq!(finished.exit_code, 0);
    let finished = mirror(&stage, &["--format", "json", "-v"]);
    assert_eq!(finished.exit_code, 1);
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();

    assert_eq!((&report["version"], &report["command"]), (&1.into(), &"mirror".into()));
    assert_eq!(report["dry-run"], false);
    assert_eq!(report["destination"], stage.destination.address());
    let of = |name: &str| report["totals"][name].as_u64();
    let totals = ["images", "copied", "up-to-date", "failed", "unpinned"].map(of);
    assert_eq!(totals, [3, 1, 1, 1, 0].map(Some));
    assert!(report["totals"]["moved"]["bytes"].as_u64() >= Some(1000));
    assert!(report["requests"]["source"].as_u64() > Some(0));
    assert!(report["requests"]["destination"].as_u64() > Some(0));
    assert!(report["seconds"].as_f64() > Some(0.0));

    let images = report["images"].as_array().unwrap();
    let outcomes: Vec<_> = images.iter().map(|image| image["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["up-to-date", "copied", "failed"]);
    for image in images {
        assert!(image["source"].as_str().unwrap().starts_with(stage.source.address()));
        assert!(image["target"].as_str().unwrap().starts_with(stage.destination.address()));
        assert_eq!(image["pinned"], true);
    }
    assert!(images[0]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert!(images[1]["moved"]["blobs"].as_u64() >= Some(1));
    for name in ["mounted", "skipped", "attachments", "foreign-layers"] {
        assert!(images[1].get(name).is_some(), "{name}");
    }
    assert_eq!(images[2]["digest"], Value::Null);
    let error = &images[2]["error"];
    assert_eq!((&error["side"], &error["status"]), (&"destination".into(), &403.into()));
    for name in ["operation", "request", "message", "hint"] {
        assert!(error[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verbose_run_shows_every_request_on_stderr_and_no_secret_anywhere() {
    let (stage, _elsewhere) = with_canaries(1).await;
    let finished = mirror(&stage, &["-v"]);
    assert_eq!(finished.exit_code, 1, "{}", finished.stderr);
    for method in ["HEAD", "GET", "POST", "PUT"] {
        assert!(finished.stderr.contains(&format!("{method} http://")), "{method}");
    }
    assert!(finished.stderr.contains("/token"), "{}", finished.stderr);
    assert_no_secret(&stage, "stdout", &finished.stdout);
    assert_no_secret(&stage, "stderr", &finished.stderr);
    assert!(!finished.stderr.contains('\u{1b}'), "no colours without a terminal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_from_a_server_cannot_control_the_terminal() {
    let (stage, _) = Stage::with_layer(1000).await;
    let body = "\u{1b}[2J\u{1b}]0;owned\u{7}go\r\naway".to_owned();
    let evil = Effect::Status { code: 400, headers: Vec::new(), body };
    stage.source.inject(Fault::new(evil).kind(Kind::Manifest).always());
    let finished = mirror(&stage, &["-v"]);
    assert_eq!(finished.exit_code, 1);
    let output = finished.stdout + &finished.stderr;
    assert!(output.contains("go away"), "{output}");
    assert!(!output.contains(['\u{1b}', '\u{7}', '\r']), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reader_of_the_output_may_stop_early() {
    let mut stage = Stage::new().await;
    stage.publish_many(3);
    let xtask = Xtask::new();
    let images = write(&xtask, "images.toml", stage.list());
    let mirror = ["mirror", "--images", &images, "-d", stage.destination.address()];
    let table: [(&[&str], i32); 5] = [
        (&["--help"], 0),
        (&["mirror", "-t", "-d", "mirror.example.com"], 0),
        (&mirror, 0),
        (&["-v", "mirror", "--images", &images, "-d", stage.destination.address()], 0),
        (&["mirror", "-t", "-d", "https://wrong"], 2),
    ];
    for (arguments, expected) in table {
        for errors_too in [false, true] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let command = duct::cmd(env!("CARGO_BIN_EXE_chart-mirror"), arguments)
                .full_env(clean_environment(std::env::vars_os(), xtask.directory()))
                .stdin_null()
                .stdout_file(writer.try_clone().unwrap())
                .unchecked();
            let command =
                if errors_too { command.stderr_file(writer) } else { command.stderr_capture() };
            let output = tokio::task::block_in_place(|| command.run()).unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(
                output.status.code(),
                Some(expected),
                "{arguments:?} {errors_too}: {stderr}"
            );
            assert!(!stderr.contains("panicked"), "{stderr}");
        }
    }
    stage.assert_mirrored();
}
