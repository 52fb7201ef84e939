//! The parts of the command `values` that need the chart itself: the proof and the probing.

use std::path::Path;

use anyhow::Context as _;

use crate::chart::{
    self, ChartOptions, ChartSourceError, Helm, RenderError, Rendered, Renderer, render_all,
};
use crate::list::{Destination, ImageList, Rendering, ValuePath};
use crate::values::DestinationImages;
use crate::values::Overlay;
use crate::values::probe::{Candidates, ProbeResult, Suggestion, probe, suggest};
use crate::values::proof::{Proof, prove};
use crate::values::vanished::vanished;

/// The chart that a command is about, and the renderings to make of it.
pub struct ChartRun {
    helm: Helm,
    renderings: Vec<Rendering>,
}

impl ChartRun {
    /// The chart of the list, unless the user names another. `folder` is where images.toml is.
    ///
    /// # Errors
    /// When neither names one, or in a way that cannot be meant.
    pub fn new(
        list: &ImageList,
        folder: &Path,
        wanted: &ChartOptions,
    ) -> Result<Self, ChartSourceError> {
        let (helm, renderings) = chart::choose(list, folder, wanted)?;
        Ok(Self { helm, renderings })
    }

    /// Whether there is a helm to render with.
    pub fn has_helm(&self) -> bool {
        self.no_helm().is_none()
    }

    /// Why there is no helm to render with.
    pub fn no_helm(&self) -> Option<RenderError> {
        self.helm.version().err()
    }

    /// Renders the chart with the overlay of a destination, and judges what comes out.
    ///
    /// # Errors
    /// When the list contradicts itself, or the chart does not render.
    pub fn prove(&self, list: &ImageList, destination: &Destination) -> anyhow::Result<Proof> {
        self.prove_beside(list, destination, &self.render())
    }

    /// [`ChartRun::prove`], for who has rendered the chart as it is.
    ///
    /// # Errors
    /// When the list contradicts itself, or the chart does not render.
    pub fn prove_beside(
        &self,
        list: &ImageList,
        destination: &Destination,
        by_itself: &[Result<Rendered, RenderError>],
    ) -> anyhow::Result<Proof> {
        let overlay = Overlay::of(list, destination)?.render(
            list,
            destination,
            "cargo xtask values",
            "images.toml",
        );
        prove_with(&self.helm, &self.renderings, list, destination, overlay, by_itself)
    }

    /// Tries which values move which image, and compares that with the list.
    ///
    /// # Errors
    /// When the chart does not render as it is.
    pub fn probe(
        &self,
        list: &ImageList,
        tell: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<(ProbeResult, Suggestion)> {
        let charts = self.helm.default_values()?;
        let wanted = values_that_move(list);
        let wanted = Candidates::OfChartAnd(&wanted);
        let probed = probe(&self.helm, &self.renderings, &charts, wanted, tell)?;
        let suggestion = suggest(list, &probed);
        Ok((probed, suggestion))
    }

    /// The values of the list that move no image of the chart.
    ///
    /// # Errors
    /// When the chart does not render as it is.
    pub fn dead_values(&self, list: &ImageList) -> anyhow::Result<Vec<ValuePath>> {
        let charts = self.helm.default_values()?;
        let wanted = values_that_move(list);
        let wanted = Candidates::Only(&wanted);
        let probed = probe(&self.helm, &self.renderings, &charts, wanted, &|_| ())?;
        Ok(suggest(list, &probed).dead)
    }

    /// The chart as it is, without values of a destination.
    pub fn render(&self) -> Vec<Result<Rendered, RenderError>> {
        render_all(&self.helm, &self.renderings, &[])
    }
}

/// Constants stand beside what moves an image in a list; alone they move nothing.
fn values_that_move(list: &ImageList) -> Vec<ValuePath> {
    let of_all = list.values().iter().chain(list.images().iter().flat_map(|image| &image.values));
    let to_move = of_all.filter(|(_, value)| value.has_placeholders());
    to_move.map(|(path, _)| path.clone()).collect()
}

/// The proof with any renderer and any overlay: what a user has typed by hand can be judged, too.
/// `by_itself` is the chart without it.
///
/// # Errors
/// When the chart does not render with the overlay.
pub fn prove_with(
    renderer: &dyn Renderer,
    renderings: &[Rendering],
    list: &ImageList,
    destination: &Destination,
    overlay: String,
    by_itself: &[Result<Rendered, RenderError>],
) -> anyhow::Result<Proof> {
    let overlay = [chart::ExtraValues::Document(overlay)];
    let rendered = render_all(renderer, renderings, &overlay);
    let rendered = rendered.into_iter().collect::<Result<Vec<_>, _>>()?;
    let unreadable = "the rendered chart cannot be read";
    let mut proof = prove(list, destination, &rendered).context(unreadable)?;
    let images = DestinationImages::new(list, destination);
    for (before, after) in by_itself.iter().zip(&rendered) {
        // A chart that needs the overlay to render at all has nothing to compare it with.
        let Ok(before) = before else { continue };
        proof.gaps.extend(vanished(&images, before, after).context(unreadable)?);
    }
    Ok(proof)
}
