//! The metrics of runs, read by the parsers of Prometheus and of OpenMetrics.

use crate::programs::installed;
use crate::support::scene::Scene;

/// Prints each sample as the parser of OpenMetrics understands it, if that of Prometheus agrees.
const PARSE: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
text = open(sys.argv[1], encoding='utf-8', newline='').read()
def samples(families):
    return sorted((s.name, sorted(s.labels.items()), s.value) for f in families for s in f.samples)
strict = list(open_metrics(text))
assert samples(strict) == samples(prometheus(text))
for family in strict:
    print(family.name, family.type, family.unit or '-', len(family.samples))
for name, labels, value in samples(strict):
    print(name, dict(labels), value)
";

/// What the parsers find in a file of the scene.
fn parsed(scene: &Scene, file: &str) -> String {
    let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = package.ancestors().nth(2).unwrap().join("target/tools/pipelines/bin/python");
    let output = duct::cmd(python, ["-c".into(), PARSE.into(), scene.path(file).into_os_string()])
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run();
    let output = installed("prometheus-client", output);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_parsers_accept_the_metrics_of_good_and_bad_runs_with_any_name_of_a_list() {
    let scene = Scene::new().await;
    let list = "a \"quoted\\ name\nof two lines # EOF.toml";
    scene.write(list, &scene.list());
    let mirror = ["--images", list, "mirror", "-d", "mirror", "--report=prometheus=mirror.prom"];
    let run = |arguments: &[&str]| tokio::task::block_in_place(|| scene.xtask.run(arguments, &[]));
    let finished = run(&mirror);
    assert_eq!(finished.exit_code, 0, "{finished:?}");
    let first = parsed(&scene, "mirror.prom");
    assert!(first.contains("chart_mirror_transferred_bytes gauge bytes 1\n"), "{first}");
    assert!(first.contains("\"quoted/ name\\nof two lines # EOF.toml"), "{first}");

    for registry in [&scene.source, &scene.destination] {
        registry.store().delete_tag("team/tool", "2.0");
    }
    assert_eq!(run(&mirror).exit_code, 1);
    let failed = parsed(&scene, "mirror.prom");
    let success = |text: &str| {
        let name = "chart_mirror_last_success_timestamp_seconds {";
        text.lines().find(|line| line.starts_with(name)).map(str::to_owned)
    };
    assert!(success(&first).is_some());
    assert_eq!(success(&failed), success(&first));
    let verify = ["verify", "--only=list,source,destination", "--report=prometheus=verify.prom"];
    assert_eq!(scene.run(&verify).exit_code, 1);
    let found = parsed(&scene, "verify.prom");
    assert!(found.contains("'code': 'destination-missing'"), "{found}");
}
