//! Which values a rendering has in addresses that clients use, such as the host of an Ingress: setting them
//! changes more than images. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::marks_in;

/// Kinds whose hosts are those of the application.
const KINDS: [&str; 8] = [
    "Ingress",
    "IngressRoute",
    "HTTPRoute",
    "Gateway",
    "VirtualService",
    "Route",
    "Certificate",
    "HTTPProxy",
];

/// By the number of each sentinel: the addresses that it is a part of, in the words of reports.
pub(super) fn addresses(stream: &str) -> BTreeMap<usize, BTreeSet<String>> {
    let mut found: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut kind = "";
    for line in stream.lines() {
        if line.starts_with("---") {
            kind = "";
        }
        if let Some(value) = line.strip_prefix("kind:") {
            kind = value.trim().trim_matches(['"', '\'']);
        }
        for (number, range) in marks_in(line) {
            let is_url = ["https://", "http://"].iter().any(|it| line[..range.start].ends_with(it));
            let place = match kind {
                "Secret" => continue,
                kind if KINDS.contains(&kind) => format!("the host of the {kind}"),
                kind if is_url => format!("a URL in a {kind}"),
                _ => continue,
            };
            found.entry(number).or_default().insert(place);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_the_application_and_urls_are_addresses() {
        let table = [
            ("kind: Ingress\nspec: {host: probe1z.invalid}", "the host of the Ingress"),
            ("kind: Pod\nargs: [--u=https://probe1z.invalid/x]", "a URL in a Pod"),
            ("kind: Pod\nimage: probe1z.invalid/x", ""),
            ("kind: Secret\nauths: https://probe1z.invalid", ""),
            ("kind: Ingress\nx: y\n---\nkind: Pod\nx: probe1z", ""),
        ];
        for (text, expected) in table {
            let found = addresses(text);
            let words: Vec<&str> =
                found.get(&1).into_iter().flatten().map(String::as_str).collect();
            assert_eq!(words.join(" "), expected, "{text}");
        }
    }
}
