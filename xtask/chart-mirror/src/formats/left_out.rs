//! `Omission`: what a format has no place for.

/// Something of a list that a format cannot express, with everything of the list that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omission {
    pub what: Loss,
    /// Images, names of destinations, paths of values or hosts. Never empty.
    pub items: Vec<String>,
    /// What the tool does instead.
    pub why: String,
}

/// What may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Whole images.
    Images,
    Digests,
    /// Digests per platform, which the list does not have.
    PlatformDigests,
    Tags,
    Targets,
    Destinations,
    Platforms,
    Attachments,
    Values,
    Replacements,
    Charts,
    Renderings,
    Signatures,
    Registries,
}

impl Loss {
    /// The items, as in `3 digests`.
    pub fn phrase(self, number: usize) -> String {
        let plural = if number == 1 { "" } else { "s" };
        match self {
            Self::Images => format!("{number} image{plural}"),
            Self::Digests => format!("{number} digest{plural}"),
            Self::PlatformDigests => {
                format!("the digests of each platform of {number} image{plural}")
            }
            Self::Tags => format!("{number} tag{plural}"),
            Self::Targets => format!("{number} target{plural}"),
            Self::Destinations => format!("{number} destination{plural}"),
            Self::Platforms => format!("the platforms of {number} destination{plural}"),
            Self::Attachments => format!("the attachments of {number} destination{plural}"),
            Self::Values => format!("{number} Helm value{plural}"),
            Self::Replacements => format!("`replaces` or `keep` of {number} image{plural}"),
            Self::Charts => format!("{number} chart{plural}"),
            Self::Renderings => format!("{number} rendering{plural}"),
            Self::Signatures => format!("{number} signature rule{plural}"),
            Self::Registries => format!("the settings of {number} registry host{plural}"),
        }
    }
}

/// Collects what is left out.
#[derive(Debug, Default)]
pub(super) struct Losses(Vec<Omission>);

impl Losses {
    /// Adds nothing if there are no items. Items of one kind with one reason are joined.
    pub(super) fn add(&mut self, what: Loss, items: impl IntoIterator<Item = String>, why: &str) {
        let mut items: Vec<String> = items.into_iter().collect();
        if items.is_empty() {
            return;
        }
        match self.0.iter_mut().find(|known| known.what == what && known.why == why) {
            Some(known) => known.items.append(&mut items),
            None => self.0.push(Omission { what, items, why: why.to_owned() }),
        }
    }

    pub(super) fn into_all(self) -> Vec<Omission> {
        self.0
    }
}
