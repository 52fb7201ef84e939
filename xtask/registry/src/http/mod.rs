//! HTTP requests to registries: the only door to the network.

pub(crate) mod attempts;
pub(crate) mod body;
pub(crate) mod clients;
pub(crate) mod early_connections;
mod failed_request;
pub(crate) mod head_support;
pub mod host;
pub(crate) mod liveness;
mod named_certificates;
pub(crate) mod net;
pub(crate) mod order;
pub(crate) mod proxy;
pub(crate) mod queue;
pub(crate) mod redact;
pub(crate) mod redirect;
pub(crate) mod request;
pub(crate) mod resolver;
pub mod snapshot;
pub(crate) mod tls_problem;
pub mod trace;
mod traced_host;
pub(crate) mod transport;
