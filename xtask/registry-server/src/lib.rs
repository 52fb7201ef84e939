//! The server side of the OCI distribution API 1.1: paths, replies and error bodies, and a registry that
//! serves a [`Storage`] to a request in this process or over HTTP.
//!
//! The replies to manifests, blobs, tags and referrers are values that no storage is needed for. The
//! registry in memory uses these too, with content, faults and quirks of its own.

pub mod blob;
mod body;
mod call;
pub mod manifest;
pub mod referrers;
mod reply;
pub mod route;
mod served;
mod storage;
pub mod tags;
mod uploads;

pub use body::{ReplyBody, RequestBody};
pub use reply::{ErrorReply, Reply};
pub use served::ServedRegistry;
pub use storage::{BlobSink, NewBlob, Storage, StorageError, StoredBlob, WritableStorage};
