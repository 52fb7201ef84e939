//! What the lists of a workspace have at the registry of a destination, under any name of it.

use std::collections::BTreeSet;

use super::subject::NamedList;
use crate::chart::ChartOptions;
use crate::commands::chart_copy::{ChartPlan, planned_chart};
use crate::files::folder_of;
use crate::list::{Destination, Image};
use crate::prune::Wanted;
use anyhow::Context as _;
use oci::RepositoryPath;

/// Where `--with-chart` puts charts, if it names no path.
const CHARTS: &str = "charts";

/// What the lists have. It rather has too much than too little: what any list publishes at any of its destinations
/// counts, whatever their hosts, because one registry may have several names; what it would publish at this one;
/// and the sources of its images, which may be in the same registry.
///
/// # Errors
/// If the chart of a list cannot be read.
pub(super) fn wanted(all: &[NamedList<'_>], destination: &Destination) -> anyhow::Result<Wanted> {
    let mut wanted = Wanted::default();
    for (file, list) in all {
        let without_path: Destination = destination.address.registry.to_string().parse()?;
        let own = list.destinations().values().filter(|own| own.layout.is_none());
        let places: Vec<&Destination> = own.chain([destination, &without_path]).collect();
        let name = file.display().to_string();
        for image in list.images() {
            for path in paths(image, &places) {
                wanted.add_tag(&path, &image.tag, &name);
                let digests = image.digest.iter().chain(image.subsets.values());
                digests.for_each(|digest| wanted.add_digest(&path, digest));
            }
        }
        add_chart(&mut wanted, (file, list), &places, &name)?;
    }
    Ok(wanted)
}

/// The repositories of an image: its source, and its targets. A target that is not valid cannot be one.
fn paths(image: &Image, places: &[&Destination]) -> BTreeSet<RepositoryPath> {
    let target = |place: &&Destination| {
        let path = place.path(&image.source, image.target.as_ref()).ok()?;
        Some(place.repository(&path).path().clone())
    };
    let targets = places.iter().filter_map(target);
    targets.chain([image.source.path().clone()]).collect()
}

fn add_chart(
    wanted: &mut Wanted,
    (file, list): NamedList<'_>,
    places: &[&Destination],
    name: &str,
) -> anyhow::Result<()> {
    if list.chart().is_none() {
        return Ok(());
    }
    let chart = planned_chart(list, folder_of(file), &ChartOptions::default())
        .with_context(|| format!("{name}: which chart belongs to the list is not known"))?;
    let usual: RepositoryPath = CHARTS.parse()?;
    for place in places {
        let charts = place.charts.as_ref().unwrap_or(&usual);
        let Ok(plan) = ChartPlan::new(chart.clone(), place, charts) else { continue };
        match &chart.tag {
            Some(tag) => wanted.add_tag(plan.target.path(), tag, name),
            None => {
                let why = format!("`{name}` has no version of the chart `{}`", chart.source);
                wanted.keep_all(plan.target.path(), &why);
            }
        }
    }
    Ok(())
}
