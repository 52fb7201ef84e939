//! A connection that can be cut at an exact byte, and the bodies that flow over it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::answer::Stop;
use crate::log::{Entry, InProgress};

/// What hyper reads from and writes to.
pub(super) struct Line {
    stream: TokioIo<TcpStream>,
    scissors: Arc<Scissors>,
}

/// The means of a request to end its connection.
#[derive(Default)]
pub(super) struct Scissors {
    after_flush: AtomicBool,
    reset: AtomicBool,
}

impl Scissors {
    /// Closes once everything that was written so far is on its way.
    fn close_after_flush(&self) {
        self.after_flush.store(true, Ordering::SeqCst);
    }

    /// Makes the end of the connection a TCP reset, as of a process that was killed.
    pub(super) fn reset(&self) {
        self.reset.store(true, Ordering::SeqCst);
    }
}

impl Line {
    pub(super) fn new(stream: TcpStream) -> (Self, Arc<Scissors>) {
        let scissors = Arc::new(Scissors::default());
        (Self { stream: TokioIo::new(stream), scissors: scissors.clone() }, scissors)
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut TokioIo<TcpStream>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.scissors.reset.load(Ordering::SeqCst) {
            // Failing to is harmless: the connection closes anyway, only more politely.
            let _ = self.stream.inner().set_zero_linger();
        }
    }
}

impl Read for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl Write for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    /// hyper comes here when its buffer is empty: the point at which an exact cut is possible.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.scissors.after_flush.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, pieces)
    }
}

/// The body of a request: counted, and cut short if a fault says so.
pub(super) struct RequestBody {
    incoming: Incoming,
    entry: Arc<Entry>,
    cut_after: Option<u64>,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, entry: Arc<Entry>, cut_after: Option<u64>) -> Self {
        Self { incoming, entry, cut_after }
    }

    /// The length that the request announces, unless it is chunked.
    pub(super) fn announced(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// The next piece, or nothing at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Stop> {
        if self.cut_after == Some(0) {
            return Err(Stop::Cut);
        }
        loop {
            let Some(frame) = self.incoming.frame().await else {
                return if self.cut_after.is_some() { Err(Stop::Cut) } else { Ok(None) };
            };
            // An error here is the client's: it went away.
            let Ok(mut piece) = frame.map_err(|_| Stop::Cut)?.into_data() else { continue };
            if let Some(left) = &mut self.cut_after {
                piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= piece.len() as u64;
            }
            self.entry.received(piece.len());
            return Ok(Some(piece));
        }
    }

    /// The whole body, or a refusal above a limit.
    pub(super) async fn whole(&mut self, limit: usize) -> Result<Bytes, Stop> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            if whole.len() + piece.len() > limit {
                return Err(Stop::too_large(limit as u64));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }

    /// Reads the rest for nothing while the answer is already under way. A server that closed
    /// with bytes unread would reset the connection, and the client might never see the answer.
    pub(super) fn discard(mut self) {
        if !self.incoming.is_end_stream() {
            tokio::spawn(async move { while let Ok(Some(_)) = self.next().await {} });
        }
    }
}

/// How the body of an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    /// After so many bytes the connection is closed.
    CloseAfter(u64),
    /// After so many bytes nothing more comes.
    StallAfter(u64),
}

/// The body of an answer: counted, in pieces, ending as told.
pub(super) struct AnswerBody {
    pieces: VecDeque<Bytes>,
    announced: Option<u64>,
    ending: Ending,
    pace: Option<Pace>,
    scissors: Arc<Scissors>,
    entry: Arc<Entry>,
    _in_progress: InProgress,
}

/// A pause before each piece.
struct Pace {
    pause: Duration,
    until: Pin<Box<Sleep>>,
}

impl AnswerBody {
    pub(super) fn new(
        mut content: Bytes,
        ending: Ending,
        scissors: Arc<Scissors>,
        entry: Arc<Entry>,
        in_progress: InProgress,
    ) -> Self {
        let announced = Some(content.len() as u64);
        if let Ending::CloseAfter(bytes) | Ending::StallAfter(bytes) = ending {
            content.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        if content.is_empty() && matches!(ending, Ending::CloseAfter(_)) {
            // hyper does not ask for a body that is announced as empty.
            scissors.close_after_flush();
        }
        let pieces = in_pieces(content, 64 * 1024);
        Self { pieces, announced, ending, pace: None, scissors, entry, _in_progress: in_progress }
    }

    /// Sends the content in about so many pieces, with a pause before each.
    pub(super) fn paced(self, pieces: usize, pause: Duration) -> Self {
        let content = Bytes::from(Vec::from(self.pieces).concat());
        let size = content.len().div_ceil(pieces.max(1)).max(1);
        let until = Box::pin(tokio::time::sleep(pause));
        Self { pieces: in_pieces(content, size), pace: Some(Pace { pause, until }), ..self }
    }

    /// Leaves the length to be found out by reading to the end.
    pub(super) fn without_length(self) -> Self {
        Self { announced: None, ..self }
    }
}

impl Body for AnswerBody {
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
            body.scissors.close_after_flush();
        }
        if let Some(piece) = piece {
            body.entry.sent(piece.len());
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match body.ending {
            Ending::Complete => Poll::Ready(None),
            // Nothing wakes this body again: the line ends, or the client loses patience.
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
