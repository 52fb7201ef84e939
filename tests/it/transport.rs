//! The way to a registry: certificates, proxies, protocols, detours, and where a registry may send us.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop right there")]

mod detours;
mod protocols;
mod proxies;
mod sent_elsewhere;
mod trust;
