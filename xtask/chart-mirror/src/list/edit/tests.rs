//! Tables of edits: a text before and after.

use super::{ImageEdits, edit_images, image_entry};
use crate::list::{Image, ImageList, Place, Replaced};

fn image(source: &str, tag: &str) -> Image {
    let source: oci::Repository = source.parse().unwrap();
    Image {
        source,
        tag: tag.parse().unwrap(),
        digest: None,
        subsets: Default::default(),
        subsets_index: None,
        target: None,
        values: Vec::new(),
        replaces: None,
        keep: None,
        place: Place::NOWHERE,
    }
}

/// Edits a text, and reads the result again.
fn edit(text: &str, new: &[Image], old: &[usize]) -> String {
    let edits = ImageEdits { added: new, removed: old, ..ImageEdits::default() };
    let edited = edit_images(text, edits).unwrap().text;
    let before = ImageList::parse("x", text).unwrap();
    let kept = before.images().iter().enumerate().filter(|(position, _)| !old.contains(position));
    let images = kept.map(|(_, image)| image).chain(new).cloned().collect();
    let expected = before.clone().with_images(images).unwrap();
    let found = ImageList::parse("x", &edited).unwrap_or_else(|e| panic!("{edited}\n{e}"));
    assert_eq!(found.without_places(), expected.without_places(), "{edited}");
    edited
}

const LIST: &str = "\
#:schema ./schemas/images.schema.json
# The images.

[values]
a = '{registry}'

# First group.

# About a.
[[image]]
source = \"q.io/a\" # why a
tag = \"1\"

[[image]]
source = \"q.io/b\"
# About the values of b.
[image.values]
\"b.c\" = \"{registry}\" # remark

# Second group.

[[image]]
tag = \"1\"
source = \"q.io/c\"

[destinations.x]
registry = \"x.io\"
# The end.
";

fn list() -> String {
    LIST.replace("source = \"q.io/b\"\n", "source = \"q.io/b\"\ntag = \"1\"\n")
}

#[test]
fn new_entries_follow_the_last_one_and_nothing_else_changes() {
    let text = list();
    let new = [image("q.io/d", "1"), image("docker.io/library/e", "2")];
    let added = "\n[[image]]\nsource = \"q.io/d\"\ntag = \"1\"\n\
                 \n[[image]]\nsource = \"docker.io/library/e\"\ntag = \"2\"\n";
    let (before, after) = text.split_once("\n[destinations").unwrap();
    assert_eq!(edit(&text, &new, &[]), format!("{before}{added}\n[destinations{after}"));
    assert_eq!(edit_images(&text, ImageEdits::default()).unwrap().text, text);
}

#[test]
fn an_entry_is_removed_with_its_comments_and_nothing_else() {
    let text = list();
    let a = "# About a.\n[[image]]\nsource = \"q.io/a\" # why a\ntag = \"1\"\n\n";
    let b = "[[image]]\nsource = \"q.io/b\"\ntag = \"1\"\n# About the values of b.\n[image.values]\n\
             \"b.c\" = \"{registry}\" # remark\n\n";
    let c = "[[image]]\ntag = \"1\"\nsource = \"q.io/c\"\n\n";
    let table = [
        (vec![0], vec![a]),
        (vec![1], vec![b]),
        (vec![0, 1], vec![a, b]),
        (vec![1, 0], vec![a, b]),
    ];
    for (old, removed) in table {
        let expected = removed.iter().fold(text.clone(), |text, part| text.replacen(part, "", 1));
        assert_eq!(edit(&text, &[], &old), expected, "{old:?}");
    }
    assert_eq!(edit(&text, &[], &[2]), text.replacen(c, "", 1));
    let both = edit(&text, &[image("q.io/d", "1")], &[2]);
    let added = "[[image]]\nsource = \"q.io/d\"\ntag = \"1\"\n\n";
    assert_eq!(both, text.replacen(c, added, 1));
}

#[test]
fn every_form_of_a_list_can_be_edited() {
    let d = [image("d", "1")];
    let new = "{ source = \"docker.io/library/d\", tag = \"1\" }";
    let section = "[[image]]\nsource = \"docker.io/library/d\"\ntag = \"1\"\n";
    let (a, b) = ("{ source = 'a', tag = '1' }", "{ source = 'b', tag = '1' }");
    let in_sections =
        "[[image]]\nsource = 'a'\ntag = '1'\n\n# b\n[[image]]\nsource = 'b'\ntag = '1'\n";
    let table: [(String, Vec<usize>, String); 13] = [
        // In one line.
        (format!("image = [{a}, {b}]"), vec![], format!("image = [{a}, {b}, {new}]")),
        (format!("image = [{a}, {b}]"), vec![0], format!("image = [{b}, {new}]")),
        (format!("image = [{a}, {b}]"), vec![1], format!("image = [{a}, {new}]")),
        (format!("image = [{a}, {b},]"), vec![1], format!("image = [{a}, {new},]")),
        // In lines.
        (
            format!("image = [\n  {a},\n  {b}, # b\n]\n"),
            vec![],
            format!("image = [\n  {a},\n  {b}, # b\n  {new},\n]\n"),
        ),
        (
            format!("image = [\n  # a\n  {a}, # a\n\n  # b\n  {b}\n]\n"),
            vec![0],
            format!("image = [\n  # b\n  {b},\n  {new}\n]\n"),
        ),
        // Sections: at the end of the text, without a final line end, with CRLF, with a byte order mark.
        (
            in_sections.to_owned(),
            vec![1],
            format!("[[image]]\nsource = 'a'\ntag = '1'\n\n{section}"),
        ),
        (
            in_sections.to_owned(),
            vec![0],
            format!("# b\n[[image]]\nsource = 'b'\ntag = '1'\n\n{section}"),
        ),
        (in_sections.trim_end().to_owned(), vec![], format!("{in_sections}\n{section}")),
        (
            in_sections.replace('\n', "\r\n"),
            vec![],
            format!("{in_sections}\n{section}").replace('\n', "\r\n"),
        ),
        (format!("\u{feff}{in_sections}"), vec![], format!("\u{feff}{in_sections}\n{section}")),
        (
            format!("#:schema x\n{in_sections}"),
            vec![0],
            format!("#:schema x\n\n# b\n[[image]]\nsource = 'b'\ntag = '1'\n\n{section}"),
        ),
        // The values of an entry are apart from it, and one value spans several lines.
        (
            "[[image]]\nsource = 'b'\ntag = '1'\n[[image]]\nsource = 'a'\ntag = '''\n1'''\n\
             # x\n[values]\na = '[x]'\n# y\n[image.values]\na = ''\n"
                .to_owned(),
            vec![1],
            format!("[[image]]\nsource = 'b'\ntag = '1'\n# x\n[values]\na = '[x]'\n\n{section}"),
        ),
    ];
    for (text, old, expected) in table {
        assert_eq!(edit(&text, &d, &old), expected, "{text}");
    }
}

#[test]
fn kept_and_replacing_entries_are_written_and_removed_as_a_whole() {
    let (source, tag) = ("docker.io/old/e".parse().unwrap(), None);
    let replaces = Some(Replaced { source, tag, reason: "it moved".to_owned() });
    let new = [
        Image { keep: Some("an operator uses it".to_owned()), ..image("q.io/d", "1") },
        Image { replaces, ..image("q.io/e", "1") },
    ];
    let a = "[[image]]\nsource = 'q.io/a'\ntag = '1'\n";
    let rules = "\n[chart]\nname = 'c'\n[[chart.ignore]]\ntext = 'x'\nreason = 'r'\n\
                 [[chart.place]]\npath = 'x'\nreason = 'r'\n";
    let sections = "# b\n[[image]]\nsource = 'q.io/b'\ntag = '1'\n# old\n[image.replaces]\n\
                    source = 'old/b'\nreason = 'moved' # why\n[image.values]\nb = '{tag}'\n";
    let added = "\n[[image]]\nsource = \"q.io/d\"\ntag = \"1\"\nkeep = \"an operator uses it\"\n\
                 \n[[image]]\nsource = \"q.io/e\"\ntag = \"1\"\n\
                 replaces = { source = \"docker.io/old/e\", reason = \"it moved\" }\n";
    for end in ["\n", "\r\n"] {
        let text = |text: &str| text.replace('\n', end);
        let before = text(&format!("{sections}\n{a}{rules}"));
        assert_eq!(edit(&before, &new, &[0]), text(&format!("{a}{added}{rules}")));
        assert_eq!(edit(&before, &new, &[]), text(&format!("{sections}\n{a}{added}{rules}")));
    }
    let inline = "image = [{ source = 'q.io/a', tag = '1', keep = 'x' }]";
    let edited = edit(inline, &new, &[]);
    assert!(edited.contains("replaces = { source = \"docker.io/old/e\", reason"), "{edited}");
    assert!(edited.contains("tag = '1', keep = 'x' }, {"), "{edited}");
}

#[test]
fn a_comment_behind_an_entry_in_braces_stays_there() {
    for comma in [",", ""] {
        for end in ["\n", "\r\n"] {
            let text = |text: &str| text.replace('\n', end);
            let before = format!(
                "image = [\n  {{ source = 'q.io/a', tag = '1' }}{comma} # ask team X\n  # the end\n]\n"
            );
            let new = [image("q.io/b", "2"), image("q.io/c", "3")];
            let expected = format!(
                "image = [\n  {{ source = 'q.io/a', tag = '1' }}, # ask team X\n  \
                 {{ source = \"q.io/b\", tag = \"2\" }},\n  \
                 {{ source = \"q.io/c\", tag = \"3\" }}{comma}\n  # the end\n]\n"
            );
            assert_eq!(edit(&text(&before), &new, &[]), text(&expected));
        }
    }
}

#[test]
fn removing_any_entry_of_the_real_list_keeps_the_comments_of_groups() {
    let text = include_str!("../../../../../images.toml");
    let is_of_group = |line: &&str| line.starts_with("# ") && !line.contains("`repository`");
    for text in [text.to_owned(), text.replace('\n', "\r\n")] {
        let groups = text.lines().filter(is_of_group).count();
        for position in 0..22 {
            let edited = edit(&text, &[image("q.io/d", "1")], &[position]);
            assert_eq!(edited.lines().filter(is_of_group).count(), groups, "{edited}");
            assert!(!edited.replace('\r', "").contains("\n\n\n"), "{edited}");
            assert_eq!(edited.matches("\r\n").count() > 0, text.contains("\r\n"));
        }
    }
}

#[test]
fn removing_the_last_entry_leaves_no_empty_lines() {
    let text =
        "[[image]]\nsource = 'a'\ntag = '1'\n\n\n# b\n[[image]]\nsource = 'b'\ntag = '1'\n\n";
    assert_eq!(edit(text, &[], &[1]), "[[image]]\nsource = 'a'\ntag = '1'\n");
    let lines = "image = [\n  { source = 'a', tag = '1' },\n  { source = 'b', tag = '1' },\n]\n";
    assert_eq!(edit(lines, &[], &[1]), "image = [\n  { source = 'a', tag = '1' },\n]\n");
    assert_eq!(edit(lines, &[], &[0]), "image = [\n  { source = 'b', tag = '1' },\n]\n");
}

#[test]
fn an_entry_is_written_as_it_is_read() {
    let text = "[[image]]\nsource = \"q.io/a\"\ntag = \"1\"\n\
                digest = \"sha256:1111111111111111111111111111111111111111111111111111111111111111\"\n\
                target = \"x/a\"\n[image.values]\n\"a.\\\"b\\\\.c\" = \"{registry}\\u0009\"\n\
                \"a.d\" = { json = \"[1,null,{\\\"e\\\":\\\"{x}\\\"}]\" }\n";
    let kept =
        "[[image]]\nsource = \"q.io/a\"\ntag = \"1\"\nkeep = \"the \\\"operator\\\" uses it\"\n";
    let replacing = "[[image]]\nsource = \"q.io/a\"\ntag = \"1\"\n\
                     replaces = { source = \"docker.io/old/a\", tag = \"latest\", reason = \"it moved\" }\n";
    let moved = replacing.replace(", tag = \"latest\"", "");
    for text in [text, kept, replacing, &moved] {
        let list = ImageList::parse("x", text).unwrap();
        assert_eq!(image_entry(&list.images()[0]), text);
    }
}

#[test]
fn a_list_without_images_gets_its_first_ones() {
    let new = [image("q.io/a", "1"), image("q.io/b", "2")];
    let section = "[[image]]\nsource = \"q.io/a\"\ntag = \"1\"\n\n\
                   [[image]]\nsource = \"q.io/b\"\ntag = \"2\"\n";
    let table = [
        (String::new(), section.to_owned()),
        ("# Head.\n".to_owned(), format!("# Head.\n\n{section}")),
        ("[chart]\nname = 'c'".to_owned(), format!("[chart]\nname = 'c'\n\n{section}")),
        (
            "image = [] # none\n[chart]\nname = 'c'\n".to_owned(),
            "image = [\n  { source = \"q.io/a\", tag = \"1\" },\n  { source = \"q.io/b\", tag = \"2\" },\n] # none\n\
             [chart]\nname = 'c'\n"
                .to_owned(),
        ),
    ];
    for (before, after) in table {
        for end in ["\n", "\r\n"] {
            let before = before.replace('\n', end);
            // A text without any line end has no kind of its own.
            if end == "\r\n" && !before.contains(end) {
                continue;
            }
            let edits = ImageEdits { added: &new, ..ImageEdits::default() };
            let edited = edit_images(&before, edits).unwrap().text;
            assert_eq!(edited, after.replace('\n', end));
            assert_eq!(ImageList::parse("x", &edited).unwrap().images().len(), 2);
        }
    }
}

#[test]
fn what_is_removed_is_returned_as_it_was_written() {
    let text = list();
    let edits = ImageEdits { removed: &[1, 0], ..ImageEdits::default() };
    let edited = edit_images(&text, edits).unwrap();
    let [(0, a), (1, b)] = edited.removed.as_slice() else { panic!("{:?}", edited.removed) };
    assert!(a.starts_with("# About a.\n[[image]]\nsource = \"q.io/a\" # why a\n"), "{a}");
    assert!(b.contains("# About the values of b.") && b.contains("\"b.c\""), "{b}");
}
