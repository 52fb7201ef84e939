//! The bodies of requests and responses, which faults can cut short or slow down.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use registry_server::ErrorReply;
use tokio::time::{Instant, Sleep};

use crate::connection::Cutter;
use crate::failure::Failure;
use crate::log::{Entry, InProgress};

/// The body of a request: its bytes are counted, and a fault can cut it short or flip a bit.
pub(super) struct RequestBody {
    incoming: Incoming,
    entry: Entry,
    cut_after: Option<u64>,
    /// The distance to the byte that is changed.
    flip_at: Option<u64>,
}

impl RequestBody {
    pub(super) fn new(
        incoming: Incoming,
        entry: Entry,
        cut_after: Option<u64>,
        flip_at: Option<u64>,
    ) -> Self {
        // There may be fewer bytes.
        let last = incoming.size_hint().exact().map(|length| length.saturating_sub(1));
        let flip_at = flip_at.map(|at| at.min(last.unwrap_or(at)));
        Self { incoming, entry, cut_after, flip_at }
    }

    /// The length that the request announces, unless it is chunked.
    pub(super) fn announced(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// The next piece, or `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.cut_after == Some(0) {
            return Err(Failure::Disconnected);
        }
        loop {
            let Some(frame) = self.incoming.frame().await else {
                return self.cut_after.map_or(Ok(None), |_| Err(Failure::Disconnected));
            };
            // An error here means that the client disconnected.
            let Ok(mut piece) = frame.map_err(|_| Failure::Disconnected)?.into_data() else {
                continue;
            };
            if let Some(left) = &mut self.cut_after {
                piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= piece.len() as u64;
            }
            self.entry.update(|logged| logged.bytes_in += piece.len() as u64);
            return Ok(Some(self.flip(piece)));
        }
    }

    /// The next piece, with the bit flipped if its byte is there.
    fn flip(&mut self, piece: Bytes) -> Bytes {
        let length = piece.len() as u64;
        match self.flip_at {
            Some(at) if at < length => {
                self.flip_at = None;
                let mut bytes = Vec::from(piece);
                bytes[at as usize] ^= 1;
                bytes.into()
            }
            Some(at) => {
                self.flip_at = Some(at - length);
                piece
            }
            None => piece,
        }
    }

    /// The whole body, or a refusal above a limit.
    pub(super) async fn whole(&mut self, limit: usize) -> Result<Bytes, Failure> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            if whole.len() + piece.len() > limit {
                return Err(ErrorReply::too_large(limit as u64).into());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }

    /// Reads and drops the rest while the response is sent. Closing with unread bytes would reset
    /// the connection, and the client might lose the response.
    pub(super) fn discard(mut self) {
        if !self.incoming.is_end_stream() {
            tokio::spawn(async move { while let Ok(Some(_)) = self.next().await {} });
        }
    }
}

/// How the body of a response ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    /// The connection closes after this many bytes.
    CloseAfter(u64),
    /// Nothing follows this many bytes, and the connection stays open.
    StallAfter(u64),
}

/// The body of a response: sent in pieces, with its bytes counted.
pub(super) struct ResponseBody {
    pieces: VecDeque<Bytes>,
    announced: Option<u64>,
    ending: Ending,
    pace: Option<Pace>,
    delivery: Delivery,
}

/// What a response needs until its last byte is sent.
pub(super) struct Delivery {
    pub(super) cutter: Arc<Cutter>,
    pub(super) entry: Entry,
    pub(super) _in_progress: InProgress,
}

/// A pause before each piece.
struct Pace {
    pause: Duration,
    until: Pin<Box<Sleep>>,
}

impl ResponseBody {
    pub(super) fn new(mut content: Bytes, ending: Ending, delivery: Delivery) -> Self {
        let announced = Some(content.len() as u64);
        if let Ending::CloseAfter(bytes) | Ending::StallAfter(bytes) = ending {
            content.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        if content.is_empty() && matches!(ending, Ending::CloseAfter(_)) {
            // hyper does not poll a body that is announced as empty.
            delivery.cutter.close_after_flush();
        }
        let pieces = in_pieces(content, 64 * 1024);
        Self { pieces, announced, ending, pace: None, delivery }
    }

    /// Sends the content in about this many pieces, with a pause before each.
    pub(super) fn paced(self, pieces: usize, pause: Duration) -> Self {
        let content = Bytes::from(Vec::from(self.pieces).concat());
        let size = content.len().div_ceil(pieces.max(1)).max(1);
        let until = Box::pin(tokio::time::sleep(pause));
        Self { pieces: in_pieces(content, size), pace: Some(Pace { pause, until }), ..self }
    }

    /// Announces no length, so that the body is sent chunked.
    pub(super) fn without_length(self) -> Self {
        Self { announced: None, ..self }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let body = self.get_mut();
        if let Some(pace) = body.pace.as_mut().filter(|_| !body.pieces.is_empty()) {
            std::task::ready!(pace.until.as_mut().poll(context));
            pace.until.as_mut().reset(Instant::now() + pace.pause);
        }
        let piece = body.pieces.pop_front();
        if body.pieces.is_empty() && matches!(body.ending, Ending::CloseAfter(_)) {
            body.delivery.cutter.close_after_flush();
        }
        if let Some(piece) = piece {
            body.delivery.entry.update(|logged| logged.bytes_out += piece.len() as u64);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match body.ending {
            Ending::Complete => Poll::Ready(None),
            // Nothing wakes this body again: the connection closes, or the client gives up.
            Ending::CloseAfter(_) | Ending::StallAfter(_) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ending == Ending::Complete && self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn in_pieces(mut content: Bytes, size: usize) -> VecDeque<Bytes> {
    let mut pieces = VecDeque::new();
    while !content.is_empty() {
        pieces.push_back(content.split_to(size.min(content.len())));
    }
    pieces
}
