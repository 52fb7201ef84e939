//! Output on a terminal, which `script` of util-linux provides.

use crate::support::xtask::Xtask;

#[test]
fn problems_are_coloured_on_a_terminal_unless_no_color_is_set() {
    let xtask = Xtask::new();
    std::fs::write(xtask.directory().join("images.toml"), "[[image]]\nsorce = \"quay.io/a\"\n")
        .unwrap();
    let command = format!(
        "{} --images images.toml mirror -t -d r.example.com",
        env!("CARGO_BIN_EXE_chart-mirror")
    );
    let on_terminal = |variables: &[(&str, &str)]| {
        let mut script = duct::cmd!("script", "-qec", &command, "/dev/null").dir(xtask.directory());
        for (name, value) in variables {
            script = script.env(name, value);
        }
        script
            .env("TERM", "xterm")
            .stdin_null()
            .stdout_capture()
            .stderr_to_stdout()
            .unchecked()
            .run()
            .unwrap()
    };
    let coloured = on_terminal(&[]);
    let text = String::from_utf8(coloured.stdout).unwrap();
    assert_eq!(coloured.status.code(), Some(2), "{text}");
    assert!(text.contains("\u{1b}[") && text.contains("sorce"), "{text:?}");

    let plain = on_terminal(&[("NO_COLOR", "1")]);
    let text = String::from_utf8(plain.stdout).unwrap();
    assert_eq!(plain.status.code(), Some(2), "{text}");
    assert!(!text.contains("\u{1b}[") && text.contains("sorce"), "{text:?}");
}

#[test]
fn colours_are_decided_for_each_stream() {
    let xtask = Xtask::new();
    let list = "[[image]]\nsource = \"quay.io/a/b\"\ntag = \"1\"\n";
    std::fs::write(xtask.directory().join("images.toml"), list).unwrap();
    let program = env!("CARGO_BIN_EXE_chart-mirror");
    // The report goes to a file, and only the terminal would show colours.
    let command = format!("{program} verify --only list --images images.toml > report.txt");
    let status = duct::cmd!("script", "-qec", &command, "/dev/null")
        .dir(xtask.directory())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdin_null()
        .stdout_capture()
        .unchecked()
        .run()
        .unwrap()
        .status;
    assert_eq!(status.code(), Some(0));
    let report = std::fs::read_to_string(xtask.directory().join("report.txt")).unwrap();
    assert!(report.contains("unpinned") && !report.contains('\u{1b}'), "{report:?}");
}
