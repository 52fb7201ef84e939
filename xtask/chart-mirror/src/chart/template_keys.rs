//! `TemplateKeys`: the values that the templates of a chart name; pure.

use std::collections::BTreeSet;

const VALUES: &str = ".Values.";

/// The values that the templates of a chart name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateKeys {
    /// What follows `.Values.`, as keys.
    pub paths: BTreeSet<Vec<String>>,
    /// Whether a template reads the field `registry` of a map that it was given.
    pub has_registry_field: bool,
}

impl TemplateKeys {
    /// Adds what a template names.
    pub fn add(&mut self, template: &str) {
        for (start, before) in template.match_indices(VALUES) {
            let path = dotted(&template[start + before.len()..]);
            if !path.is_empty() {
                self.paths.insert(path);
            }
        }
        for (start, _) in template.match_indices(".registry") {
            let is_end = dotted(&template[start + 1..]).as_slice() == ["registry"];
            self.has_registry_field |= is_end && !template[..start].ends_with(".Values");
        }
    }
}

/// The keys at the start of a text: `a.b.c | quote` has three.
fn dotted(text: &str) -> Vec<String> {
    let is_key = |c: char| c.is_alphanumeric() || c == '_';
    let end = text.find(|c| !is_key(c) && c != '.').unwrap_or(text.len());
    let keys: Vec<&str> = text[..end].trim_end_matches('.').split('.').collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Vec::new();
    }
    keys.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_values_are_read_from_templates() {
        let mut keys = TemplateKeys::default();
        keys.add("{{ .Values.image.repository | default \"x\" }}:{{ $.Values.image.tag }}");
        keys.add("{{- with (.Values.a_b).registry }}{{ .Values..x }}.Values.end.");
        let found: Vec<String> = keys.paths.iter().map(|path| path.join(".")).collect();
        assert_eq!(found, ["a_b", "end", "image.repository", "image.tag"]);
        assert!(keys.has_registry_field);
    }

    #[test]
    fn a_field_named_registry_is_noticed_only_as_the_last_of_a_chain() {
        for (template, expected) in [
            ("{{ .imageRoot.registry }}", true),
            ("{{ .registry }}", true),
            ("{{ .Values.registry }}", false),
            ("{{ .registryHost }}{{ .registry.host }}", false),
        ] {
            let mut keys = TemplateKeys::default();
            keys.add(template);
            assert_eq!(keys.has_registry_field, expected, "{template}");
        }
    }
}
