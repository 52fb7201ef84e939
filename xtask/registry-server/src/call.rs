//! A request on its way through a handler, with the storage that serves it.

use std::sync::Arc;

use hyper::header::CONTENT_LENGTH;
use hyper::{HeaderMap, Method, StatusCode};
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::reply::ErrorReply;
use crate::route::Parameters;
use crate::storage::{Storage, StorageError};

/// A request, with what its handler needs.
pub(crate) struct Call {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) method: Method,
    pub(crate) query: Parameters,
    pub(crate) headers: HeaderMap,
}

impl Call {
    /// The length of the body in bytes, if the request announces it.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }
}

/// Calls the storage on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    call: &Call,
    act: impl FnOnce(&dyn Storage) -> Result<T, StorageError> + Send + 'static,
) -> Result<T, ErrorReply> {
    let storage = Arc::clone(&call.storage);
    match spawn_blocking(move || act(&*storage)).await {
        Ok(result) => result.map_err(|error| storage_error(&error)),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// The reply to a request that the storage could not serve. The hint is in the details of the error.
pub(crate) fn storage_error(error: &StorageError) -> ErrorReply {
    let (status, code) = match error {
        StorageError::WrongContent(_) => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
        StorageError::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
    };
    let advice = error.advice();
    ErrorReply::with_detail(status, code, &advice.message, &json!({"hint": advice.hint}))
}
