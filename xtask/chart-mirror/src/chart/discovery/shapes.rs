//! Finds texts with the unmistakable shape of an image reference, `host.tld[:port]/path`; pure and linear
//! in the length of the text.

use super::registries::is_known_registry;
use crate::chart::image_reference::ImageReference;

/// A part of a text that has the shape of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape<'t> {
    /// Where it starts in the text, in bytes.
    pub(super) start: usize,
    pub(super) written: &'t str,
    pub(super) reference: ImageReference,
}

/// Effects of taints: `node.example.com/gpu:NoSchedule` is not an image.
const TAINT_EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
/// Hosts of labels, of source code and of documentation. None is a registry.
const NO_REGISTRIES: [&str; 4] = ["kubernetes.io", "github.com", "golang.org", "helm.sh"];
/// The schemes of tools that copy images. An address with another scheme is a page.
const IMAGE_SCHEMES: [&str; 5] = ["docker", "containers-storage", "image", "oci", "registry"];

impl Shape<'_> {
    /// Whether it names a version. Without one, the text may be a label or the address of a page.
    pub(super) fn is_versioned(&self) -> bool {
        self.reference.is_versioned()
    }
}

/// All shapes in a text, in their order. They do not overlap.
pub(super) fn shapes(text: &str) -> Vec<Shape<'_>> {
    let is_word = |c: char| c.is_lowercase() || c.is_uppercase();
    let follows_letter =
        |start: usize| text[..start].ends_with(|c: char| !c.is_ascii() && is_word(c));
    let runs = runs(text).filter(|(start, _)| !follows_letter(*start));
    runs.filter_map(|(start, run)| pinned(start, run).or_else(|| shape(start, run))).collect()
}

/// The shape that a text consists of, apart from white space around it.
pub(super) fn whole(text: &str) -> Option<Shape<'_>> {
    let trimmed = text.trim();
    let found = shapes(trimmed).into_iter().next()?;
    (found.written == trimmed).then_some(found)
}

/// The longest pieces that consist of characters of references, with their positions.
fn runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(is_part)?;
        let length = text[start..].find(|c| !is_part(c)).unwrap_or(text.len() - start);
        rest = start + length;
        Some((start, &text[start..rest]))
    })
}

/// A reference with a digest, which nothing else looks like: `a/b@sha256:...`, also of Docker Hub.
fn pinned(start: usize, run: &str) -> Option<Shape<'_>> {
    if !run.contains("@sha") {
        return None;
    }
    let reference: ImageReference = run.parse().ok()?;
    let is_sure = reference.registry.is_none()
        && reference.digest.is_some()
        && (reference.path.contains('/') || reference.tag.is_some());
    is_sure.then_some(Shape { start, written: run, reference })
}

fn shape(start: usize, run: &str) -> Option<Shape<'_>> {
    // Every run without these is an ordinary word, and most runs are.
    if !run.contains('/') || !run.contains(['.', ':']) {
        return None;
    }
    let after_scheme = match run.rfind("://") {
        Some(at) if IMAGE_SCHEMES.iter().any(|scheme| run[..at].ends_with(scheme)) => at + 3,
        Some(_) => return None,
        None => run.len() - run.trim_start_matches('/').len(),
    };
    let first = &run[after_scheme..];
    let first = &first[..first.find('/')?];
    let skipped = after_scheme + host_start(first);
    let written = run[skipped..].trim_end_matches(['.', '_', '-', '/', ':', '@']);
    let written = without_mode(written);
    let (host, path) = written.split_once('/')?;
    let reference: ImageReference = written.parse().ok()?;
    let is_address = is_bare_address(host)
        && reference.is_versioned()
        && path.starts_with(|c: char| c.is_ascii_alphabetic());
    if !is_registry(host) && !is_address {
        return None;
    }
    let tag = reference.tag.as_ref().map(|tag| tag.as_str());
    let is_taint = tag.is_some_and(|tag| TAINT_EFFECTS.contains(&tag));
    (!is_taint).then_some(Shape { start: start + skipped, written, reference })
}

/// A reference without what tools write behind it: `quay.io/a/b:1:ro`.
fn without_mode(written: &str) -> &str {
    let name = written.rfind('/').map_or(0, |slash| slash + 1);
    let mut colons = written[name..].match_indices(':').map(|(at, _)| name + at);
    match (written.contains('@'), colons.nth(1)) {
        (false, Some(second)) => &written[..second],
        _ => written,
    }
}

/// Whether a host is an address without a port, which may also be a network: `10.0.0.0/8`.
fn is_bare_address(host: &str) -> bool {
    host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Where the host starts in what stands before the first slash: after `name:`, `name@` or dashes.
fn host_start(first: &str) -> usize {
    let colon = first.rfind(':').filter(|at| !is_port(&first[at + 1..]));
    let colon = colon.or_else(|| {
        let before_port = &first[..first.rfind(':')?];
        before_port.rfind(':')
    });
    let start = colon.max(first.rfind('@')).map_or(0, |at| at + 1);
    start + first[start..].find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(0)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.len() <= 5 && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// Whether a host can only be a registry: it has a top-level domain, or it is an address with a port.
pub(super) fn is_registry(host: &str) -> bool {
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    if port.is_some_and(|port| !is_port(port)) {
        return false;
    }
    if names_no_registry(name) {
        return false;
    }
    if name == "localhost" || name.parse::<std::net::Ipv4Addr>().is_ok() {
        return port.is_some();
    }
    let labels: Vec<&str> = name.split('.').collect();
    let is_label = |label: &&str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(inner)
    };
    let is_domain = |last: &&str| {
        last.starts_with("xn--")
            || (last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic()))
    };
    let has_domain = labels.last().is_some_and(is_domain);
    labels.len() >= 2 && has_domain && labels.iter().all(is_label)
}

/// Whether a host is known to have labels, source code or documentation, and no images.
pub(super) fn names_no_registry(host: &str) -> bool {
    let is_excluded = |known: &str| {
        host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    NO_REGISTRIES.into_iter().any(is_excluded) && !is_known_registry(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        shapes(text).into_iter().map(|shape| shape.written).collect()
    }

    #[test]
    fn shapes_are_found_wherever_they_stand() {
        let digest = format!("quay.io/a/b@sha256:{}", "1".repeat(64));
        let quoted = format!("see '{digest}'.");
        let hub = format!("a/b@sha256:{}", "1".repeat(64));
        let hub_tag = hub.replace("a/b@", "b:1@");
        let table: [(&str, &[&str]); 26] = [
            ("quay.io/a/b:1", &["quay.io/a/b:1"]),
            ("--image=quay.io/a/b:1", &["quay.io/a/b:1"]),
            ("8.0=quay.io/a/b:8\n9.0=quay.io/a/b:9", &["quay.io/a/b:8", "quay.io/a/b:9"]),
            ("{\"x\":\"ghcr.io/a/b:1\",\"y\":2}", &["ghcr.io/a/b:1"]),
            (&quoted, &[&digest]),
            ("docker://quay.io/a/b:1", &["quay.io/a/b:1"]),
            ("name:quay.io/a/b:1", &["quay.io/a/b:1"]),
            ("x:quay.io:443/a/b:1", &["quay.io:443/a/b:1"]),
            ("x@quay.io/a:1", &["quay.io/a:1"]),
            ("localhost:5000/a:1 10.0.0.1:80/a:1", &["localhost:5000/a:1", "10.0.0.1:80/a:1"]),
            ("pull quay.io/a/b.", &["quay.io/a/b"]),
            ("[quay.io/a/b:1,gcr.io/c:2]", &["quay.io/a/b:1", "gcr.io/c:2"]),
            ("https://quay.io/a/b:1 http://x.io/a", &[]),
            ("a/b:1 quay.io file.1/b:1 localhost/a:1 1.2.3.4/a 1.2.3.0/24:1", &[]),
            ("10.0.0.5/a/b:1", &["10.0.0.5/a/b:1"]),
            (
                "docker-image://quay.io/a/b:1 image://quay.io/a/c:1",
                &["quay.io/a/b:1", "quay.io/a/c:1"],
            ),
            ("//quay.io/a/b:1.0 quay.io/a/b:1.0:ro", &["quay.io/a/b:1.0", "quay.io/a/b:1.0"]),
            ("docker.pkg.github.com/a/b/c:1", &["docker.pkg.github.com/a/b/c:1"]),
            ("reg.acme.xn--p1ai/a/b:1", &["reg.acme.xn--p1ai/a/b:1"]),
            ("bücher.example/a:1", &[]),
            ("镜像quay.io/a/b:1", &["quay.io/a/b:1"]),
            (&hub, &[&hub]),
            (&hub_tag, &[&hub_tag]),
            ("app.kubernetes.io/name:x github.com/a/b:1", &[]),
            ("gpu.example.com/x:NoSchedule quay.io/A/b:1", &[]),
            ("-.io/a:1 a-.io/b:1 $(R)/a:1", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn a_whole_text_is_one_shape() {
        assert!(whole(" quay.io/a/b:1\n").is_some_and(|shape| shape.is_versioned()));
        assert!(whole("quay.io/a/b").is_some_and(|shape| !shape.is_versioned()));
        for text in ["", "see quay.io/a/b:1", "quay.io/a/b:1.", "quay.io/a/b:1 quay.io/a/b:1"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
