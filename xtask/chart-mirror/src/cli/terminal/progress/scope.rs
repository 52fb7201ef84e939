//! `RunScope`: what a run is about.

use crate::copy::Effects;

/// For the first event of a run.
#[derive(Debug, Clone, Default)]
pub struct RunScope {
    /// Without the name of the program: `bundle export`.
    pub command: &'static str,
    /// The file of the list, if it is about one.
    pub list: Option<String>,
    /// Names, or registries.
    pub destinations: Vec<String>,
    /// How many images it has, if that is known.
    pub images: Option<usize>,
    /// If the run is only planned, no line says that an image was copied.
    pub effects: Effects,
}

impl RunScope {
    /// Of a run that has neither lists nor destinations.
    pub fn of(command: &'static str) -> Self {
        Self { command, ..Self::default() }
    }
}
