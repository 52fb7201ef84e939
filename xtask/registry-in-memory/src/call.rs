//! A request on its way through a handler, with the registry that serves it.

use std::sync::Arc;

use registry_server::{ErrorReply, Reply};

use crate::chaos::RunningChaos;
use crate::faults::Faults;
use crate::log::Log;
use crate::options::{LocationStyle, RegistryOptions};
use crate::request::Request;
use crate::store::Store;
use crate::tokens::Tokens;

/// What the requests of a registry share.
pub(super) struct Shared {
    pub(super) address: String,
    pub(super) options: RegistryOptions,
    pub(super) store: Store,
    pub(super) log: Arc<Log>,
    pub(super) faults: Faults,
    pub(super) chaos: RunningChaos,
    pub(super) tokens: Tokens,
}

/// A request, with what its handler needs.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    pub(super) request: &'a Request,
}

impl Call<'_> {
    /// A `Location`, in the form that the options set.
    pub(super) fn location(&self, path: &str) -> String {
        match self.shared.options.location {
            LocationStyle::Relative => path.to_owned(),
            LocationStyle::Absolute | LocationStyle::WithState => {
                let host = self.request.header("host").unwrap_or(&self.shared.address);
                format!("http://{host}{path}")
            }
        }
    }

    /// Without the headers that this registry omits.
    pub(super) fn limited(&self, mut reply: Reply) -> Reply {
        let options = &self.shared.options;
        if !options.digest_header {
            reply = reply.without("docker-content-digest");
        }
        if !options.referrers_api {
            reply = reply.without("oci-subject");
        }
        reply
    }

    /// Refuses a push to a repository that does not exist and that a push does not create.
    pub(super) fn check_pushable(&self, repository: &str) -> Result<(), ErrorReply> {
        if self.shared.options.create_repositories || self.shared.store.has_repository(repository) {
            return Ok(());
        }
        Err(ErrorReply::name_unknown(repository))
    }
}
