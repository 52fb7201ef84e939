//! A client for the OCI distribution API. It knows nothing about image lists or charts.

pub mod auth;
pub mod capabilities;
pub mod download;
mod error;
mod error_json;
pub mod http;
pub mod known;
pub mod ping;
mod referrers;
pub mod registries;
pub mod repository;
pub mod session;
pub mod transfer;
mod upload;

pub use auth::HostSide;
pub use error::{Cause, Error, ErrorCode, ErrorResponse, Phase, Side};
pub use http::attempts::RetryPolicy;
pub use http::host::Host;
pub use registries::{Registries, Requests, Settings, is_loopback};
pub use repository::{ManifestName, Pushed, RemoteRepository};
