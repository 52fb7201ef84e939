//! `PlannedError`: why an image or the chart of a plan cannot be copied, as the plan keeps it.

use serde::{Deserialize, Serialize};

use messages::Advice;
use messages::printable::printable;
use registry::{Cause, Error, HostHint, Side};

/// The hint about a plan that cannot be carried out as it is.
pub const MAKE_ANOTHER_PLAN: &str = "make another plan, and look at it again";

/// Why something cannot be copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlannedError {
    /// Null if it is not about a registry.
    pub side: Option<Side>,
    /// What was tried.
    pub operation: String,
    /// Method and URL; empty if no request was sent.
    pub request: String,
    /// What went wrong, without the side, the operation and the request.
    pub cause: String,
    /// The whole error in one line.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl PlannedError {
    pub(super) fn new(error: &Error) -> Self {
        Self {
            side: Some(error.side),
            operation: error.operation.clone(),
            request: error.request.clone(),
            cause: error.cause.to_string(),
            message: error.to_string(),
            hint: error.hint(),
        }
    }

    pub(super) fn of_no_request(advice: &Advice) -> Self {
        Self {
            side: None,
            operation: String::new(),
            request: String::new(),
            cause: advice.message.clone(),
            message: advice.message.clone(),
            hint: advice.hint.clone(),
        }
    }

    /// The error of something that a run of the plan does not copy.
    pub(super) fn during_planning(&self) -> Advice {
        Advice::new(format!("it could not be planned: {}", printable(&self.message)))
            .with_hint(then_make_another(self.hint.as_deref().map(printable)))
    }

    /// The error at a registry, to be reported like any other.
    pub fn at_registry(&self) -> Option<Error> {
        Some(Error {
            side: self.side?,
            operation: printable(&self.operation),
            request: printable(&self.request),
            // Without a hint of its kind: the plan has the hint.
            cause: Cause::Unsupported(printable(&self.cause)),
            host_hint: self.hint.as_deref().map(printable).map(HostHint::Fixed).map(Box::new),
        })
    }
}

/// What to do about an error that a plan has: first what its own hint says.
pub(super) fn then_make_another(hint: Option<String>) -> String {
    hint.map_or_else(
        || MAKE_ANOTHER_PLAN.to_owned(),
        |hint| format!("{hint}; then {MAKE_ANOTHER_PLAN}"),
    )
}
