//! An OCI registry in memory, on a loopback port: the demo, the tests and the benchmark mirror from it and to it. It
//! logs every request, and fails in the ways that a test scripts.
//!
//! It implements the distribution specification 1.1 over plain HTTP, for clients on this machine. [`SlowLink`] and
//! [`TlsFront`] put a distance and TLS in front of it.

mod accepting;
mod authentication;
mod blobs;
mod body;
mod call;
mod chaos;
mod connection;
pub mod content;
mod effects;
mod failure;
mod faults;
mod lock;
mod log;
mod manifests;
mod options;
mod registry;
mod request;
mod server;
mod slow_link;
mod store;
mod tls_front;
mod tokens;
mod uploads;

pub use authentication::{Authentication, Grants, RefreshToken, TokenKey, TokenStyle};
pub use chaos::{Chaos, End, Faulty};
pub use faults::{Effect, Fault, Matcher, dead_from_nth_request, fail_nth_request};
pub use log::LoggedRequest;
pub use options::{Deletes, LocationStyle, RegistryOptions};
pub use registry::InMemoryRegistry;
pub use registry_server::route::Kind;
pub use slow_link::{LinkSpeed, SlowLink};
pub use store::Store;
pub use tls_front::TlsFront;
