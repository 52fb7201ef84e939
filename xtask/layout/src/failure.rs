//! The errors of this crate: each names the layout and the file or entry.

use std::fmt::Display;
use std::io;

use messages::Advice;
use messages::printable::printable;

use crate::LayoutLocation;

const GET_IT_AGAIN: &str = "it is damaged, incomplete or not a bundle of this program: copy it again, or \
                            write it again, and compare with `sha256sum -c SHA256SUMS`";

/// A file or an entry that is not accepted.
pub(crate) fn refused(location: &LayoutLocation, entry: &str, why: impl Display) -> Advice {
    Advice::new(format!("{location}: entry `{}`: {why}", printable(entry))).with_hint(GET_IT_AGAIN)
}

/// A layout that is not accepted as a whole.
pub(crate) fn unusable(location: &LayoutLocation, why: impl Display) -> Advice {
    Advice::new(format!("{location}: {why}")).with_hint(GET_IT_AGAIN)
}

pub(crate) fn cannot(
    operation: &str,
    location: &LayoutLocation,
    entry: &str,
    why: &io::Error,
) -> Advice {
    let entry = if entry.is_empty() { String::new() } else { format!(" `{}`", printable(entry)) };
    let message = format!("{location}: cannot {operation}{entry}: {why}");
    match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Advice::new(message)
            .with_hint("free some space and run the command again: it continues where it stopped"),
        io::ErrorKind::FileTooLarge => Advice::new(message).with_hint(
            "the file system does not allow files of this size: use a directory, or smaller parts",
        ),
        io::ErrorKind::NotFound => Advice::new(message).with_hint("check the path"),
        _ => Advice::new(message),
    }
}
