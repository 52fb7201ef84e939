//! A client for the OCI distribution API: manifests, blobs, uploads, authentication. It knows nothing about
//! image lists or charts.

mod accidents;
pub mod auth;
pub mod capabilities;
mod delete;
pub mod download;
mod embedded;
#[cfg(any(test, fuzzing))]
pub mod entry_points;
mod error;
mod error_json;
mod error_response;
mod hints;
pub mod http;
mod incoming_blob;
pub mod known;
mod lock;
mod pages;
pub mod ping;
mod presence;
mod push;
mod referrers;
pub mod registries;
pub mod repository;
pub mod session;
mod shared_cause;
pub mod shared_read;
mod side;
pub mod transfer;
mod upload;
mod upload_turns;

pub use auth::{Access, HostSide};
pub use delete::Deleted;
pub use embedded::EmbeddedRegistry;
pub use error::{Cause, Error, ErrorCode, ErrorResponse, HostHint, Phase, Side};
pub use http::attempts::RetryPolicy;
pub use http::host::Host;
pub use http::net::is_loopback;
pub use http::snapshot::SourceManifests;
pub use http::tls_problem::TlsProblem;
pub use http::trace::{Activity, Trace, TracedRequest, TracedSpan};
pub use pages::ListedTag;
pub use push::{Pushed, ReadBack};
pub use registries::{Registries, Requests, Settings, is_plain};
pub use repository::{ManifestName, RemoteRepository, Tagged};
