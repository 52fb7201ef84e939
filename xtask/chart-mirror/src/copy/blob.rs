//! Brings one blob into one repository by the cheapest way: nothing, a mount, or its bytes.

use std::sync::Arc;

use registry::session::SessionUrl;

use super::Way;
use super::board::{Claim, Turn};
use oci::{Descriptor, RepositoryPath};
use registry::Error;
use registry::capabilities::Between;
use registry::session::{Mount, Started};
use registry::transfer::transfer;

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
        let between = |from: &RepositoryPath| way.destination.between(from);
        match way.run.board.claim(&blob.digest, way.target(), turn, &between) {
            Claim::Nothing => {
                way.tally.present.add(blob.size);
                return Ok(());
            }
            Claim::Wait(mut changed) => {
                // The sender lives as long as the board: this cannot fail.
                let _ = changed.changed().await;
            }
            Claim::Mount { from, between, duty } => {
                bring(way, blob, &from, between).await?;
                duty.fulfil();
                return Ok(());
            }
            Claim::Upload(duty) => {
                // Within one registry nothing has to travel.
                let within = way.source.host.name == way.destination.host.name;
                let from = if within { &way.source.path } else { way.target() };
                let between = if within { Between::Strangers } else { Between::Ours };
                bring(way, blob, from, between).await?;
                duty.fulfil();
                return Ok(());
            }
        }
    }
}

/// Asks the registry to mount the blob, and sends it if that is not to be.
async fn bring(
    way: &Way,
    blob: &Descriptor,
    from: &RepositoryPath,
    between: Between,
) -> Result<(), Error> {
    let capabilities = &way.destination.host.capabilities;
    let mut mount = Mount { digest: &blob.digest, from, between };
    if !capabilities.can_mount(between) {
        // To mount from the repository itself asks "do you have it?" and "then take it from me" in
        // one request.
        mount = Mount { from: way.target(), between: Between::Ours, ..mount };
    }
    let own = mount.from == way.target();
    let mut session = None;
    // Where a mount from the repository itself is refused for other reasons, it would tell nothing.
    if !own || capabilities.self_mount_tells() {
        match way.destination.start_upload(Some(mount)).await? {
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

async fn send(way: &Way, blob: &Descriptor, session: Option<SessionUrl>) -> Result<(), Error> {
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
