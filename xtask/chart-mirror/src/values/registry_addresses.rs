//! The registries and repositories that a mention names, to compare them without and with the values; pure.

use crate::chart::{ImageReference, Mention};

/// The addresses in a mention that names no version, in their order and without the parts that do not
/// matter: `quay.io`, `registry.k8s.io/pause`. A URL names one, too.
pub(super) fn addresses(mention: &Mention) -> Vec<String> {
    match &mention.reference {
        Some(reference) => vec![address_of(reference)],
        None => in_text(&mention.written),
    }
}

fn address_of(reference: &ImageReference) -> String {
    // The path as written: `docker.io/acme` is not `docker.io/library/acme`.
    format!("{}/{}", reference.repository.registry(), reference.path)
}

fn in_text(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    text.split(|c| !is_part(c)).filter_map(address).collect()
}

fn address(run: &str) -> Option<String> {
    let without_scheme = run.rsplit("://").next().unwrap_or(run);
    let (authority, path) = without_scheme.split_once('/').unwrap_or((without_scheme, ""));
    // The user of a URL, and the key of `registry:quay.io`.
    let host = authority.rsplit('@').next().unwrap_or(authority).trim_end_matches([':', '.']);
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let host = match host.rsplit_once(':') {
        Some((_, host)) if !is_port(host) => host,
        Some((host, "443")) => host,
        _ => host,
    };
    let host = match host.to_ascii_lowercase().as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        host => host.to_owned(),
    };
    let path = path.trim_end_matches(['/', '.', ':']);
    if !host.contains(['.', ':']) {
        return None;
    }
    Some(if path.is_empty() { host } else { format!("{host}/{path}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_path_at_most() {
        let table: [(&str, &[&str]); 10] = [
            ("quay.io", &["quay.io"]),
            ("--registry=quay.io", &["quay.io"]),
            ("https://user@quay.io:443/v2/", &["quay.io/v2"]),
            ("docker.io,index.docker.io", &["docker.io", "docker.io"]),
            ("registry:quay.io", &["quay.io"]),
            ("Quay.IO", &["quay.io"]),
            ("localhost:5000", &["localhost:5000"]),
            ("r.io:5000/a", &["r.io:5000/a"]),
            ("quay.io.", &["quay.io"]),
            ("none", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(in_text(text), expected, "{text}");
        }
    }
}
