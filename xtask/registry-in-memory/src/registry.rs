//! A running registry, as the demo and the tests hold it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::net::TcpListener;

use crate::accepting::Accepting;
use crate::call::Shared;
use crate::chaos::RunningChaos;
use crate::faults::Faults;
use crate::lock::lock;
use crate::log::Log;
use crate::tokens::Tokens;
use crate::{Chaos, Fault, Grants, LoggedRequest, RefreshToken, RegistryOptions, Store, server};

/// A running registry. Dropping it closes the port and every connection.
pub struct InMemoryRegistry {
    shared: Arc<Shared>,
    _accepting: Accepting,
}

impl InMemoryRegistry {
    /// Starts a registry on a free loopback port.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start(options: RegistryOptions) -> io::Result<Self> {
        Self::start_at("127.0.0.1:0", options).await
    }

    /// Starts a registry at an address; `[::1]:0` is a free port of the IPv6 loopback.
    ///
    /// # Errors
    /// If the address is not available.
    pub async fn start_at(address: &str, options: RegistryOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?.to_string();
        let shared = Arc::new(Shared {
            address,
            options,
            store: Store::default(),
            log: Log::new(),
            faults: Faults::default(),
            chaos: RunningChaos::default(),
            tokens: Tokens::default(),
        });
        let serving = shared.clone();
        let accepting = Accepting::start(listener, move |stream, number| {
            server::serve_connection(stream, number, serving.clone())
        });
        Ok(Self { shared, _accepting: accepting })
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// The requests since the log was last cleared, in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.log.requests()
    }

    /// Clears the log.
    pub fn forget_requests(&self) {
        self.shared.log.forget();
    }

    /// The connections that were opened since the log was last cleared, with those that brought no request.
    pub fn connections(&self) -> usize {
        self.shared.log.connections()
    }

    /// The most requests that were in progress at one moment since the log was last cleared.
    pub fn most_at_once(&self) -> usize {
        self.shared.log.most_at_once.load(Ordering::SeqCst)
    }

    /// Adds a fault. If several match a request, the first one with a count left acts.
    pub fn inject(&self, fault: Fault) {
        lock(&self.shared.faults.0).push(fault);
    }

    /// Lets requests fail at random from now on, unless a fault affects them.
    pub fn set_chaos(&self, chaos: Chaos) {
        self.shared.chaos.set(Some(chaos));
    }

    /// Removes all faults, and ends the chaos.
    pub fn clear_faults(&self) {
        lock(&self.shared.faults.0).clear();
        self.shared.chaos.set(None);
    }

    /// Expires every token issued so far.
    pub fn expire_tokens(&self) {
        let mut issued = lock(&self.shared.tokens.issued);
        issued.values_mut().for_each(|grant| grant.expires = Instant::now());
    }

    /// Sets what the token endpoint grants from now on.
    pub fn set_grants(&self, grants: Grants) {
        *lock(&self.shared.tokens.grants) = grants;
    }

    /// Makes the token endpoint accept this refresh token, by POST.
    pub fn accept_refresh_token(&self, token: &str, kind: RefreshToken) {
        lock(&self.shared.tokens.refresh).insert(token.to_owned(), kind);
    }

    /// Sets the `issued_at` of all further tokens.
    pub fn set_issued_at(&self, issued_at: &str) {
        *lock(&self.shared.tokens.issued_at) = Some(issued_at.to_owned());
    }

    pub fn store(&self) -> &Store {
        &self.shared.store
    }
}
