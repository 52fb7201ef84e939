//! `CloudHost`: recognises the registries of clouds by their names. The commands that print credentials
//! for them are in `auth::credentials::cloud_cli`.

/// A registry of a cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudHost {
    Ecr(EcrHost),
    /// `public.ecr.aws`.
    EcrPublic,
    Acr {
        /// The registry's name in Azure.
        name: String,
    },
    /// Artifact Registry, and Container Registry before it.
    Google,
}

/// A private registry in Amazon ECR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcrHost {
    /// Up to twelve digits; real accounts have exactly twelve.
    pub account: String,
    pub region: String,
    pub partition: Partition,
    pub is_fips: bool,
    /// Whether it can also be reached by IPv6.
    pub is_dual_stack: bool,
}

/// Amazon's partitions: separate clouds, each with its own accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    Commercial,
    China,
    Government,
    Europe,
    Isolated,
}

/// The part of the name after the region: (domain, partition, whether it is a dual-stack name). Government
/// regions share the domains of the commercial ones.
const DOMAINS: [(&str, Partition, bool); 9] = [
    ("amazonaws.com", Partition::Commercial, false),
    ("on.aws", Partition::Commercial, true),
    ("amazonaws.com.cn", Partition::China, false),
    ("on.amazonwebservices.com.cn", Partition::China, true),
    ("amazonaws.eu", Partition::Europe, false),
    ("c2s.ic.gov", Partition::Isolated, false),
    ("sc2s.sgov.gov", Partition::Isolated, false),
    ("cloud.adc-e.uk", Partition::Isolated, false),
    ("csp.hci.ic.gov", Partition::Isolated, false),
];

/// Azure's clouds: worldwide, China, US government, Germany.
const ACR_DOMAINS: [&str; 4] = [".azurecr.io", ".azurecr.cn", ".azurecr.us", ".azurecr.de"];

impl CloudHost {
    /// The cloud that a `host[:port]` belongs to, if any.
    pub fn of(host: &str) -> Option<Self> {
        // A port means that there is something in between; the credentials are the cloud's nevertheless.
        let name = host.split(':').next().unwrap_or(host).to_ascii_lowercase();
        if name == "public.ecr.aws" {
            return Some(Self::EcrPublic);
        }
        if name == "gcr.io" || name.ends_with(".gcr.io") || name.ends_with("-docker.pkg.dev") {
            return Some(Self::Google);
        }
        if let Some(name) = ACR_DOMAINS.iter().find_map(|end| name.strip_suffix(end)) {
            return is_label(name).then(|| Self::Acr { name: name.to_owned() });
        }
        EcrHost::of(&name).map(Self::Ecr)
    }
}

impl EcrHost {
    /// The region whose API serves the public registry.
    pub const OF_PUBLIC: &'static str = "us-east-1";

    fn of(name: &str) -> Option<Self> {
        let (account, rest) = name.split_once('.')?;
        let is_account = (1..=12).contains(&account.len());
        if !is_account || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let kinds = [
            ("dkr.ecr.", false, false),
            ("dkr.ecr-fips.", true, false),
            ("dkr-ecr.", false, true),
            ("dkr-ecr-fips.", true, true),
        ];
        let (rest, is_fips, is_dual_stack) = kinds.into_iter().find_map(|(kind, fips, dual)| {
            rest.strip_prefix(kind).map(|rest| (rest, fips, dual))
        })?;
        let (region, domain) = rest.split_once('.')?;
        if !is_label(region) {
            return None;
        }
        let known = |(known, _, dual): &&(&str, Partition, bool)| {
            *known == domain && *dual == is_dual_stack
        };
        let partition = match DOMAINS.iter().find(known)? {
            (_, Partition::Commercial, _) if region.starts_with("us-gov-") => Partition::Government,
            (_, partition, _) => *partition,
        };
        let (account, region) = (account.to_owned(), region.to_owned());
        Some(Self { account, region, partition, is_fips, is_dual_stack })
    }

    /// Variables for the AWS CLI, so that it uses the same kind of endpoint as the registry.
    pub fn variables(&self) -> Vec<(&'static str, &'static str)> {
        let fips = self.is_fips.then_some(("AWS_USE_FIPS_ENDPOINT", "true"));
        let dual = self.is_dual_stack.then_some(("AWS_USE_DUALSTACK_ENDPOINT", "true"));
        fips.into_iter().chain(dual).collect()
    }
}

/// Whether a text is one label of a host name.
fn is_label(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !text.is_empty() && !text.starts_with('-') && text.chars().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_of_amazon_are_recognised_in_all_partitions() {
        use Partition::{China, Commercial, Europe, Government, Isolated};
        let table = [
            ("57413481473.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1", Commercial, false, false),
            (
                "123456789012.dkr.ecr.us-east-2.amazonaws.com:443",
                "us-east-2",
                Commercial,
                false,
                false,
            ),
            ("123456789012.DKR.ECR.us-east-2.amazonaws.com", "us-east-2", Commercial, false, false),
            (
                "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
                "us-east-1",
                Commercial,
                true,
                false,
            ),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1", Commercial, false, true),
            ("123456789012.dkr-ecr-fips.us-east-1.on.aws", "us-east-1", Commercial, true, true),
            (
                "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com",
                "us-gov-west-1",
                Government,
                false,
                false,
            ),
            (
                "123456789012.dkr.ecr-fips.us-gov-east-1.amazonaws.com",
                "us-gov-east-1",
                Government,
                true,
                false,
            ),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", China, false, false),
            (
                "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
                "cn-north-1",
                China,
                false,
                true,
            ),
            (
                "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
                "eusc-de-east-1",
                Europe,
                false,
                false,
            ),
            (
                "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
                "us-iso-east-1",
                Isolated,
                false,
                false,
            ),
            (
                "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
                "us-isob-east-1",
                Isolated,
                false,
                false,
            ),
            (
                "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk",
                "eu-isoe-west-1",
                Isolated,
                false,
                false,
            ),
            (
                "123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov",
                "us-isof-south-1",
                Isolated,
                false,
                false,
            ),
        ];
        for (host, region, partition, is_fips, is_dual_stack) in table {
            let account = host.split('.').next().unwrap().to_owned();
            let region = region.to_owned();
            let expected = EcrHost { account, region, partition, is_fips, is_dual_stack };
            assert_eq!(CloudHost::of(host), Some(CloudHost::Ecr(expected)), "{host}");
        }
    }

    #[test]
    fn azure_google_and_the_public_registry_of_amazon_are_recognised() {
        let acr = |name: &str| Some(CloudHost::Acr { name: name.to_owned() });
        let table = [
            ("public.ecr.aws", Some(CloudHost::EcrPublic)),
            ("mine.azurecr.io", acr("mine")),
            ("mine.azurecr.io:443", acr("mine")),
            ("mine.azurecr.cn", acr("mine")),
            ("mine.azurecr.us", acr("mine")),
            ("mine-ab12.azurecr.de", acr("mine-ab12")),
            ("europe-west4-docker.pkg.dev", Some(CloudHost::Google)),
            ("eu-docker.pkg.dev", Some(CloudHost::Google)),
            ("gcr.io", Some(CloudHost::Google)),
            ("asia.gcr.io", Some(CloudHost::Google)),
        ];
        for (host, expected) in table {
            assert_eq!(CloudHost::of(host), expected, "{host}");
        }
    }

    #[test]
    fn a_name_that_only_resembles_a_registry_of_a_cloud_is_not_recognised() {
        let table = [
            "quay.io",
            "localhost:5000",
            "[::1]:5000",
            "dkr.ecr.eu-west-1.amazonaws.com",
            "x123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "1234567890123.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.example.org",
            "123456789012.dkr.ecr.eu-west-1.on.aws",
            "123456789012.dkr-ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr..amazonaws.com",
            "123456789012.dkr.ecr.-x.amazonaws.com",
            "api.ecr.eu-west-1.amazonaws.com",
            "public.ecr.aws.example.org",
            "mygcr.io",
            "docker.pkg.dev",
            "azurecr.io",
            ".azurecr.io",
            "-x.azurecr.io",
            "mine.eastus.azurecr.io",
        ];
        for host in table {
            assert_eq!(CloudHost::of(host), None, "{host}");
        }
    }
}
