//! One blob from a source to a destination, as often as it takes.

use reqwest::Url;

use crate::capabilities::{Between, UploadMode};
use crate::download::Download;
use crate::error::{Cause, Error, Side};
use crate::http::queue::{Permit, Priority};
use crate::repository::RemoteRepository;
use crate::session::{Mount, Started};
use crate::upload::{OnBytes, upload};
use oci::Descriptor;
use std::sync::Arc;

/// A session may be lost so often: to a registry of several replicas that do not know each other's,
/// more are lost as well.
const MOST_LOST: u32 = 3;

/// Copies a blob into an upload session that is open already, or into new ones.
///
/// # Errors
/// With the side that failed for good.
pub async fn transfer(
    source: &RemoteRepository,
    destination: &RemoteRepository,
    blob: &Descriptor,
    session: Option<Url>,
    on_bytes: &OnBytes,
) -> Result<(), Error> {
    let mut session = session;
    let mut pauses = destination.host.retry.pauses();
    let mut logged_in_again = false;
    let mut read_again = false;
    let mut unanswered = false;
    let mut lost = 0;
    loop {
        let open = match session.take() {
            Some(open) => open,
            None => match begin(destination, blob, unanswered).await? {
                Started::Session(open) => open,
                Started::Mounted => return Ok(()),
            },
        };
        let permits = permits(source, destination, blob.size).await;
        // Only now: who was before may have learned something.
        let mode = destination.host.capabilities.upload_mode(blob.size);
        let result = attempt(source, destination, blob, &open, mode, on_bytes).await;
        let Err(error) = result else { return Ok(()) };
        let learned = error.side == Side::Destination
            && matches!(error.status(), Some(413 | 416))
            && destination.host.capabilities.too_large_for(mode);
        drop(permits);
        tracing::debug!("{error}");
        unanswered =
            matches!(error.cause, Cause::Network { .. }) && error.side == Side::Destination;
        if !unanswered {
            destination.cancel_upload(open).await;
        }
        // A wrong digest may be an accident of this one transmission: once more, from the start.
        let read_again_now =
            matches!(error.cause, Cause::Integrity(_)) && error.side == Side::Source && !read_again;
        let refused = error.is_unauthorized();
        let log_in_now = refused && !logged_in_again;
        // Once for each token that has ended, however many do.
        logged_in_again &= refused;
        if learned || read_again_now || log_in_now {
            read_again |= read_again_now;
            logged_in_again |= log_in_now;
            continue;
        }
        // An upload that the registry has forgotten begins anew, like one that broke; so does one about
        // whose progress it cannot be agreed with.
        let forgotten =
            error.side == Side::Destination && matches!(error.status(), Some(404 | 416));
        if forgotten
            && lost < MOST_LOST
            && let Some(pause) = pauses.next()
        {
            lost += 1;
            tokio::time::sleep(pause).await;
            continue;
        }
        // The download has asked again as often as it may: more would multiply the two.
        if error.side == Side::Source {
            return Err(error);
        }
        destination.host.pause_before_retry(error, &mut pauses).await?;
    }
}

/// Begins an upload. After one that was not answered the blob may be there: that is asked first.
async fn begin(
    destination: &RemoteRepository,
    blob: &Descriptor,
    unanswered: bool,
) -> Result<Started, Error> {
    let itself = Mount { digest: &blob.digest, from: &destination.path, between: Between::Ours };
    match (unanswered, destination.host.capabilities.self_mount_tells()) {
        (false, _) => destination.start_upload(None).await,
        (true, true) => destination.start_upload(Some(itself)).await,
        (true, false) if destination.has_blob(blob).await? => Ok(Started::Mounted),
        (true, false) => destination.start_upload(None).await,
    }
}

async fn attempt(
    source: &RemoteRepository,
    destination: &RemoteRepository,
    blob: &Descriptor,
    session: &Url,
    mode: UploadMode,
    on_bytes: &OnBytes,
) -> Result<(), Error> {
    let download = Download::open(source, blob).await?;
    upload(destination, blob, session, download, mode, on_bytes).await
}

/// A place in both queues, taken in one order by everybody, so that nobody holds what another waits
/// for. Within one registry a single place stands for both ends.
async fn permits(
    source: &RemoteRepository,
    destination: &RemoteRepository,
    size: u64,
) -> (Permit, Option<Permit>) {
    let (source, destination) = (&source.host, &destination.host);
    let priority = Priority::Blob(size);
    if Arc::ptr_eq(&source.queue, &destination.queue) {
        return (source.queue.acquire(priority).await, None);
    }
    let (first, second) =
        if source.name < destination.name { (source, destination) } else { (destination, source) };
    let permit = first.queue.acquire(priority).await;
    (permit, Some(second.queue.acquire(priority).await))
}
