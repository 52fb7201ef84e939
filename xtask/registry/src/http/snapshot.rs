//! `Snapshot`: the manifests that were read from a host, so that two passes over the same images send the
//! requests of one, and see the same content.

use std::collections::HashMap;
use std::sync::Mutex;

use reqwest::{StatusCode, Url};

use super::request::BufferedResponse;
use crate::lock::lock;

/// Whether the manifests of the sources are kept in memory for the rest of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SourceManifests {
    #[default]
    ReadEachTime,
    ReadOnce,
}

/// Responses to requests for manifests, by their addresses: those with a manifest, and those about one that is
/// not there.
#[derive(Default)]
pub(crate) struct Snapshot(Mutex<HashMap<Url, BufferedResponse>>);

impl Snapshot {
    pub(crate) fn get(&self, url: &Url) -> Option<BufferedResponse> {
        lock(&self.0).get(url).cloned()
    }

    pub(crate) fn keep(&self, url: &Url, response: &BufferedResponse) {
        if response.status.is_success() || response.status == StatusCode::NOT_FOUND {
            lock(&self.0).insert(url.clone(), response.clone());
        }
    }
}
