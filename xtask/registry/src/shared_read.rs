//! `SharedRead`: a blob that is read once and sent to several destinations.
//!
//! A task reads from the source into a window of bytes. Each destination has a [`Tap`] and takes bytes at its
//! pace; the window moves on when all of them have taken its oldest part. So the slowest destination determines
//! the pace, until the others wait for it most of the time. Then it loses its tap, and reads the blob itself.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::download::Download;
use crate::error::{Cause, Error, Phase};
use crate::http::host::Host;
use crate::http::queue::Permit;
use crate::lock::lock;
use crate::repository::RemoteRepository;
use oci::{Descriptor, Registry};

/// The bytes that are in memory for one blob, plus one read.
const WINDOW: usize = 512 << 10;
/// How long a destination may hold up the others, if that is most of the time.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait for a place in the queue of a destination while another one is ready.
const PATIENCE_FOR_QUEUE: Duration = Duration::from_secs(5);

/// One destination's side of a shared read, with the permit for its upload.
pub struct Tap {
    host: Arc<Host>,
    blob: Descriptor,
    read: Arc<SharedRead>,
    number: usize,
    position: u64,
    given_back: Bytes,
    /// Some destinations have lost bytes that are not in memory any more.
    is_rewound: bool,
    lost: Arc<AtomicBool>,
    _permit: Option<Permit>,
}

/// Hears how much the destinations of shared reads hold up each other.
pub trait Pace: Send + Sync {
    /// The others have waited for a destination of a read for so long, in the time that the read took.
    fn held_up(&self, destination: &Registry, waited: Duration, of: Duration);

    /// Whether the others wait for a destination.
    fn keeps_up(&self, destination: &Registry) -> bool;
}

struct SharedRead {
    window: Mutex<Window>,
    /// The window has bytes for a tap that waits, or has ended.
    filled: Notify,
    /// The window has room again, or a tap is gone.
    taken: Notify,
}

struct Window {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// The number of the first chunk.
    first: usize,
    taps: Vec<Option<Reader>>,
    /// How the read ended, once it has.
    end: Option<Result<(), Error>>,
    began: Instant,
}

/// How far a destination has come.
#[derive(Clone, Copy, Default)]
struct Reader {
    /// The number of the chunk that it takes next.
    next: usize,
    /// How long the others have waited for it.
    held_up: Duration,
}

/// Begins to read a blob for several destinations of different registries. The taps are in their order; `None`
/// for a destination whose queue has no place in time.
pub async fn share(
    source: &RemoteRepository,
    destinations: &[Arc<Host>],
    blob: &Descriptor,
    pace: Arc<dyn Pace>,
) -> Vec<Option<Tap>> {
    let (own, permits) = permits(&source.host, destinations, blob.size, &*pace).await;
    let began = Instant::now();
    let reader = |permit: &Permitted| matches!(permit, Permitted::Yes(_)).then(Reader::default);
    let taps = permits.iter().map(reader).collect();
    let window = Window { chunks: VecDeque::new(), bytes: 0, first: 0, taps, end: None, began };
    let (filled, taken) = (Notify::new(), Notify::new());
    let read = Arc::new(SharedRead { window: Mutex::new(window), filled, taken });
    let names: Vec<Registry> = destinations.iter().map(|host| host.name.clone()).collect();
    let (filling, source) = (Arc::clone(&read), source.clone());
    let filled = Fill { read: filling, source, blob: blob.clone(), names, pace, _permit: own };
    tokio::spawn(filled.run());
    let tap = |(number, (host, permit)): (usize, (&Arc<Host>, Permitted))| match permit {
        Permitted::No => None,
        Permitted::Yes(permit) => Some(Tap {
            host: Arc::clone(host),
            blob: blob.clone(),
            read: Arc::clone(&read),
            number,
            position: 0,
            given_back: Bytes::new(),
            is_rewound: false,
            lost: Arc::default(),
            _permit: permit,
        }),
    };
    destinations.iter().zip(permits).enumerate().map(tap).collect()
}

enum Permitted {
    /// `None` if the permit of the source covers this host, too.
    Yes(Option<Permit>),
    No,
}

/// Takes a permit of each queue. A destination waits for its turn like for any other blob; the first one that has a
/// place waits for the others for a while, because it keeps that place meanwhile. The place at the source comes last,
/// unless the order of the run says something else.
async fn permits(
    source: &Arc<Host>,
    destinations: &[Arc<Host>],
    size: u64,
    pace: &dyn Pace,
) -> (Option<Permit>, Vec<Permitted>) {
    let order = source.permit_order;
    let source_is_first =
        destinations.iter().any(|host| order.takes_source_first(&source.name, &host.name));
    let mut own = match source_is_first {
        true => Some(source.place_for_blob(size).await),
        false => None,
    };
    let mut permits: Vec<Permitted> = destinations.iter().map(|_| Permitted::No).collect();
    let mut waits = FuturesUnordered::new();
    for (number, host) in destinations.iter().enumerate() {
        match Arc::ptr_eq(&host.queue, &source.queue) {
            true => permits[number] = Permitted::Yes(None),
            false => waits.push(async move { (number, host.place_for_blob(size).await) }),
        }
    }
    let mut deadline = source_is_first.then(|| Instant::now() + PATIENCE_FOR_QUEUE);
    while !waits.is_empty() {
        let granted = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, waits.next()).await.ok().flatten(),
            None => waits.next().await,
        };
        let Some((number, permit)) = granted else { break };
        permits[number] = Permitted::Yes(Some(permit));
        let is_awaited = |(host, permit): (&Arc<Host>, &Permitted)| {
            matches!(permit, Permitted::No) && pace.keeps_up(&host.name)
        };
        if !destinations.iter().zip(&permits).any(is_awaited) {
            break;
        }
        deadline.get_or_insert_with(|| Instant::now() + PATIENCE_FOR_QUEUE);
    }
    drop(waits);
    if own.is_none() {
        own = Some(source.place_for_blob(size).await);
    }
    (own, permits)
}

/// The task that reads the blob, with the permit of the source.
struct Fill {
    read: Arc<SharedRead>,
    source: RemoteRepository,
    blob: Descriptor,
    names: Vec<Registry>,
    pace: Arc<dyn Pace>,
    _permit: Option<Permit>,
}

impl Fill {
    /// Reads to the end, or until no destination needs the blob any more.
    async fn run(self) {
        let mut download = match Download::open(&self.source, &self.blob).await {
            Ok(download) => download,
            Err(error) => return self.read.end(Err(error)),
        };
        while self.has_room().await {
            match download.next().await {
                None => {
                    self.report();
                    return self.read.end(Ok(()));
                }
                Some(Err(error)) => return self.read.end(Err(error)),
                Some(Ok(bytes)) => self.read.add(bytes),
            }
        }
    }

    /// Waits until the window has room; `false` if no destination is left.
    async fn has_room(&self) -> bool {
        loop {
            let is_awaited = {
                let window = lock(&self.read.window);
                if window.taps.iter().all(Option::is_none) {
                    return false;
                }
                if window.bytes < WINDOW {
                    return true;
                }
                window.is_awaited()
            };
            let began = Instant::now();
            // The slow ones are looked at again now and then, even if they take nothing.
            drop(tokio::time::timeout(PATIENCE / 10, self.read.taken.notified()).await);
            if is_awaited {
                self.wait_for_slowest(began.elapsed());
            }
        }
    }

    fn wait_for_slowest(&self, waited: Duration) {
        let (left, elapsed) = {
            let window = &mut *lock(&self.read.window);
            (window.leave_behind(waited), window.began.elapsed())
        };
        for &(number, held_up) in &left {
            tracing::debug!("{} is left behind by the other destinations", self.names[number]);
            self.pace.held_up(&self.names[number], held_up, elapsed);
        }
        if !left.is_empty() {
            self.read.filled.notify_waiters();
        }
    }

    fn report(&self) {
        let window = lock(&self.read.window);
        let elapsed = window.began.elapsed();
        for (name, tap) in self.names.iter().zip(&window.taps) {
            if let Some(reader) = tap {
                self.pace.held_up(name, reader.held_up, elapsed);
            }
        }
    }
}

impl SharedRead {
    fn add(&self, bytes: Bytes) {
        let window = &mut *lock(&self.window);
        window.bytes += bytes.len();
        window.chunks.push_back(bytes);
        self.filled.notify_waiters();
    }

    fn end(&self, result: Result<(), Error>) {
        lock(&self.window).end = Some(result);
        self.filled.notify_waiters();
    }

    fn leave(&self, number: usize) {
        let window = &mut *lock(&self.window);
        window.taps[number] = None;
        window.trim();
        self.taken.notify_one();
    }
}

impl Window {
    /// Whether one destination has taken everything while another one has not taken the oldest part.
    fn is_awaited(&self) -> bool {
        let end = self.first + self.chunks.len();
        let mut taps = self.taps.iter().flatten();
        taps.any(|tap| tap.next == end)
    }

    /// Records that the others have waited this long for the slowest ones. Returns those that lose their taps
    /// now, each with how long they held up the others.
    fn leave_behind(&mut self, waited: Duration) -> Vec<(usize, Duration)> {
        let (first, elapsed) = (self.first, self.began.elapsed());
        let mut left = Vec::new();
        if self.chunks.is_empty() {
            return left;
        }
        for (number, tap) in self.taps.iter_mut().enumerate() {
            if let Some(reader) = tap.as_mut().filter(|reader| reader.next == first) {
                reader.held_up += waited;
                if reader.held_up >= PATIENCE && reader.held_up * 4 > elapsed * 3 {
                    left.push((number, reader.held_up));
                    *tap = None;
                }
            }
        }
        self.trim();
        left
    }

    /// Removes what all have taken.
    fn trim(&mut self) {
        let end = self.first + self.chunks.len();
        let oldest = self.taps.iter().flatten().map(|tap| tap.next).min().unwrap_or(end);
        while self.first < oldest
            && let Some(chunk) = self.chunks.pop_front()
        {
            self.bytes -= chunk.len();
            self.first += 1;
        }
    }

    /// The next bytes for a destination; `None` if they are not there yet.
    fn take(&mut self, number: usize) -> Option<Taken> {
        let Some(reader) = self.taps[number].as_mut() else { return Some(Taken::LeftBehind) };
        if let Some(bytes) = self.chunks.get(reader.next - self.first) {
            let bytes = bytes.clone();
            reader.next += 1;
            self.trim();
            return Some(Taken::Bytes(bytes));
        }
        self.end.clone().map(Taken::End)
    }
}

enum Taken {
    Bytes(Bytes),
    End(Result<(), Error>),
    LeftBehind,
}

impl Tap {
    /// Set when the rest of the blob is not to be had from this tap.
    pub(crate) fn lost(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.lost)
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Like [`Download::rewind`]. The bytes are gone, so the next read fails and the blob is sent again.
    pub(crate) fn rewind(&mut self, position: u64) {
        self.is_rewound |= position < self.position;
    }

    /// Like [`Download::give_back`].
    pub(crate) fn give_back(&mut self, rest: Bytes) {
        self.position -= rest.len() as u64;
        self.given_back = rest;
    }

    /// Like [`Download::next`]. An error of the destination's side means that this tap cannot be used any more.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        if self.is_rewound {
            return Some(Err(self.unusable("the registry has lost bytes that were sent")));
        }
        if !self.given_back.is_empty() {
            let bytes = std::mem::take(&mut self.given_back);
            self.position += bytes.len() as u64;
            return Some(Ok(bytes));
        }
        loop {
            let filled = self.read.filled.notified();
            // Enabled before the look, so that no notification is missed.
            tokio::pin!(filled);
            filled.as_mut().enable();
            let taken = lock(&self.read.window).take(self.number);
            match taken {
                None => filled.await,
                Some(Taken::Bytes(bytes)) => {
                    self.read.taken.notify_one();
                    self.position += bytes.len() as u64;
                    return Some(Ok(bytes));
                }
                Some(Taken::End(Ok(()))) => return None,
                Some(Taken::End(Err(error))) => return Some(Err(error)),
                Some(Taken::LeftBehind) => {
                    let why = "it was much slower than the other destinations";
                    return Some(Err(self.unusable(why)));
                }
            }
        }
    }

    fn unusable(&self, why: &str) -> Error {
        self.lost.store(true, Ordering::Relaxed);
        let operation = format!("push blob {}", self.blob.digest.short());
        let cause = Cause::Network { phase: Phase::Response, detail: why.to_owned() };
        Error::new(self.host.side, operation, cause)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.read.leave(self.number);
    }
}

#[cfg(test)]
mod tests;
