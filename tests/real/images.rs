//! The commands `images` and `mirror -c`, with the real helm.

use std::path::PathBuf;

use chart_mirror::list::ImageList;
use serde_json::Value;

use crate::programs::helm::{charts, program};
use crate::support::xtask::{DEADLINE, Finished, Xtask};

mod inventory;
mod mirror_of_a_chart;
mod updates;

const LIST: &str = "\
# The list of the tests.

# Has another target.
[[image]]
source = \"quay.io/example/app\"
tag = \"1.2.0\"
target = \"apps/app\"
digest = \"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"

# Of an older chart.

# Not used.
[[image]]
source = \"quay.io/example/old\"
tag = \"1\"

[destinations.x] # the only one
registry = \"registry.example.com\"
";

/// A directory with a list in `lists/images.toml`, where the tool runs.
struct Project(Xtask);

impl Project {
    fn new(list: &str) -> Self {
        let project = Self(Xtask::new());
        std::fs::create_dir(project.path("lists")).unwrap();
        std::fs::write(project.path("lists/images.toml"), list).unwrap();
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.directory().join(name)
    }

    fn list(&self) -> String {
        std::fs::read_to_string(self.path("lists/images.toml")).unwrap()
    }

    /// A chart with one pod that has these images, in a folder of the directory.
    fn chart(&self, name: &str, images: &[&str]) {
        let mut pod = "kind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n".to_owned();
        for image in images {
            pod += &format!("    - image: \"{image}\"\n");
        }
        self.chart_with(name, &pod);
    }

    fn chart_with(&self, name: &str, template: &str) {
        let folder = self.path(name);
        std::fs::create_dir_all(folder.join("templates")).unwrap();
        let about = format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n");
        std::fs::write(folder.join("Chart.yaml"), about).unwrap();
        std::fs::write(folder.join("templates/pod.yaml"), template).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let helm = program().canonicalize().unwrap();
        self.run_with(helm.to_str().unwrap(), arguments)
    }

    fn run_with(&self, helm: &str, arguments: &[&str]) -> Finished {
        let arguments = [&["--images", "lists/images.toml"], arguments].concat();
        self.0.run(&arguments, &[("HELM", helm)])
    }
}

/// The path of a chart in tests/data.
fn test_chart(chart: &str) -> String {
    charts().join(chart).canonicalize().unwrap().to_str().unwrap().to_owned()
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}
