//! What the lists of a run publish together. It is collected before the first request, so that no list
//! overwrites what another one publishes.

use std::collections::HashSet;
use std::path::Path;

use super::chart_copy::{ChartPlan, planned_chart};
use crate::chart::ChartOptions;
use crate::files::folder_of;
use crate::list::{Destination, ImageList};
use crate::plan::{Conflict, Publication, conflicts, refuse_conflicts};
use messages::Advice;
use oci::{Reference, RepositoryPath};

/// The images and charts of all lists at all destinations of a run.
#[derive(Debug, Clone, Default)]
pub struct Publications(Vec<Publication>);

/// A list at one destination.
#[derive(Debug, Clone, Copy)]
pub struct ListAt<'a> {
    pub file: &'a Path,
    pub list: &'a ImageList,
    /// The name of the destination, or its address.
    pub name: &'a str,
    pub destination: &'a Destination,
}

/// A conflict of one list with another, or with itself.
#[derive(Debug, Clone)]
pub struct TargetConflict {
    /// The image of the list; `None` for its chart.
    pub image: Option<Reference>,
    pub advice: Advice,
}

impl ListAt<'_> {
    /// The images of the list.
    pub fn images(self) -> Vec<Publication> {
        let file = self.file.display().to_string();
        Publication::of_images(&file, self.list, self.name, self.destination)
    }

    /// A chart, if its version is known.
    pub fn chart(self, plan: &ChartPlan) -> Option<Publication> {
        Some(Publication {
            list: self.file.display().to_string(),
            destination: self.name.to_owned(),
            transfer: plan.known_transfer()?,
            chart: Some(plan.chart.source.clone()),
        })
    }
}

impl Publications {
    /// Adds the images of a list.
    pub fn add_images(&mut self, at: ListAt<'_>) {
        self.0.extend(at.images());
    }

    pub fn add(&mut self, publication: Option<Publication>) {
        self.0.extend(publication);
    }

    /// Adds the chart of a list, if there is a place for it, and its version is known. `charts` is that place, if
    /// the destination has none. Sends no request. A chart that cannot be read is left to the command that
    /// needs it.
    pub fn add_chart(&mut self, at: ListAt<'_>, charts: Option<&RepositoryPath>) {
        let Some(charts) = charts.or(at.destination.charts.as_ref()) else { return };
        if at.list.chart().is_none() {
            return;
        }
        let chart = planned_chart(at.list, folder_of(at.file), &ChartOptions::default());
        let plan = chart.ok().and_then(|it| ChartPlan::new(it, at.destination, charts).ok());
        self.0.extend(plan.and_then(|plan| at.chart(&plan)));
    }

    /// Replaces what was known about a list at a destination by what is known once its chart is fetched.
    ///
    /// # Errors
    /// If two publications cannot both be right. Nothing changes then.
    pub fn replace(&mut self, part: Vec<Publication>) -> Result<(), Advice> {
        let places: HashSet<(String, String)> =
            part.iter().map(|new| (new.list.clone(), new.destination.clone())).collect();
        let is_of_part =
            |old: &Publication| places.contains(&(old.list.clone(), old.destination.clone()));
        let kept: Vec<&Publication> =
            self.0.iter().filter(|old| !is_of_part(old)).chain(&part).collect();
        refuse_conflicts(&kept)?;
        self.0.retain(|old| !is_of_part(old));
        self.0.extend(part);
        Ok(())
    }

    /// # Errors
    /// If two of these cannot both be right.
    pub fn check(&self) -> Result<(), Advice> {
        refuse_conflicts(&self.all())
    }

    /// The conflicts that one of the lists takes part in.
    pub fn conflicts_of(&self, file: &Path) -> Vec<TargetConflict> {
        let file = file.display().to_string();
        let of_list = |conflict: &Conflict<'_>| {
            let publication = conflict.of_list(&file)?;
            let image = publication.chart.is_none();
            let image = image.then(|| publication.transfer.source_reference());
            Some(TargetConflict { image, advice: conflict.advice() })
        };
        conflicts(&self.all()).iter().filter_map(of_list).collect()
    }

    fn all(&self) -> Vec<&Publication> {
        self.0.iter().collect()
    }
}
