//! `ImageWords`: the texts that the images of a rendering consist of, to find the values that hold them.

use std::collections::HashSet;

use crate::chart::ImageReference;

#[derive(Debug, Default)]
pub(super) struct ImageWords {
    /// `quay.io`, `quay.io/team`, `team/app`, `team/app:1`
    unmistakable: HashSet<String>,
    /// `team`, `app`: also ordinary words.
    ordinary: HashSet<String>,
    tags: HashSet<String>,
}

/// What a text is to the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    Unmistakable,
    Ordinary,
    Tag,
    Nothing,
}

impl ImageWords {
    pub(super) fn add(&mut self, image: &ImageReference) {
        self.unmistakable.insert(image.repository.registry().to_string());
        self.unmistakable.extend(image.registry.clone());
        for path in [image.path.as_str(), image.repository.path().as_str()] {
            self.add_path(path);
            if let Some(tag) = &image.tag {
                self.unmistakable.insert(format!("{path}:{tag}"));
            }
        }
        self.tags.extend(image.tag.as_ref().map(ToString::to_string));
    }

    fn add_path(&mut self, path: &str) {
        for end in path.match_indices('/').map(|(at, _)| at).chain([path.len()]) {
            let start = &path[..end];
            let words =
                if start.contains('/') { &mut self.unmistakable } else { &mut self.ordinary };
            words.insert(start.to_owned());
        }
        self.ordinary.extend(path.rsplit('/').next().map(str::to_owned));
    }

    pub(super) fn find(&self, text: &str) -> Match {
        let text = text.trim_end_matches('/');
        if self.unmistakable.contains(text) {
            Match::Unmistakable
        } else if self.tags.contains(text) {
            Match::Tag
        } else if self.ordinary.contains(text) {
            Match::Ordinary
        } else {
            Match::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_image_are_recognised() {
        let mut words = ImageWords::default();
        for image in ["quay.io/acme/team/app:1.0", "busybox:2"] {
            words.add(&image.parse().unwrap());
        }
        let table = [
            ("quay.io", Match::Unmistakable),
            ("docker.io", Match::Unmistakable),
            ("acme/team", Match::Unmistakable),
            ("acme/team/app", Match::Unmistakable),
            ("library/busybox", Match::Unmistakable),
            ("busybox:2", Match::Unmistakable),
            ("acme", Match::Ordinary),
            ("app", Match::Ordinary),
            ("busybox", Match::Ordinary),
            ("1.0", Match::Tag),
            ("team", Match::Nothing),
        ];
        for (text, expected) in table {
            assert_eq!(words.find(text), expected, "{text}");
        }
    }
}
