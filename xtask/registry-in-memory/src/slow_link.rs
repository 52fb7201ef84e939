//! A slow link in front of a registry: a forwarder that delays every byte, and limits how many pass in a second.
//!
//! A delay of each response would leave out what connections cost: the handshakes of TCP and of TLS. So the bytes of
//! the connections are delayed: each by half a round trip in each direction, and those of the client by a whole one
//! more while the connection is being opened. The slow start of TCP is not imitated.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::accepting::Accepting;
use crate::lock::lock;

/// The largest piece that is read from a connection at once.
const PIECE: usize = 16 * 1024;

/// How many pieces may be on their way in one direction of a connection: 4 MiB, as with the default buffers of Linux.
const ON_THEIR_WAY: usize = 256;

/// How slow a link is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkSpeed {
    /// Timers are exact to a millisecond.
    pub round_trip: Duration,
    /// The most bytes a second in each direction, for all connections together.
    pub bytes_per_second: Option<u64>,
}

/// A slow link to an address, on a loopback port. Dropping it closes the port and every connection.
pub struct SlowLink {
    address: String,
    _accepting: Accepting,
}

impl SlowLink {
    /// Starts a link to an address.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn to(target: &str, speed: LinkSpeed) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let target: Arc<str> = target.into();
        let (up, down) = (Arc::new(Direction::new(speed)), Arc::new(Direction::new(speed)));
        let accepting = Accepting::start(listener, move |client, _| {
            // The client's connection is open at once. Over the link, that takes a round trip.
            let open = Instant::now() + speed.round_trip;
            let (target, up, down) = (target.clone(), up.clone(), down.clone());
            async move {
                // An error is a side that disconnected.
                let _ = forward(client, &target, open, (&up, &down)).await;
            }
        });
        Ok(Self { address, _accepting: accepting })
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// Forwards a connection until both sides have ended it, or one of them failed.
async fn forward(
    mut client: TcpStream,
    target: &str,
    open: Instant,
    (up, down): (&Direction, &Direction),
) -> io::Result<()> {
    let mut server = TcpStream::connect(target).await?;
    server.set_nodelay(true)?;
    let (client_reads, client_writes) = client.split();
    let (server_reads, server_writes) = server.split();
    let requests = delay(client_reads, server_writes, up, open);
    let responses = delay(server_reads, client_writes, down, open);
    tokio::try_join!(requests, responses).map(|_| ())
}

/// Forwards what is read, each piece when it would have arrived, and then the end.
async fn delay(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: &Direction,
    open: Instant,
) -> io::Result<()> {
    let (sender, mut on_their_way) = mpsc::channel::<(Instant, Bytes)>(ON_THEIR_WAY);
    let departures = async move {
        loop {
            let mut piece = BytesMut::with_capacity(PIECE);
            let size = from.read_buf(&mut piece).await?;
            let arrival = direction.arrival(Instant::now().max(open), size);
            let is_read = sender.send((arrival, piece.freeze())).await.is_ok();
            if size == 0 || !is_read {
                return Ok(());
            }
        }
    };
    let arrivals = async move {
        while let Some((arrival, piece)) = on_their_way.recv().await {
            if arrival > Instant::now() {
                sleep_until(arrival).await;
            }
            to.write_all(&piece).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(departures, arrivals).map(|_| ())
}

/// One direction of the link, which its connections share.
struct Direction {
    delay: Duration,
    bytes_per_second: Option<u64>,
    /// When everything so far has left.
    free_at: Mutex<Option<Instant>>,
}

impl Direction {
    fn new(speed: LinkSpeed) -> Self {
        let LinkSpeed { round_trip, bytes_per_second } = speed;
        Self { delay: round_trip / 2, bytes_per_second, free_at: Mutex::default() }
    }

    /// When a piece arrives that may leave at a time.
    fn arrival(&self, leaves: Instant, size: usize) -> Instant {
        let Some(rate) = self.bytes_per_second else { return leaves + self.delay };
        let mut free_at = lock(&self.free_at);
        let begins = free_at.map_or(leaves, |free_at| free_at.max(leaves));
        let ends = begins + Duration::from_secs_f64(size as f64 / rate.max(1) as f64);
        *free_at = Some(ends);
        ends + self.delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_arrives_half_a_round_trip_after_all_before_it_have_left() {
        let now = Instant::now();
        let after = |arrival: Instant| arrival.duration_since(now).as_millis();
        let round_trip = Duration::from_millis(50);
        let unlimited = Direction::new(LinkSpeed { round_trip, bytes_per_second: None });
        assert_eq!([1, 1_000_000].map(|size| after(unlimited.arrival(now, size))), [25, 25]);

        let limited = Direction::new(LinkSpeed { round_trip, bytes_per_second: Some(1_000_000) });
        let later = now + Duration::from_millis(400);
        let pieces = [(now, 100_000), (now, 200_000), (later, 100_000), (later, 0)];
        let arrivals = pieces.map(|(leaves, size)| after(limited.arrival(leaves, size)));
        assert_eq!(arrivals, [125, 325, 525, 525]);
    }
}
