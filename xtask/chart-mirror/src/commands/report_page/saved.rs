//! What reports and plans say about an image in the same way: an error, and the content.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::model::ErrorText;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct SavedError {
    message: String,
    hint: Option<String>,
    side: Option<String>,
    operation: String,
    request: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SavedContent {
    #[serde(rename = "complete")]
    pub(super) is_complete: bool,
    pub(super) platforms: BTreeSet<String>,
    pub(super) blobs: BTreeMap<String, u64>,
}

impl SavedError {
    pub(super) fn text(&self) -> ErrorText {
        let side = self.side.as_deref().unwrap_or_default();
        let prefix = [side, &self.operation, &self.request];
        let mut cause = self.message.as_str();
        for part in prefix.into_iter().filter(|part| !part.is_empty()) {
            let rest = cause.strip_prefix(part);
            cause = rest.and_then(|rest| rest.strip_prefix(": ")).unwrap_or(cause);
        }
        let cause = match side {
            "" => cause.to_owned(),
            side => format!("{side}: {cause}"),
        };
        ErrorText { message: self.message.clone(), cause, hint: self.hint.clone() }
    }
}
