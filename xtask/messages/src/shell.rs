//! Command lines that users can paste into a POSIX shell.

/// A word in the form that a shell reads, in quotes only if it needs them.
pub fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A program and its arguments as one line, quoted.
pub fn command_line<T: AsRef<str>>(
    program: &str,
    arguments: impl IntoIterator<Item = T>,
) -> String {
    arguments
        .into_iter()
        .fold(quote(program), |line, argument| format!("{line} {}", quote(argument.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_only_if_a_shell_would_change_it() {
        let table = [
            ("a-b_c./:=@%+,9", "a-b_c./:=@%+,9"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$HOME", "'$HOME'"),
            ("it's", r"'it'\''s'"),
        ];
        for (word, expected) in table {
            assert_eq!(quote(word), expected);
        }
        assert_eq!(command_line("helm", ["template", "a b"]), "helm template 'a b'");
    }
}
