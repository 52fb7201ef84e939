//! What nodes do with each format: for each image, what is asked for and where it is pulled from. Each format is
//! read by a parser, and followed as its documentation describes.

use std::collections::BTreeMap;

use super::{NodeConfig, NodeFormat, with_other_digests};
use crate::list::ImageList;
use oci::Digest;

/// Tags and targets of all kinds.
const IMAGES: &str = r#"
[[image]]
source = "quay.io/stack/wait"
tag = "1.0"
[[image]]
source = "quay.io/stack/wait.er"
tag = "1.0"
[[image]]
source = "docker.io/library/nginx"
tag = "1.25"
[[image]]
source = "docker.io/minio/mc"
tag = "2"
target = "tools/mc"
[[image]]
source = "localhost:5000/app"
tag = "3"
"#;

fn config(images: &str, destination: &str, format: NodeFormat) -> NodeConfig {
    let text = format!("[chart]\nname = \"acme\"\n[destinations.My_D]\n{destination}\n{images}");
    let list = ImageList::parse("images.toml", &text).unwrap_or_else(|why| panic!("{why}"));
    NodeConfig::of(&list, &list.destinations()["My_D"], "My_D", format).unwrap()
}

fn left_out(config: &NodeConfig) -> Vec<String> {
    config.left_out.iter().map(|left_out| left_out.image.to_string()).collect()
}

fn toml(text: &str) -> toml::Value {
    toml::from_str(text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

fn yaml(text: &str) -> serde_yaml::Value {
    serde_yaml::from_str(text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

/// What containerd asks first: the path of the host's mirror, and what was asked for below it.
fn by_containerd(config: &NodeConfig, host: &str, path: &str) -> Option<String> {
    let file =
        config.files.iter().find(|file| file.path == format!("certs.d/{host}/hosts.toml"))?;
    let hosts = toml(&file.text);
    let (url, settings) = hosts["host"].as_table().unwrap().iter().next().unwrap();
    assert_eq!(settings["capabilities"].as_array().unwrap().len(), 2);
    let rest = url.split_once("://").unwrap().1;
    // Without `override_path`, containerd would append `/v2`.
    let is_root = rest.ends_with("/v2");
    assert_eq!(settings.get("override_path").is_some(), !is_root, "{url}");
    Some(format!("{}/{path}", rest.replacen("/v2", "", 1)))
}

/// What containers/image does: the longest prefix that ends where a part ends, and its mirrors in their order.
fn by_registries_conf(config: &NodeConfig, asked: &str) -> Vec<String> {
    let rules = toml(&config.files[0].text);
    let rules = rules["registry"].as_array().unwrap();
    let (repository, _) = asked.rsplit_once(':').unwrap();
    let matches = |prefix: &str| {
        repository.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let rule = rules.iter().filter(|rule| matches(rule["prefix"].as_str().unwrap()));
    let Some(rule) = rule.max_by_key(|rule| rule["prefix"].as_str().unwrap().len()) else {
        return Vec::new();
    };
    assert_eq!(rule["prefix"], rule["location"]);
    let mirrors = rule["mirror"].as_array().unwrap().iter();
    let locations = mirrors.map(|mirror| mirror["location"].as_str().unwrap());
    locations.map(|at| asked.replacen(rule["prefix"].as_str().unwrap(), at, 1)).collect()
}

/// What K3s does: each pattern is a whole path, in which only dots are escaped.
fn by_registries_yaml(config: &NodeConfig, host: &str, path: &str) -> Option<String> {
    let mirror = &yaml(&config.files[0].text)["mirrors"][host];
    let endpoint = mirror["endpoint"][0].as_str()?.split_once("://").unwrap().1.to_owned();
    let rewrites = mirror["rewrite"].as_mapping().unwrap();
    let pattern = format!("^{}$", path.replace('.', "\\."));
    assert!(rewrites.keys().all(|key| key.as_str().unwrap().starts_with('^')));
    Some(format!("{endpoint}/{}", rewrites.get(pattern.as_str())?.as_str().unwrap()))
}

/// The mirrors of both sets, which are equal.
fn by_openshift(config: &NodeConfig, asked: &str) -> Vec<String> {
    let documents = config.files[0].text.split("---\n").map(yaml);
    let sets = ["imageDigestMirrors", "imageTagMirrors"].into_iter().zip(documents);
    let found = sets.map(|(key, document)| {
        assert_eq!(document["metadata"]["name"], "acme-my-d");
        let sources = document["spec"][key].as_sequence().unwrap();
        let source = sources.iter().find(|source| source["source"] == asked).unwrap();
        let mirrors = source["mirrors"].as_sequence().unwrap().iter();
        mirrors.map(|mirror| mirror.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    });
    let found: Vec<_> = found.collect();
    assert_eq!(found[0], found[1]);
    found[0].clone()
}

/// What the expressions of the policy do. The image of a Pod that is not listed stays.
fn by_kyverno(config: &NodeConfig, image: &str) -> String {
    let policy = yaml(&config.files[0].text);
    let rule = &policy["spec"]["rules"][0];
    let targets = &rule["context"][0]["variable"]["value"];
    let lookup = |key: &str| targets.get(key).map(|target| target.as_str().unwrap().to_owned());
    let (tagged, digest) = match image.split_once('@') {
        Some((tagged, digest)) => (tagged, format!("@{digest}")),
        None => (image, String::new()),
    };
    let slash = tagged.rfind('/').unwrap_or(0);
    let (repository, tag) = match tagged[slash..].find(':') {
        Some(colon) => tagged.split_at(slash + colon),
        None => (tagged, ""),
    };
    let by_digest =
        || lookup(&format!("{repository} {digest}")).or_else(|| lookup(&format!("{tagged} @")));
    lookup(image)
        .or_else(|| Some(format!("{}{tag}{digest}", by_digest()?)))
        .unwrap_or_else(|| image.to_owned())
}

const DESTINATION: &str =
    "registry = \"push.io\"\nprefix = \"a/b\"\npull-registry = \"pull.io/virtual\"";

#[test]
fn each_format_leads_nodes_to_the_target_below_the_pull_address() {
    let config = |format| config(IMAGES, DESTINATION, format);
    let [containerd, conf, k3s, openshift, kyverno] = NodeFormat::ALL.map(config);
    let table = [
        ("quay.io", "stack/wait", "1.0", "stack/wait"),
        ("quay.io", "stack/wait.er", "1.0", "stack/wait.er"),
        ("docker.io", "library/nginx", "1.25", "library/nginx"),
        ("docker.io", "minio/mc", "2", "tools/mc"),
        ("localhost:5000", "app", "3", "app"),
    ];
    for (host, path, tag, target) in table {
        let target = format!("pull.io/virtual/{target}");
        let asked = format!("{host}/{path}:{tag}");
        if path != "minio/mc" {
            let folder = host.replace(":5000", "_5000_");
            assert_eq!(by_containerd(&containerd, &folder, path), Some(target.clone()), "{asked}");
        }
        let tagged = format!("{target}:{tag}");
        assert_eq!(by_registries_conf(&conf, &asked), [tagged.as_str()], "{asked}");
        assert_eq!(by_registries_yaml(&k3s, host, path), Some(target.clone()), "{asked}");
        assert_eq!(
            by_openshift(&openshift, &format!("{host}/{path}")),
            [target.as_str()],
            "{asked}"
        );
        assert_eq!(by_kyverno(&kyverno, &asked), tagged);
    }
    assert_eq!(left_out(&containerd), ["docker.io/minio/mc:2"]);
    let reason = &containerd.left_out[0].reason;
    assert!(
        reason.contains("`pull.io/virtual/tools/mc:2`, not `pull.io/virtual/minio/mc`"),
        "{reason}"
    );
    for other in [&conf, &k3s, &openshift, &kyverno] {
        assert_eq!(left_out(other), [""; 0]);
    }
    assert_eq!(conf.files[0].path, "registries.conf.d/acme-my-d.conf");
    assert_eq!(by_registries_conf(&conf, "quay.io/stack/waiting:1.0"), [""; 0]);
    assert_eq!(by_registries_yaml(&k3s, "quay.io", "stack/waiter"), None);
}

#[test]
fn the_policy_knows_each_spelling_and_leaves_other_images_alone() {
    let digest = Digest::of(b"a");
    let images = format!(
        "{IMAGES}[[image]]\nsource = \"quay.io/pinned\"\ntag = \"4\"\ndigest = \"{digest}\"\n"
    );
    let policy = config(&images, "registry = \"r.io\"", NodeFormat::Kyverno);
    let pinned = format!("@{digest}");
    let other = format!("@{}", Digest::of(b"b"));
    let table = [
        ("nginx:1.25", "r.io/library/nginx:1.25"),
        ("library/nginx:1.25", "r.io/library/nginx:1.25"),
        ("docker.io/nginx:1.25", "r.io/library/nginx:1.25"),
        ("docker.io/library/nginx:1.25", "r.io/library/nginx:1.25"),
        ("index.docker.io/library/nginx:1.25", "r.io/library/nginx:1.25"),
        ("minio/mc:2", "r.io/tools/mc:2"),
        ("localhost:5000/app:3", "r.io/app:3"),
        (&format!("nginx:1.25{other}"), &format!("r.io/library/nginx:1.25{other}")),
        (&format!("quay.io/pinned:4{pinned}"), &format!("r.io/pinned:4{pinned}")),
        (&format!("quay.io/pinned{pinned}"), &format!("r.io/pinned{pinned}")),
    ];
    for (image, target) in table {
        assert_eq!(by_kyverno(&policy, image), target);
    }
    for image in [
        "nginx",
        "nginx:1.26",
        "mc:2",
        "library/mc:2",
        "quay.io/library/nginx:1.25",
        "localhost/app:3",
        "app:3",
        &format!("nginx{other}"),
        &format!("quay.io/pinned:4{other}"),
    ] {
        assert_eq!(by_kyverno(&policy, image), image);
    }
}

#[test]
fn an_image_is_never_led_to_the_target_of_another() {
    // Without the third image, the empty prefix would fit `quay.io/x/a` best.
    let images = r#"
[[image]]
source = "quay.io/x/a"
tag = "1"
[[image]]
source = "quay.io/x/b"
tag = "1"
[[image]]
source = "quay.io/x/c"
tag = "1"
target = "quay/x/c"
[[image]]
source = "p.io/x/c"
tag = "1"
"#;
    let containerd = config(images, "registry = \"r.io\"", NodeFormat::Containerd);
    assert_eq!(left_out(&containerd), ["quay.io/x/a:1", "quay.io/x/b:1"]);
    assert_eq!(by_containerd(&containerd, "quay.io", "x/c").unwrap(), "r.io/quay/x/c");

    // The second tag of a repository would be found at the target of the first, where it is another image.
    let images = r#"
[[image]]
source = "quay.io/a"
tag = "1"
target = "x"
[[image]]
source = "quay.io/a"
tag = "2"
target = "y"
[[image]]
source = "p.io/b"
tag = "2"
target = "x"
"#;
    let config = |format| config(images, "registry = \"r.io\"", format);
    let [_, conf, k3s, openshift, kyverno] = NodeFormat::ALL.map(config);
    assert_eq!(left_out(&k3s), ["quay.io/a:1"]);
    assert_eq!(by_registries_yaml(&k3s, "quay.io", "a").unwrap(), "r.io/y");
    // The second place is asked for what the first lacks: for tag 1 alone.
    assert_eq!(by_openshift(&openshift, "quay.io/a"), ["r.io/y", "r.io/x"]);
    for tag in ["1", "2"] {
        let places = [format!("r.io/y:{tag}"), format!("r.io/x:{tag}")];
        assert_eq!(by_registries_conf(&conf, &format!("quay.io/a:{tag}")), places);
    }
    for (asked, target) in [("quay.io/a:1", "r.io/x:1"), ("quay.io/a:2", "r.io/y:2")] {
        assert_eq!(by_kyverno(&kyverno, asked), target);
    }
    for config in [conf, openshift, kyverno] {
        assert_eq!(left_out(&config), [""; 0]);
    }
}

#[test]
fn only_the_policy_replaces_a_tag() {
    let images = "[[image]]\nsource = \"new.io/cache\"\ntag = \"7.2.1\"\n\
                  replaces = { source = \"old.io/cache\", tag = \"7.2\", reason = \"moved\" }\n";
    let config = |format| config(images, "registry = \"r.io\"", format);
    for format in &NodeFormat::ALL[..4] {
        let config = config(*format);
        assert_eq!(left_out(&config), ["old.io/cache:7.2"], "{format}");
        assert!(config.left_out[0].reason.contains("another tag, `r.io/cache:7.2.1`"));
    }
    assert_eq!(by_kyverno(&config(NodeFormat::Kyverno), "old.io/cache:7.2"), "r.io/cache:7.2.1");
}

#[test]
fn settings_for_tls_come_from_the_list_and_name_files_of_the_node() {
    let tls = "registry = \"r.io:5000\"\n[registries.\"r.io:5000\"]\nca-file = \"tls/us.pem\"\n\
               client-certificate-file = \"c.pem\"\nclient-key-file = \"k.pem\"\n\
               username-env = \"USER_OF_R\"\npassword-env = \"PASSWORD_OF_R\"\n";
    let images = "[[image]]\nsource = \"docker.io/library/a\"\ntag = \"1\"\n";
    let [containerd, conf, k3s, openshift, kyverno] =
        NodeFormat::ALL.map(|format| config(images, tls, format));
    let hosts = toml(&containerd.files[0].text);
    assert_eq!(hosts["server"].as_str(), Some("https://registry-1.docker.io"));
    let expected =
        "capabilities = ['pull', 'resolve']\nca = 'us.pem'\nclient = [['c.pem', 'k.pem']]";
    assert_eq!(hosts["host"]["https://r.io:5000/v2"], toml(expected));
    assert_eq!(toml(&conf.files[0].text)["registry"][0]["mirror"][0].get("insecure"), None);
    let expected = "{ca_file: /etc/rancher/us.pem, cert_file: /etc/rancher/c.pem, key_file: /etc/rancher/k.pem}";
    assert_eq!(yaml(&k3s.files[0].text)["configs"]["r.io:5000"]["tls"], yaml(expected));
    let purpose = openshift.files[0].purpose.join("\n");
    assert!(purpose.contains("us.pem to `additionalTrustedCA`"), "{purpose}");
    for config in [containerd, conf, k3s, openshift, kyverno] {
        let file = &config.files[0];
        let text = file.text.clone() + &file.purpose.join("\n");
        assert!(!text.contains("_OF_R"), "{text}");
    }
}

#[test]
fn a_mirror_without_tls_or_with_any_certificate_is_declared() {
    let images = "[[image]]\nsource = \"docker.io/library/a\"\ntag = \"1\"\n";
    let insecure = "registry = \"r.io\"\n[registries.\"r.io\"]\ninsecure = true\n";
    let [containerd, conf, k3s, openshift, _] =
        NodeFormat::ALL.map(|format| config(images, insecure, format));
    let hosts = toml(&containerd.files[0].text);
    assert_eq!(hosts["host"]["https://r.io/v2"]["skip_verify"], true.into());
    assert_eq!(toml(&conf.files[0].text)["registry"][0]["mirror"][0]["insecure"], true.into());
    let tls = &yaml(&k3s.files[0].text)["configs"]["r.io"]["tls"];
    assert_eq!(*tls, yaml("{insecure_skip_verify: true}"));
    let purpose = openshift.files[0].purpose.join("\n");
    assert!(purpose.contains("Add r.io to `registrySources.insecureRegistries`"), "{purpose}");

    let plain = "registry = \"r.io/p\"\n[registries.\"r.io\"]\nplain-http = true\n";
    let [containerd, conf, k3s, ..] = NodeFormat::ALL.map(|format| config(images, plain, format));
    let settings = "capabilities = ['pull', 'resolve']\noverride_path = true";
    assert_eq!(toml(&containerd.files[0].text)["host"]["http://r.io/v2/p"], toml(settings));
    assert_eq!(toml(&conf.files[0].text)["registry"][0]["mirror"][0]["insecure"], true.into());
    let k3s = yaml(&k3s.files[0].text);
    assert_eq!(
        (&k3s["mirrors"]["docker.io"]["endpoint"][0], k3s.get("configs")),
        (&"http://r.io".into(), None)
    );
}

#[test]
fn openshift_has_no_ipv6_addresses() {
    let images = "[[image]]\nsource = \"q.io/a\"\ntag = \"1\"\n[[image]]\nsource = \"[::1]:5000/b\"\ntag = \"1\"\n";
    let config = |destination| config(images, destination, NodeFormat::OpenShift);
    assert_eq!(left_out(&config("registry = \"r.io\"")), ["[::1]:5000/b:1"]);
    assert_eq!(left_out(&config("registry = \"[::1]:1\"")), ["q.io/a:1", "[::1]:5000/b:1"]);
}

#[test]
fn digests_that_a_destination_with_some_platforms_lacks_are_found() {
    let (whole, subset) = (Digest::of(b"whole"), Digest::of(b"subset"));
    let recorded = |source: &str, record: &Digest| {
        format!(
            "[[image]]\nsource = \"q.io/{source}\"\ntag = \"1\"\ndigest = \"{whole}\"\n\
             [image.subsets]\nindex = \"{whole}\"\n\"linux/amd64\" = \"{record}\"\n"
        )
    };
    let text = format!(
        "[destinations.some]\nregistry = \"r.io\"\nplatforms = [\"linux/amd64\"]\n\
         [destinations.all]\nregistry = \"r.io\"\n{}{}[[image]]\nsource = \"q.io/unpinned\"\ntag = \"1\"\n",
        recorded("same", &whole),
        recorded("other", &subset),
    );
    let list = ImageList::parse("images.toml", &text).unwrap();
    let others = |name: &str| with_other_digests(&list, &list.destinations()[name]);
    assert_eq!(others("all"), []);
    assert_eq!(
        others("some").iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["q.io/other:1"]
    );
    let policy =
        NodeConfig::of(&list, &list.destinations()["some"], "some", NodeFormat::Kyverno).unwrap();
    let pulled: BTreeMap<_, _> = ["same", "other"]
        .map(|name| (name, by_kyverno(&policy, &format!("q.io/{name}:1@{whole}"))))
        .into();
    assert_eq!(pulled["same"], format!("r.io/same:1@{whole}"));
    assert_eq!(pulled["other"], format!("q.io/other:1@{whole}"), "the destination lacks it");
}
