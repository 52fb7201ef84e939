//! Finds texts with the unmistakable shape of an image reference, `host.tld[:port]/path`; pure and linear
//! in the length of the text.

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
const IMAGE_SCHEMES: [&str; 3] = ["docker", "containers-storage", "oci"];

impl Shape<'_> {
    /// Whether it names a version. Without one, the text may be a label or the address of a page.
    pub(super) fn is_versioned(&self) -> bool {
        self.reference.is_versioned()
    }
}

/// All shapes in a text, in their order. They do not overlap.
pub(super) fn shapes(text: &str) -> Vec<Shape<'_>> {
    runs(text).filter_map(|(start, run)| shape(start, run)).collect()
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

fn shape(start: usize, run: &str) -> Option<Shape<'_>> {
    // Every run without these is an ordinary word, and most runs are.
    if !run.contains('/') || !run.contains(['.', ':']) {
        return None;
    }
    let after_scheme = match run.rfind("://") {
        Some(at) if IMAGE_SCHEMES.iter().any(|scheme| run[..at].ends_with(scheme)) => at + 3,
        Some(_) => return None,
        None => 0,
    };
    let first = &run[after_scheme..];
    let first = &first[..first.find('/')?];
    let skipped = after_scheme + host_start(first);
    let written = run[skipped..].trim_end_matches(['.', '_', '-', '/', ':', '@']);
    let (host, _) = written.split_once('/')?;
    if !is_registry(host) {
        return None;
    }
    let reference: ImageReference = written.parse().ok()?;
    let tag = reference.tag.as_ref().map(|tag| tag.as_str());
    let is_taint = tag.is_some_and(|tag| TAINT_EFFECTS.contains(&tag));
    (!is_taint).then_some(Shape { start: start + skipped, written, reference })
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
    let is_excluded = |known: &str| {
        name.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if NO_REGISTRIES.into_iter().any(is_excluded) {
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
    let has_domain = labels
        .last()
        .is_some_and(|last| last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic()));
    labels.len() >= 2 && has_domain && labels.iter().all(is_label)
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
        let table: [(&str, &[&str]); 17] = [
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
            ("a/b:1 quay.io file.1/b:1 localhost/a:1 1.2.3.4/a:1", &[]),
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
