//! Pinned images: whether the tag at the source still names the pinned digest, and what to do if not.

use super::image_copy::ImageCopy;
use super::options::{TagCheck, TagPolicy};
use crate::list::finding_code::{Code, Severity};
use messages::Advice;
use messages::program::command;
use oci::{Digest, Manifest, Tag};
use registry::{Error, ManifestName, Tagged};

/// What is wrong with a pinned image at its source, as a code of `verify` and a sentence. `now` is the digest
/// that the tag names. `None` if tag and pin agree.
pub(crate) fn mismatch(
    tag: &Tag,
    pin: &Digest,
    now: Option<&Digest>,
    content: PinnedContent,
) -> Option<(Code, String)> {
    use PinnedContent::{Missing, Served};
    Some(match (now, content) {
        (Some(now), _) if now == pin => return None,
        (Some(now), Served) => (
            Code::SourceMoved,
            format!("the tag now names {now} at the source; the image is pinned to {pin}"),
        ),
        (Some(now), Missing) => (
            Code::SourceMissing,
            format!("the source no longer has the pinned {pin}; the tag now names {now}"),
        ),
        (None, Served) => (
            Code::SourceMissing,
            format!("the source has the pinned {pin}, but not the tag `{tag}`"),
        ),
        (None, Missing) => (
            Code::SourceMissing,
            format!("the source has neither the tag `{tag}` nor the pinned {pin}"),
        ),
    })
}

/// Whether the source has the pinned digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PinnedContent {
    Served,
    Missing,
}

/// Fetches the manifest of a pinned image by its tag, so that one request also shows whether the tag names
/// the pinned digest. If it does not, the policy decides.
pub(super) async fn fetch(copy: &ImageCopy, pin: &Digest) -> Result<Manifest, Error> {
    let policy = match copy.run.options.tags {
        TagCheck::Compared(policy) => policy,
        TagCheck::Skipped => return fetch_by_digest(copy, pin, None).await,
    };
    let now = match copy.source.tagged(&copy.transfer.tag, pin).await? {
        Tagged::Pinned(manifest) => return Ok(*manifest),
        Tagged::Other(digest) => Some(digest),
        Tagged::Absent => None,
    };
    let severity = policy.severity(now.as_ref());
    if severity == Severity::Error {
        let by_digest = ManifestName::Digest(pin.clone());
        let content = match copy.source.resolve(&by_digest).await?.is_some() {
            true => PinnedContent::Served,
            false => PinnedContent::Missing,
        };
        return Err(error(copy, pin, now.as_ref(), content));
    }
    let manifest = fetch_by_digest(copy, pin, now.as_ref()).await?;
    if severity == Severity::Warning {
        let warning = error(copy, pin, now.as_ref(), PinnedContent::Served);
        copy.count(|counters| counters.warnings.push(warning));
    }
    Ok(manifest)
}

/// `now` is what the tag names, if it was asked for.
async fn fetch_by_digest(
    copy: &ImageCopy,
    pin: &Digest,
    now: Option<&Digest>,
) -> Result<Manifest, Error> {
    let fetched = copy.source.manifest(&ManifestName::Digest(pin.clone())).await;
    let Err(Some(404)) = fetched.as_ref().map_err(Error::status) else { return fetched };
    // Was the tag moved, or the image deleted? The user needs to know which.
    let tag = ManifestName::Tag(copy.transfer.tag.clone());
    let now = match now {
        Some(now) => Some(now.clone()),
        None => copy.source.resolve(&tag).await.ok().flatten(),
    };
    Err(error(copy, pin, now.as_ref(), PinnedContent::Missing))
}

fn error(copy: &ImageCopy, pin: &Digest, now: Option<&Digest>, content: PinnedContent) -> Error {
    let transfer = &copy.transfer;
    let (code, message) =
        mismatch(&transfer.tag, pin, now, content).unwrap_or((Code::SourceMoved, String::new()));
    let name = transfer.source_reference();
    let pinned = "`--pinned` copies the pinned content";
    let check = command(format_args!("pin --check {name}"));
    let update = command(format_args!("pin --update {name}"));
    let hint = match (now, content) {
        (Some(_), PinnedContent::Served) => format!(
            "the tag moved, or `tag` was changed without `digest`: {check} shows what changed, {update} accepts \
             it, and {pinned}"
        ),
        (Some(_), PinnedContent::Missing) => {
            format!("{check} shows what changed, {update} accepts it")
        }
        (None, PinnedContent::Served) => format!(
            "correct `tag`, and record its digest with {}; or {pinned}",
            command("pin --update")
        ),
        (None, PinnedContent::Missing) => {
            "check source and tag; some registries answer like this without credentials".to_owned()
        }
    };
    let advice = Advice::new(message).with_hint(hint);
    copy.source.mismatch(&ManifestName::Tag(transfer.tag.clone()), code.name(), advice)
}

impl TagPolicy {
    /// What happens if the tag does not name the pinned digest, but another one or nothing.
    fn severity(self, now: Option<&Digest>) -> Severity {
        match now {
            Some(_) => self.moved,
            None => self.missing,
        }
    }
}
