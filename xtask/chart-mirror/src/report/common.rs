//! Text that several reports share: amounts, hints, and the warning about unverified certificates.

use oci::Registry;
use registry::{Error, Requests};

/// A line for each registry whose certificate was not verified.
pub fn insecure(registries: &[Registry]) -> String {
    let line = |registry: &Registry| {
        format!(
            "INSECURE: the certificate of {registry} was not verified, because images.toml sets `insecure = \
             true`: anyone on the path could read the credentials and change unpinned images\n"
        )
    };
    registries.iter().map(line).collect()
}

/// The hint of an error as a line, or nothing.
pub(super) fn hint_line(indent: &str, error: &Error) -> String {
    error.hint().map(|hint| format!("{indent}hint: {hint}\n")).unwrap_or_default()
}

/// `20.3 MB`, in decimal units.
pub fn bytes(amount: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if amount < 1000 {
        return format!("{amount} B");
    }
    let mut value = amount as f64;
    let mut unit = "B";
    for next in UNITS {
        // A value that would be rounded to 1000 is shown in the next unit.
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// `1 image`, `2 images`.
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `23 to sources, 30 to the destination (4 of them for tokens)`.
pub(super) fn requests(requests: &Requests) -> String {
    let Requests { source, destination, tokens } = requests;
    let tokens = match tokens {
        0 => String::new(),
        tokens => format!(" ({tokens} of them for tokens)"),
    };
    format!("{source} to sources, {destination} to the destination{tokens}")
}

/// The verb that goes with a number.
pub(super) fn is_are(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// `3.2 s`, `1 min 01 s`.
pub fn seconds(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    format!("{} min {:02} s", whole / 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_in_units_that_fit() {
        let table = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (20_345_678, "20.3 MB"),
            (999_950, "1.0 MB"),
            (5_000_000_000, "5.0 GB"),
            (u64::MAX, "18446744.1 TB"),
        ];
        for (amount, expected) in table {
            assert_eq!(bytes(amount), expected);
        }
        assert_eq!(seconds(3.25), "3.2 s");
        assert_eq!(seconds(61.0), "1 min 01 s");
        assert_eq!(count(1, "image"), "1 image");
    }
}
