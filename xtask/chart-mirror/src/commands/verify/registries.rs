//! The checks `source` and `destination`: one HEAD per image and side, all under the queues of the
//! hosts. Looking is here, judging is `judge`'s.

use crate::commands::verify::finding::Finding;

use futures_util::{StreamExt as _, stream};

use super::findings::Findings;
use super::judge::{self, AtDestination, AtSource};
use super::{Named, Options, Subject, values};
use crate::copy::Progress;
use crate::copy::complete::{self, BlobChecks, Missing};
use crate::copy::platforms;
use crate::list::code::{Check, Code};
use crate::list::{Image, ImageList};
use crate::plan::{Selection, Transfer, registry_settings, transfers};
use oci::{Digest, Platforms, Registry};
use registry::Requests;
use registry::auth::credentials::Environment;
use registry::{Error, ManifestName, Registries, RemoteRepository, Side};

/// Images that are looked at together. More than any queue lets through, and few enough that a long
/// list takes no more memory than a short one.
const IMAGES_AT_ONCE: usize = 256;

/// What is known of one image.
#[derive(Default)]
struct Seen {
    source: Option<Result<AtSource, Error>>,
    /// In the order of the destinations.
    destinations: Vec<Result<AtDestination, Error>>,
}

/// What asking the registries took, and which of them anybody may have stood in for.
#[derive(Default)]
pub(super) struct Looked {
    pub(super) requests: Requests,
    pub(super) insecure: Vec<Registry>,
}

/// A destination with the transfers to it, in the order of the list.
struct Planned<'a> {
    named: &'a Named,
    transfers: Vec<Transfer>,
}

struct Look<'a> {
    list: &'a ImageList,
    planned: &'a [Planned<'a>],
    registries: &'a Registries,
    asks_source: bool,
    is_deep: bool,
    asked: BlobChecks,
}

pub(super) async fn check(
    subject: Subject<'_>,
    named: &[Named],
    options: &Options,
    environment: &dyn Environment,
    progress: &dyn Progress,
    findings: &mut Findings<'_>,
) -> anyhow::Result<Looked> {
    let list = subject.list;
    let asks_source = options.checks.contains(&Check::Source);
    let checks_list = options.checks.contains(&Check::List);
    let planned = match options.checks.contains(&Check::Destination) {
        true => planned(list, named, findings),
        false => Vec::new(),
    };
    if !asks_source && planned.is_empty() {
        return Ok(Looked::default());
    }
    let settings = registry_settings(list, options.concurrency, options.retry);
    let sources = list.images().iter().filter(|_| asks_source);
    let sources = sources.map(|image| (image.source.registry().clone(), Side::Source));
    let transfers = planned.iter().flat_map(|planned| &planned.transfers);
    let targets =
        transfers.flat_map(Transfer::hosts).filter(|(_, side)| *side == Side::Destination);
    let registries = Registries::new(settings, sources.chain(targets), environment)?;
    let look = Look {
        list,
        planned: &planned,
        registries: &registries,
        asks_source,
        is_deep: options.deep,
        asked: BlobChecks::default(),
    };
    progress.checking("asking registries", list.images().len());
    let mut looks = stream::iter(0..list.images().len())
        .map(async |number| {
            let seen = look.at(number).await;
            progress.image_checked();
            (number, seen)
        })
        .buffer_unordered(IMAGES_AT_ONCE);
    while let Some((number, seen)) = looks.next().await {
        judge(findings, &list.images()[number], number, &planned, &seen?, checks_list);
    }
    let requests = registries.requests();
    let insecure = registries.insecure();
    for host in &insecure {
        // A source may be read through another registry, so what is no target is one.
        let is_target = |transfer: &Transfer| transfer.target.registry() == host;
        let is_destination = planned.iter().any(|planned| planned.transfers.iter().any(is_target));
        let check = if is_destination { Check::Destination } else { Check::Source };
        let message = format!("the certificate of `{host}` is not checked");
        let finding = Finding::new(check, Code::Insecure, message);
        findings.add(finding.hint(format!(
            "name the authority that signed it: `ca-file` of `[registries.\"{host}\"]`"
        )));
    }
    Ok(Looked { requests, insecure })
}

/// The transfers to each destination; a destination that cannot be planned for is a finding.
fn planned<'a>(
    list: &ImageList,
    named: &'a [Named],
    findings: &mut Findings<'_>,
) -> Vec<Planned<'a>> {
    if named.is_empty() {
        findings.add(values::no_destination(Check::Destination));
    }
    let mut planned = Vec::new();
    for named in named {
        match transfers(list, &named.destination, &Selection::default()) {
            Ok(transfers) => planned.push(Planned { named, transfers }),
            Err(error) => {
                let message = format!("destination `{}`: {error}", named.name);
                findings.add(Finding::new(Check::Destination, Code::CheckNotRun, message));
            }
        }
    }
    planned
}

fn judge(
    findings: &mut Findings<'_>,
    image: &Image,
    number: usize,
    planned: &[Planned<'_>],
    seen: &Seen,
    checks_list: bool,
) {
    let mut at_source = None;
    if let Some(source) = &seen.source {
        judge::source(findings, image, source);
        at_source = source.as_ref().ok().and_then(|source| source.tag.as_ref());
    }
    for (planned, seen) in planned.iter().zip(&seen.destinations) {
        let transfer = &planned.transfers[number];
        // Without a pin the source says what should be there, if it was asked, and of all of it.
        let expected = match &transfer.platforms {
            None => transfer.pin().or(at_source),
            Some(_) => transfer.pin(),
        };
        let mirror = format!("{} mirror -d {}", findings.command(), planned.named.name);
        let target = transfer.target_reference();
        judge::destination(findings, image, &target, expected, &mirror, seen);
        let is_there = seen.as_ref().is_ok_and(|seen| seen.tag.is_some());
        // Where the list is checked, that says of images without a digest what there is to say.
        let is_told = image.digest.is_none() && checks_list;
        if is_there && expected.is_none() && !is_told {
            judge::incomparable(findings, image, transfer);
        }
    }
}

impl Look<'_> {
    async fn at(&self, number: usize) -> anyhow::Result<Seen> {
        let image = &self.list.images()[number];
        let mut seen = Seen::default();
        if self.asks_source {
            let source = self.registries.repository(&image.source, Side::Source)?;
            let required = self.list.policy().require_platforms.as_ref();
            seen.source = Some(at_source(&source, image, required).await);
        }
        for planned in self.planned {
            let transfer = &planned.transfers[number];
            let target = self.registries.repository(&transfer.target, Side::Destination)?;
            seen.destinations.push(self.at_destination(&target, transfer).await);
        }
        Ok(seen)
    }

    async fn at_destination(
        &self,
        target: &RemoteRepository,
        transfer: &Transfer,
    ) -> Result<AtDestination, Error> {
        let tag = target.resolve_or_refused(&ManifestName::Tag(transfer.tag.clone())).await?;
        let missing = match &tag {
            Some(digest) if self.is_deep => complete::missing(target, digest, &self.asked).await?,
            _ => Missing::default(),
        };
        Ok(AtDestination { tag, missing })
    }
}

async fn at_source(
    source: &RemoteRepository,
    image: &Image,
    required: Option<&Platforms>,
) -> Result<AtSource, Error> {
    let resolve = async |name: ManifestName| source.resolve(&name).await;
    let tag: Option<Digest> = resolve(ManifestName::Tag(image.tag.clone())).await?;
    let has_pin = match &image.digest {
        Some(pin) if tag.as_ref() == Some(pin) => true,
        // Moved, or gone: can the mirror still have what the list pins?
        Some(pin) => resolve(ManifestName::Digest(pin.clone())).await?.is_some(),
        None => false,
    };
    let meant = image.digest.clone().filter(|_| has_pin).or_else(|| tag.clone());
    let lacks = match (required, meant) {
        (Some(required), Some(digest)) => {
            let manifest = source.manifest(&ManifestName::Digest(digest)).await?;
            platforms::lacks(source, &manifest, required).await?
        }
        _ => None,
    };
    Ok(AtSource { tag, has_pin, lacks })
}
