//! `Context`: what the walk knows about a node from what is around it.

use std::collections::BTreeSet;

use super::image_fields::Field;
use super::texts::{Repositories, TextKind};
use crate::chart::found::Evidence;

/// What is known about a node from what is around it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) field: Field,
    pub(super) origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Manifest,
    /// Labels and annotations, which describe an object.
    Metadata,
    Variable,
    /// The data of a ConfigMap.
    Data,
    /// The data of a Secret, or `binaryData`: only references and hosts may be kept.
    Secret,
    /// A default value in a CustomResourceDefinition.
    Default,
    /// The description of a field there.
    Documentation,
}

impl Context {
    pub(super) fn field(self, field: Field) -> Self {
        Self { field, ..self }
    }

    pub(super) fn text_kind(self) -> TextKind {
        match (self.origin, self.field) {
            (Origin::Documentation, _) => TextKind::Documentation,
            (_, Field::Arguments) => TextKind::Argument,
            (Origin::Variable, _) => TextKind::Value(Evidence::Variable),
            (Origin::Data | Origin::Secret, _) => TextKind::Value(Evidence::Data),
            (Origin::Manifest | Origin::Metadata | Origin::Default, _) => TextKind::Other,
        }
    }

    /// Which repositories without a version are mentions.
    pub(super) fn repositories<'h>(self, hosts: &'h BTreeSet<&'h str>) -> Repositories<'h> {
        match (self.origin, self.field) {
            (Origin::Metadata | Origin::Documentation, _) => Repositories::None,
            (_, Field::Registry | Field::Repository | Field::Image | Field::NamedImage) => {
                Repositories::AtAnyHost
            }
            _ => Repositories::AtRegistries(hosts),
        }
    }

    /// Why a reference in the field counts as an image.
    pub(super) fn evidence(self) -> Evidence {
        match (self.origin, self.field) {
            (Origin::Default, _) => Evidence::Default,
            (Origin::Variable, _) => Evidence::Variable,
            (_, Field::ContainerImage) => Evidence::Container,
            _ => Evidence::Field,
        }
    }
}
