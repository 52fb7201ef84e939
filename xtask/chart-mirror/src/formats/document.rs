//! `Documents`: the YAML documents of a text, checked before they are read as types.

use serde::de::DeserializeOwned;

use crate::chart::Node;
use messages::printable::printable;

/// The documents of a text.
pub(super) struct Documents<'t> {
    text: &'t str,
    /// The same, without types.
    pub(super) nodes: Vec<Node>,
}

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// Counted from 1.
    pub line: Option<usize>,
    pub reason: String,
}

impl<'t> Documents<'t> {
    /// # Errors
    /// If the text is not YAML, or its aliases repeat too much.
    pub(super) fn parse(text: &'t str) -> Result<Self, ReadError> {
        let documents = serde_yaml::Deserializer::from_str(text);
        let nodes = documents.map(|document| Node::read(document, text.len()));
        let nodes = nodes.collect::<Result<_, _>>().map_err(|error| ReadError::of(&error))?;
        Ok(Self { text, nodes })
    }

    /// Reads all documents that are maps as one type. Scalars become texts as they are written, so the tag `1.10` stays what
    /// it is.
    ///
    /// # Errors
    /// If one of them is of another type.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>, ReadError> {
        self.read_those(|_| true)
    }

    /// The same, for some of the documents.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn read_those<T: DeserializeOwned>(
        &self,
        is_one: impl Fn(&Node) -> bool,
    ) -> Result<Vec<T>, ReadError> {
        let documents = serde_yaml::Deserializer::from_str(self.text);
        let documents = documents.zip(&self.nodes);
        let documents = documents.filter(|(_, node)| matches!(node, Node::Map(_)) && is_one(node));
        let read = documents.map(|(document, _)| T::deserialize(document));
        read.collect::<Result<_, _>>().map_err(|error| ReadError::of(&error))
    }
}

impl ReadError {
    fn of(error: &serde_yaml::Error) -> Self {
        let line = error.location().map(|location| location.line());
        let reason = error.to_string();
        let reason = match reason.contains("recursion limit") {
            true => "it is nested deeper than 128 levels".to_owned(),
            false => printable(&reason),
        };
        Self { line, reason }
    }

    pub(super) fn without_line(reason: impl Into<String>) -> Self {
        Self { line: None, reason: reason.into() }
    }
}
