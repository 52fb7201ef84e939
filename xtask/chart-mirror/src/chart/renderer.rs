//! `Renderer`: what renders a chart, and the result. Helm is one; tests have their own.

use super::parallel::in_parallel;
use crate::list::Rendering;
use messages::Advice;

/// The output of helm for one rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The name of the rendering.
    pub rendering: String,
    /// A stream of YAML documents, at least one of them with content.
    pub text: String,
    /// What helm wrote to stderr; usually empty.
    pub warnings: String,
}

/// Why a chart was not rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    #[error("{}", self.advice())]
    NoHelm { program: String },
    #[error("{attempt}: {cause}")]
    Failed {
        /// What was attempted: ``rendering `backup` ``.
        attempt: String,
        cause: Advice,
        /// More of what helm printed than the cause quotes.
        output: String,
    },
}

pub trait Renderer: Sync {
    /// Renders the chart once. `values` is a values document that overrides the values files of the
    /// rendering; `set` overrides it, as when the chart is installed.
    ///
    /// # Errors
    /// If the chart does not render, or renders to nothing.
    fn render(&self, rendering: &Rendering, values: Option<&str>) -> Result<Rendered, RenderError>;
}

/// Renders the chart once per rendering, in parallel. The results are in the order of the renderings.
pub fn render_all(
    renderer: &dyn Renderer,
    renderings: &[Rendering],
    values: Option<&str>,
) -> Vec<Result<Rendered, RenderError>> {
    in_parallel(renderings, |rendering| renderer.render(rendering, values))
}

impl RenderError {
    pub(super) fn failed(attempt: &str, cause: impl Into<Advice>) -> Self {
        let (attempt, output) = (attempt.to_owned(), String::new());
        Self::Failed { attempt, cause: cause.into(), output }
    }

    /// The whole of what helm printed, or the message.
    pub fn output(&self) -> &str {
        match self {
            Self::Failed { cause, output, .. } if output.is_empty() => &cause.message,
            Self::Failed { output, .. } => output,
            Self::NoHelm { program } => program,
        }
    }

    /// What was attempted: ``rendering `backup` ``.
    pub fn attempt(&self) -> &str {
        match self {
            Self::Failed { attempt, .. } => attempt,
            Self::NoHelm { .. } => "starting helm",
        }
    }

    /// The message without what was attempted, and the hint.
    pub fn advice(&self) -> Advice {
        match self {
            Self::NoHelm { program } => {
                Advice::new(format!("`{program}` is not installed, and charts need helm to render"))
                    .with_hint("install helm 3 or 4 (https://helm.sh), or set `HELM` to its path")
            }
            Self::Failed { cause, .. } => cause.clone(),
        }
    }
}
