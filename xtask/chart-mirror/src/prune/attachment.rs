//! Tags that belong to another manifest by their names: signatures, attestations and SBOMs of cosign
//! (`sha256-DIGEST.sig`), and lists of referrers (`sha256-DIGEST`).

use oci::{Digest, Tag};

/// The longest tag (distribution-spec, "Pulling manifests"). A longer digest is cut in a tag.
const LONGEST_TAG: usize = 128;

/// The part of a tag that names its subject: `sha256-DIGEST`.
pub(super) fn subject_of(tag: &Tag) -> Option<&str> {
    let text = tag.as_str();
    let (name, _) = text.split_once('.').unwrap_or((text, ""));
    let (algorithm, hex) = name.split_once('-')?;
    let digits = match algorithm {
        "sha256" => 64,
        "sha512" => LONGEST_TAG - "sha512-".len(),
        _ => return None,
    };
    let is_hex = hex.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    (hex.len() == digits && is_hex).then_some(name)
}

/// The name of a digest in the tags of its attachments.
pub(super) fn name_of(subject: &Digest) -> String {
    let mut name = subject.as_tag();
    name.truncate(LONGEST_TAG);
    name
}

/// The digest that such a name stands for, unless it was cut.
pub(super) fn digest_of(name: &str) -> Option<Digest> {
    name.replacen('-', ":", 1).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_belongs_to_the_digest_in_its_name() {
        let (short, long) = (Digest::of(b"x"), format!("sha512:{}", "ab".repeat(64)));
        let long: Digest = long.parse().unwrap();
        for (digest, suffixes) in
            [(&short, &["", ".sig", ".att", ".sbom", ".cosign.bundle"][..]), (&long, &[""][..])]
        {
            for suffix in suffixes {
                let tag: Tag = format!("{}{suffix}", name_of(digest)).parse().unwrap();
                assert_eq!(subject_of(&tag), Some(name_of(digest).as_str()), "{tag}");
            }
        }
        assert_eq!(digest_of(&name_of(&short)), Some(short.clone()));
        assert_eq!(digest_of(&name_of(&long)), None, "it was cut");
        let cut = &short.as_tag()[..70];
        for other in ["1.0.6", "sha256", "sha256-abc.sig", "latest.sig", cut] {
            assert_eq!(subject_of(&other.parse().unwrap()), None, "{other}");
        }
    }
}
