//! The images as JSON in the page, for the script. Its keys are short, because a page may have thousands of images
//! at several destinations; what is usual is left out.

use std::collections::BTreeSet;

use indexmap::IndexSet;
use serde::Serialize;

use super::overview::{class, sign};
use super::sections::run_name;
use super::text::clean;
use crate::commands::report_page::{
    ErrorText, ImageChange, PageImage, PageOutcome, PageRun, ReportPage, RunNumbers, StateAt,
};

#[derive(Serialize)]
struct Data {
    /// The name of each run, and what it is: 0 if it verified images, 1 if it copied them, and 2 for a plan.
    runs: Vec<(String, u8)>,
    outcomes: Vec<OutcomeWords>,
    platforms: Vec<String>,
    /// Messages with hints; states name them by position.
    errors: Vec<(String, Option<String>)>,
    images: Vec<Row>,
}

/// How a state is shown. They are in the order of [`PageOutcome::ALL`], from the worst to the best.
#[derive(Serialize)]
struct OutcomeWords {
    name: &'static str,
    class: &'static str,
    sign: &'static str,
}

#[derive(Serialize)]
struct Row {
    /// The source reference.
    n: String,
    /// The digest, if all states that have one have the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<String>,
    /// 1 if it is pinned, and 0 if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<u8>,
    s: Vec<State>,
    /// Bytes, bytes of blobs that no other image has, the number of blobs, 1 if more is not known, and 1 if an earlier report has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    b: Option<(u64, u64, usize, u8, u8)>,
    /// Platforms by position.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    a: Vec<usize>,
    /// Findings by position.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    f: Vec<usize>,
    /// What changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
}

#[derive(Serialize)]
struct State {
    /// The run and the outcome by position.
    r: usize,
    o: usize,
    /// The target.
    #[serde(skip_serializing_if = "String::is_empty")]
    t: String,
    /// The digest, if it is not that of the image; empty if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<String>,
    /// What the tag names before a plan is carried out; empty if it does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    w: Option<String>,
    /// The shard that copies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    h: Option<u32>,
    /// Bytes that were moved, mounted and there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    m: Option<(u64, u64, u64)>,
    /// Errors and warnings by position.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    e: Vec<usize>,
}

/// JSON without characters that end a script or begin a comment in it.
pub(super) fn json(page: &ReportPage) -> String {
    let platforms: Vec<&String> = page.platforms.keys().collect();
    let mut errors: IndexSet<(String, Option<String>)> = IndexSet::new();
    let images = page.images.iter().map(|image| row(image, &platforms, &mut errors)).collect();
    let data = Data {
        runs: page
            .runs
            .iter()
            .enumerate()
            .map(|(position, run)| (run_name(page, position), kind(run)))
            .collect(),
        outcomes: PageOutcome::ALL
            .map(|it| OutcomeWords { name: it.name(), class: class(it), sign: sign(it) })
            .into(),
        platforms: platforms.iter().map(|name| clean(name)).collect(),
        errors: errors.into_iter().collect(),
        images,
    };
    // Strings and numbers can always be serialized.
    let text = serde_json::to_string(&data).unwrap_or_default();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn kind(run: &PageRun) -> u8 {
    match (&run.numbers, run.command.as_str()) {
        (_, "verify") => 0,
        (RunNumbers::Planned(_), _) => 2,
        _ => 1,
    }
}

fn row(
    image: &PageImage,
    platforms: &[&String],
    errors: &mut IndexSet<(String, Option<String>)>,
) -> Row {
    let digests: BTreeSet<&String> =
        image.states.iter().filter_map(|state| state.digest.as_ref()).collect();
    let shared = digests.first().filter(|_| digests.len() == 1).copied();
    let position = |name: &String| platforms.iter().position(|known| *known == name);
    Row {
        n: clean(&image.name),
        d: shared.map(|digest| clean(digest)),
        p: image.is_pinned.map(u8::from),
        s: image.states.iter().map(|it| state(it, shared, errors)).collect(),
        b: image.content.map(|it| {
            let more = u8::from(!it.is_complete);
            (it.bytes, it.own, it.blobs, more, u8::from(it.is_from_earlier))
        }),
        a: image.platforms.iter().filter_map(position).collect(),
        f: image.findings.clone(),
        x: image.change.as_ref().map(change),
    }
}

fn state(
    state: &StateAt,
    shared: Option<&String>,
    errors: &mut IndexSet<(String, Option<String>)>,
) -> State {
    let mut position = |error: &ErrorText| {
        errors.insert_full((clean(&error.message), error.hint.as_deref().map(clean))).0
    };
    let amounts = (state.moved, state.mounted, state.skipped);
    State {
        r: state.run,
        o: PageOutcome::ALL.iter().position(|it| *it == state.outcome).unwrap_or_default(),
        t: clean(&state.target),
        d: match &state.digest {
            Some(digest) if shared == Some(digest) => None,
            Some(digest) => Some(clean(digest)),
            None if shared.is_none() => None,
            None => Some(String::new()),
        },
        w: state.before.as_deref().map(clean),
        h: state.shard,
        m: Some(amounts).filter(|amounts| *amounts != (0, 0, 0)),
        e: state.error.iter().chain(&state.warnings).map(&mut position).collect(),
    }
}

fn change(change: &ImageChange) -> String {
    match change {
        ImageChange::New => "new".to_owned(),
        ImageChange::Retagged { old } => format!("was {}", clean(old)),
        ImageChange::Digest { old, .. } => format!("had the digest {}", clean(old)),
        ImageChange::Fixed => "failed before".to_owned(),
        ImageChange::Broken => "did not fail before".to_owned(),
    }
}
