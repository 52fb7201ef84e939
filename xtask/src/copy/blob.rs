//! Brings one blob into one repository by the cheapest way: nothing, a mount, or its bytes.

use std::sync::Arc;

use reqwest::Url;

use super::Way;
use super::board::{Claim, Turn};
use crate::oci::{Descriptor, RepositoryPath};
use crate::registry::Error;
use crate::registry::session::Started;
use crate::registry::transfer::transfer;

/// Whether what the destination is believed to have may be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Trust {
    Believe,
    /// The destination has refused a manifest for something missing: ask for everything.
    Ask,
}

pub(super) async fn ensure(
    way: &Way,
    blob: &Descriptor,
    trust: Trust,
    turn: Turn,
) -> Result<(), Error> {
    if trust == Trust::Ask && !way.destination.has_blob(blob).await? {
        way.run.board.forget(&blob.digest, way.target());
    }
    loop {
        match way.run.board.claim(&blob.digest, way.target(), turn) {
            Claim::Nothing => {
                way.tally.present.add(blob.size);
                return Ok(());
            }
            Claim::Wait(mut changed) => {
                // The sender lives as long as the board: this cannot fail.
                let _ = changed.changed().await;
            }
            Claim::Mount { from, duty } => {
                bring(way, blob, &from).await?;
                duty.fulfil();
                return Ok(());
            }
            Claim::Upload(duty) => {
                // To mount from the repository itself asks "do you have it?" and "then take it from
                // me" in one request.
                bring(way, blob, way.target()).await?;
                duty.fulfil();
                return Ok(());
            }
        }
    }
}

/// Asks the registry to mount the blob, and sends it if that is not to be.
async fn bring(way: &Way, blob: &Descriptor, from: &RepositoryPath) -> Result<(), Error> {
    let capabilities = &way.destination.host.capabilities;
    let own = from == way.target();
    let mut session = None;
    // Where a mount from the repository itself is refused for other reasons, it would tell nothing.
    let worth_asking = if own { capabilities.self_mount_tells() } else { capabilities.can_mount() };
    if worth_asking {
        match way.destination.start_upload(Some((&blob.digest, from))).await? {
            Started::Mounted if own => {
                way.tally.present.add(blob.size);
                return Ok(());
            }
            Started::Mounted => {
                way.tally.mounted.add(blob.size);
                return Ok(());
            }
            Started::Session(open) => session = Some(open),
        }
    } else if way.destination.has_blob(blob).await? {
        way.tally.present.add(blob.size);
        return Ok(());
    }
    send(way, blob, session).await
}

async fn send(way: &Way, blob: &Descriptor, session: Option<Url>) -> Result<(), Error> {
    way.run.observer.expects(blob.size);
    let observer = Arc::clone(&way.run.observer);
    transfer(
        &way.source,
        &way.destination,
        blob,
        session,
        &(Arc::new(move |bytes| observer.sent(bytes)) as _),
    )
    .await?;
    way.tally.moved.add(blob.size);
    Ok(())
}
