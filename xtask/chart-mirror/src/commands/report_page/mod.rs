//! `ReportPage`: what one or several saved reports say about images, for people. Pure.
//!
//! It is made from the JSON documents of `mirror` (also of a dry run, of several lists, and as joined by `report
//! merge`), `bundle import` and `verify`, and from plans. `read` and `plan` parse them, `rows` puts what they say about
//! an image together, `sizes` finds what images share, and `changes` compares with earlier reports.

use std::collections::{BTreeMap, BTreeSet};

use messages::Advice;

pub use model::{
    Changes, ContentOf, ErrorText, ImageChange, PageFinding, PageImage, PageOutcome, PageRun,
    PlanNumbers, PlanShard, RunNumbers, SavedReport, SharedBlob, Sizes, StateAt,
};
use read::{Part, read};

mod changes;
mod model;
mod plan;
mod read;
mod rows;
mod saved;
mod sizes;
#[cfg(test)]
mod tests;

/// What the page shows.
#[derive(Debug, Default)]
pub struct ReportPage {
    pub runs: Vec<PageRun>,
    /// In the order of the reports.
    pub images: Vec<PageImage>,
    pub findings: Vec<PageFinding>,
    pub sizes: Sizes,
    /// How many images declare each platform.
    pub platforms: BTreeMap<String, usize>,
    /// What is different from the earlier reports; `None` without any.
    pub changes: Option<Changes>,
    /// The bytes per second at which plans are carried out, if the time is to be estimated.
    pub rate: Option<u64>,
}

impl ReportPage {
    /// The page of some reports, compared with the earlier ones.
    ///
    /// # Errors
    /// If a text is not a report that it can show.
    pub fn of(reports: &[SavedReport], since: &[SavedReport]) -> Result<Self, Advice> {
        let parts = parts_of(reports)?;
        let earlier = parts_of(since)?;
        let mut page = Self::default();
        for part in &parts {
            page.runs.push(part.run());
            page.findings.extend(part.findings());
        }
        let (mut images, contents) = rows::rows(&parts, &earlier);
        page.sizes = sizes::measure(&mut images, &contents);
        for platform in images.iter().flat_map(|image| &image.platforms) {
            *page.platforms.entry(platform.clone()).or_default() += 1;
        }
        if !since.is_empty() {
            let before: Vec<PageFinding> = earlier.iter().flat_map(Part::findings).collect();
            let (old, _) = rows::rows(&earlier, &[]);
            let runs: Vec<PageRun> = earlier.iter().map(Part::run).collect();
            let changes =
                changes::compare(&mut images, &page.findings, &page.runs, (&old, &before, &runs));
            page.changes = Some(changes);
        }
        page.images = images;
        Ok(page)
    }

    /// How many images are in each state: the worst of each image, and every bad one.
    pub fn counts(&self) -> BTreeMap<PageOutcome, usize> {
        let mut counts = BTreeMap::new();
        for image in &self.images {
            let bad = image.states.iter().map(|state| state.outcome).filter(|it| it.is_bad());
            let shown: BTreeSet<PageOutcome> = bad.chain([image.worst()]).collect();
            for outcome in shown {
                *counts.entry(outcome).or_default() += 1;
            }
        }
        counts
    }

    /// The plans, each with the position of its run.
    pub fn plans(&self) -> impl Iterator<Item = (usize, &PlanNumbers)> {
        self.runs.iter().enumerate().filter_map(|(position, run)| match &run.numbers {
            RunNumbers::Planned(numbers) => Some((position, numbers)),
            _ => None,
        })
    }
}

fn parts_of(reports: &[SavedReport]) -> Result<Vec<Part>, Advice> {
    Ok(reports.iter().map(read).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
