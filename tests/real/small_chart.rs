//! `Case`: a chart with one template, and a list of its images.

use crate::programs::helm::program;
use crate::support::xtask::{Finished, Xtask};

/// A chart with one template, and a list of its images.
pub(crate) struct Case {
    xtask: Xtask,
}

impl Case {
    /// `images` are references with a tag; `rendering` is a table of images.toml.
    pub(crate) fn new(values: &str, template: &str, images: &[&str], rendering: &str) -> Self {
        let case = Self { xtask: Xtask::new() };
        case.write("chart/Chart.yaml", "apiVersion: v2\nname: small\nversion: 1.0.0\n");
        case.write("chart/values.yaml", values);
        case.write("chart/templates/pods.yaml", template);
        let mut list = format!("[chart]\nname = \"./chart\"\n{rendering}\n");
        for image in images {
            let (source, tag) = image.rsplit_once(':').unwrap();
            list += &format!("[[image]]\nsource = \"{source}\"\ntag = \"{tag}\"\n");
        }
        case.write("images.toml", &list);
        case
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.xtask.directory().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn list(&self) -> String {
        std::fs::read_to_string(self.xtask.directory().join("images.toml")).unwrap()
    }

    pub(crate) fn values(&self, arguments: &[&str]) -> Finished {
        self.run(&[&["values"], arguments].concat())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        let list = self.xtask.directory().join("images.toml");
        let arguments = [&["--images", list.to_str().unwrap()], arguments].concat();
        let helm = program().canonicalize().unwrap();
        self.xtask.run(&arguments, &[("HELM", helm.to_str().unwrap())])
    }
}

/// A pod for each image.
pub(crate) fn pods(images: &[&str]) -> String {
    let pod = |(number, image): (usize, &&str)| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}}}\n\
             spec: {{containers: [{{name: c, image: \"{image}\"}}]}}\n"
        )
    };
    images.iter().enumerate().map(pod).collect()
}
