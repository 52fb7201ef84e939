//! The bodies of requests and replies. Blobs pass in pieces, so that memory does not grow with their size.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::reply::ErrorReply;
use crate::storage::{StorageError, StoredBlob};
use messages::Advice;

/// The bytes that are read from a storage or written to it at once.
const PIECE: u64 = 128 << 10;

/// Any error of a body.
type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request.
pub struct RequestBody {
    /// `None` after its end: a body must not be polled again.
    incoming: Option<Pin<Box<dyn Body<Data = Bytes, Error = BodyError> + Send>>>,
}

/// Why a request gets no reply, or an error.
#[derive(Debug)]
pub(crate) enum NoReply {
    Error(ErrorReply),
    /// The client is gone.
    Disconnected,
}

impl RequestBody {
    pub fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        Self { incoming: Some(Box::pin(body.map_err(Into::into))) }
    }

    /// The next bytes: about as many as a piece has, in the parts in which they arrived. Empty at the end.
    pub(crate) async fn next_piece(&mut self) -> Result<Vec<Bytes>, NoReply> {
        let (mut parts, mut size) = (Vec::new(), 0);
        while size < PIECE {
            let Some(incoming) = &mut self.incoming else { break };
            let Some(frame) = incoming.frame().await else {
                self.incoming = None;
                break;
            };
            let frame = frame.map_err(|_| NoReply::Disconnected)?;
            if let Ok(part) = frame.into_data() {
                size += part.len() as u64;
                parts.push(part);
            }
        }
        Ok(parts)
    }

    /// The whole body, or a refusal above a limit.
    pub(crate) async fn whole(&mut self, limit: usize) -> Result<Bytes, NoReply> {
        let mut whole = Vec::new();
        loop {
            let piece = self.next_piece().await?;
            if piece.is_empty() {
                return Ok(whole.into());
            }
            piece.iter().for_each(|part| whole.extend_from_slice(part));
            if whole.len() > limit {
                return Err(NoReply::Error(ErrorReply::too_large(limit as u64)));
            }
        }
    }

    /// Reads and drops the rest. Closing a connection with unread bytes would reset it, and the client
    /// might lose the reply.
    pub(crate) async fn discard(mut self) {
        while self.next_piece().await.is_ok_and(|piece| !piece.is_empty()) {}
    }
}

/// The body of a reply.
pub enum ReplyBody {
    /// `None` once it is sent.
    Whole(Option<Bytes>),
    Blob(BlobStream),
    /// No body, but the length of one: the reply to a HEAD.
    Announced(u64),
}

/// A part of a blob, read ahead by one piece.
pub struct BlobStream {
    blob: Arc<dyn StoredBlob>,
    /// What has not been requested from the storage yet.
    rest: Range<u64>,
    /// What has not been sent yet, in bytes.
    unsent: u64,
    pending: Option<JoinHandle<Result<Bytes, StorageError>>>,
}

impl ReplyBody {
    pub(crate) fn of_blob(blob: Arc<dyn StoredBlob>, part: Range<u64>) -> Self {
        let unsent = part.end.saturating_sub(part.start);
        Self::Blob(BlobStream { blob, rest: part, unsent, pending: None })
    }

    /// The length of the body in bytes.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Self::Blob(stream) => stream.unsent,
            Self::Announced(length) => *length,
        }
    }
}

impl BlobStream {
    /// Starts to read the next piece, if there is one.
    fn read_ahead(&mut self) {
        if self.rest.is_empty() {
            return;
        }
        let start = self.rest.start;
        let length = PIECE.min(self.rest.end - start);
        self.rest.start += length;
        let blob = Arc::clone(&self.blob);
        self.pending = Some(spawn_blocking(move || {
            let mut buffer = vec![0; length as usize];
            blob.read_at(start, &mut buffer)?;
            Ok(buffer.into())
        }));
    }

    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StorageError>>> {
        if self.pending.is_none() {
            self.read_ahead();
        }
        let Some(pending) = &mut self.pending else { return Poll::Ready(None) };
        let read = ready!(Pin::new(pending).poll(context));
        self.pending = None;
        let read = read.unwrap_or_else(|panic| {
            Err(StorageError::Failed(Advice::new(format!("cannot read the blob: {panic}"))))
        });
        match &read {
            Ok(bytes) => {
                self.unsent -= bytes.len() as u64;
                self.read_ahead();
            }
            Err(_) => self.rest.start = self.rest.end,
        }
        Poll::Ready(Some(read.map(Frame::data)))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = StorageError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StorageError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Blob(stream) => stream.poll_piece(context),
            Self::Announced(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Blob(stream) => stream.unsent == 0,
            Self::Announced(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Announced(_) => SizeHint::with_exact(0),
            body => SizeHint::with_exact(body.length()),
        }
    }
}

impl From<ErrorReply> for NoReply {
    fn from(refusal: ErrorReply) -> Self {
        Self::Error(refusal)
    }
}
