//! `Transport`: how the requests of a host get to its registry: over the network, or to an embedded one.

use std::sync::Arc;

use reqwest::{Request, Response, Url};

use super::clients::HttpClients;
use super::redirect::{self, SendError};
use crate::embedded::{self, EmbeddedRegistry};

pub(crate) enum Transport {
    Network(Box<HttpClients>),
    Embedded(Arc<dyn EmbeddedRegistry>),
}

impl Transport {
    pub(crate) fn base(&self) -> Url {
        match self {
            Self::Network(clients) => clients.base.clone(),
            Self::Embedded(_) => embedded::base(),
        }
    }

    /// Sends a request, one of so many that are in flight.
    pub(crate) async fn send(
        &self,
        request: Request,
        in_flight: usize,
    ) -> Result<Response, SendError> {
        match self {
            Self::Network(clients) => redirect::send(clients, request, in_flight).await,
            Self::Embedded(registry) => {
                let url = request.url().clone();
                let response = embedded::send(&**registry, request).await;
                response.ok_or(SendError::Broken("the request ended early", url))
            }
        }
    }

    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }

    /// The clients for the network, if requests take that way.
    pub(crate) fn clients(&self) -> Option<&HttpClients> {
        match self {
            Self::Network(clients) => Some(clients),
            Self::Embedded(_) => None,
        }
    }
}
