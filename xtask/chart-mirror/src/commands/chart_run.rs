//! `ChartRun`: the chart of a command, which it renders, proves and probes.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;

use crate::chart::{self, ChartOptions, Helm, RenderError, Rendered, Renderer, render_all};
use crate::list::{Destination, ImageList, Rendering, SetValue, ValuePath, ValueTemplate};
use crate::values::Overlay;
use crate::values::probe::{
    Candidates, ProbeResult, ProbedPlace, Subject, Suggestion, probe, settle, suggest,
};
use crate::values::proof::{Proof, prove};
use crate::values::reliance::settings_relied_on;
use messages::Advice;

/// A chart and its renderings.
pub struct ChartRun {
    helm: Helm,
    renderings: Vec<Rendering>,
}

impl ChartRun {
    /// The chart in images.toml, unless the options name another. `folder` is the folder of images.toml.
    ///
    /// # Errors
    /// If no chart is named, or the options are invalid.
    pub fn new(list: &ImageList, folder: &Path, options: &ChartOptions) -> Result<Self, Advice> {
        let (helm, renderings) = chart::choose(list, folder, options)?;
        Ok(Self { helm, renderings })
    }

    /// A chart that is chosen already.
    pub fn with(helm: Helm, renderings: Vec<Rendering>) -> Self {
        Self { helm, renderings }
    }

    /// Checks that helm runs.
    ///
    /// # Errors
    /// With the reason why it does not.
    pub fn check_helm(&self) -> Result<(), RenderError> {
        self.helm.version().map(drop)
    }

    /// Renders the chart with the values of a destination and judges the result. `without_values` is the
    /// result of [`ChartRun::render`].
    ///
    /// # Errors
    /// If the list contradicts itself, or the chart does not render.
    pub fn prove(
        &self,
        list: &ImageList,
        destination: &Destination,
        without_values: &[Result<Rendered, RenderError>],
    ) -> anyhow::Result<Proof> {
        let values = Overlay::of(list, destination)?.yaml();
        prove_with(&self.helm, &self.renderings, list, destination, &values, without_values)
    }

    /// Finds the values that move each image, and those that the list lacks. The proof has confirmed them.
    ///
    /// # Errors
    /// If the chart does not render without changes.
    pub fn probe(
        &self,
        list: &ImageList,
        progress: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<(ProbeResult, Suggestion)> {
        let charts = self.helm.default_values()?;
        let constants = constants(list);
        let subject = Subject::new(&self.helm, &self.renderings, &charts, constants, progress)?
            .with_rules(list.chart())
            .with_values_files(&self.values_files());
        let mut probed = probe(&subject, Candidates::OfChartAnd(&templates(list)))?;
        let mut suggestion = settle(&subject, list, &probed)?;
        suggestion.check_present_values(list, &probed);
        probed.renderings = subject.renderings();
        Ok((probed, suggestion))
    }

    /// The values in the list that move no image of the chart.
    ///
    /// # Errors
    /// If the chart does not render without changes.
    pub fn dead_values(&self, list: &ImageList) -> anyhow::Result<Vec<ValuePath>> {
        Ok(suggest(list, &self.probe_list(list)?).dead)
    }

    /// The places of images in the chart, with the values of the list that move them.
    ///
    /// # Errors
    /// If the chart does not render without changes.
    pub fn places(&self, list: &ImageList) -> anyhow::Result<Vec<ProbedPlace>> {
        Ok(self.probe_list(list)?.places)
    }

    /// The values files of each rendering. Files that only helm can read are left out.
    fn values_files(&self) -> Vec<Vec<serde_yaml::Value>> {
        self.renderings.iter().map(|rendering| self.helm.values_files(rendering)).collect()
    }

    /// Tries the values of the list alone.
    fn probe_list(&self, list: &ImageList) -> anyhow::Result<ProbeResult> {
        let charts = self.helm.default_values()?;
        let progress = |_: &str| ();
        let subject =
            Subject::new(&self.helm, &self.renderings, &charts, constants(list), &progress)?
                .with_rules(list.chart());
        probe(&subject, Candidates::Only(&templates(list)))
    }

    /// Renders the chart without the values of a destination.
    pub fn render(&self) -> Vec<Result<Rendered, RenderError>> {
        render_all(&self.helm, &self.renderings, None)
    }
}

/// The paths of values with placeholders. Constants complete a list and move nothing by themselves.
fn templates(list: &ImageList) -> Vec<ValuePath> {
    let values = list.values().iter().chain(list.images().iter().flat_map(|image| &image.values));
    let templates = values.filter(|(_, value)| value.has_placeholders());
    templates.map(|(path, _)| path.clone()).collect()
}

/// The values without placeholders, which every rendering sets.
fn constants(list: &ImageList) -> Vec<(ValuePath, serde_yaml::Value)> {
    let values = list.values().iter().chain(list.images().iter().flat_map(|image| &image.values));
    let constants = values.filter(|(_, value)| !value.has_placeholders());
    let value = |value: &ValueTemplate| match value.unrendered() {
        SetValue::String(text) => text.into(),
        SetValue::Boolean(boolean) => boolean.into(),
        SetValue::Integer(integer) => integer.into(),
        // Every JSON value is a YAML value.
        SetValue::Json(json) => serde_yaml::to_value(json).unwrap_or_default(),
    };
    constants.map(|(path, template)| (path.clone(), value(template))).collect()
}

/// The proof with any renderer and any values, for example values that a user wrote. `without_values`
/// are the renderings of the chart without them.
///
/// # Errors
/// If the chart does not render without the values.
pub fn prove_with(
    renderer: &dyn Renderer,
    renderings: &[Rendering],
    list: &ImageList,
    destination: &Destination,
    values: &str,
    without_values: &[Result<Rendered, RenderError>],
) -> anyhow::Result<Proof> {
    let plain = without_values.iter().cloned().collect::<Result<Vec<_>, _>>()?;
    let with_values = render_all(renderer, renderings, Some(values));
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let (mut rendered, mut failed) = (Vec::new(), Vec::new());
    for ((rendering, plain), with_values) in renderings.iter().zip(plain).zip(with_values) {
        match with_values {
            Ok(with_values) => {
                before.push(plain);
                after.push(with_values);
                rendered.push(rendering);
            }
            Err(error @ RenderError::Failed { .. }) => failed.push(error),
            Err(error @ RenderError::NoHelm { .. }) => return Err(error.into()),
        }
    }
    let proof = prove(list, destination, &before, &after);
    let mut proof = proof.context("the rendered chart cannot be read")?;
    proof.failed = failed;
    let needed = &mut BTreeSet::new();
    for rendering in rendered {
        let problem = |before: &Rendered, after: &Rendered| {
            let (before, after) = (std::slice::from_ref(before), std::slice::from_ref(after));
            // What cannot be read is reported for the rendering itself.
            let without_setting = prove(list, destination, before, after).ok()?;
            proof.new_gap(&without_setting, list, destination).map(|gap| gap.advice().message)
        };
        let relied_on = settings_relied_on(renderer, rendering, values, &problem, needed);
        proof.relied_on.extend(relied_on);
    }
    Ok(proof)
}
