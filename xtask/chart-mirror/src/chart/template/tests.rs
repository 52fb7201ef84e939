//! Small templates of all shapes in which charts write images.

use super::*;

/// What the origin of an image uses, as `key.key@file:line`.
fn origin_in(files: &[(&str, &str)], path: &str, image: &str) -> String {
    let mut templates = Templates::default();
    files.iter().for_each(|(path, text)| templates.add(path, text));
    let step = |step: &Step| match step {
        Step::Key(name) => name.clone(),
        Step::Any => "*".to_owned(),
    };
    match templates.origin(files[0].0, path, image) {
        ImageOrigin::Unknown => "unknown".to_owned(),
        ImageOrigin::Values(uses) => {
            let path = |it: &Use| match it.path.as_slice() {
                [] => "all".to_owned(),
                steps => steps.iter().map(step).collect::<Vec<_>>().join("."),
            };
            // `a?` for a value of which the presence decides, `a=` for one that is compared.
            let role = |it: &Use| match it.role {
                Role::Part => "",
                Role::Presence => "?",
                Role::Comparison => "=",
            };
            let uses =
                uses.iter().map(|it| format!("{}{}@{}:{}", path(it), role(it), it.file, it.line));
            uses.collect::<Vec<_>>().join(" ")
        }
    }
}

/// For `image: ` in a template of one file.
fn origin(template: &str, image: &str) -> String {
    origin_in(&[("x", template)], "spec.containers[0].image", image).replace("@x:1", "")
}

#[test]
fn values_are_followed_through_every_way_to_name_them() {
    let table = [
        ("image: {{ ((.Values.a).b).c }}/web:1", "a.b.c"),
        ("image: {{ index .Values \"a\" `b` }}/web:1", "a.b"),
        ("image: {{ (index .Values \"a-b\").c }}/web:1", "a-b.c"),
        ("{{ $v := .Values }}{{ $i := $v.a }}image: {{ $i.b }}/web:1", "a.b"),
        ("{{ with .Values.a }}\nimage: {{ .b }}/web:1\n{{ end }}", "a.b@x:2"),
        ("{{ range $k, $v := .Values.a }}\nimage: {{ $v.b }}/web:1\n{{ end }}", "a.*.b@x:2"),
        ("{{ range .Values.a }}\nimage: {{ . }}/web:1\n{{ end }}", "a.*@x:2"),
        ("image: {{ dig \"a\" \"b\" \"q.io\" .Values }}/web:1", "a.b"),
        ("image: {{ get .Values.a \"b\" | default \"q.io\" | quote }}", "a.b"),
        ("image: {{ printf \"%s/web:%s\" .Values.a (.Values.b | toString) }}", "a b"),
        ("image: {{ trimPrefix \"https://\" .Values.a }}/web:1", "a"),
        ("image: {{ regexReplaceAll \"x\" .Values.a \"y\" }}/web:1", "a"),
        ("image: {{ if .Values.a }}r.io{{ else }}q.io{{ end }}/acme/web:1", "a?"),
        ("image: {{ if not (empty .Values.a) }}r.io{{ else }}q.io{{ end }}/acme/web:1", "a?"),
        ("image: {{ if has .Values.a (list \"x\") }}r.io/{{ end }}acme/web:1", "a="),
        ("image: {{ tpl (.Files.Get \"a.tpl\") . }}", "all"),
        (
            "{{ $i := mergeOverwrite (.Files.Get \"a.yaml\" | fromYaml) .Values.o }}image: {{ $i.a }}",
            "o.a",
        ),
        (
            "{{ $i := mergeOverwrite (.Files.Get \"a.yaml\" | fromYaml) .Values.o }}apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: \"{{ $i.a }}\"}]}",
            "o.a@x:3",
        ),
        ("image: {{ if eq .Values.a \"x\" }}r.io/{{ end }}acme/web:1", "a="),
        ("image: {{ ternary \"r.io\" \"q.io\" .Values.a }}/acme/web:1", "a?"),
        ("image: {{ tpl .Values.a $ }}", "a"),
        ("image: {{ (merge dict .Values.a .Values.b).c }}/web:1", "a.c b.c"),
        ("spec: {c: [{name: {{ .Values.n }}, image: \"{{ .Values.a }}/web:1\"}]}", "a"),
    ];
    for (template, expected) in table {
        assert_eq!(origin(template, "q.io/acme/web:1"), expected, "{template}");
    }
}

#[test]
fn a_literal_registry_depends_on_nothing_but_its_alternatives() {
    let image = "q.io/acme/web:1";
    let table = [
        ("replicas: {{ .Values.r }}\nimage: q.io/acme/web:1", ""),
        ("image: q.io/acme/web:{{ .Values.tag }}", ""),
        ("image: \"q.io/{{ .Values.name }}:1\"", ""),
        ("{{ $r := \"q.io\" }}image: {{ $r }}/acme/web:{{ .Values.tag }}", ""),
        ("image: {{ printf \"q.io/acme/web:%s\" .Values.tag }}", ""),
        ("{{ if .Values.on }}\nimage: q.io/acme/web:1\n{{ end }}", ""),
        (
            "{{ if .Values.on }}\nimage: q.io/acme/web:1\n{{ else }}\nimage: r.io/x\n{{ end }}",
            "on?",
        ),
        ("# image: q.io/acme/web:1\nimage: {{ .Values.a }}", "a@x:2"),
        ("image: {{ .Values.a }}\nother: q.io/acme/web:1\n", ""),
        ("image: {{ .Values.r }}/other/thing:1\n", "unknown"),
        ("image: {{ .Chart.Name }}/web:{{ .Chart.AppVersion }}\nport: {{ .Values.p }}", ""),
    ];
    for (template, expected) in table {
        assert_eq!(origin(template, image), expected, "{template}");
    }
}

#[test]
fn helpers_are_followed_with_the_context_that_they_get() {
    let pod = "image: {{ include \"img\" (dict \"v\" .Values.web \"root\" $) }}\n";
    let table = [
        ("{{ define \"img\" }}{{ .v.hub | default \"q.io\" }}/acme/web:1{{ end }}", "web.hub@h:1"),
        (
            "{{ define \"img\" }}\n{{ $r := .root.Values.global.r }}{{ printf \"%s/acme/web:1\" $r }}{{ end }}",
            "global.r@h:2",
        ),
        (
            "{{ define \"img\" }}{{ include \"reg\" .root }}/acme/web:1{{ end }}{{ define \"reg\" }}{{ if .Values.x }}r.io{{ else }}q.io{{ end }}{{ end }}",
            "x?@h:1",
        ),
        ("{{ define \"img\" }}q.io/acme/web:{{ .v.tag }}{{ end }}", ""),
        (
            "{{ define \"img\" }}{{ $r := \"q.io\" }}{{ if .v.m }}{{ $r = \"r.io\" }}{{ end }}{{ $r }}/acme/web:1{{ end }}",
            "web.m?@h:1",
        ),
        (
            "{{ define \"img\" }}{{ $_ := set . \"r\" .v.reg }}{{ .r }}/acme/web:1{{ end }}",
            "web.reg@h:1",
        ),
    ];
    for (helper, expected) in table {
        let found =
            origin_in(&[("x", pod), ("h", helper)], "spec.containers[0].image", "q.io/acme/web:1");
        assert_eq!(found, expected, "{helper}");
    }
    let whole = [
        ("x", "spec: {{ include \"pod\" . | nindent 2 }}\n"),
        (
            "h",
            "{{ define \"pod\" }}\nport: {{ .Values.port }}\nimage: {{ .Values.reg }}/web:1{{ end }}",
        ),
    ];
    assert_eq!(origin_in(&whole, "spec.image", "q.io/web:1"), "reg@h:3");
    // What no helper defines may use everything that it gets.
    let missing = [("x", "image: {{ include \"none\" (dict \"v\" .Values.a) }}")];
    assert_eq!(origin_in(&missing, "spec.image", "q.io/web:1"), "a@x:1");
}

#[test]
fn arguments_and_texts_are_found_where_they_are_written() {
    let image = "q.io/acme/web:1";
    let table = [
        ("args:\n- --image={{ .Values.a }}/web:1\n- --port={{ .Values.p }}", "args[0]", "a@x:2"),
        ("args: [\"{{ .Values.a }}\"]", "args[0]", "a@x:1"),
        ("data:\n  c: |\n    image: {{ .Values.a }}/web:1", "data.c > image", "a@x:3"),
        ("value: \"{{ .Values.a }}\"", "env[0].value", "a@x:1"),
    ];
    for (template, path, expected) in table {
        assert_eq!(origin_in(&[("x", template)], path, image), expected, "{template}");
    }
}

#[test]
fn templates_that_cannot_be_read_end_somewhere() {
    for template in
        ["{{", "{{ if", "{{ end }}{{ end }}", "{{ ( | }}", "{{ \"x }}", "{{ else }}", "}}{{/*"]
    {
        origin(template, "q.io/web:1");
    }
    let recursive = "{{ define \"r\" }}{{ include \"r\" (dict \"v\" .) }}image: {{ .v }}/web:1{{ end }}{{ include \"r\" . }}";
    origin(recursive, "q.io/web:1");
}
