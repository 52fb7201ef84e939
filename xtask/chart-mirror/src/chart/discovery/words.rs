//! The words of a key: `sidecarImageTag`, `SIDECAR_IMAGE_TAG` and `sidecar-image-tag` have the same.

/// The words of a key, in lower case.
pub fn words(key: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = key.chars().peekable();
    let mut last: Option<char> = None;
    while let Some(c) = characters.next() {
        let starts_word = c.is_uppercase()
            && match last {
                Some(last) if last.is_uppercase() => {
                    // The last capital of `URLImage` starts the next word.
                    characters.peek().is_some_and(|next| next.is_lowercase())
                }
                _ => true,
            };
        if (starts_word || !c.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        last = Some(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_at_capitals_and_punctuation() {
        let table = [
            ("image", "image"),
            ("sidecarImageTag", "sidecar image tag"),
            ("SIDECAR_IMAGE_TAG", "sidecar image tag"),
            ("sidecar-image.tag", "sidecar image tag"),
            ("imageURL", "image url"),
            ("URLImage", "url image"),
            ("targetCPUUtilizationPercentage", "target cpu utilization percentage"),
            ("sha256", "sha256"),
            ("CPUImage-tag_v2", "cpu image tag v2"),
            ("--", ""),
            ("", ""),
        ];
        for (key, expected) in table {
            assert_eq!(words(key).join(" "), expected, "{key}");
        }
    }
}
