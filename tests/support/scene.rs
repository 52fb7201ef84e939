//! A list, a chart, values and two registries that agree until a test changes one of them, for `verify`.

use std::path::PathBuf;

use registry_in_memory::content;
use registry_in_memory::content::Content;
use registry_in_memory::{InMemoryRegistry, RegistryOptions};
use serde_json::Value;

use super::xtask::{Finished, Xtask};
use super::{layers, script, store};

/// Two images, `team/app:1.0` and `team/tool:2.0`, pinned, at the source and at the destination; a
/// chart that names both; the values of the destination `mirror`, written.
pub(crate) struct Scene {
    pub(crate) xtask: Xtask,
    pub(crate) source: InMemoryRegistry,
    pub(crate) destination: InMemoryRegistry,
    pub(crate) app: Content,
    pub(crate) tool: Content,
    /// The program that renders the chart: a script, unless a test has the real one.
    pub(crate) helm: PathBuf,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with_destination(RegistryOptions::default()).await
    }

    pub(crate) async fn with_destination(destination: RegistryOptions) -> Self {
        let xtask = Xtask::new();
        let scene = Self {
            helm: script::helm(xtask.directory()),
            xtask,
            source: InMemoryRegistry::start(RegistryOptions::default()).await.unwrap(),
            destination: InMemoryRegistry::start(destination).await.unwrap(),
            app: content::oci_index(&layers(&["base", "app"])),
            tool: content::docker_image(&layers(&["base", "tool"])),
        };
        for registry in [&scene.source, &scene.destination] {
            store(registry, "team/app", "1.0", &scene.app);
            store(registry, "team/tool", "2.0", &scene.tool);
        }
        scene.write("images.toml", &scene.list());
        scene.write("chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n");
        scene.write("chart/values.yaml", &scene.chart_values());
        scene.write(
            "chart/templates/app.yaml",
            &pod("app", "{{ .Values.global.imageRegistry }}/team/app:1.0"),
        );
        scene.write("chart/templates/tool.yaml", &pod("tool", "{{ .Values.tool.repository }}:2.0"));
        scene.write_values();
        scene
    }

    pub(crate) fn list(&self) -> String {
        let (source, destination) = (self.source.address(), self.destination.address());
        let (app, tool) = (&self.app.top, &self.tool.top);
        format!(
            "[chart]\nname = \"./chart\"\n\n\
             [values]\n\"global.imageRegistry\" = \"{{registry}}\"\n\n\
             [destinations.mirror]\nregistry = \"{destination}\"\n\n\
             [[image]]\nsource = \"{source}/team/app\"\ntag = \"1.0\"\ndigest = \"{app}\"\n\n\
             [[image]]\nsource = \"{source}/team/tool\"\ntag = \"2.0\"\ndigest = \"{tool}\"\n\
             [image.values]\n\"tool.repository\" = \"{{registry}}/{{repository}}\"\n"
        )
    }

    pub(crate) fn chart_values(&self) -> String {
        let source = self.source.address();
        format!("global:\n  imageRegistry: {source}\ntool:\n  repository: {source}/team/tool\n")
    }

    pub(crate) fn write_values(&self) {
        let finished = self.run(&["values", "-d", "mirror", "--write"]);
        assert_eq!(finished.exit_code, 0, "{}", finished.stderr);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.xtask.directory().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Replaces text in a file, which must contain it.
    pub(crate) fn edit(&self, name: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(old), "{name} has no {old}:\n{text}");
        self.write(name, &text.replace(old, new));
    }

    /// Replaces text in the list, and writes the values again.
    pub(crate) fn edit_list(&self, old: &str, new: &str) {
        self.edit("images.toml", old, new);
        self.write_values();
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.run_with(arguments, &[("HELM", self.helm.to_str().unwrap())])
    }

    /// The registries are served meanwhile, so the runtime needs another thread.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
        let arguments = [&["--images", "images.toml"], arguments].concat();
        tokio::task::block_in_place(|| self.xtask.run(&arguments, variables))
    }

    /// Runs `verify` twice: for its text, and for the findings in its JSON.
    pub(crate) fn verify(&self, arguments: &[&str]) -> Verified {
        let human = self.run(&[&["verify"], arguments].concat());
        let json = self.run(&[&["verify", "--format", "json"], arguments].concat());
        assert_eq!(human.exit_code, json.exit_code);
        let document: Value = serde_json::from_str(&self.named(&json.stdout)).unwrap();
        assert_eq!(document["passes"], human.exit_code == 0);
        let mut findings = document["findings"].clone();
        // There is one destination here; tests with several compare it.
        for finding in findings.as_array_mut().unwrap() {
            let destination = finding.as_object_mut().unwrap().remove("destination");
            assert!(destination.is_none_or(|name| name == "mirror"), "{document:#}");
        }
        Verified {
            exit_code: human.exit_code,
            human: without_time(&self.named(&human.stdout)),
            findings,
            stderr: human.stderr,
        }
    }

    /// Replaces addresses and digests, which differ from run to run, by names.
    pub(crate) fn named(&self, text: &str) -> String {
        let names = [
            (self.source.address(), "SOURCE"),
            (self.destination.address(), "DESTINATION"),
            (self.app.top.as_str(), "APP"),
            (self.tool.top.as_str(), "TOOL"),
            // Hints name the list because it is not the workspace's.
            ("chart-mirror --images images.toml", "chart-mirror"),
        ];
        names.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
    }

    pub(crate) fn forget_requests(&self) {
        self.source.forget_requests();
        self.destination.forget_requests();
    }
}

pub(crate) struct Verified {
    pub(crate) exit_code: i32,
    pub(crate) human: String,
    pub(crate) findings: Value,
    pub(crate) stderr: String,
}

impl Verified {
    /// Asserts the exit code, the text and the findings.
    pub(crate) fn assert(&self, exit_code: i32, human: &str, findings: &Value) {
        assert_eq!(self.human, human, "{}", self.stderr);
        assert_eq!(self.findings, *findings, "{:#}", self.findings);
        assert_eq!(self.exit_code, exit_code);
    }
}

pub(crate) fn pod(name: &str, image: &str) -> String {
    format!(
        "kind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers:\n    - image: \"{image}\"\n"
    )
}

/// Removes the duration from the end of the sum.
fn without_time(text: &str) -> String {
    let lines = text.lines().map(|line| match line.rsplit_once("; ") {
        Some((sum, time)) if time.ends_with(" s") && line.contains(" images: ") => sum,
        _ => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// The sum below the findings: the state of each check in its order, then the total.
pub(crate) fn sum(states: [&str; 5], total: &str) -> String {
    let names = ["list", "values", "chart", "source", "destination"];
    let lines = names.iter().zip(states).map(|(name, state)| format!("{name:<12} {state}\n"));
    lines.collect::<String>() + total + "\n"
}
