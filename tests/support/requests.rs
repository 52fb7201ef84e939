//! Readers of the request logs of registries in memory.

use std::collections::BTreeMap;

use oci::Digest;
use registry_in_memory::{InMemoryRegistry, Kind, LoggedRequest};

/// The requests of a method and kind, in order of arrival.
pub(crate) fn asked(registry: &InMemoryRegistry, method: &str, kind: Kind) -> Vec<LoggedRequest> {
    let mut requests = registry.requests();
    requests.retain(|request| request.method == method && request.kind == kind);
    requests
}

/// The statuses of the requests of a method and kind; 0 if the connection was cut.
pub(crate) fn statuses(registry: &InMemoryRegistry, method: &str, kind: Kind) -> Vec<u16> {
    asked(registry, method, kind).iter().map(|r| r.status.unwrap_or_default()).collect()
}

/// The fetches of one blob, each with its `Range`.
pub(crate) fn fetches(registry: &InMemoryRegistry, blob: &Digest) -> Vec<Option<String>> {
    let all = asked(registry, "GET", Kind::Blob);
    let of_blob = all.iter().filter(|request| request.path.ends_with(blob.as_str()));
    of_blob.map(|request| request.header("range").map(str::to_owned)).collect()
}

/// The requests that committed this blob.
pub(crate) fn commits(registry: &InMemoryRegistry, blob: &Digest) -> Vec<LoggedRequest> {
    let mut puts = asked(registry, "PUT", Kind::Upload);
    puts.retain(|request| request.query.contains(&blob.as_str().replace(':', "%3A")));
    puts
}

/// The requests to a registry, counted by kind: `22 HEAD manifest, 3 POST mount`. A mount from the
/// repository itself counts as an upload, because that is how uploads start.
pub(crate) fn request_counts(registry: &InMemoryRegistry) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for request in registry.requests() {
        *counts.entry(describe(&request)).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    counted(&counts)
}

/// Expected counts, in the form of [`request_counts`]. They are in alphabetical order; zeros are left out.
pub(crate) fn counted(counts: &[(&str, usize)]) -> String {
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    counts.map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

fn describe(request: &LoggedRequest) -> String {
    let kind = match request.kind {
        Kind::Manifest => "manifest",
        Kind::Blob => "blob",
        Kind::Upload if is_mount(request) => "mount",
        Kind::Upload => "upload",
        Kind::Referrers => "referrers",
        Kind::Base | Kind::Catalog | Kind::Tags | Kind::Token | Kind::Other => "other",
    };
    format!("{} {kind}", request.method)
}

/// Whether a request mounts a blob from another repository.
pub(crate) fn is_mount(request: &LoggedRequest) -> bool {
    let own = request.repository.as_ref().unwrap().replace('/', "%2F");
    let from = request.query.split('&').find_map(|pair| pair.strip_prefix("from="));
    from.is_some_and(|from| from != own)
}

/// The repository and digest of every blob that was uploaded.
pub(crate) fn uploaded_blobs(registry: &InMemoryRegistry) -> Vec<(String, String)> {
    let mut puts = asked(registry, "PUT", Kind::Upload);
    puts.retain(|request| request.status == Some(201));
    let pair = |request: LoggedRequest| {
        let (_, digest) = request.query.split_once("digest=").unwrap();
        (request.repository.unwrap(), digest.to_owned())
    };
    puts.into_iter().map(pair).collect()
}

/// The digests of the blobs that were downloaded.
pub(crate) fn fetched_blobs(registry: &InMemoryRegistry) -> Vec<String> {
    let gets = asked(registry, "GET", Kind::Blob).into_iter();
    gets.map(|request| request.path.rsplit('/').next().unwrap().to_owned()).collect()
}
