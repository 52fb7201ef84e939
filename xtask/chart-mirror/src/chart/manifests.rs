//! Parses the stream of YAML documents that helm prints; pure.
//!
//! Documents are parsed one by one, so that an error names the template.

use super::node::Node;
use messages::printable::printable;

/// One document of a stream, not yet parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Document<'a> {
    /// From helm's `# Source:` comment.
    pub(super) template: Option<&'a str>,
    pub(super) text: &'a str,
    /// The line in the stream where the document starts, counted from 1.
    line: usize,
}

/// A rendered document that is not valid YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: line {line} of helm's output is not valid YAML: {}", self.place(), printable(.reason))]
pub struct UnreadableManifest {
    pub rendering: String,
    pub template: Option<String>,
    /// In the output of helm.
    pub line: usize,
    pub reason: String,
}

impl UnreadableManifest {
    fn place(&self) -> String {
        let rendering = printable(&self.rendering);
        let template = self.template.iter().map(|template| format!(": {}", printable(template)));
        format!("rendering `{rendering}`{}", template.collect::<String>())
    }
}

/// Splits a stream at `---` in column 0; in block scalars it is indented.
pub(super) fn documents(stream: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let mut template = None;
    let (mut start, mut first_line) = (0, 1);
    let mut position = 0;
    let mut end = |start: usize, end: usize, line: usize| {
        let text = &stream[start..end];
        // If a file contains several documents (`crds/`), helm names it only before the first.
        template = text.lines().find_map(|line| line.strip_prefix("# Source: ")).or(template);
        if has_content(text) {
            documents.push(Document { template: template.map(str::trim), text, line });
        }
    };
    for (number, line) in (1..).zip(stream.split_inclusive('\n')) {
        let rest = line.strip_prefix("---");
        if rest.is_some_and(|rest| rest.trim_end().is_empty() || rest.starts_with([' ', '\t'])) {
            end(start, position, first_line);
            // The rest of the line belongs to the document.
            (start, first_line) = (position + "---".len(), number);
        }
        position += line.len();
    }
    end(start, stream.len(), first_line);
    documents
}

impl Document<'_> {
    /// The documents in the text: one, unless `...` separates more.
    pub(super) fn parse(&self) -> Result<Vec<Node>, (usize, String)> {
        serde_yaml::Deserializer::from_str(self.text)
            .map(|document| {
                Node::read(document, self.text.len()).map_err(|error| self.located(&error))
            })
            .collect()
    }

    fn located(&self, error: &serde_yaml::Error) -> (usize, String) {
        let line = error.location().map_or(1, |location| location.line());
        let reason = error.to_string();
        let reason = match reason.contains("recursion limit") {
            true => "it is nested deeper than 128 levels".to_owned(),
            false => reason,
        };
        (self.line + line - 1, reason)
    }
}

fn has_content(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && line != "..."
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(stream: &str) -> Vec<(Option<&str>, &str, usize)> {
        documents(stream).into_iter().map(|d| (d.template, d.text.trim(), d.line)).collect()
    }

    #[test]
    fn a_stream_is_split_at_column_0_and_each_document_keeps_its_template() {
        let stream = "---\n# Source: a/templates/b.yaml\na: |\n  ---\n  x\n---\n# Source: a/c.yaml\n# no more\n\
                      ---\n\n--- # remark\nb: 1\n---nothing: 1\n--- {c: 1}\n---\r\n# Source: d.yaml\r\nd: 1\r\n";
        assert_eq!(
            split(stream),
            [
                (Some("a/templates/b.yaml"), "# Source: a/templates/b.yaml\na: |\n  ---\n  x", 1),
                (Some("a/c.yaml"), "# remark\nb: 1\n---nothing: 1", 11),
                (Some("a/c.yaml"), "{c: 1}", 14),
                (Some("d.yaml"), "# Source: d.yaml\r\nd: 1", 15),
            ]
        );
        assert!(split("---\n# only\n---\n\n---\n").is_empty());
        assert_eq!(split("a: 1\n"), [(None, "a: 1", 1)]);
    }

    #[test]
    fn a_broken_document_is_located_in_the_stream() {
        let stream = "---\na: 1\n---\n# Source: x.yaml\nb: c: d\n";
        let documents = documents(stream);
        let (line, reason) = documents[1].parse().unwrap_err();
        assert_eq!(line, 5, "{reason}");
        assert!(reason.contains("mapping values are not allowed"), "{reason}");
    }
}
