//! The command `report merge`: joins the reports of the shards of a run into the report of the whole run.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use messages::Advice;
use messages::program::command;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::mirror::Together;
use super::mirror::result::{ChartTotal, MirrorTotals, ShardReport};
use crate::timestamp::Timestamp;
use registry::Requests;

/// A report of `mirror --shard --format json`.
pub struct ShardFile {
    /// How the user named the file.
    pub name: String,
    pub text: String,
}

/// The joined reports: one for each list and destination of the run.
#[derive(Debug, PartialEq)]
pub struct MergedReports {
    pub runs: Vec<MergedRun>,
    /// What the parts of each shard did together, summed.
    pub together: Option<Together>,
}

/// The report about one list at one destination.
#[derive(Debug, PartialEq)]
pub struct MergedRun {
    pub part: PartName,
    /// `None` if no shard could run.
    pub run: Option<ShardRun>,
    /// Why shards could not run.
    pub errors: Vec<String>,
}

/// Which part of a run a report is about. Without both, it is the only one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartName {
    pub list: Option<String>,
    pub destination: Option<String>,
}

/// The fields of a report of `mirror`. What an image, the chart and totals consist of does not matter here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ShardRun {
    dry_run: bool,
    pub destination: String,
    pub shard: Option<ShardReport>,
    pub images: Vec<Value>,
    pub chart: Value,
    pub totals: MirrorTotals,
    pub requests: Option<Requests>,
    pub seconds: f64,
    /// Reports of older versions lack it.
    #[serde(default)]
    ended: Option<Timestamp>,
    insecure: BTreeSet<String>,
    repositories: Value,
    unfinished: Value,
}

/// The report of a shard, or why it could not run.
type ShardResult = Result<ShardRun, Advice>;

/// What one file has.
struct ShardReports {
    parts: Vec<(PartName, ShardResult)>,
    together: Option<Together>,
}

/// What one file has about one part.
struct Found {
    file: String,
    report: ShardResult,
}

impl MergedReports {
    /// Joins reports.
    ///
    /// # Errors
    /// If a file is not the report of a shard, or the reports are not of one run.
    pub fn of(files: &[ShardFile]) -> Result<Self, Advice> {
        let mut parts: BTreeMap<PartName, Vec<Found>> = BTreeMap::new();
        let mut together: Option<Together> = None;
        for file in files {
            let ShardReports { parts: reports, together: of_file } = reports(file)?;
            if let Some(of_file) = of_file {
                *together.get_or_insert_default() += of_file;
            }
            for (part, report) in reports {
                let found = Found { file: file.name.clone(), report };
                parts.entry(part).or_default().push(found);
            }
        }
        let runs = parts.into_iter().map(|(part, found)| merge(part, found));
        Ok(Self { runs: runs.collect::<Result<_, _>>()?, together })
    }
}

impl MergedRun {
    /// Whether an image or the chart failed.
    pub fn has_failed(&self) -> bool {
        self.run.as_ref().is_some_and(|run| {
            run.totals.failed > 0 || run.totals.chart == Some(ChartTotal::Failed)
        })
    }

    /// Whether every shard ran.
    pub fn is_complete(&self) -> bool {
        self.run.is_some() && self.missing().is_empty() && self.errors.is_empty()
    }

    /// The shards without a report.
    pub fn missing(&self) -> &[u32] {
        let shard = self.run.as_ref().and_then(|run| run.shard.as_ref());
        shard.map_or(&[], |shard| &shard.missing)
    }
}

/// The reports in a file, by the part that they are about.
fn reports(file: &ShardFile) -> Result<ShardReports, Advice> {
    let name = &file.name;
    let refuse = |why: &str| {
        Advice::new(format!("`{name}` {why}")).with_hint(format!(
            "{} writes such a report",
            command("mirror --shard 1/4 --format json")
        ))
    };
    let document: Map<String, Value> = serde_json::from_str(&file.text)
        .map_err(|error| refuse(&format!("is not a JSON report: {error}")))?;
    if document.get("command") != Some(&"mirror".into())
        || document.get("version") != Some(&1.into())
    {
        return Err(refuse("is not a report of `mirror` in version 1 of the format"));
    }
    let (parts, together) = match document.get("parts") {
        Some(Value::Array(parts)) => {
            let totals = document.get("totals").cloned().unwrap_or_default();
            (parts.clone(), serde_json::from_value(totals).ok())
        }
        _ => (vec![Value::Object(document)], None),
    };
    let report = |part: Value| {
        let text = |key: &str| part.get(key).and_then(Value::as_str).map(str::to_owned);
        let named = PartName { list: text("list"), destination: text("requested-destination") };
        if let Some(error) = text("error") {
            return Ok((named, Err(Advice::new(error))));
        }
        let run: ShardRun = serde_json::from_value(part)
            .map_err(|error| refuse(&format!("is not a report of `mirror`: {error}")))?;
        match (&run.shard, run.dry_run) {
            (_, true) => Err(refuse("is the report of a dry run")),
            (None, _) => Err(refuse("is the report of a whole run, not of a shard")),
            (Some(shard), _) if shard.positions.len() != run.images.len() => {
                Err(refuse("has another number of images than its `shard`"))
            }
            (Some(_), false) => Ok((named, Ok(run))),
        }
    };
    let parts = parts.into_iter().map(report).collect::<Result<_, _>>()?;
    Ok(ShardReports { parts, together })
}

/// Joins the reports about one part.
fn merge(part: PartName, found: Vec<Found>) -> Result<MergedRun, Advice> {
    let (mut errors, mut runs) = (Vec::new(), BTreeMap::new());
    let mut files: BTreeMap<u32, String> = BTreeMap::new();
    let mut first: Option<(String, String, u32)> = None;
    for Found { file, report } in found {
        let run = match report {
            Ok(run) => run,
            Err(error) => {
                errors.push(format!("{file}: {error}"));
                continue;
            }
        };
        let Some(shard) = &run.shard else { continue };
        let (index, count) = (shard.index.unwrap_or_default(), shard.count);
        match &first {
            None => first = Some((file.clone(), run.destination.clone(), count)),
            Some((other, destination, of)) if (destination, *of) != (&run.destination, count) => {
                let message = format!(
                    "`{other}` is about {of} shards to {destination}, but `{file}` about {count} to {}",
                    run.destination
                );
                return Err(Advice::new(message).with_hint("name the reports of one run"));
            }
            Some(_) => {}
        }
        if let Some(other) = files.insert(index, file.clone()) {
            let message = format!("`{other}` and `{file}` are both of shard {index}/{count}");
            return Err(Advice::new(message).with_hint("name the report of each shard once"));
        }
        runs.insert(index, run);
    }
    let count = first.map_or(0, |(_, _, count)| count);
    let missing: Vec<u32> = (1..=count).filter(|index| !runs.contains_key(index)).collect();
    let mut run = joined(runs.into_values());
    if let Some(run) = &mut run {
        let positions = run.shard.take().map(|shard| shard.positions).unwrap_or_default();
        if !missing.is_empty() {
            run.shard = Some(ShardReport { index: None, count, positions, missing });
        }
    }
    Ok(MergedRun { part, run, errors })
}

/// One run that did what several did. Its images are in the order of the whole run.
fn joined(runs: impl Iterator<Item = ShardRun>) -> Option<ShardRun> {
    let mut runs = runs;
    let mut all = runs.next()?;
    for run in runs {
        let positions = run.shard.into_iter().flat_map(|shard| shard.positions);
        if let Some(shard) = &mut all.shard {
            shard.positions.extend(positions);
        }
        all.images.extend(run.images);
        all.insecure.extend(run.insecure);
        all.seconds = all.seconds.max(run.seconds);
        all.ended = all.ended.max(run.ended);
        all.totals += run.totals;
        if let (Some(sum), Some(requests)) = (&mut all.requests, run.requests) {
            *sum += requests;
        }
        extend_lists(&mut all.repositories, run.repositories);
        for (value, other) in [(&mut all.chart, run.chart), (&mut all.unfinished, run.unfinished)] {
            if value.is_null() {
                *value = other;
            }
        }
    }
    if let Some(shard) = &mut all.shard {
        let mut placed: Vec<_> = shard.positions.drain(..).zip(all.images.drain(..)).collect();
        placed.sort_by_key(|(position, _)| *position);
        (shard.positions, all.images) = placed.into_iter().unzip();
    }
    Some(all)
}

/// Joins objects that have lists.
fn extend_lists(to: &mut Value, value: Value) {
    match (to, value) {
        (Value::Object(to), Value::Object(fields)) => {
            for (key, value) in fields {
                extend_lists(to.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(to), Value::Array(items)) => to.extend(items),
        (to @ Value::Null, value) => *to = value,
        _ => {}
    }
}
