//! `IncomingBlob`: the bytes of a blob on their way to a destination, from its own download or from one that several
//! destinations share.

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::download::Download;
use crate::error::Error;
use crate::http::queue::Permit;
use crate::shared_read::Tap;

pub(crate) enum IncomingBlob {
    Own(Box<OwnDownload>),
    Shared(Box<Tap>),
}

/// A download for one destination, with its turn and its place in the queue of the source. Both are returned when the
/// last bytes are here, because the destination may take long to store them.
pub(crate) struct OwnDownload {
    pub(crate) download: Download,
    pub(crate) permit: Option<Permit>,
    pub(crate) turn: Option<OwnedSemaphorePermit>,
}

impl IncomingBlob {
    /// The position in the blob that comes next.
    pub(crate) fn position(&self) -> u64 {
        match self {
            Self::Own(own) => own.download.position,
            Self::Shared(tap) => tap.position(),
        }
    }

    /// Goes back to a position (never forward), to send again what a destination has lost.
    pub(crate) fn rewind(&mut self, position: u64) {
        match self {
            Self::Own(own) => own.download.rewind(position),
            Self::Shared(tap) => tap.rewind(position),
        }
    }

    /// Takes back the end of the last bytes; they come next.
    pub(crate) fn give_back(&mut self, rest: Bytes) {
        match self {
            Self::Own(own) => own.download.give_back(rest),
            Self::Shared(tap) => tap.give_back(rest),
        }
    }

    /// The next bytes; `None` at the end of the blob, whose digest has been checked by then.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        match self {
            Self::Own(own) => {
                let next = own.download.next().await;
                if own.download.is_complete() {
                    (own.permit, own.turn) = (None, None);
                }
                next
            }
            Self::Shared(tap) => tap.next().await,
        }
    }
}
