//! Copies one blob from a source to a destination, and recovers from failures on both sides.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use reqwest::Url;
use tokio::sync::OwnedSemaphorePermit;

use crate::accidents::Accidents;
use crate::capabilities::{MountAccess, UploadMode};
use crate::download::Download;
use crate::error::{Cause, Error, ErrorCode, Side};
use crate::http::attempts::{Attempts, Next};
use crate::http::queue::Permit;
use crate::incoming_blob::{IncomingBlob, OwnDownload};
use crate::repository::RemoteRepository;
use crate::session::{Mount, Started};
use crate::shared_read::Tap;
use crate::upload::{OnBytes, Upload, UploadPauses};
use crate::upload_turns::UploadTurn;
use oci::Descriptor;

/// How many lost upload sessions are replaced. A registry whose replicas do not share sessions would lose
/// any number.
const MOST_LOST: u32 = 3;
/// A blob of at most this many bytes is requested from the source before the destination has a place for it: such a
/// place is free again soon, so the response of the source does not have to wait long.
const READ_AHEAD: u64 = 1 << 20;
/// How often a blob is sent again that the registry has received with another digest.
const MOST_DAMAGED: u32 = 2;

/// How the transfer of one blob recovers from failures.
struct Recovery<'a> {
    destination: &'a RemoteRepository,
    /// Of the blob, in bytes.
    size: u64,
    attempts: Attempts,
    lost_sessions: u32,
    accidents: Accidents,
    refused_as_damaged: u32,
    /// Held while the registry fails on the uploads to the repository and this one is repeated.
    turn: Option<UploadTurn>,
}

/// The two ends of a transfer, and its blob.
struct Ends<'a> {
    source: &'a RemoteRepository,
    destination: &'a RemoteRepository,
    blob: &'a Descriptor,
}

/// What the first attempt of a transfer uses.
#[derive(Default)]
pub struct FirstAttempt {
    /// An upload session that is open already.
    pub session: Option<Url>,
    /// The bytes, if several destinations share them. Needs a session.
    pub tap: Option<Tap>,
}

/// When one destination alone may read a blob from its source.
pub trait ReadTurns: Send + Sync {
    /// Waits for the turn, and counts the read. `None`: there is nothing to wait for.
    fn next(&self) -> BoxFuture<'_, Option<OwnedSemaphorePermit>>;
}

/// How a transfer ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transferred {
    Whole,
    /// The other destinations of a shared read have left this one behind, so the blob has to be sent again.
    LeftBehind,
}

/// Copies a blob into an upload session that is already open, or into a new one. Takes a turn each time it requests the
/// blob from the source for this transfer alone.
///
/// # Errors
/// When retries do not help; the error names the side that failed.
pub async fn transfer(
    source: &RemoteRepository,
    destination: &RemoteRepository,
    blob: &Descriptor,
    first: FirstAttempt,
    on_bytes: &OnBytes,
    turns: &dyn ReadTurns,
) -> Result<Transferred, Error> {
    let mut recovery = Recovery::new(destination, blob.size);
    let ends = Ends { source, destination, blob };
    let result = repeated(&ends, first, on_bytes, turns, &mut recovery).await;
    recovery.end(&result);
    result
}

/// Sends the blob until it arrives or its failure is final.
async fn repeated(
    ends: &Ends<'_>,
    mut first: FirstAttempt,
    on_bytes: &OnBytes,
    turns: &dyn ReadTurns,
    recovery: &mut Recovery<'_>,
) -> Result<Transferred, Error> {
    let Ends { source, destination, blob } = *ends;
    // An upload that ended without a response may have succeeded.
    let mut may_be_present = false;
    let mut pauses = UploadPauses::None;
    loop {
        let started = match first.session.take() {
            Some(open) => Started::Session(open),
            None if may_be_present => start_unless_present(destination, blob).await?,
            None => destination.start_upload(None).await?,
        };
        let Started::Session(open) = started else { return Ok(Transferred::Whole) };
        let tap = first.tap.take();
        let lost = tap.as_ref().map(Tap::lost);
        let (content, permit) = match tap {
            Some(tap) => (Ok(IncomingBlob::Shared(Box::new(tap))), None),
            None => begin(source, destination, blob, turns.next().await).await,
        };
        // Not before: transfers that were ahead in the queue may have changed the mode.
        let mode = destination.host.capabilities.upload_mode(blob.size);
        let upload = Upload { destination, blob, on_bytes, pauses };
        let attempts = &mut recovery.attempts;
        let result = async { upload.send(&open, content?, mode, attempts).await };
        let Err(error) = result.await else { return Ok(Transferred::Whole) };
        if lost.is_some_and(|lost| lost.load(Ordering::Relaxed)) {
            destination.cancel_upload(open).await;
            tracing::debug!("{error}");
            return Ok(Transferred::LeftBehind);
        }
        let next = recovery.after(&error, mode);
        drop(permit);
        tracing::debug!("{error}");
        may_be_present =
            matches!(error.cause, Cause::Network { .. }) && error.side == Side::Destination;
        if may_be_present {
            pauses = UploadPauses::ForResponses;
        } else {
            destination.cancel_upload(open).await;
        }
        recovery.wait(next, error).await?;
    }
}

impl<'a> Recovery<'a> {
    fn new(destination: &'a RemoteRepository, size: u64) -> Self {
        Self {
            destination,
            size,
            attempts: Attempts::new(destination.host.retry),
            lost_sessions: 0,
            accidents: Accidents::default(),
            refused_as_damaged: 0,
            turn: None,
        }
    }

    /// Waits for the next attempt, and for the turn to make it while the registry fails on uploads. An upload that fails
    /// in another way lets all others go on: one after the other, each would take as long as all of its retries.
    ///
    /// # Errors
    /// With the error itself if there is no next attempt, or with that of another upload to the repository.
    async fn wait(&mut self, next: Next, error: Error) -> Result<(), Error> {
        let RemoteRepository { host, path, .. } = self.destination;
        let fails = fails_on_uploads(&error);
        host.wait(next, error).await?;
        if fails {
            self.turn = host.upload_turns.take(path, self.size, self.turn.take()).await?;
        } else if self.turn.take().is_some() {
            host.upload_turns.release(path);
        }
        Ok(())
    }

    /// What the end of this transfer means for the uploads that wait for their turn.
    fn end(&self, result: &Result<Transferred, Error>) {
        let RemoteRepository { host, path, .. } = self.destination;
        match result {
            Ok(Transferred::Whole) => host.upload_turns.release(path),
            Err(error) if self.turn.is_some() && fails_on_uploads(error) => {
                host.upload_turns.give_up(path, error);
            }
            Err(_) if self.turn.is_some() => host.upload_turns.release(path),
            Ok(Transferred::LeftBehind) | Err(_) => {}
        }
    }

    /// What to do after an attempt in this mode failed.
    fn after(&mut self, error: &Error, mode: UploadMode) -> Next {
        let capabilities = &self.destination.host.capabilities;
        match (error.side, error.status()) {
            _ if self.attempts.may_authenticate_again(error) => Next::AtOnce,
            // A wrong digest may be an accident of one transmission: the blob is read again.
            (Side::Source, _)
                if matches!(error.cause, Cause::Integrity(_))
                    && self.accidents.may_include(&error.cause) =>
            {
                Next::AtOnce
            }
            // The download has retried already; retrying here as well would multiply the two.
            (Side::Source, _) => Next::GiveUp,
            (_, Some(413 | 416)) if capabilities.too_large_for(mode) => Next::AtOnce,
            // The registry has lost the session, or reports an impossible position in it.
            (_, Some(404 | 416)) if self.lost_sessions < MOST_LOST => {
                self.lost_sessions += 1;
                self.attempts.pause(error)
            }
            (_, Some(404 | 416)) => Next::GiveUp,
            // The digest was right when the blob was sent.
            _ if error.has_code(&ErrorCode::DigestInvalid)
                && self.refused_as_damaged < MOST_DAMAGED =>
            {
                self.refused_as_damaged += 1;
                self.attempts.pause(error)
            }
            _ if error.is_transient() => self.attempts.pause(error),
            _ => Next::GiveUp,
        }
    }
}

/// Whether the registry itself fails, on any request of an upload.
fn fails_on_uploads(error: &Error) -> bool {
    error.side == Side::Destination && error.status().is_some_and(|status| status >= 500)
}

/// Starts an upload, unless the blob turns out to be there.
async fn start_unless_present(
    destination: &RemoteRepository,
    blob: &Descriptor,
) -> Result<Started, Error> {
    let mut mount = None;
    if destination.host.capabilities.self_mount_finds_blob() {
        let access = MountAccess::SameLogin;
        mount = Some(Mount { digest: &blob.digest, from: &destination.path, access });
    } else if destination.has_blob(blob).await? {
        return Ok(Started::Mounted);
    }
    destination.start_upload(mount).await
}

/// Takes a permit of both queues, and requests the blob. Returns the permit of the destination, which covers both ends
/// within one registry.
async fn begin(
    source: &RemoteRepository,
    destination: &RemoteRepository,
    blob: &Descriptor,
    turn: Option<OwnedSemaphorePermit>,
) -> (Result<IncomingBlob, Error>, Option<Permit>) {
    let (from, to) = (&source.host, &destination.host);
    let open = async move |permit| {
        let download = Download::open(source, blob).await?;
        Ok(IncomingBlob::Own(Box::new(OwnDownload { download, permit, turn })))
    };
    if Arc::ptr_eq(&from.queue, &to.queue) {
        let permit = to.place_for_blob(blob.size).await;
        return (open(None).await, Some(permit));
    }
    if !from.permit_order.takes_source_first(&from.name, &to.name) {
        let at_destination = to.place_for_blob(blob.size).await;
        let at_source = Some(from.place_for_blob(blob.size).await);
        return (open(at_source).await, Some(at_destination));
    }
    let at_source = Some(from.place_for_blob(blob.size).await);
    if blob.size > READ_AHEAD {
        let at_destination = to.place_for_blob(blob.size).await;
        return (open(at_source).await, Some(at_destination));
    }
    // The destination has other work while the source responds.
    let content = open(at_source).await;
    let at_destination =
        if content.is_ok() { Some(to.place_for_blob(blob.size).await) } else { None };
    (content, at_destination)
}
