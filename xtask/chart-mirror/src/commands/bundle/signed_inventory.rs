//! The signature of a bundle's inventory, which is made after the bundle: in a folder, it is beside the inventory, and
//! otherwise beside the archive.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use layout::{LayoutError, LayoutLocation};
use messages::Advice;
use regular_file::LARGEST;

use crate::bundle::bundle_inventory::FILE;
use crate::signatures::{Invalid, LARGEST_PAYLOAD, PublicKey, PublicKeys, detached};

/// Reads keys; `None` if no signature is required.
///
/// # Errors
/// If a key cannot be read or used.
pub fn required_keys(files: &[PathBuf]) -> Result<Option<PublicKeys>, Advice> {
    let read = |file: &PathBuf| {
        let name = file.display().to_string();
        let content = regular_file::read(file, LARGEST).map_err(|why| {
            Advice::new(format!("cannot read the public key `{name}`: {why}"))
                .with_hint("correct `--require-signature`")
        })?;
        PublicKey::parse(&name, &content)
    };
    let keys = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok((!keys.is_empty()).then(|| PublicKeys::new(keys)))
}

/// Checks that one of the keys signed the inventory. The same inventory is in each part, so a signature beside one of
/// them is enough.
///
/// # Errors
/// If there is no signature, or none of the keys made it.
pub(super) fn check(
    locations: &[LayoutLocation],
    inventory: &[u8],
    keys: &PublicKeys,
) -> Result<(), LayoutError> {
    let files: Vec<PathBuf> = locations.iter().map(signature_of).collect();
    let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.display())).collect();
    let mut invalid = None;
    for (location, file) in locations.iter().zip(&files) {
        match checked(file, inventory, keys)? {
            Some(Ok(())) => return Ok(()),
            Some(Err(why)) => invalid = invalid.or(Some((location, file, why))),
            None => {}
        }
    }
    let (message, hint) = match invalid {
        Some((location, file, why)) => (
            format!(
                "{location}: `{}` is no valid signature of its `{FILE}`: {why}",
                file.display()
            ),
            "the bundle was changed, or is of someone else: get bundle and signature again, or name the key that signed \
             it with `--require-signature`",
        ),
        None => (
            format!(
                "{}: its `{FILE}` is not signed by {}: there is no {}",
                locations.first().map(ToString::to_string).unwrap_or_default(),
                keys.files(),
                names.join(" or ")
            ),
            "sign it where the bundle was written, and carry the signature with it",
        ),
    };
    let advice = Advice::new(format!("{message}; nothing was used"));
    Err(LayoutError::damaged(advice.with_hint(hint)))
}

/// `site/inventory.json.sig`, or `site.tar.sig`.
fn signature_of(location: &LayoutLocation) -> PathBuf {
    match location {
        LayoutLocation::Directory(folder) => folder.join(format!("{FILE}.sig")),
        LayoutLocation::Archive(file) => {
            let mut name = file.clone().into_os_string();
            name.push(".sig");
            name.into()
        }
    }
}

/// Whether one of the keys made the signature in a file; `None` without such a file.
fn checked(
    file: &Path,
    inventory: &[u8],
    keys: &PublicKeys,
) -> Result<Option<Result<(), Invalid>>, LayoutError> {
    match regular_file::read(file, LARGEST_PAYLOAD) {
        Ok(signature) => Ok(Some(detached::check(inventory, &signature, keys))),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        // It is larger than any signature.
        Err(why) if why.kind() == ErrorKind::InvalidData => {
            Ok(Some(Err(Invalid::Payload(why.to_string()))))
        }
        Err(why) => {
            let message = format!("cannot read the signature `{}`: {why}", file.display());
            let hint = "get the signature again from where the bundle was made";
            Err(Advice::new(message).with_hint(hint).into())
        }
    }
}
