//! The parts of the command `values` that need the chart itself: the proof and the probing.

use std::path::Path;

use anyhow::Context as _;

use super::Overlay;
use super::probe::{Probed, Suggestion, probe, suggest};
use super::proof::{Mirror, Proof, prove};
use super::vanished::vanished;
use crate::chart::{self, Helm, NoChoice, Renderer, Wanted, render_all};
use crate::list::{Destination, ImageList, Rendering, ValuePath};

/// The chart that a command is about, and the renderings to make of it.
pub struct Subject {
    helm: Helm,
    renderings: Vec<Rendering>,
}

impl Subject {
    /// The chart of the list, unless the user names another. `folder` is where images.toml is.
    ///
    /// # Errors
    /// When neither names one, or in a way that cannot be meant.
    pub fn new(list: &ImageList, folder: &Path, wanted: &Wanted) -> Result<Self, NoChoice> {
        let (helm, renderings) = chart::choose(list, folder, wanted)?;
        Ok(Self { helm, renderings })
    }

    /// Whether there is a helm to render with.
    pub fn has_helm(&self) -> bool {
        self.helm.version().is_ok()
    }

    /// Renders the chart with the overlay of a destination, and judges what comes out.
    ///
    /// # Errors
    /// When the list contradicts itself, or the chart does not render.
    pub fn prove(&self, list: &ImageList, destination: &Destination) -> anyhow::Result<Proof> {
        let overlay = Overlay::of(list, destination)?.render(
            list,
            destination,
            "cargo xtask values",
            "images.toml",
        );
        prove_with(&self.helm, &self.renderings, list, destination, overlay)
    }

    /// Tries which values move which image, and compares that with the list.
    ///
    /// # Errors
    /// When the chart does not render as it is.
    pub fn probe(
        &self,
        list: &ImageList,
        tell: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<(Probed, Suggestion)> {
        let charts = self.helm.values_of_tree()?;
        let of_all = list.values.iter().chain(list.images.iter().flat_map(|image| &image.values));
        let to_move = of_all.filter(|(_, value)| value.has_placeholders());
        let also: Vec<ValuePath> = to_move.map(|(path, _)| path.clone()).collect();
        let probed = probe(&self.helm, &self.renderings, &charts, &also, tell)?;
        let suggestion = suggest(list, &probed);
        Ok((probed, suggestion))
    }
}

/// The proof with any renderer and any overlay: what a user has typed by hand can be judged, too.
///
/// # Errors
/// When the chart does not render with the overlay.
pub fn prove_with(
    renderer: &dyn Renderer,
    renderings: &[Rendering],
    list: &ImageList,
    destination: &Destination,
    overlay: String,
) -> anyhow::Result<Proof> {
    let overlay = [chart::Overlay::Document(overlay)];
    let rendered = render_all(renderer, renderings, &overlay);
    let rendered = rendered.into_iter().collect::<Result<Vec<_>, _>>()?;
    let unreadable = "the rendered chart cannot be read";
    let mut proof = prove(list, destination, &rendered).context(unreadable)?;
    let mirror = Mirror::new(list, destination);
    let by_itself = render_all(renderer, renderings, &[]);
    for (before, after) in by_itself.iter().zip(&rendered) {
        // A chart that needs the overlay to render at all has nothing to compare it with.
        let Ok(before) = before else { continue };
        proof.gaps.extend(vanished(&mirror, before, after).context(unreadable)?);
    }
    Ok(proof)
}
