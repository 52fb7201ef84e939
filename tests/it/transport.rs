//! Connections to registries: certificates, proxies, protocols, proxy caches, and redirects to other hosts.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod detours;
mod protocols;
mod proxies;
mod sent_elsewhere;
mod trust;
