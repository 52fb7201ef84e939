//! The command `bundle serve`: a read-only registry from a bundle.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use messages::Advice;
use messages::program::command;
use registry_server::{LayoutStorage, Listening, ServedRegistry};

use super::open_bundle::OpenBundle;

/// A registry that accepts connections, and does not answer yet.
pub struct ServedBundle {
    listening: Listening,
    registry: ServedRegistry,
}

/// Opens the port of a registry that serves a bundle. Repositories have the full names of their sources:
/// `docker.io/library/busybox`. What is absent from the bundle is not found.
///
/// # Errors
/// If the port is not available.
pub async fn open(bundle: &OpenBundle, address: SocketAddr) -> Result<ServedBundle, Advice> {
    let listening = Listening::at(address).await.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse => "name another port; with port 0, a free one is taken",
            _ => "name an address of this machine with `--listen`",
        };
        Advice::new(format!("cannot listen on {address}: {error}")).with_hint(hint)
    })?;
    let why = Advice::new("a bundle is served for reading only")
        .with_hint(format!("{} copies its images to a registry", command("bundle import")));
    let storage = Arc::new(LayoutStorage::new(Arc::clone(&bundle.layout)));
    Ok(ServedBundle { listening, registry: ServedRegistry::read_only(storage, why) })
}

impl ServedBundle {
    /// The address, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Answers requests until `end` is ready.
    pub async fn serve(self, end: impl Future<Output = ()>) {
        self.listening.serve(self.registry, end).await;
    }
}
