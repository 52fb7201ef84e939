//! A strict parser for the XML of the report: elements, attributes in `"`, text and the five entities, and
//! nothing else. Every other parser accepts what it accepts.

#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no {name} in {self:?}"), |(_, value)| value)
    }

    pub(super) fn names_of_children(&self) -> Vec<&str> {
        self.children.iter().map(|child| child.attribute("name")).collect()
    }
}

/// The root element of a document with a declaration.
pub(super) fn parse(text: &str) -> Element {
    for c in text.chars() {
        // XML 1.0, production 2.
        let is_allowed = matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
        assert!(is_allowed && !c.is_ascii_control() || c == '\n', "{c:?}");
    }
    let rest = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let (root, rest) = element(rest);
    assert_eq!(rest, "\n");
    root
}

fn element(text: &str) -> (Element, &str) {
    let rest = text.strip_prefix('<').unwrap_or_else(|| panic!("no element: {text}"));
    let (name, mut rest) = split_name(rest);
    let mut element = Element { name: name.to_owned(), ..Element::default() };
    while let Some(attribute) = rest.strip_prefix(' ') {
        let (name, value) = split_name(attribute);
        let (value, after) = value.strip_prefix("=\"").unwrap().split_once('"').unwrap();
        assert!(element.attributes.iter().all(|(known, _)| known != name), "{name} twice");
        assert!(!value.contains(['<', '>', '\n']), "{value}");
        element.attributes.push((name.to_owned(), unescaped(value)));
        rest = after;
    }
    if let Some(rest) = rest.strip_prefix("/>") {
        return (element, rest);
    }
    rest = rest.strip_prefix('>').unwrap();
    loop {
        let (content, markup) = rest.split_at(rest.find('<').unwrap());
        // XML forbids `]]>` in content; the report escapes every `>`.
        assert!(!content.contains('>'), "{content}");
        element.text += &unescaped(content);
        if let Some(end) = markup.strip_prefix("</") {
            let (name, end) = split_name(end);
            assert_eq!(name, element.name);
            if !element.children.is_empty() {
                assert_eq!(element.text.trim(), "");
            }
            return (element, end.strip_prefix('>').unwrap());
        }
        let (child, after) = self::element(markup);
        element.children.push(child);
        rest = after;
    }
}

fn split_name(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap();
    assert!(end > 0, "no name: {text}");
    text.split_at(end)
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').unwrap();
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => panic!("no entity: {entity}"),
        });
        plain += rest;
    }
    plain
}

#[test]
fn malformed_xml_is_rejected() {
    let declared = |text: &str| format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}\n");
    assert_eq!(parse(&declared("<a b=\"&lt;\">x</a>")).text, "x");
    for wrong in ["<a>", "<a></b>", "<a>&x;</a>", "<a>]]></a>", "<a b=\"<\"/>", "<a/><a/>"] {
        let text = declared(wrong);
        assert!(std::panic::catch_unwind(|| parse(&text)).is_err(), "{wrong}");
    }
}
