//! Gets one blob into one repository in the cheapest way: no transfer, a mount, or an upload.

use std::sync::Arc;

use super::content_keys::ContentKey;
use super::copied::PlannedBlob;
use super::image_copy::ImageCopy;
use super::options::ExistingContent;
use super::shared_reads::LoneReads;
use super::tracker::{NextStep, Ticket};
use oci::{Descriptor, RepositoryPath};
use registry::Error;
use registry::capabilities::MountAccess;
use registry::session::{Mount, SessionUrl, Started};
use registry::transfer::{FirstAttempt, Transferred, transfer};

/// A blob of an image.
#[derive(Clone, Copy)]
pub(super) struct NeededBlob<'a> {
    pub(super) descriptor: &'a Descriptor,
    pub(super) needed_by: &'a [ContentKey],
}

/// Returns when the blob is in the repository of `copy` at the destination.
pub(super) async fn ensure(
    copy: &ImageCopy,
    blob: NeededBlob<'_>,
    existing: ExistingContent,
    ticket: Ticket,
) -> Result<(), Error> {
    let result = get(copy, blob, existing, ticket).await;
    copy.run.reads.settle(&copy.destination.host.name, &blob.descriptor.digest);
    result
}

async fn get(
    copy: &ImageCopy,
    blob: NeededBlob<'_>,
    existing: ExistingContent,
    ticket: Ticket,
) -> Result<(), Error> {
    let NeededBlob { descriptor, .. } = blob;
    let tracker = &copy.run.tracker;
    if existing == ExistingContent::Checked && !is_readable(copy, descriptor).await? {
        tracker.mark_missing(&descriptor.digest, copy.target());
    }
    let access = |from: &RepositoryPath| copy.destination.mount_access(from);
    loop {
        let (guard, from, access) =
            match tracker.next_step(&descriptor.digest, copy.target(), ticket, &access) {
                NextStep::Done => {
                    copy.count(|counters| counters.present.add_blob(descriptor.size));
                    return Ok(());
                }
                NextStep::Wait(mut changed) => {
                    // The sender lives as long as the tracker, so this cannot fail.
                    let _ = changed.changed().await;
                    continue;
                }
                NextStep::Mount { guard, from, access } => (guard, from, access),
                // Within one registry the blob can be mounted from the source itself.
                NextStep::Upload(guard) if copy.source.host.name == copy.destination.host.name => {
                    (guard, copy.source.path.clone(), MountAccess::OtherLogin)
                }
                NextStep::Upload(guard) => (guard, copy.target().clone(), MountAccess::SameLogin),
            };
        if from == *copy.target()
            && let Some(error) = guard.earlier_failure(&copy.source.host.name)
        {
            return Err(error);
        }
        return match mount_or_send(copy, blob, &from, access).await {
            Ok(()) => {
                guard.complete();
                Ok(())
            }
            Err(error) => {
                guard.fail(&copy.source.host.name, &error);
                Err(error)
            }
        };
    }
}

/// Whether the destination has a blob. One that it fails on is sent again.
async fn is_readable(copy: &ImageCopy, blob: &Descriptor) -> Result<bool, Error> {
    match copy.destination.has_blob(blob).await {
        Err(error) if error.is_server_failure() => Ok(false),
        result => result,
    }
}

/// Asks the registry to mount the blob, and sends it if the registry does not.
async fn mount_or_send(
    copy: &ImageCopy,
    blob: NeededBlob<'_>,
    from: &RepositoryPath,
    access: MountAccess,
) -> Result<(), Error> {
    let NeededBlob { descriptor, .. } = blob;
    let capabilities = &copy.destination.host.capabilities;
    let mut mount = Mount { digest: &descriptor.digest, from, access };
    if !capabilities.can_mount(access) {
        // Mounting a blob from its own repository combines two requests: it checks whether the blob is
        // there, and starts an upload if it is not.
        mount = Mount { from: copy.target(), access: MountAccess::SameLogin, ..mount };
    }
    let is_own = mount.from == copy.target();
    if copy.is_only_planned() {
        return plan(copy, descriptor, mount.from).await;
    }
    // Some registries refuse to mount from the repository itself even if the blob is there.
    let session = if !is_own || capabilities.self_mount_finds_blob() {
        match copy.destination.start_upload(Some(mount)).await? {
            Started::Session(session) => Some(session),
            Started::Mounted => {
                copy.count(|counters| {
                    let kind = if is_own { &mut counters.present } else { &mut counters.mounted };
                    kind.add_blob(descriptor.size);
                });
                return Ok(());
            }
        }
    } else if copy.destination.has_blob(descriptor).await? {
        copy.count(|counters| counters.present.add_blob(descriptor.size));
        return Ok(());
    } else {
        None
    };
    send(copy, blob, session).await
}

/// Counts what would happen to the blob. The destination is asked for it once; whether it mounts shows only when it
/// is asked to.
async fn plan(copy: &ImageCopy, blob: &Descriptor, from: &RepositoryPath) -> Result<(), Error> {
    let is_own = from == copy.target();
    let is_present = is_own && copy.destination.has_blob(blob).await?;
    copy.count(|counters| {
        let kind = match (is_own, is_present) {
            (true, true) => &mut counters.present,
            (true, false) => &mut counters.moved,
            (false, _) => &mut counters.mounted,
        };
        kind.add_blob(blob.size);
        if !is_present {
            let Descriptor { digest, size, .. } = blob.clone();
            counters.planned.push(PlannedBlob { digest, size });
        }
    });
    Ok(())
}

async fn send(
    copy: &ImageCopy,
    blob: NeededBlob<'_>,
    session: Option<SessionUrl>,
) -> Result<(), Error> {
    let NeededBlob { descriptor: blob, needed_by } = blob;
    copy.run.progress.bytes_expected(copy.number, blob.size);
    let (progress, number) = (Arc::clone(&copy.run.progress), copy.number);
    let on_bytes = Arc::new(move |bytes| progress.bytes_sent(number, bytes)) as _;
    let (reads, host) = (&copy.run.reads, &copy.destination.host);
    let mut first = FirstAttempt { session, tap: None };
    // A shared read begins only when every upload is open.
    if first.session.is_none() && reads.has_several_destinations() {
        first.session = match copy.destination.start_upload(None).await? {
            Started::Session(session) => Some(session),
            Started::Mounted => None,
        };
    }
    if first.session.is_some() {
        first.tap = Box::pin(reads.join(&copy.source, host, blob, needed_by)).await;
    }
    let turns = LoneReads { reads, destination: &host.name, blob };
    let (source, destination) = (&copy.source, &copy.destination);
    loop {
        let transfer = transfer(source, destination, blob, first, &on_bytes, &turns);
        match Box::pin(transfer).await? {
            Transferred::LeftBehind => first = FirstAttempt::default(),
            Transferred::Whole => break,
        }
    }
    copy.count(|counters| counters.moved.add_blob(blob.size));
    Ok(())
}
