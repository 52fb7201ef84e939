//! Signatures in a file beside the signed one, such as `inventory.json.sig`: base64 as `cosign sign-blob`
//! writes it, the bytes that `openssl dgst -sign` writes, or a Sigstore bundle.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::bundle::SigstoreBundle;
use super::{Invalid, PublicKeys};

/// Checks that one of the keys made a signature that is stored in a separate file.
///
/// # Errors
/// If the file holds no signature, or no key made it.
pub fn check(content: &[u8], signature: &[u8], keys: &PublicKeys) -> Result<(), Invalid> {
    // The bytes of a signature may begin with a brace, but they are not text.
    let is_document =
        std::str::from_utf8(signature).is_ok_and(|it| it.trim_start().starts_with('{'));
    if is_document {
        return match SigstoreBundle::parse(signature)? {
            SigstoreBundle::Message { signature } => keys.verify(content, &signature),
            SigstoreBundle::Statement(_) | SigstoreBundle::Attestation => {
                Err(Invalid::Payload("the bundle has no `messageSignature`".to_owned()))
            }
        };
    }
    let text: Vec<u8> =
        signature.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match STANDARD.decode(&text) {
        Ok(decoded) => keys.verify(content, &decoded),
        Err(_) => keys.verify(content, signature),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signatures::signer::Signer;

    #[test]
    fn a_file_is_signed_by_base64_by_bytes_or_by_a_bundle() {
        for signer in Signer::all() {
            let keys = signer.keys();
            let signature = signer.sign(b"inventory");
            let text = signer.sign_base64(b"inventory");
            let bundle = format!(r#"{{"messageSignature":{{"signature":"{text}"}}}}"#);
            let (start, end) = text.split_at(20);
            for file in [
                text.clone().into_bytes(),
                format!("{start}\n{end}\n").into_bytes(),
                signature.clone(),
                bundle.into_bytes(),
            ] {
                assert_eq!(check(b"inventory", &file, &keys), Ok(()));
                assert!(check(b"inventory ", &file, &keys).is_err());
                assert!(check(b"inventory", &file, &Signer::p256().keys()).is_err());
            }
        }
        let keys = Signer::p256().keys();
        for file in [&b""[..], b"{}", b"-----BEGIN SIGNATURE-----", &[0xff; 72]] {
            assert!(check(b"inventory", file, &keys).is_err());
        }
    }

    #[test]
    fn the_bytes_of_a_signature_may_begin_like_a_document() {
        // Those of elliptic curves in DER do not.
        let [.., signer] = Signer::all();
        let contents = (0..10_000).map(|number: u32| number.to_string().into_bytes());
        let mut signed = contents.map(|content| (signer.sign(&content), content));
        let (signature, content) = signed.find(|(it, _)| it[0] == b'{').unwrap();
        assert_eq!(check(&content, &signature, &signer.keys()), Ok(()));
    }
}
