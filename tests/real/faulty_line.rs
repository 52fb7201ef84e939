//! `FaultyLine`: connections to a registry that break, stall, and flip bits of what the registry sends.
//!
//! What happens to a connection depends on a seed and on its number.

use std::time::Duration;

use oci::Digest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What may happen to connections.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// They break or stall.
    Breaking,
    /// They also flip bits of responses, of heads and bodies alike.
    Flipping,
}

/// A relay in front of a registry, until it is dropped.
pub(crate) struct FaultyLine {
    pub(crate) address: String,
    accepting: AbortHandle,
}

/// What happens to the bytes of one direction.
#[derive(Clone, Copy)]
enum Fault {
    None,
    CloseAfter(u64),
    StallAfter(u64),
    FlipAt(u64),
}

impl FaultyLine {
    pub(crate) async fn to(registry: &str, line: Line, seed: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let registry = registry.to_owned();
        let accepting = tokio::spawn(async move {
            for number in 0_u64.. {
                let Ok((client, _)) = listener.accept().await else { return };
                let registry = registry.clone();
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(registry).await else { return };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    let [request, response] = faults(line, &format!("{seed} {number}"));
                    tokio::select! {
                        () = relay(from_client, to_server, request) => {}
                        () = relay(from_server, to_client, response) => {}
                    }
                });
            }
        });
        Self { address, accepting: accepting.abort_handle() }
    }
}

impl Drop for FaultyLine {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The faults of requests and responses. Half of the connections have one.
fn faults(line: Line, text: &str) -> [Fault; 2] {
    let digest = Digest::of(text.as_bytes());
    let number = |at: usize| u64::from_str_radix(&digest.hex()[at..at + 8], 16).unwrap();
    // Each order of magnitude is as likely as the others.
    let position = number(8) % (1 << (6 + number(16) % 14));
    match (number(0) % 8, line) {
        (0, _) => [Fault::CloseAfter(position), Fault::None],
        (1, _) => [Fault::None, Fault::StallAfter(position)],
        (2, _) | (3, Line::Breaking) => [Fault::None, Fault::CloseAfter(position)],
        (3, Line::Flipping) => [Fault::None, Fault::FlipAt(position)],
        _ => [Fault::None, Fault::None],
    }
}

/// Passes bytes on until one side ends.
async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fault: Fault) {
    let mut buffer = vec![0; 64 << 10];
    let mut passed = 0_u64;
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let mut bytes = &mut buffer[..read];
        let end = passed + read as u64;
        match fault {
            Fault::FlipAt(at) if (passed..end).contains(&at) => bytes[(at - passed) as usize] ^= 1,
            Fault::CloseAfter(at) | Fault::StallAfter(at) if at < end => {
                bytes = &mut bytes[..(at - passed) as usize];
            }
            _ => {}
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
        match fault {
            Fault::CloseAfter(at) if at < end => return,
            Fault::StallAfter(at) if at < end => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
            }
            _ => passed = end,
        }
    }
}
