//! `--quiet`, `--color` and their variables. Nothing here is a terminal; `tests/real/terminal.rs` has one.

use super::{assert_says, mirror, write};
use crate::support::stage::Stage;
use crate::support::xtask::{Finished, Xtask};

const ESCAPE: char = '\u{1b}';

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_run_writes_only_its_result() {
    let mut stage = Stage::new().await;
    stage.publish_many(3);
    let copied = mirror(&stage, &["--quiet"]);
    assert_eq!((copied.exit_code, copied.stderr.as_str()), (0, ""));
    assert_says(&copied.stdout, &["3 copied, 0 up to date, 0 failed"]);

    stage.pinned = false;
    stage.source.store().delete_tag("stackstate/i01", "1.0.6");
    stage.destination.store().delete_tag("stackstate/i01", "1.0.6");
    let failed = mirror(&stage, &["-q"]);
    assert_eq!((failed.exit_code, failed.stderr.as_str()), (1, ""));
    assert_says(&failed.stdout, &["error: ", "stackstate/i01:1.0.6", "1 failed"]);
}

#[test]
fn a_quiet_run_writes_errors_and_no_quiet_run_is_verbose() {
    let xtask = Xtask::new();
    let quiet = xtask.run(&["mirror", "--quiet", "--images", "nowhere.toml"], &[]);
    assert_eq!((quiet.exit_code, quiet.stdout.as_str()), (2, ""));
    assert_says(&quiet.stderr, &["error: cannot read the image list `nowhere.toml`"]);
    let both = xtask.run(&["mirror", "--quiet", "-v"], &[]);
    assert_eq!(both.exit_code, 2);
    assert_says(&both.stderr, &["--quiet", "--verbose"]);
}

#[test]
fn colours_follow_the_flag_then_the_variables_then_the_stream() {
    let xtask = Xtask::new();
    // Unpinned, so the report on stdout has a warning.
    write(&xtask, "images.toml", "[[image]]\nsource = \"quay.io/a/b\"\ntag = \"1\"\n");
    write(&xtask, "broken.toml", "[[image]]\nsorce = \"quay.io/a/b\"\n");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| -> [Finished; 2] {
        ["images.toml", "broken.toml"].map(|list| {
            let fixed = ["verify", "--only", "list", "--images", list];
            xtask.run(&[&fixed[..], arguments].concat(), variables)
        })
    };
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let table: [(&[&str], Variables<'_>, bool); 6] = [
        (&[], &[], false),
        (&["--color", "always"], &[], true),
        (&["--color=always"], &[("NO_COLOR", "1")], true),
        (&[], &[("CLICOLOR_FORCE", "1")], true),
        (&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&["--color", "never"], &[("CLICOLOR_FORCE", "1")], false),
    ];
    for (arguments, variables, expected) in table {
        let [warned, refused] = run(arguments, variables);
        assert_says(&warned.stdout, &["unpinned"]);
        assert_eq!(warned.stdout.contains(ESCAPE), expected, "{arguments:?} {variables:?}");
        assert_says(&refused.stderr, &["sorce"]);
        assert_eq!(refused.stderr.contains(ESCAPE), expected, "{arguments:?} {variables:?}");
    }
}
