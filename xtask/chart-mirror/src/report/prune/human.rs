//! The report of `prune` as text for people: what goes, tag by tag, and why the rest stays.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::commands::prune::DeletionsSoFar;
use crate::commands::prune::result::{
    Catalog, DeletedReferrers, DeletionOutcome, JudgedTag, PruneMode, PruneReport, PruneTotals,
    PrunedRepository,
};
use crate::prune::{DeleteReason, KeepReason, TagDecision};
use crate::report::common::{count, hint_line, insecure, seconds};
use crate::report::failures::{Failure, by_cause, listed};
use crate::report::presentation::{Detail, Presentation};

/// The repositories in which something goes, then the others in one line, what could not be found out, and the
/// summary.
pub fn human(report: &PruneReport, presentation: Presentation) -> String {
    let mut text = String::new();
    let mut unchanged = Vec::new();
    for repository in &report.repositories {
        let goes = repository.tags.iter().any(JudgedTag::goes);
        if goes || presentation.detail == Detail::Full && repository.error.is_none() {
            text += &of_repository(repository, presentation);
        } else if repository.error.is_none() {
            unchanged.push(repository);
        }
    }
    if !unchanged.is_empty() {
        let tags = unchanged.iter().map(|it| it.tags.len()).sum::<usize>() as u64;
        let repositories = repositories(unchanged.len());
        let _ = writeln!(text, "nothing to delete in {repositories} with {}", count(tags, "tag"));
    }
    text += &failures(report, presentation);
    text += &notes(report);
    text + &insecure(&report.insecure) + &summary(report) + "\n"
}

fn of_repository(repository: &PrunedRepository, presentation: Presentation) -> String {
    let (go, stay): (Vec<&JudgedTag>, Vec<&JudgedTag>) =
        repository.tags.iter().partition(|tag| tag.goes());
    let path = presentation.style.heading(repository.repository.as_str());
    let all = count(repository.tags.len() as u64, "tag");
    let mut text = match go.len() {
        0 => format!("{path}: nothing to delete, {all}\n"),
        some => format!("{path}: {some} of {all} to delete\n"),
    };
    for JudgedTag { tag, decision, outcome, .. } in go {
        let why = match decision {
            TagDecision::Delete(DeleteReason::OfSubject { tags }) => {
                let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
                format!(" (belongs to {})", listed(tags, Detail::Short).join(", "))
            }
            TagDecision::Delete(DeleteReason::NoSubject) => {
                " (belongs to a manifest that does not exist)".to_owned()
            }
            // The outcome says it.
            TagDecision::DeleteAlone { .. } if outcome.is_some() => String::new(),
            TagDecision::DeleteAlone { other } => {
                format!(
                    " (only if the registry deletes tags alone: `{other}` has the same manifest)"
                )
            }
            _ => String::new(),
        };
        let outcome = outcome.as_ref().map(|outcome| in_words_of_outcome(outcome, decision));
        let (word, more) = outcome.unwrap_or_else(|| ("delete", String::new()));
        let _ = writeln!(text, "  {word:<8}{tag}{why}{more}");
    }
    text += &referrers(repository);
    text + &kept(&stay, presentation)
}

/// What became of the referrers of manifests that were deleted.
fn referrers(repository: &PrunedRepository) -> String {
    let DeletedReferrers { deleted, left } = repository.referrers.unwrap_or_default();
    let line = |word: &str, number: usize, more: &str| match number {
        0 => String::new(),
        _ => {
            format!("  {word:<8}{} of deleted manifests{more}\n", count(number as u64, "referrer"))
        }
    };
    line("deleted", deleted, "")
        + &line("stays", left, ": the garbage collection of the registry removes what is left")
}

/// What became of a tag: a word, and more about it.
fn in_words_of_outcome(
    outcome: &DeletionOutcome,
    decision: &TagDecision,
) -> (&'static str, String) {
    let (word, more) = match outcome {
        DeletionOutcome::Deleted => ("deleted", ""),
        DeletionOutcome::DeletedWith { other } => {
            return ("deleted", format!(" with `{other}`: both had one manifest"));
        }
        DeletionOutcome::Absent => ("deleted", ": it was gone already"),
        DeletionOutcome::Moved => ("stays", ": it names another manifest now"),
        DeletionOutcome::Changed => ("stays", ": the repository has changed meanwhile"),
        DeletionOutcome::Waiting => ("stays", ": what it belongs to is still there"),
        DeletionOutcome::SharesManifest => match decision {
            TagDecision::DeleteAlone { other } => {
                let why = "and the registry may delete both";
                return ("stays", format!(": `{other}` has the same manifest, {why}"));
            }
            _ => ("stays", ": the registry may delete another tag with it"),
        },
        DeletionOutcome::NotTried => ("stays", ": it was not tried"),
        DeletionOutcome::Failed { .. } => ("failed", ""),
    };
    (word, more.to_owned())
}

/// Why tags stay: their number for each reason, or each one.
fn kept(tags: &[&JudgedTag], presentation: Presentation) -> String {
    let mut text = String::new();
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for JudgedTag { tag, decision, .. } in tags {
        let TagDecision::Keep(reason) = decision else { continue };
        match presentation.detail {
            Detail::Short => *counts.entry(kind(reason)).or_default() += 1,
            Detail::Full => {
                let _ = writeln!(text, "  keep    {tag}: {}", in_words(reason));
            }
        }
    }
    if !counts.is_empty() {
        let counts: Vec<String> =
            counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let _ = writeln!(text, "  keep    {}", counts.join(", "));
    }
    text
}

/// A reason after a number of tags.
fn kind(reason: &KeepReason) -> &'static str {
    match reason {
        KeepReason::Wanted { .. } | KeepReason::WantedDigest => "in a list",
        KeepReason::Pattern { .. } => "by `keep`",
        KeepReason::Newest => "by `keep-last`",
        KeepReason::Young => "by `minimum-age`",
        KeepReason::PartOf { .. } => "part of what stays",
        KeepReason::SharesManifest { .. } => "with the manifest of one that stays",
        KeepReason::OfSubject => "attached to what stays",
        KeepReason::OfUntaggedSubject => "attached to a manifest without a tag",
        KeepReason::NoManifest => "without a manifest",
        KeepReason::Unclear { .. } => "of a chart whose version is not known",
    }
}

fn in_words(reason: &KeepReason) -> String {
    match reason {
        KeepReason::Wanted { list } => format!("in {list}"),
        KeepReason::WantedDigest => "a list has its digest".to_owned(),
        KeepReason::Pattern { glob } => format!("`keep` has `{glob}`"),
        KeepReason::PartOf { index } => format!("part of {index}"),
        KeepReason::SharesManifest { other } => {
            format!("{other} has the same manifest, and the registry deletes only manifests")
        }
        KeepReason::Unclear { why } => why.clone(),
        other => kind(other).to_owned(),
    }
}

fn failures(report: &PruneReport, presentation: Presentation) -> String {
    let of_repositories = report.repositories.iter().filter_map(|it| {
        let error = it.error.as_ref()?;
        Some(Failure { name: it.repository.to_string(), error })
    });
    let of_tags = report.repositories.iter().flat_map(|repository| {
        repository.tags.iter().filter_map(|tag| match &tag.outcome {
            Some(DeletionOutcome::Failed { error }) => {
                Some(Failure { name: format!("{}:{}", repository.repository, tag.tag), error })
            }
            _ => None,
        })
    });
    let label = presentation.style.error("error");
    let mut text = String::new();
    for group in by_cause(of_repositories) {
        text += &group.text_about("repositories", &label, presentation);
    }
    for group in by_cause(of_tags) {
        text += &group.text_about("tags", &label, presentation);
    }
    text
}

/// What was not looked at, and what is odd.
fn notes(report: &PruneReport) -> String {
    let only_listed = "only repositories of the lists were looked at";
    let mut text = match &report.catalog {
        Catalog::Read => String::new(),
        Catalog::Unavailable => {
            format!("note: the registry shows no catalog of its repositories: {only_listed}\n")
        }
        Catalog::Failed { error } => {
            format!("warning: {only_listed}: {error}\n{}", hint_line("  ", error))
        }
    };
    if report.is_unread() {
        let _ = writeln!(
            text,
            "warning: nothing is known about the tags of {}: none of its repositories could be read",
            report.destination
        );
    } else if report.images.are_suspicious() {
        let (missing, images) = (report.images.missing, report.images.listed as u64);
        let images = count(images, "listed image");
        let _ = writeln!(
            text,
            "warning: {missing} of {images} are not at {}: is it the right destination?",
            report.destination
        );
    }
    text
}

/// The totals, and what to do next.
pub fn summary(report: &PruneReport) -> String {
    let PruneTotals {
        repositories: all, tags, to_delete, deleted, left, referrers, failed, ..
    } = report.totals();
    let number = |number: usize, words: &str| match number {
        0 => String::new(),
        number => format!(", {number} {words}"),
    };
    let done = match report.mode {
        PruneMode::Show => format!("{to_delete} of {} to delete", count(tags as u64, "tag")),
        PruneMode::Apply => {
            let (tags, referrers) = (count(tags as u64, "tag"), and_referrers(referrers));
            format!("{deleted} of {tags}{referrers} deleted")
        }
    };
    let text = format!(
        "{}: {done} in {}{}{}; {}, {}",
        report.destination,
        repositories(all),
        number(left, "left"),
        number(failed, "with errors"),
        count(report.requests, "request"),
        seconds(report.seconds)
    );
    match report.mode {
        PruneMode::Show if to_delete > 0 => {
            text + "\nhint: the same command with `--apply` deletes them"
        }
        PruneMode::Apply if left > 0 => {
            text + "\nhint: run the same command again: it deletes what is left"
        }
        PruneMode::Apply if deleted > 0 => {
            text + "\nnote: the registry frees the space when its garbage collection runs"
        }
        PruneMode::Show | PruneMode::Apply => text,
    }
}

/// What an interrupted run has done: each tag, and their number.
pub fn interrupted(so_far: &DeletionsSoFar) -> String {
    let DeletionsSoFar { deleted, referrers, unconfirmed } = so_far;
    let mut text = String::new();
    for tag in deleted {
        let _ = writeln!(text, "  deleted {tag}");
    }
    for tag in unconfirmed {
        let _ = writeln!(text, "  unknown {tag}: its deletion was requested, and not confirmed");
    }
    let tags = count(deleted.len() as u64, "tag");
    let referrers = and_referrers(*referrers);
    text + &format!("{tags}{referrers} deleted before the interruption\n")
}

/// After a number of tags.
fn and_referrers(number: usize) -> String {
    match number {
        0 => String::new(),
        _ => format!(" and {}", count(number as u64, "referrer")),
    }
}

fn repositories(number: usize) -> String {
    if number == 1 { "1 repository".to_owned() } else { format!("{number} repositories") }
}
