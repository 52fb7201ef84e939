//! `PublicKey`: a key in a PEM file, as `cosign public-key` and `openssl pkey -pubout` write it (RFC 7468,
//! RFC 5280 "SubjectPublicKeyInfo").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::Invalid;
use super::der::{self, Der};
use messages::Advice;

/// A public key, and the file that it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    file: String,
    algorithm: KeyAlgorithm,
    /// What `ring` takes: a point, or an `RSAPublicKey`.
    bytes: Vec<u8>,
}

/// Keys of which any one is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyAlgorithm {
    EcdsaP256,
    EcdsaP384,
    Ed25519,
    Rsa,
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const ELLIPTIC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The first byte of a point with both coordinates.
const UNCOMPRESSED: u8 = 4;
/// The least and the most bits of an RSA key.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

const SUPPORTED: &str =
    "supported are ECDSA on P-256 and P-384, Ed25519, and RSA with 2048 to 8192 bits";
const HOW_TO_GET: &str = "the file must hold one public key in PEM: `cosign public-key --key cosign.key` or \
     `openssl pkey -in private.pem -pubout` writes it";

impl PublicKey {
    /// Parses the content of a file.
    ///
    /// # Errors
    /// If it is not one public key of a supported kind. The message names the file.
    pub fn parse(file: &str, content: &[u8]) -> Result<Self, Advice> {
        let refuse = |why: &str, hint: &str| {
            Advice::new(format!("`{file}` is not a key that can verify signatures: {why}"))
                .with_hint(hint)
        };
        let text = str::from_utf8(content).map_err(|_| refuse("it is not text", HOW_TO_GET))?;
        let (label, body) = pem(text).ok_or_else(|| refuse("it is not PEM", HOW_TO_GET))?;
        match label {
            "PUBLIC KEY" => {}
            "CERTIFICATE" => {
                let hint = "`openssl x509 -in FILE -noout -pubkey` writes its public key";
                return Err(refuse("it is a certificate", hint));
            }
            label if label.contains("PRIVATE KEY") => {
                return Err(refuse("it is a private key, which belongs elsewhere", HOW_TO_GET));
            }
            label => {
                return Err(refuse(&format!("it holds `{}`", label.escape_debug()), HOW_TO_GET));
            }
        }
        if text.matches("-----BEGIN ").count() > 1 {
            let hint = "write each key to a separate file, and list the files in `keys`";
            return Err(refuse("it holds more than one", hint));
        }
        let body: String = body.split_whitespace().collect();
        let encoded = STANDARD.decode(body).map_err(|_| refuse("it is damaged", HOW_TO_GET))?;
        let (algorithm, bytes) = parse_info(&encoded).map_err(|why| match why {
            Refused::Damaged => refuse("it is damaged", HOW_TO_GET),
            Refused::Kind(kind) => refuse(&format!("it is {kind}"), SUPPORTED),
        })?;
        Ok(Self { file: file.to_owned(), algorithm, bytes })
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithms = self.algorithm.schemes();
        algorithms.into_iter().any(|scheme| {
            UnparsedPublicKey::new(scheme, &self.bytes).verify(message, signature).is_ok()
        })
    }
}

impl PublicKeys {
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self(keys)
    }

    /// Checks that one of the keys made a signature of a message.
    ///
    /// # Errors
    /// If no key made it.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Invalid> {
        match self.0.iter().any(|key| key.verifies(message, signature)) {
            true => Ok(()),
            false => Err(Invalid::OtherKey(self.files())),
        }
    }

    /// The files of the keys, for messages.
    pub fn files(&self) -> String {
        let files: Vec<_> = self.0.iter().map(|key| format!("`{}`", key.file)).collect();
        files.join(", ")
    }
}

impl KeyAlgorithm {
    /// A signature does not say how it was made. For a key on P-384, cosign used SHA-256 before it used
    /// SHA-384; all of these are strong enough.
    fn schemes(self) -> Vec<&'static dyn VerificationAlgorithm> {
        match self {
            Self::EcdsaP256 => {
                vec![&signature::ECDSA_P256_SHA256_ASN1, &signature::ECDSA_P256_SHA384_ASN1]
            }
            Self::EcdsaP384 => {
                vec![&signature::ECDSA_P384_SHA384_ASN1, &signature::ECDSA_P384_SHA256_ASN1]
            }
            Self::Ed25519 => vec![&signature::ED25519],
            Self::Rsa => vec![
                &signature::RSA_PKCS1_2048_8192_SHA256,
                &signature::RSA_PKCS1_2048_8192_SHA384,
                &signature::RSA_PKCS1_2048_8192_SHA512,
                &signature::RSA_PSS_2048_8192_SHA256,
                &signature::RSA_PSS_2048_8192_SHA384,
                &signature::RSA_PSS_2048_8192_SHA512,
            ],
        }
    }
}

/// The label and the body of the first section.
fn pem(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    Some((label, body))
}

enum Refused {
    Damaged,
    Kind(String),
}

/// The algorithm and the key of a `SubjectPublicKeyInfo`.
fn parse_info(encoded: &[u8]) -> Result<(KeyAlgorithm, Vec<u8>), Refused> {
    let parts = || {
        let mut info = Der::new(Der::only(encoded, der::SEQUENCE)?);
        let mut algorithm = Der::new(info.read(der::SEQUENCE)?);
        let kind = algorithm.read(der::OBJECT_IDENTIFIER)?;
        // Whole bytes only: the first one counts the bits that are left over.
        let key = Der::only(info.rest(), der::BIT_STRING)?.strip_prefix(&[0])?;
        Some((kind, algorithm.rest(), key))
    };
    let (kind, parameters, key) = parts().ok_or(Refused::Damaged)?;
    let refuse = |kind: &str| Err(Refused::Kind(kind.to_owned()));
    let algorithm = match kind {
        RSA => match rsa_bits(key).ok_or(Refused::Damaged)? {
            bits if RSA_BITS.contains(&bits) => KeyAlgorithm::Rsa,
            bits => return refuse(&format!("an RSA key with {bits} bits")),
        },
        ED25519 if key.len() == 32 => KeyAlgorithm::Ed25519,
        ELLIPTIC => {
            let curve = Der::only(parameters, der::OBJECT_IDENTIFIER);
            let (algorithm, length) = match curve {
                Some(P256) => (KeyAlgorithm::EcdsaP256, 65),
                Some(P384) => (KeyAlgorithm::EcdsaP384, 97),
                Some(P521) => return refuse("a key on the curve P-521"),
                Some(_) => return refuse("a key on another curve"),
                None => return refuse("a key without the name of its curve"),
            };
            match key.first() {
                Some(&UNCOMPRESSED) if key.len() == length => algorithm,
                Some(2 | 3) => return refuse("a compressed point"),
                _ => return Err(Refused::Damaged),
            }
        }
        RSA_PSS => return refuse("an RSA key for PSS alone"),
        ED25519 => return Err(Refused::Damaged),
        _ => return refuse("of an unknown kind"),
    };
    Ok((algorithm, key.to_vec()))
}

/// The length of the modulus of an `RSAPublicKey` (RFC 8017, A.1.1).
fn rsa_bits(key: &[u8]) -> Option<usize> {
    let mut numbers = Der::new(Der::only(key, der::SEQUENCE)?);
    let modulus = numbers.read(der::INTEGER)?;
    Der::only(numbers.rest(), der::INTEGER)?;
    let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
    let first = modulus.first()?;
    Some(modulus.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signatures::signer::Signer;

    // `ring` makes no RSA keys. These keys and signatures of `payload` are by openssl.
    const RSA_2048: &str = concat!(
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAq9FVcVt+DIUC73imDjZUDS29QXHMijK0gUoXA/ZxhFsX",
        "Avi6Nkh0MJJM0qIAlku8eQJ8z76A7L4ZI/HZ2Idy4K3GWb1Fsy9NHMM6mGq6+pIA910YshxYhhXmr+3LqeOC1vBG",
        "EVeWbNkSCYXVP2RrZ0C6dN8dBltjnNDOi+i93aPbULxj6utFrN9QFZ8kpZnwR6JZL7bB2NzQomcw5oQVr14742eB",
        "lx60kCrgiHW4VG8sHfu8KkXXchmInAkJLggMMPaaOhX+ojqyFQ/8ygs62ZnOIBChbpwJhOrg3fsVxEs86L47DesL",
        "7dg1qF6AcMeBAe7m016gvy7FA8fo3tSrdQIDAQAB",
    );
    const PKCS1: &str = concat!(
        "a66/feM3HuDym9scfTwY7AVN+g+t6jcCeTdgWtgu4/do2VzaSpv0/4NeOdXPb9djtRvLrDPJJW/E4I87vbm2treh",
        "DYz7GTRH1ixN6yeGnQFOQXuoW2ohoFNv9zv9SbD/uI1y2f9DNXVvjZLszfx/qji61SvGvbfIJpXW80RLLG/sbmE7",
        "97yM8Er7MrxVxIA7izWuK0/LYuTMj2E9HcUX3BeNER6Sl3nKMGJlbUGxytV+DhMj5CXaBn9UR29X+i/GtM/HDKtn",
        "0+BDdNL6PI2ESXeRHv2zduNsMxoIkH2Oh46JQBJCA/j8vw1EvoZ22JQhoAqAXgEqaKwcxjRr3+fdxQ==",
    );
    const PSS: &str = concat!(
        "AGuuuejg1nsZeSbljtGNk7hbmdfQ7euSM0KA7Ou4OnyXUsrlzj0iTkxltba2zDQ4AzpN4s4aePkiqwB6OWGFSsyX",
        "YdPP0HTsUlMA6N9w4qriH/Zju2z6CVDwlAkyGtefYRdhKtIG+ZH9hpC2hP686dZpJguHqAVzHwB9BjtLnmEFtqat",
        "QaTB0JOQIBpN1U7KAQNz5/c+k2/IWS33iOy1K28OOn4ucTkvP4qEqeyauR4T18vOFBwcIudH4YL7PV8uU5EbBg3p",
        "0WUwc2W7l8GxTH/sYxg5pn7+4cI8SuioKAVCiZQVZKAJaBZIQ7CUCnZVXabCU/lFbu2BKn9pJ/W7+w==",
    );
    const RSA_1024: &str = concat!(
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC6gzMRkdsbeIuuGgpGUwrJMXWeBtSsY1z/Dg1S927Q0UNxpQ4N",
        "6FdJvH0twnttPpVqDh3Y5YKqhdBcyhN6i+XCo5hnB2FzCZ9wIpaU67Sb+rVnKZaQrnQ5yrmY797FAW41Ytznn6yP",
        "xzXWA0msKRrlterR9KulQmD+CpQ9XAcPOwIDAQAB",
    );
    const P521: &str = concat!(
        "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBbUwg1EEEvMjKHNuns411dRZM2ZMHAvTCflXp8dApeKc3ps3jsFqd",
        "Tn7N0lBft29tIGNgJ0dFbVb8LnmiUjIh0X4AY6Mt0SXh8DgUXZOL/9xKBQXoXR+6jTym+74r5mAn+lAZzKCXdCJ7",
        "m+vLae0ALi4mnU8Kkzo111ptFm/R2qK9uAw=",
    );
    const SECP256K1: &str = concat!(
        "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEuf5TZcJ/qTNmwCknhjbpHH4HPckPj397V3eqw6SaKSS6Qb9b4sgg74IR",
        "ag26cT0Y7XZh904yAq/dPhqlKcchgw==",
    );
    const COMPRESSED: &str =
        "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgAD8CtoPyqJaP9Rug0afA0qFp2f4xSOz5L2R9SkcFsEk7w=";
    const X25519: &str = "MCowBQYDK2VuAyEA97GWZiZ1ctFAFgUMEixyj3woSIoo7cl/vtQVKzH23io=";

    fn pem(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }

    fn refusal(text: &str) -> String {
        PublicKey::parse("keys/a.pub", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn rsa_signatures_are_verified_with_both_paddings() {
        let key = PublicKey::parse("rsa.pub", pem("PUBLIC KEY", RSA_2048).as_bytes()).unwrap();
        for signature in [PKCS1, PSS] {
            let signature = STANDARD.decode(signature).unwrap();
            assert!(key.verifies(b"payload", &signature));
            assert!(!key.verifies(b"Payload", &signature));
        }
    }

    #[test]
    fn keys_of_other_kinds_are_refused_with_the_name_of_the_file() {
        let public = |body| pem("PUBLIC KEY", body);
        let good = Signer::p256().pem();
        let table = [
            (public(RSA_1024), "an RSA key with 1024 bits"),
            (public(P521), "on the curve P-521"),
            (public(SECP256K1), "on another curve"),
            (public(COMPRESSED), "a compressed point"),
            (public(X25519), "of an unknown kind"),
            (pem("EC PRIVATE KEY", "AAAA"), "a private key"),
            (pem("ENCRYPTED SIGSTORE PRIVATE KEY", "AAAA"), "a private key"),
            (pem("CERTIFICATE", "AAAA"), "`openssl x509 "),
            (pem("PGP PUBLIC KEY BLOCK", "AAAA"), "holds `PGP PUBLIC KEY BLOCK`"),
            (format!("{good}{good}"), "more than one"),
            (good.replace("-----END", "-----"), "not PEM"),
            (good.replace("MFk", "MFg"), "damaged"),
            (good.replace('M', "?"), "damaged"),
            (public(""), "damaged"),
            (String::new(), "not PEM"),
            ("ssh-ed25519 AAAA".to_owned(), "not PEM"),
        ];
        for (text, expected) in table {
            let error = refusal(&text);
            assert!(error.starts_with("`keys/a.pub` "), "{error}");
            assert!(error.contains(expected), "{expected}: {error}");
        }
        assert!(PublicKey::parse("a.pub", &[0xff, 0xfe]).is_err());
    }

    #[test]
    fn text_around_a_key_and_windows_line_endings_do_not_matter() {
        let signer = Signer::p256();
        let text = format!("the key of the team\n{}", signer.pem()).replace('\n', "\r\n");
        let key = PublicKey::parse("a.pub", text.as_bytes()).unwrap();
        assert!(key.verifies(b"x", &signer.sign(b"x")));
    }

    #[test]
    fn one_key_of_several_is_enough() {
        let [first, second, third] = Signer::all();
        let key = |signer: &Signer| PublicKey::parse("k", signer.pem().as_bytes()).unwrap();
        let keys = PublicKeys::new(vec![key(&first), key(&second)]);
        assert_eq!(keys.verify(b"x", &first.sign(b"x")), Ok(()));
        assert_eq!(keys.verify(b"x", &second.sign(b"x")), Ok(()));
        assert!(keys.verify(b"x", &third.sign(b"x")).is_err());
        assert!(PublicKeys::default().verify(b"x", &first.sign(b"x")).is_err());
    }
}
