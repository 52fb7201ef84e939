//! A chart that is a function in Rust: from its values to the images of its pods.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_yaml::Value;

use crate::chart::{ChartValues, RenderError, Rendered, Renderer};
use crate::list::edit::value_line;
use crate::list::{ImageList, Rendering, SetValue};
use crate::values::probe::{Candidates, Outcome, ProbeResult, Subject, Suggestion, probe, settle};

/// The images of the pods, or why the chart refuses.
pub(super) type Template = fn(&Values) -> Result<Vec<String>, String>;

/// How many images have a template.
const MANY: usize = 4;

pub(super) struct TestChart {
    pub(super) values: String,
    pub(super) template: Template,
    /// What the templates of a real chart would be, for the values that they name.
    pub(super) text: &'static str,
    pub(super) renderings: AtomicUsize,
    /// A value that is the host of an Ingress.
    pub(super) ingress: Option<&'static str>,
}

/// The values of one rendering.
pub(super) struct Values(Value);

/// What probing found, in a form for tables.
pub(super) struct Probed {
    pub(super) result: ProbeResult,
    pub(super) suggestion: Suggestion,
}

impl Values {
    /// The value at a path as text; empty if there is none.
    pub(super) fn get(&self, path: &str) -> String {
        match path.split('.').try_fold(&self.0, |value, key| value.get(key)) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(boolean)) => boolean.to_string(),
            _ => String::new(),
        }
    }

    /// The first of these that is not empty, as with `default` in a template.
    pub(super) fn first(&self, paths: &[&str]) -> String {
        paths.iter().map(|path| self.get(path)).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// Several values, joined by what stands between them.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        for (index, part) in text.split(['<', '>']).enumerate() {
            filled += &if index % 2 == 0 { part.to_owned() } else { self.get(part) };
        }
        filled
    }
}

impl TestChart {
    pub(super) fn new(values: &str, template: Template) -> Self {
        let renderings = AtomicUsize::new(0);
        Self { values: values.to_owned(), template, text: "", renderings, ingress: None }
    }

    pub(super) fn with_text(self, text: &'static str) -> Self {
        Self { text, ..self }
    }

    /// Probes the chart with a list of all its images.
    pub(super) fn probe(&self) -> Probed {
        let values = Values(serde_yaml::from_str(&self.values).unwrap());
        let mut images: Vec<String> = (self.template)(&values).unwrap();
        images.sort();
        images.dedup();
        let entry = |image: &String| {
            let reference: crate::chart::ImageReference = image.parse().unwrap();
            let digest = reference.digest.map(|it| format!("digest = \"{it}\"\n"));
            let tag = reference.tag.map(|tag| tag.to_string()).unwrap_or("0".to_owned());
            let digest = digest.unwrap_or_default();
            format!("[[image]]\nsource = \"{}\"\ntag = \"{tag}\"\n{digest}", reference.repository)
        };
        self.probe_with(&images.iter().map(entry).collect::<String>())
    }

    pub(super) fn probe_with(&self, list: &str) -> Probed {
        let list = ImageList::parse("images.toml", list).unwrap_or_else(|why| panic!("{why}"));
        let mut chart = ChartValues { text: self.values.clone(), ..ChartValues::default() };
        chart.templates.add(self.text);
        for number in 0..MANY {
            chart.files.insert(format!("templates/{number}.yaml"), self.text.to_owned());
        }
        let (charts, renderings) = ([chart], [Rendering::default()]);
        let progress = |_: &str| ();
        let constants = list.values().iter().filter(|(_, value)| !value.has_placeholders());
        let constants = constants.map(|(path, value)| match value.unrendered() {
            SetValue::Boolean(boolean) => (path.clone(), boolean.into()),
            other => (path.clone(), other.to_string().into()),
        });
        let constants = constants.collect();
        let subject = Subject::new(self, &renderings, &charts, constants, &progress).unwrap();
        let paths: Vec<_> = list.values().iter().map(|(path, _)| path.clone()).collect();
        let result = probe(&subject, Candidates::OfChartAnd(&paths)).unwrap();
        let suggestion = settle(&subject, &list, &result).unwrap();
        Probed { result, suggestion }
    }
}

impl Renderer for TestChart {
    fn render(&self, rendering: &Rendering, values: Option<&str>) -> Result<Rendered, RenderError> {
        self.renderings.fetch_add(1, Ordering::Relaxed);
        let mut merged: Value = serde_yaml::from_str(&self.values).unwrap();
        if let Some(values) = values {
            merge(&mut merged, serde_yaml::from_str(values).unwrap());
        }
        let values = Values(merged);
        let ingress = self.ingress.map(|path| {
            format!(
                "---\n# Source: c/templates/i.yaml\nkind: Ingress\nhost: {}\n",
                values.get(path)
            )
        });
        let images = (self.template)(&values).map_err(|words| RenderError::Failed {
            attempt: "rendering".to_owned(),
            cause: words.clone().into(),
            output: format!("Error: execution error at (c/templates/a.yaml:1:1): {words}"),
        })?;
        let pod = |(number, image): (usize, &String)| {
            format!(
                "---\n# Source: c/templates/{number}.yaml\nkind: Pod\nmetadata: {{name: p}}\n\
                 spec: {{containers: [{{image: \"{image}\"}}]}}\n"
            )
        };
        let text = images.iter().enumerate().map(pod).chain(ingress).collect();
        Ok(Rendered { rendering: rendering.name.clone(), text, warnings: String::new() })
    }
}

fn merge(target: &mut Value, more: Value) {
    match (target, more) {
        (Value::Mapping(target), Value::Mapping(more)) => {
            for (key, value) in more {
                match target.get_mut(&key) {
                    Some(have) => merge(have, value),
                    None => drop(target.insert(key, value)),
                }
            }
        }
        (target, more) => *target = more,
    }
}

impl Probed {
    /// The suggested lines of images.toml, without the images that they belong to.
    pub(super) fn lines(&self) -> Vec<String> {
        let switches = self.suggestion.switches.iter();
        let switches = switches.map(|it| value_line(&it.path, &SetValue::Boolean(it.value)));
        let of_images = self.suggestion.image_values.values().flatten();
        let values = self.suggestion.values.iter().chain(of_images);
        let lines = switches.chain(values.map(|(path, value)| value_line(path, value)));
        lines.map(|line| line.replace(['"', ' '], "")).collect()
    }

    /// The outcomes of the places, in short.
    pub(super) fn outcomes(&self) -> String {
        let short = |outcome: &Outcome| match outcome {
            Outcome::Movable => "moved",
            Outcome::MovableWithSwitch => "switch",
            Outcome::Refused(_) => "refused",
            Outcome::Fixed => "fixed",
            Outcome::Unsettled { .. } => "unsettled",
        };
        let places = self.result.places.iter();
        places.map(|place| short(&place.outcome)).collect::<Vec<_>>().join(" ")
    }

    /// The values that move each place, by their positions.
    pub(super) fn moving(&self) -> BTreeMap<usize, Vec<String>> {
        let paths = |place: &super::super::ProbedPlace| {
            place.moving_keys().map(|key| key.path.to_string()).collect()
        };
        self.result.places.iter().map(paths).enumerate().collect()
    }
}
