//! Hostile texts from charts, servers and file names: in every format they stay text.

use clap::ValueEnum as _;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::*;
use crate::list::Place;
use crate::list::finding_code::Check;
use crate::report::verify::{line, text};

const TEXTS: [&str; 22] = [
    "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7}",
    "::error::x",
    "::add-mask::x",
    "##[error]x",
    "one\n::error file=a,line=1::two",
    "one\r::warning::two\r\n::stop-commands::x",
    "%0A::error::x%25",
    "a,line=9,title=b",
    "]]><x/>",
    "</failure></testcase></testsuite>",
    "\" onclick=\"x' &amp; &#60;",
    "<script>alert(1)</script><!-- ",
    "one | two || three",
    "`one` ` two",
    "```````\n# three",
    "\u{202e}gnp.exe\u{2066}",
    "[x](https://evil.example.com) ![y](data:z) \\[z\\](w)",
    "https://evil.example.com www.evil.example.com me@evil.example.com @someone #1 :tada:",
    "*one* __two__ ~~three~~ $x$ \\*four\\*",
    "\0\u{fffe}\u{ffff}\u{85}\u{2028}",
    "- one\n> two\n\n    three",
    "{\"a\": \"b\\u0000\"}",
];

/// A report in which every text is this one.
fn report(text: &str) -> VerifyReport {
    let text = || text.to_owned();
    let with = |image| Finding {
        location: Some(Location { file: text(), place: Place { line: 7, column: 3 } }),
        message: text(),
        details: vec![text(), text()],
        hint: Some(text()),
        ..finding(Check::Chart, Code::ValuesStale, image)
    };
    let anywhere = Finding { location: None, ..with(None) };
    VerifyReport {
        list: text(),
        destinations: vec![text()],
        images: vec!["q.io/app:1".parse().unwrap()],
        findings: vec![anywhere, with(Some("q.io/app:1"))],
        ..clean()
    }
}

/// Calls `read` with each report, the report with clean texts, and the clean text.
fn each(read: impl Fn(&VerifyReport, &VerifyReport, &str)) {
    for text in TEXTS {
        let report = report(text);
        let clean = printable(&report);
        assert_eq!(clean.list, line(text));
        read(&report, &clean, &line(text));
    }
}

#[test]
fn no_format_has_characters_that_a_terminal_or_a_parser_would_interpret() {
    each(|report, _, _| {
        for format in Format::value_variants().iter().copied() {
            let text = rendered(format, report);
            let unprintable = text.chars().find(|c| *c != '\n' && is_unprintable(*c));
            assert_eq!(unprintable, None, "{format:?}: {text}");
        }
    });
}

#[test]
fn json_gitlab_and_sarif_escape_text() {
    each(|report, clean, text| {
        let json = parsed(Format::Json, report);
        let finding = &json["findings"][1];
        for field in ["message", "hint"] {
            assert_eq!(finding[field], text);
        }
        assert_eq!(finding["details"], json!([text, text]));
        assert_eq!(finding["location"]["file"], text);
        assert_eq!((&json["list"], &json["destinations"][0]), (&json!(text), &json!(text)));

        let issues = parsed(Format::Gitlab, report);
        assert_eq!(issues.as_array().map(Vec::len), Some(2));
        assert_eq!(issues[1]["description"], format!("q.io/app:1: {text} (hint: {text})"));
        assert_eq!(issues[1]["location"]["path"], text);

        let sarif = parsed(Format::Sarif, report);
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), 2);
        for (result, finding) in results.iter().zip(&clean.findings) {
            let message = result["message"]["text"].as_str().unwrap();
            let expected = text::lines(finding).join("\n");
            let is_link = expected.contains("](");
            let plain = if is_link {
                message.replace("\\[", "[").replace("\\]", "]")
            } else {
                message.to_owned()
            };
            assert_eq!(plain, expected);
            assert!(!message.replace("\\]", "").contains("]("), "{message}");
            let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
            assert_eq!(from_uri(uri.as_str().unwrap()), text);
        }
    });
}

#[test]
fn github_gets_one_command_per_finding() {
    each(|report, clean, text| {
        let rendered = rendered(Format::Github, report);
        let lines: Vec<&str> = rendered.lines().collect();
        assert_eq!(lines.len(), 3, "{rendered}");
        // The runner finds old-style commands anywhere in a line, and new ones after spaces.
        let is_command = |line: &&&str| line.trim_start().starts_with("::");
        assert_eq!(lines.iter().filter(is_command).count(), 2);
        assert_eq!(lines[2], text::summary(clean));
        for (line, finding) in lines.iter().zip(&clean.findings) {
            let (properties, data) =
                line.strip_prefix("::error ").unwrap().split_once("::").unwrap();
            assert_eq!(unescaped(data), text::lines(finding).join("\n"));
            let values: Vec<_> =
                properties.split(',').map(|property| property.split_once('=').unwrap()).collect();
            let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, ["file", "line", "col", "title"]);
            assert_eq!(unescaped(values[0].1), text);
            assert_eq!(values[3].1, "values-stale");
        }
    });
}

#[test]
fn junit_escapes_text() {
    each(|report, clean, text| {
        let document = xml::parse(&rendered(Format::Junit, report));
        let chart = &document.children[2];
        assert_eq!(chart.attribute("name"), "verify.chart");
        let plain = |text: &str| text.replace(['\u{fffe}', '\u{ffff}'], "");
        let names = [plain(&format!("values-stale: {text}")), "q.io/app:1".to_owned()];
        assert_eq!(chart.names_of_children(), names);
        for (case, finding) in chart.children.iter().zip(&clean.findings) {
            let [failure] = case.children.as_slice() else { panic!("{case:?}") };
            assert_eq!(failure.attribute("message"), plain(text));
            let (line, column) = if finding.image.is_some() { (7, 3) } else { (1, 1) };
            let lines = text::lines(finding).join("\n");
            let all = format!("error[values-stale] {text}:{line}:{column}\n{lines}\n");
            assert_eq!(failure.text, plain(&all));
            assert_eq!(case.attribute("file"), plain(text));
        }
    });
}

#[test]
fn markdown_escapes_text() {
    const TABLE: [&str; 12] = [
        "check",
        "result",
        "list",
        "passed",
        "values",
        "passed",
        "chart",
        "2 errors",
        "source",
        "passed",
        "destination",
        "passed",
    ];
    each(|report, _, text| {
        // Pairs of backticks become code.
        let is_paired = text.matches('`').count().is_multiple_of(2);
        let prose = if is_paired { text.replace('`', "") } else { text.to_owned() };
        let finding = |place: &str| format!("error values-stale: {prose} ({text}:{place})");
        let mut expected = vec![
            "Verification failed".to_owned(),
            format!("{text}: 1 image: 2 errors"),
            format!("Destinations: {text}"),
        ];
        expected.extend(TABLE.map(str::to_owned));
        expected.extend(["General".to_owned(), finding("1:1")]);
        expected.extend([format!("{text}\n{text}"), format!("hint: {prose}")]);
        expected.extend(["q.io/app:1".to_owned(), finding("7:3"), format!("{text}\n{text}")]);
        let expected: Vec<&str> = expected.iter().map(|block| block.trim()).collect();
        let rendered = rendered(Format::Markdown, report);
        assert_eq!(blocks(&rendered), expected, "{rendered}");
        // GitHub and GitLab turn bare words into links; this parser does not.
        let outside = rendered.lines().filter(|line| *line != format!("  {text}"));
        for line in outside.map(|line| line.replace("\\\\", "")) {
            for bare in ["s://", "www.", " @", "e@", " #1", " :t"] {
                assert!(!line.contains(bare), "{bare}: {line}");
            }
        }
    });
}

/// The plain text of each block. Fails on any construct that the report does not use.
fn blocks(markdown: &str) -> Vec<String> {
    let options = Options::all().difference(Options::ENABLE_SMART_PUNCTUATION);
    let mut blocks = vec![String::new()];
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Text(text) => blocks.last_mut().unwrap().push_str(&text),
            Event::InlineHtml(html) => assert!(["<code>", "</code>"].contains(&&*html), "{html}"),
            Event::Start(Tag::Strong) | Event::End(TagEnd::Strong) => {}
            Event::Start(
                Tag::Paragraph
                | Tag::Heading { .. }
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::TableRow
                | Tag::TableCell
                | Tag::List(None)
                | Tag::Item
                | Tag::CodeBlock(_),
            )
            | Event::End(_) => blocks.push(String::new()),
            other => panic!("{other:?} in\n{markdown}"),
        }
    }
    let trimmed = blocks.iter().map(|block| block.trim().to_owned());
    trimmed.filter(|block| !block.is_empty()).collect()
}

fn from_uri(uri: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = uri.strip_prefix("file:///").unwrap_or(uri).bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let pair = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// As the runner does: `%25` last.
fn unescaped(text: &str) -> String {
    let text = text.replace("%0D", "\r").replace("%0A", "\n");
    text.replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
}
