//! Probing of small charts with the real helm: what is written is proven, and the rest is reported.

use crate::small_chart::{Case, pods};

/// Values, the images of the pods as templates, the images, and the lines that are written.
type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [&'a str]);

#[test]
fn what_is_written_is_proven() {
    let table: [Row<'_>; 13] = [
        (
            "server: {image: acme/server, version: 1.0.1}",
            &["{{ .Values.server.image }}:{{ .Values.server.version }}"],
            &["docker.io/acme/server:1.0.1"],
            &[r#""server.image" = "{registry}/{repository}""#],
        ),
        (
            "tool: {image: null}",
            &["{{ .Values.tool.image | default \"ghcr.io/acme/tool:2\" }}"],
            &["ghcr.io/acme/tool:2"],
            &[r#""tool.image" = "{registry}/{repository}:{tag}""#],
        ),
        (
            "tool: {enabled: true}",
            &["{{ .Values.tool.imageRegistry | default \"ghcr.io\" }}/acme/tool:2"],
            &["ghcr.io/acme/tool:2"],
            &[r#""tool.imageRegistry" = "{registry}""#],
        ),
        (
            "hub: quay.io/acme\na: {image: one}\nb: {image: two}",
            &[
                "{{ .Values.hub }}/{{ .Values.a.image }}:1",
                "{{ .Values.hub }}/{{ .Values.b.image }}:1",
            ],
            &["quay.io/acme/one:1", "quay.io/acme/two:1"],
            &[r#""hub" = "{registry}/acme""#],
        ),
        (
            "image: {registry: docker.io, name: nginx, tag: 1.27}",
            &["{{ .Values.image.registry }}/{{ .Values.image.name }}:{{ .Values.image.tag }}"],
            &["docker.io/library/nginx:1.27"],
            &[r#""image.name" = "{repository}""#, r#""image.registry" = "{registry}""#],
        ),
        (
            "image: {registry: quay.io, name: acme/db, tag: '1', sha256: ''}",
            &[
                "{{ .Values.image.registry }}/{{ .Values.image.name }}{{ with .Values.image.sha256 }}@sha256:{{ . }}{{ else }}:{{ .Values.image.tag }}{{ end }}",
            ],
            &["quay.io/acme/db:1"],
            &[r#""image.registry" = "{registry}""#],
        ),
        (
            "common: {image: 'quay.io/acme/app:1'}\nweb: {image: ''}",
            &[
                "{{ .Values.common.image }}",
                "{{ .Values.web.image | default .Values.common.image }}",
            ],
            &["quay.io/acme/app:1"],
            &[r#""common.image" = "{registry}/{repository}:{tag}""#],
        ),
        (
            "image: {repository: ghcr.io/acme/demo, tag: '3'}",
            &[
                "{{ .Values.image.repository }}:{{ .Values.image.tag }}-web",
                "{{ .Values.image.repository }}:{{ .Values.image.tag }}-job",
            ],
            &["ghcr.io/acme/demo:3-web", "ghcr.io/acme/demo:3-job"],
            &[r#""image.repository" = "{registry}/acme/demo""#],
        ),
        // The list has a version of an image that the chart leaves open.
        (
            "image: {registry: ghcr.io, name: acme/app, tag: latest}",
            &["{{ .Values.image.registry }}/{{ .Values.image.name }}:{{ .Values.image.tag }}"],
            &["ghcr.io/acme/app:9"],
            &[r#""image.registry" = "{registry}""#, r#""image.tag" = "{tag}""#],
        ),
        (
            "copy: {image: busybox}",
            &["{{ .Values.copy.image }}"],
            &["docker.io/library/busybox:1.37"],
            &[r#""copy.image" = "{registry}/{repository}:{tag}""#],
        ),
        // Nothing but the registry can be changed.
        (
            "global: {imageRegistry: ''}",
            &[
                "{{ .Values.global.imageRegistry | default \"docker.io\" }}/busybox:1",
                "{{ .Values.global.imageRegistry | default \"docker.io\" }}/acme/app:2",
            ],
            &["docker.io/library/busybox:1", "docker.io/acme/app:2"],
            &[r#"target = "busybox""#, r#""global.imageRegistry" = "{registry}""#],
        ),
        (
            "image: {registry: acme}\na: {image: null, imageName: 'one:1'}\nb: {image: null, imageName: 'two:2'}",
            &[
                "{{ .Values.a.image | default (printf \"%s/%s\" .Values.image.registry .Values.a.imageName) }}",
                "{{ .Values.b.image | default (printf \"%s/%s\" .Values.image.registry .Values.b.imageName) }}",
            ],
            &["docker.io/acme/one:1", "docker.io/acme/two:2"],
            &[r#""image.registry" = "{registry}/acme""#],
        ),
        // The public key is empty by default.
        (
            "global: {}\n_internal: {hub: docker.io/acme}",
            &["{{ .Values.global.hub | default .Values._internal.hub }}/proxy:1"],
            &["docker.io/acme/proxy:1"],
            &[r#""global.hub" = "{registry}/acme""#],
        ),
    ];
    for (values, templates, images, expected) in table {
        let case = Case::new(values, &pods(templates), images, "");
        let before = case.list();
        let probed = case.values(&["--probe", "--write"]);
        assert_eq!(probed.exit_code, 0, "{values}\n{}{}", probed.stdout, probed.stderr);
        let list = case.list();
        let is_added = |line: &&str| line.starts_with('"') || line.starts_with("target");
        let added: Vec<&str> = list.lines().filter(is_added).collect();
        assert_eq!(added, expected, "{before}\n{list}\n{}", probed.stdout);
        let proven = case.values(&["--prove", "-d", "m.example.com/mirror"]);
        assert_eq!(proven.exit_code, 0, "{values}\n{}", proven.stdout);
    }
}

const GUARD: &str = r#"{{- $registry := .Values.global.imageRegistry | default .Values.image.registry }}
{{- if and (ne $registry "docker.io") (not .Values.global.security.allowForeignImages) }}
{{- fail (printf "\n\nERROR: unknown image %s/acme/cache\nSet global.security.allowForeignImages=true to go on." $registry) }}
{{- end }}
"#;

#[test]
fn a_switch_that_the_chart_requires_is_written_with_its_reason() {
    let values = "global: {imageRegistry: '', security: {allowForeignImages: false}}\n\
                  image: {registry: docker.io}\n";
    let pod = "{{ .Values.global.imageRegistry | default .Values.image.registry }}/acme/cache:7";
    let template = GUARD.to_owned() + &pods(&[pod]);
    let sets = "[[chart.rendering]]\nname = \"default\"\nset = { \"global.security.allowForeignImages\" = true }\n";
    // A switch that only the rendering sets is missing where the values are used.
    for rendering in ["", sets] {
        let case = Case::new(values, &template, &["docker.io/acme/cache:7"], rendering);
        let probed = case.values(&["--probe", "--write"]);
        assert_eq!(probed.exit_code, 0, "{}{}", probed.stdout, probed.stderr);
        let expected = "# The chart requires it: Set global.security.allowForeignImages=true to go on.\n\
                        \"global.security.allowForeignImages\" = true\n";
        assert!(case.list().contains(expected), "{}", case.list());
        assert_eq!(case.values(&["--prove", "-d", "m.example.com"]).exit_code, 0);
        let again = case.values(&["--probe", "--write"]);
        assert!(again.stdout.contains("up to date"), "{}{}", again.stdout, again.stderr);
    }
}

#[test]
fn a_switch_that_the_chart_requires_by_itself_stays_in_the_rendering() {
    let values = "schema: {useTest: false}\nimage: {registry: docker.io}\n";
    let guard =
        "{{ if not .Values.schema.useTest }}{{ fail \"set schema.useTest=true\" }}{{ end }}\n";
    let template = guard.to_owned() + &pods(&["{{ .Values.image.registry }}/acme/cache:7"]);
    let sets = "[[chart.rendering]]\nname = \"default\"\nset = { \"schema.useTest\" = true }\n";
    let case = Case::new(values, &template, &["docker.io/acme/cache:7"], sets);
    let probed = case.values(&["--probe", "--write"]);
    assert_eq!(probed.exit_code, 0, "{}{}", probed.stdout, probed.stderr);
    let list = case.list();
    assert!(list.contains("\"image.registry\" = \"{registry}\"\n"), "{list}");
    assert!(!list.contains("The chart requires it"), "{list}");
}

#[test]
fn what_cannot_be_moved_is_reported_and_not_written() {
    let fail = "{{ if ne .Values.image.repository \"quay.io/acme/db\" }}{{ fail \"only the image of the vendor\" }}{{ end }}\n";
    let pod = "{{ .Values.image.repository }}:1";
    let refused = fail.to_owned() + &pods(&[pod]);
    let renamed = pods(&[
        "{{ .Values.image.registry }}/{{ if eq .Values.image.registry \"quay.io\" }}acme/db{{ else }}vendor/db{{ end }}:1",
    ]);
    let fixed = pods(&["quay.io/acme/db:{{ .Values.image.tag }}"]);
    let table = [
        (
            "image: {repository: quay.io/acme/db}",
            refused,
            "the chart refuses to move `quay.io/acme/db:1`",
            "only the image of the vendor",
        ),
        (
            "image: {registry: quay.io}",
            renamed,
            "not settled: `quay.io/acme/db:1`: it becomes `",
            "/vendor/db:1`",
        ),
        (
            "image: {registry: docker.io, tag: '1'}",
            fixed,
            "warning: no value moves `quay.io/acme/db:1` in small/templates/pods.yaml",
            "fixed: no value moves it",
        ),
    ];
    for (values, template, first, second) in table {
        let case = Case::new(values, &template, &["quay.io/acme/db:1"], "");
        let before = case.list();
        let probed = case.values(&["--probe", "--write"]);
        assert_eq!(probed.exit_code, 1, "{}{}", probed.stdout, probed.stderr);
        assert!(probed.stdout.contains(first), "{first}\n{}", probed.stdout);
        assert!(probed.stdout.contains(second), "{second}\n{}", probed.stdout);
        assert_eq!(case.list(), before);
    }
}

#[test]
fn values_that_a_schema_or_a_template_refuses_hide_nothing() {
    let mut values =
        String::from("app: {image: {registry: quay.io, tagCount: 3}}\nkind: {image: a}\n");
    let mut template = String::new();
    for number in 0..40 {
        values += &format!("c{number}: {{image: {{version: 60}}}}\n");
        template += &format!(
            "{{{{ if lt (.Values.c{number}.image.version | int64) 1 }}}}{{{{ fail \"must be a number\" }}}}{{{{ end }}}}\n"
        );
    }
    template += &pods(&["{{ .Values.app.image.registry }}/acme/app:1"]);
    let case = Case::new(&values, &template, &["quay.io/acme/app:1"], "");
    let schema = r#"{"properties": {"kind": {"properties": {"image": {"enum": ["a", "b"]}}}}}"#;
    case.write("chart/values.schema.json", schema);
    let probed = case.values(&["--probe", "--write"]);
    assert_eq!(probed.exit_code, 0, "{}{}", probed.stdout, probed.stderr);
    assert!(case.list().contains(r#""app.image.registry" = "{registry}""#), "{}", probed.stdout);
}

#[test]
fn what_stays_open_is_reported_with_what_settles_it() {
    let parts = "{{ .Values.image.registry }}/acme/app:{{ .Values.image.tag }}";
    let values = "image: {registry: quay.io, tag: latest}\n\
                  text: |\n  {\"containers\": [{\"image\": \"quay.io/acme/agent:3\"}]}\n";
    let text = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {pod.json: {{ .Values.text | quote }}}\n";
    let test = "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: t\n  annotations:\n    \"helm.sh/hook\": test\n\
                spec: {containers: [{name: c, image: 'quay.io/acme/curl:1'}]}\n";
    let table: [(String, &[&str], &[&str]); 4] = [
        (
            pods(&[parts]),
            &["quay.io/acme/other:1"],
            &[
                "`quay.io/acme/app:latest` names no version",
                "source = \"quay.io/acme/app\"",
                "from `image.tag`",
            ],
        ),
        (
            pods(&[parts]),
            &["quay.io/acme/app:1", "quay.io/acme/app:2"],
            &["images.toml lists `1`, `2`", "set the tag, `image.tag`"],
        ),
        (
            text.to_owned(),
            &["quay.io/acme/agent:3"],
            &["not settled: what moves", "not tried: text"],
        ),
        (test.to_owned(), &["quay.io/acme/curl:1"], &["fixed there", "`skip-tests = true`"]),
    ];
    for (template, images, expected) in table {
        let case = Case::new(values, &template, images, "");
        let probed = case.values(&["--probe", "--write"]);
        assert_eq!(probed.exit_code, 1, "{}{}", probed.stdout, probed.stderr);
        for expected in expected {
            assert!(probed.stdout.contains(expected), "{expected}\n{}", probed.stdout);
        }
    }
}

/// Setting a value that keeps a place from being rendered would lose its image.
#[test]
fn a_value_that_removes_another_image_is_not_chosen_if_there_is_another_way() {
    let template = pods(&["{{ .Values.global.hub | default .Values.image.hub }}/acme/a:1"])
        + "---\n{{ if not .Values.global.hub }}"
        + &pods(&["{{ .Values.tool.image }}"]).replace("p0", "tool")
        + "{{ end }}";
    let values = "global: {hub: ''}\nimage: {hub: quay.io}\ntool: {image: 'quay.io/acme/tool:1'}";
    let case = Case::new(values, &template, &["quay.io/acme/a:1", "quay.io/acme/tool:1"], "");
    let run = case.values(&["--probe", "--write"]);
    assert_eq!(run.exit_code, 0, "{run:?}");
    let list = case.list();
    assert!(list.contains("\"image.hub\" = \"{registry}\"") && !list.contains("global"), "{list}");
    let proof = case.values(&["-d", "registry.example.com/mirror", "--prove"]);
    assert_eq!(proof.exit_code, 0, "{proof:?}");
}

#[test]
fn an_image_is_fixed_only_if_nothing_decides_about_it_that_was_not_tried() {
    let image = "quay.io/acme/a:1";
    let compared = "image: {{ if eq .Values.flavor \"own\" }}{{ .Values.own }}{{ else }}quay.io{{ end }}/acme/a:1";
    let truthy =
        "image: {{ if .Values.flavor }}quay.io{{ else }}{{ .Values.own }}{{ end }}/acme/a:1";
    let list = "image: {{ (index .Values.images 0).image }}";
    let set = "[[chart.rendering]]\nname = \"own\"\nset = { \"images\" = { json = '[{\"image\": \"quay.io/acme/a:1\"}]' } }";
    let table = [
        ("flavor: public\nown: ''", compared, "", "not tried: flavor"),
        ("flavor: public\nown: ''", truthy, "", "not tried: flavor"),
        ("images: []", list, set, "not tried: images"),
    ];
    for (values, template, rendering, expected) in table {
        let pod = pods(&["IMAGE"]).replace("image: \"IMAGE\"", template);
        let case = Case::new(values, &pod, &[image], rendering);
        let run = case.values(&["--probe"]);
        assert_eq!(run.exit_code, 1, "{template}\n{run:?}");
        let text = run.stdout + &run.stderr;
        assert!(text.contains(expected) && !text.contains("fixed"), "{template}\n{text}");
    }
}
