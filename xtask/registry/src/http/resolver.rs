//! `CheckedResolver`: looks up the name of a host when a connection is made, and refuses addresses that the
//! client must not contact. What was checked is what is connected to, so another answer of the DNS does not help.
//!
//! A proxy looks names up itself: behind one, only addresses in numbers can be checked.

use std::error::Error;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::net::AddressKind;

/// Who names the host. It decides which addresses it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum NamedBy {
    /// In the list, or as a flag.
    User,
    /// A registry with an address of this kind, in a redirect or an upload.
    Registry(AddressKind),
}

pub(super) struct CheckedResolver {
    pub(super) named_by: NamedBy,
}

/// A host that has an address which the client must not contact.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` has the address {address}, {kind}, and is off limits")]
pub(crate) struct RefusedName {
    name: String,
    address: String,
    kind: AddressKind,
}

impl NamedBy {
    pub(super) fn allows(self, kind: AddressKind) -> bool {
        match self {
            Self::User => kind != AddressKind::Metadata,
            Self::Registry(own) => own.may_lead_to(kind),
        }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let named_by = self.named_by;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let checked = checked(named_by, name.as_str(), found)?;
            let addresses: Addrs = Box::new(checked.into_iter());
            Ok(addresses)
        })
    }
}

fn checked(
    named_by: NamedBy,
    name: &str,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, RefusedName> {
    let check = |address: SocketAddr| {
        let kind = AddressKind::of_ip(address.ip());
        let refused = || {
            let (name, address) = (name.to_owned(), address.ip().to_string());
            RefusedName { name, address, kind }
        };
        if named_by.allows(kind) { Ok(address) } else { Err(refused()) }
    };
    found.map(check).collect()
}

/// The refusal that an error of the client is due to.
pub(crate) fn refusal<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e RefusedName> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_to_a_metadata_service_and_none_of_a_public_registry_into_a_network() {
        use AddressKind::{Loopback, Private, Public};
        let (public, inside, metadata) = ("1.2.3.4:0", "10.0.0.1:0", "169.254.169.254:0");
        let of = NamedBy::Registry;
        let table: [(NamedBy, &[&str], bool); 9] = [
            (NamedBy::User, &[public], true),
            (NamedBy::User, &[inside, "127.0.0.1:0"], true),
            (NamedBy::User, &[public, metadata], false),
            (NamedBy::User, &["[::ffff:169.254.169.254]:0"], false),
            (NamedBy::User, &["[fd00:ec2::254]:0"], false),
            (of(Public), &[public], true),
            (of(Public), &[public, inside], false),
            (of(Private), &[inside], true),
            (of(Loopback), &[metadata], false),
        ];
        for (named_by, addresses, is_allowed) in table {
            let found = addresses.iter().map(|address| address.parse().unwrap());
            let result = checked(named_by, "registry.example.com", found);
            assert_eq!(result.is_ok(), is_allowed, "{named_by:?} {addresses:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_is_refused_by_what_the_name_means_at_that_moment() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let resolver = CheckedResolver { named_by: NamedBy::Registry(AddressKind::Public) };
        let client = reqwest::Client::builder().no_proxy().dns_resolver(resolver).build().unwrap();
        let error = client.get("http://localhost:1/").send().await.unwrap_err();
        let refused = refusal(&error).expect("the resolver refuses it");
        assert_eq!((refused.name.as_str(), refused.kind), ("localhost", AddressKind::Loopback));
    }
}
