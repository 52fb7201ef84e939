//! `ChartRun`: the chart of a command, which it renders, proves and probes.

use std::path::Path;

use anyhow::Context as _;

use crate::chart::{self, ChartOptions, Helm, RenderError, Rendered, Renderer, render_all};
use crate::list::{Destination, ImageList, Rendering, ValuePath};
use crate::values::probe::{Candidates, ProbeResult, Suggestion, probe, suggest};
use crate::values::proof::{Proof, prove};
use crate::values::vanished::vanished;
use crate::values::{DestinationImages, Overlay};
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
        let overlay = Overlay::of(list, destination)?;
        let values = overlay.render(list, destination, "cargo xtask values", "images.toml");
        prove_with(&self.helm, &self.renderings, list, destination, &values, without_values)
    }

    /// Finds the values that move each image, and compares them with the list.
    ///
    /// # Errors
    /// If the chart does not render without changes.
    pub fn probe(
        &self,
        list: &ImageList,
        progress: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<(ProbeResult, Suggestion)> {
        let templates = templates(list);
        self.probe_values(list, Candidates::OfChartAnd(&templates), progress)
    }

    /// The values in the list that move no image of the chart.
    ///
    /// # Errors
    /// If the chart does not render without changes.
    pub fn dead_values(&self, list: &ImageList) -> anyhow::Result<Vec<ValuePath>> {
        let templates = templates(list);
        let (_, suggestion) = self.probe_values(list, Candidates::Only(&templates), &|_| ())?;
        Ok(suggestion.dead)
    }

    /// Renders the chart without the values of a destination.
    pub fn render(&self) -> Vec<Result<Rendered, RenderError>> {
        render_all(&self.helm, &self.renderings, None)
    }

    fn probe_values(
        &self,
        list: &ImageList,
        candidates: Candidates<'_>,
        progress: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<(ProbeResult, Suggestion)> {
        let charts = self.helm.default_values()?;
        let probed = probe(&self.helm, &self.renderings, &charts, candidates, progress)?;
        let suggestion = suggest(list, &probed);
        Ok((probed, suggestion))
    }
}

/// The paths of values with placeholders. Constants complete a list and move nothing by themselves.
fn templates(list: &ImageList) -> Vec<ValuePath> {
    let values = list.values().iter().chain(list.images().iter().flat_map(|image| &image.values));
    let templates = values.filter(|(_, value)| value.has_placeholders());
    templates.map(|(path, _)| path.clone()).collect()
}

/// The proof with any renderer and any values, for example values that a user wrote. `without_values`
/// are the renderings of the chart without them.
///
/// # Errors
/// If the chart does not render with the values.
pub fn prove_with(
    renderer: &dyn Renderer,
    renderings: &[Rendering],
    list: &ImageList,
    destination: &Destination,
    values: &str,
    without_values: &[Result<Rendered, RenderError>],
) -> anyhow::Result<Proof> {
    let rendered = render_all(renderer, renderings, Some(values));
    let rendered = rendered.into_iter().collect::<Result<Vec<_>, _>>()?;
    let unreadable = "the rendered chart cannot be read";
    let mut proof = prove(list, destination, &rendered).context(unreadable)?;
    let images = DestinationImages::new(list, destination);
    for (before, after) in without_values.iter().zip(&rendered) {
        // A chart that only renders with the values cannot be compared.
        let Ok(before) = before else { continue };
        proof.gaps.extend(vanished(&images, before, after).context(unreadable)?);
    }
    Ok(proof)
}
