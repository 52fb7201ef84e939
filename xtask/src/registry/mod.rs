//! Registries: the distribution API over one small door to the network.
//!
//! `host` sends every request: `queue` says when, `login` with `auth` as whom, `retry` how often;
//! `body` reads the answers that are small, `redirect` follows them elsewhere. `connections` are whom we
//! trust and what we show of us, `proxy` who is in between. `repository` is the API
//! in terms of manifests and blobs, `session` its uploads; `download` and `upload` are the two halves of a blob's way, and
//! `transfer` is all of it. `profile` is what is known of each kind of registry, `capability` what a host
//! can do, `challenge` what it asks for, `realm` whom it names, `credentials` and `logins` who we are
//! there, `connections` and `proxy` the way there, `examine` what a host is before a run; `error` is what
//! went wrong, for a reader.

mod asking;
mod auth;
mod body;
pub(crate) mod capability;
mod challenge;
mod cloud;
pub mod connect;
mod connections;
pub mod credentials;
pub(crate) mod download;
mod error;
pub mod examine;
pub(crate) mod host;
mod login;
mod logins;
pub mod profile;
mod proxy;
mod queue;
mod realm;
mod redirect;
mod referrers;
pub(crate) mod repository;
mod retry;
pub(crate) mod session;
mod shown;
pub(crate) mod transfer;
mod upload;

pub(crate) use connect::is_loopback;
pub use connect::{Registries, Settings};
pub use error::{Cause, Error, Phase, Refusal, Side};
pub use host::Host;
pub use repository::{ManifestName, RemoteRepository};
pub use retry::RetryPolicy;
