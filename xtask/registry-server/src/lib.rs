//! The server side of the OCI distribution API 1.1: paths, replies and error bodies, and a registry that
//! serves a [`Storage`] to a request in this process or over HTTP.
//!
//! The replies to manifests, blobs, tags and referrers are values that no storage is needed for. The
//! registry in memory uses these too, and adds its content, faults and quirks.

pub mod blob;
mod body;
mod call;
mod conditions;
mod embedded;
mod image_names;
mod layout_storage;
pub mod manifest;
#[cfg(test)]
mod memory;
pub mod referrers;
mod reply;
pub mod route;
mod serve;
mod served;
mod storage;
pub mod tags;
mod uploads;
mod writable_layout;

pub use body::{ReplyBody, RequestBody};
pub use image_names::pullable_name;
pub use layout_storage::LayoutStorage;
pub use reply::{ErrorReply, Reply};
pub use serve::Listening;
pub use served::ServedRegistry;
pub use storage::{BlobSink, NewBlob, Storage, StorageError, StoredBlob, WritableStorage};
pub use writable_layout::WritableLayout;
