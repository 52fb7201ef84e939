//! `AddressKind`: what kind of network an address or a host name belongs to. All code that decides
//! whether the client may contact a host uses this classifier.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AddressKind {
    /// A name that may be anything, or an address of the internet.
    Public,
    /// This machine.
    Loopback,
    /// A private network, or that of a carrier (RFC 1918, RFC 4193, RFC 6598).
    Private,
    /// One link (RFC 3927, RFC 4291).
    LinkLocal,
    /// Where a cloud serves the credentials of its machines.
    Metadata,
    /// Everything that cannot be the address of one server: multicast, broadcast, reserved.
    Reserved,
}

/// Metadata services with a single address: AWS, Azure, Google and others; AWS for containers and for pods;
/// Alibaba; Azure's other one, which is an address of the internet elsewhere.
const METADATA: [Ipv4Addr; 5] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
];

impl AddressKind {
    /// The kind of the host of an address. The URL parser has normalised numbers in all notations.
    pub(crate) fn of_url(url: &Url) -> Self {
        url.host_str().map_or(Self::Reserved, Self::of_host)
    }

    /// The kind of `host` or `host:port`.
    pub(crate) fn of_host(host: &str) -> Self {
        let name = name_of(host);
        if name == "localhost" || name.ends_with(".localhost") {
            return Self::Loopback;
        }
        name.parse().map_or(Self::Public, Self::of_ip)
    }

    pub(crate) fn of_ip(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    /// Whether a registry of this kind may send the client, but not its credentials, to a host of the
    /// other kind. A registry on a private network may have its storage on another one.
    pub(crate) fn may_lead_to(self, other: Self) -> bool {
        match other {
            Self::Public => true,
            Self::Loopback | Self::Private => self != Self::Public,
            Self::LinkLocal | Self::Reserved => self == other,
            Self::Metadata => false,
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [first, second, third, _] = address.octets();
        if METADATA.contains(&address) {
            Self::Metadata
        } else if address.is_loopback() {
            Self::Loopback
        } else if address.is_private() || (first == 100 && (64..128).contains(&second)) {
            Self::Private
        } else if address.is_link_local() {
            Self::LinkLocal
        } else if matches!(first, 0 | 224..) || (first, second, third) == (192, 0, 0) {
            Self::Reserved
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
            [0, 0, 0, 0, 0, 0, 0, 0] => Self::Reserved,
            // Mapped IPv4, its deprecated form, and NAT64 (RFC 4291, section 2.5.5; RFC 6052).
            [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
                Self::of_v4(Ipv4Addr::new(a, b, c, d))
            }
            // AWS.
            [0xfd00, 0x0ec2, ..] => Self::Metadata,
            _ if address.is_unique_local() => Self::Private,
            _ if address.is_unicast_link_local() => Self::LinkLocal,
            _ if address.is_multicast() => Self::Reserved,
            _ => Self::Public,
        }
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud's metadata service",
            Self::Reserved => "a reserved address",
        })
    }
}

/// Whether `host[:port]` is this machine, where plain HTTP is the default. Names below `localhost` are not
/// enough for that: some resolvers look them up in the DNS.
pub fn is_loopback(host: &str) -> bool {
    AddressKind::of_host(host) == AddressKind::Loopback && !name_of(host).ends_with(".localhost")
}

/// The host without its port, its brackets and the dot that ends an absolute name.
fn name_of(host: &str) -> String {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    name.unwrap_or(host).trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::AddressKind::{LinkLocal, Loopback, Metadata, Private, Public, Reserved};
    use super::*;

    #[test]
    fn addresses_are_classified_however_they_are_written() {
        let table: [(AddressKind, &[&str]); 6] = [
            (
                Loopback,
                &[
                    "127.0.0.1",
                    "127.9.9.9",
                    "[::1]",
                    "[::ffff:127.0.0.1]",
                    "[::127.0.0.1]",
                    "localhost",
                    "localhost.",
                    "LOCALHOST",
                    "a.localhost",
                    "a.localhost.",
                    "0x7f000001",
                    "2130706433",
                    "127.1",
                ],
            ),
            (
                Private,
                &[
                    "10.0.0.1",
                    "172.16.0.1",
                    "172.31.255.255",
                    "192.168.1.1",
                    "100.64.0.1",
                    "100.127.255.255",
                    "[fd00::1]",
                    "[fc00::1]",
                    "[::ffff:192.168.0.1]",
                    "[64:ff9b::10.0.0.1]",
                ],
            ),
            (LinkLocal, &["169.254.0.1", "169.254.169.253", "[fe80::1]"]),
            (
                Metadata,
                &[
                    "169.254.169.254",
                    "169.254.170.2",
                    "100.100.100.200",
                    "168.63.129.16",
                    "[fd00:ec2::254]",
                    "[fd00:ec2:1::1]",
                    "[::ffff:169.254.169.254]",
                    "[64:ff9b::169.254.169.254]",
                ],
            ),
            (
                Reserved,
                &[
                    "0.0.0.0",
                    "0.1.2.3",
                    "192.0.0.192",
                    "224.0.0.1",
                    "240.0.0.1",
                    "255.255.255.255",
                    "[::]",
                    "[ff02::1]",
                ],
            ),
            (
                Public,
                &[
                    "1.1.1.1",
                    "172.15.0.1",
                    "172.32.0.1",
                    "100.63.0.1",
                    "100.128.0.1",
                    "128.0.0.1",
                    "168.63.129.17",
                    "[2606:4700::1111]",
                    "[::ffff:1.1.1.1]",
                    "[64:ff9b::1.1.1.1]",
                    "quay.io",
                    "localhost.example.com",
                    "notlocalhost",
                    "10.0.0.1.example.com",
                ],
            ),
        ];
        for (kind, hosts) in table {
            for host in hosts {
                let url = Url::parse(&format!("https://{host}:5000/")).unwrap();
                assert_eq!(AddressKind::of_url(&url), kind, "{host}");
            }
        }
    }

    #[test]
    fn plain_http_is_the_default_only_where_a_name_certainly_is_this_machine() {
        for host in [
            "localhost",
            "localhost.",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.1.2.3",
            "[::1]",
            "[::1]:5000",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "a.localhost",
            "localhost.example.com",
            "[fd00::1]:5000",
            "128.0.0.1",
            "quay.io",
            "127.example.com",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn only_a_registry_inside_a_network_may_lead_into_one_and_none_to_metadata() {
        let table = [
            (Public, vec![Public]),
            (Loopback, vec![Public, Loopback, Private]),
            (Private, vec![Public, Loopback, Private]),
            (LinkLocal, vec![Public, Loopback, Private, LinkLocal]),
            (Metadata, vec![Public, Loopback, Private]),
        ];
        for (registry, expected) in table {
            let all = [Public, Loopback, Private, LinkLocal, Metadata, Reserved];
            let allowed: Vec<_> = all.into_iter().filter(|to| registry.may_lead_to(*to)).collect();
            assert_eq!(allowed, expected, "{registry:?}");
        }
    }
}
