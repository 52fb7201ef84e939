//! What to do about an error response: by what the server wrote, and only then by its status. A 403 may be a
//! quota, a firewall or a missing permission, and only the words tell which.

use crate::error_response::{ErrorCode, ErrorResponse};
use crate::side::Side;

pub(crate) const RUN_AGAIN: &str = "run the same command again: it continues where it stopped";
pub(crate) const RUN_LATER: &str =
    "run the command again later; authenticated requests often have a higher limit";

/// For an address without TLS that a registry behind TLS names.
pub(crate) const FORWARDED_PROTO: &str = "the registry does not know that it is behind TLS: its proxy has to set \
    `X-Forwarded-Proto: https` and pass on `Host`, or the registry needs its external URL in its settings";
/// For an address of the registry itself that is not the one that was configured.
pub(crate) const LOST_PORT: &str = "the registry names itself with another port: its proxy has to pass on `Host` \
    with the port, or the registry needs its external URL in its settings (`http.host` of docker-registry)";
/// For an address that a registry names and that accepts no connections.
pub(crate) const REFUSED_ELSEWHERE: &str = "if that is another address of the registry itself, its proxy has to set \
    `X-Forwarded-Proto` and `X-Forwarded-Host`, or the registry needs its external URL in its settings (`http.host` of \
    docker-registry); if it is its storage, check that the storage runs and can be reached from here";

/// Words of servers, in lower case, and the advice for them. Each row names the servers that write this.
struct Row {
    words: &'static [&'static str],
    side: Option<Side>,
    hint: &'static str,
}

const fn row(words: &'static [&'static str], hint: &'static str) -> Row {
    Row { words, side: None, hint }
}

const fn at(side: Side, words: &'static [&'static str], hint: &'static str) -> Row {
    Row { words, side: Some(side), hint }
}

/// The first row that fits counts.
const ROWS: &[Row] = &[
    // A registry or its storage driver that passes on ENOSPC.
    row(
        &["no space left", "insufficient storage", "disk quota exceeded"],
        "the registry's disk is full: free space there, then run the same command again",
    ),
    // Harbor, Quay, GitLab, Docker Hub.
    row(
        &[
            "quota",
            "exceed the configured upper limit",
            "storage limit",
            "exceeds the limit of storage",
        ],
        "the storage quota of this project is used up: raise it, or delete images there",
    ),
    // Harbor: vulnerabilities, signatures that a project requires.
    row(
        &["vulnerabilit", "projectpolicyviolation", "the image is not signed"],
        "a policy of the project refuses this image: ask its administrator for an exception, or list another version",
    ),
    // Azure, and firewalls in general.
    row(
        &[
            "acr/firewall",
            "firewall",
            "not allowed access",
            "web application firewall",
            "ip address is not allowed",
        ],
        "a firewall refuses the address of this machine: allow it there, or run the command in a network that is allowed",
    ),
    // ECR, Harbor, Artifactory, Quay.
    row(
        &["immutable", "cannot be overwritten", "tagalreadyexists", "tag already exists"],
        "the tag cannot be moved there: delete it at the destination, or list another tag",
    ),
    // GitHub, GitLab.
    at(
        Side::Source,
        &["expected scopes", "insufficient_scope", "insufficient scope"],
        "the token lacks a permission: it needs to read packages (`read:packages`, `read_registry`)",
    ),
    at(
        Side::Destination,
        &["expected scopes", "insufficient_scope", "insufficient scope"],
        "the token lacks a permission: it needs to write packages (`write:packages`, `write_registry`)",
    ),
    // Harbor, Nexus, Artifactory.
    at(
        Side::Destination,
        &["proxy project", "proxy repository", "proxy cache", "pull through", "pull-through"],
        "this is a cache of another registry, which takes no pushes: choose another project or repository",
    ),
    // docker-registry and Harbor during maintenance.
    at(
        Side::Destination,
        &["read-only", "read only", "readonly", "maintenance"],
        "the registry accepts no pushes at the moment: end its read-only mode, then run the same command again",
    ),
    // Go and nginx, where TLS is required.
    row(
        &["http request to an https server", "http request was sent to https port"],
        "the registry requires TLS: set `plain-http = false` in `[registries.\"HOST\"]`",
    ),
    // Docker Hub, GitLab and others limit paths.
    at(
        Side::Destination,
        &["name_invalid", "invalid repository name", "invalid name"],
        "the registry does not allow this path: choose another `target` or `path`",
    ),
    // Harbor, ECR, GitLab, Artifactory.
    at(
        Side::Destination,
        &["name_unknown", "does not exist", "project not found", "repository not found"],
        "create the repository or project: this registry does not create it on the first push",
    ),
];

/// What a response suggests to do next.
pub(crate) fn hint_for_response(response: &ErrorResponse, side: Side) -> Option<&'static str> {
    let codes = response.codes.iter().map(ErrorCode::to_string);
    let text = codes.chain([response.message.clone()]).collect::<Vec<_>>().join(" ").to_lowercase();
    let fits = |row: &&Row| {
        row.side.is_none_or(|only| only == side)
            && row.words.iter().any(|words| text.contains(words))
    };
    match ROWS.iter().find(fits) {
        Some(row) => Some(row.hint),
        None if response.is_html && matches!(response.status, 400..=412 | 414..=499) => Some(
            "a web server or firewall in front of the registry answered, not the registry: check its rules and \
             limits, and that this is the address of a container registry",
        ),
        None => hint_for_status(response.status, side),
    }
}

fn hint_for_status(status: u16, side: Side) -> Option<&'static str> {
    Some(match (status, side) {
        (403, Side::Source) => "the account has no permission to read this repository",
        (403, Side::Destination) => {
            "the account has no permission to write to this repository, or the repository has to be created first"
        }
        (404, Side::Source) => {
            "check source and tag; some registries return 404 if credentials are required"
        }
        (404, Side::Destination) => {
            "create the repository: this registry does not create it on the first push"
        }
        (405, Side::Destination) => {
            "the registry accepts no pushes here: it may be read-only, or a cache of another registry"
        }
        (413, _) => {
            "a proxy in front of the registry limits the size of requests: raise the limit there"
        }
        (429, _) => RUN_LATER,
        (507, _) => {
            "the registry's disk is full: free space there, then run the same command again"
        }
        (500..=599, _) => RUN_AGAIN,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(status: u16, body: &str, side: Side) -> String {
        let response = ErrorResponse::parse(status, body.as_bytes(), None);
        hint_for_response(&response, side).unwrap_or_default().to_owned()
    }

    fn envelope(code: &str, message: &str) -> String {
        format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#)
    }

    #[test]
    fn what_the_server_wrote_decides_before_the_status() {
        use Side::{Destination, Source};
        let table = [
            (
                403,
                Destination,
                "DENIED",
                "adding 12.4 MiB of storage resource, which when updated to current usage of 9.99 GiB will exceed the configured upper limit of 10.0 GiB.",
                "quota",
            ),
            (413, Destination, "TOOMANYREQUESTS", "storage quota exceeded", "quota"),
            (
                500,
                Destination,
                "UNKNOWN",
                "write /var/lib/registry: no space left on device",
                "disk is full",
            ),
            (
                412,
                Source,
                "PROJECTPOLICYVIOLATION",
                "current image with 12 vulnerabilities cannot be pulled",
                "policy of the project",
            ),
            (
                403,
                Destination,
                "DENIED",
                "client with IP '203.0.113.9' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
                "firewall refuses",
            ),
            (
                403,
                Source,
                "DENIED",
                "client with IP '203.0.113.9' is not allowed access.",
                "firewall refuses",
            ),
            (
                403,
                Destination,
                "DENIED",
                "permission_denied: The token provided does not match expected scopes.",
                "write:packages",
            ),
            (
                403,
                Source,
                "DENIED",
                "permission_denied: The token provided does not match expected scopes.",
                "read:packages",
            ),
            (400, Destination, "TAG_INVALID", "The tag is immutable", "cannot be moved"),
            (412, Destination, "PRECONDITION", "configured as immutable", "cannot be moved"),
            (
                405,
                Destination,
                "UNSUPPORTED",
                "can not push artifact to a proxy project: x",
                "takes no pushes",
            ),
            (403, Destination, "DENIED", "The system is in read only mode.", "read-only mode"),
            (
                400,
                Source,
                "",
                "Client sent an HTTP request to an HTTPS server.",
                "plain-http = false",
            ),
            (400, Destination, "NAME_INVALID", "too deep", "choose another `target`"),
            (
                403,
                Destination,
                "NAME_UNKNOWN",
                "The repository with name 'x' does not exist in the registry",
                "create the repository",
            ),
            (
                403,
                Destination,
                "DENIED",
                "requested access to the resource is denied",
                "permission to write",
            ),
            (
                403,
                Source,
                "DENIED",
                "requested access to the resource is denied",
                "permission to read",
            ),
            (
                404,
                Source,
                "NAME_UNKNOWN",
                "repository name not known to registry",
                "check source and tag",
            ),
            (404, Destination, "NOT_FOUND", "", "create the repository"),
            (
                405,
                Destination,
                "UNSUPPORTED",
                "The operation is unsupported.",
                "accepts no pushes here",
            ),
            (413, Destination, "", "", "limits the size of requests"),
            (429, Source, "TOOMANYREQUESTS", "pull rate limit", "run the command again later"),
            (502, Source, "", "", "run the same command again"),
        ];
        for (status, side, code, message, expected) in table {
            let body = if code.is_empty() { message.to_owned() } else { envelope(code, message) };
            let hint = hint(status, &body, side);
            assert!(hint.contains(expected), "{status} {code} {message}: {hint}");
        }
    }

    #[test]
    fn a_page_is_not_the_registry() {
        let page = "<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request.</body></html>";
        assert!(hint(400, page, Side::Destination).contains("not the registry"));
        assert!(hint(403, "<html>Forbidden by WAF</html>", Side::Source).contains("firewall"));
        assert!(hint(413, page, Side::Destination).contains("limits the size"));
        assert!(hint(502, page, Side::Destination).contains("run the same command again"));
    }

    #[test]
    fn every_row_has_words_in_lower_case() {
        for row in ROWS {
            assert!(
                row.words.iter().all(|words| *words == words.to_lowercase()),
                "{:?}",
                row.words
            );
        }
    }
}
