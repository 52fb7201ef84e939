//! Certificates: which authorities are trusted, which client certificate is presented, and the warnings about
//! `insecure`.

use registry::Cause;

use crate::support::stage::{REPOSITORY, Stage, TAG, report_text, words};
use crate::support::tls::{Asks, Connection, Front, behind, file, table, trusted};
use crate::support::xtask::Xtask;
use registry_in_memory::content::{Layer, docker_image};

/// A stage whose registries are both behind TLS.
async fn behind_tls(asks: Asks) -> (Stage, Front, Front) {
    let mut stage = Stage::with(behind(), behind()).await;
    stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 100_000)]));
    let source = Front::of(&stage.source, asks, &["http/1.1"]).await;
    let destination = Front::of(&stage.destination, asks, &["http/1.1"]).await;
    stage.source_at = Some(source.address.clone());
    stage.reached_at = Some(destination.address.clone());
    (stage, source, destination)
}

fn both(stage: &Stage, lines: &[&str]) -> String {
    table(stage.source_at.as_deref().unwrap(), lines) + &table(&stage.reached_at(), lines)
}

#[tokio::test]
async fn an_authority_is_trusted_only_for_the_registry_that_names_it() {
    let (mut stage, source, _destination) = behind_tls(Asks::NoCertificate).await;
    stage.retry.retries = 1;
    stage.tables = both(&stage, &[&trusted()]);
    let report = stage.mirror_all().await;
    assert!(report.insecure.is_empty(), "{:?}", report.insecure);

    stage.destination.store().delete_tag(REPOSITORY, TAG);
    stage.tables = table(&source.address, &[&trusted()])
        + &table(&stage.reached_at(), &["plain-http = false"]);
    let error = stage.mirror_fails().await;
    assert!(matches!(error.cause, Cause::Tls { .. }), "{error:?}");
    let text = words(&error);
    assert!(text.contains("certificate") && text.contains("`ca-file`"), "{text}");
}

#[tokio::test]
async fn an_insecure_registry_is_accepted_and_every_report_warns_about_it() {
    let (mut stage, source, _destination) = behind_tls(Asks::NoCertificate).await;
    stage.tables =
        table(&source.address, &["insecure = true"]) + &table(&stage.reached_at(), &[&trusted()]);
    let report = stage.mirror_all().await;
    assert_eq!(report.insecure, [source.address.parse().unwrap()]);
    let line = format!("INSECURE: the certificate of {} was not verified", source.address);
    assert!(report_text(&report).contains(&line), "{}", report_text(&report));
    let json: serde_json::Value =
        serde_json::from_str(&chart_mirror::report::mirror::json(&report)).unwrap();
    assert_eq!(json["insecure"], serde_json::json!([source.address]));
    // Even if there was nothing to do.
    assert!(report_text(&stage.mirror_all().await).contains(&line));
}

#[tokio::test]
async fn an_invalid_certificate_is_refused_before_any_request() {
    let table = [
        ("ended", &trusted()[..], "certificate expired", "renew it"),
        ("other-name", &trusted(), "not valid for name", "a name that is in its certificate"),
        ("self-signed", &trusted(), "UnknownIssuer", "`ca-file`"),
        ("self-signed", "plain-http = false", "UnknownIssuer", "`ca-file`"),
        ("own-authority", &trusted(), "CaUsedAsEndEntity", "this very certificate in `ca-file`"),
    ];
    for (certificate, trust, why, hint) in table {
        let mut stage = Stage::with(behind(), behind()).await;
        stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 5000)]));
        let front = Front::showing(certificate, &stage.source).await;
        stage.source_at = Some(front.address.clone());
        stage.tables = table_of_one(&front, trust);
        let error = stage.mirror_fails().await;
        assert!(matches!(error.cause, Cause::Tls { .. }), "{error:?}");
        let text = words(&error);
        assert!(text.contains("certificate") && text.contains(why), "{certificate}: {text}");
        assert!(text.contains(hint), "{certificate}: {text}");
        assert_eq!((front.connections(), stage.source.requests().len()), (vec![], 0));
        // Those of the connections that are opened before they are needed, and of the request itself.
        assert!(front.handshakes() <= 3, "{certificate}: {}", front.handshakes());
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_if_the_list_or_the_environment_names_it() {
    for name in ["self-signed", "own-authority"] {
        for in_list in [true, false] {
            let mut stage = Stage::with(behind(), behind()).await;
            stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 5000)]));
            let front = Front::showing(name, &stage.source).await;
            stage.source_at = Some(front.address.clone());
            let certificate = file(&format!("{name}.pem"));
            if in_list {
                stage.tables = table_of_one(&front, &format!("ca-file = {certificate:?}"));
            } else if name == "own-authority" {
                stage.tables = table_of_one(&front, "plain-http = false");
                stage.set("SSL_CERT_FILE", certificate.to_str().unwrap());
            } else {
                // The library reads this variable of the process, which is not the stage's.
                continue;
            }
            let report = stage.mirror_all().await;
            assert!(report.insecure.is_empty(), "{:?}", report.insecure);
        }
    }
}

#[tokio::test]
async fn a_named_certificate_must_still_be_valid_and_have_the_name_of_the_registry() {
    for (certificate, why) in [("own-ended", "expired"), ("own-elsewhere", "not valid for name")] {
        let mut stage = Stage::with(behind(), behind()).await;
        stage.publish(REPOSITORY, TAG, &docker_image(&[Layer::new("layer", 5000)]));
        let front = Front::showing(certificate, &stage.source).await;
        stage.source_at = Some(front.address.clone());
        let named = file(&format!("{certificate}.pem"));
        stage.tables = table_of_one(&front, &format!("ca-file = {named:?}"));
        let error = stage.mirror_fails().await;
        assert!(words(&error).contains(why), "{}", words(&error));
    }
}

fn table_of_one(front: &Front, line: &str) -> String {
    table(&front.address, &[line])
}

#[tokio::test]
async fn a_client_certificate_is_presented_to_its_registry() {
    let (mut stage, source, destination) = behind_tls(Asks::Everyone).await;
    let certificate = format!("client-certificate-file = {:?}", file("client.pem"));
    let key = format!("client-key-file = {:?}", file("client-key.pem"));
    stage.tables = both(&stage, &[&trusted(), &certificate, &key]);
    stage.mirror_all().await;
    for front in [&source, &destination] {
        assert!(front.connections().iter().all(|connection| connection.has_certificate));
        assert!(!front.connections().is_empty());
    }
    stage.destination.store().delete_tag(REPOSITORY, TAG);
    stage.retry.retries = 1;
    stage.tables = both(&stage, &[&trusted()]);
    let before = source.connections().len();
    stage.mirror_fails().await;
    assert_eq!(source.connections().len(), before);
}

#[tokio::test]
async fn unusable_files_are_reported_before_any_request() {
    let (mut stage, source, _destination) = behind_tls(Asks::NoCertificate).await;
    let server_key = format!("ca-file = {:?}", file("server-key.pem"));
    let swapped = format!(
        "client-certificate-file = {:?}\nclient-key-file = {:?}",
        file("client-key.pem"),
        file("client.pem").with_file_name("nothing.pem"),
    );
    let half = format!(
        "client-certificate-file = {:?}\nclient-key-file = {:?}",
        file("client.pem"),
        file("client.pem"),
    );
    let table_of = [
        ("ca-file = \"/nowhere/ca.pem\"", "`ca-file` of"),
        (server_key.as_str(), "no certificate in PEM format"),
        (swapped.as_str(), "nothing.pem"),
        (half.as_str(), "no certificate with its key"),
    ];
    for (line, why) in table_of {
        stage.tables = table(&source.address, &["plain-http = false", line]);
        let error = stage.try_mirror().await.unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("hint: "), "{error}");
        assert!(error.contains(&source.address), "{error}");
    }
    assert_eq!(source.connections(), [] as [Connection; 0]);
    assert_eq!(stage.source.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_relative_to_the_list_and_every_command_warns() {
    let (mut stage, source, destination) = behind_tls(Asks::NoCertificate).await;
    stage.tables = table(&source.address, &["ca-file = \"certificates/ours.pem\""])
        + &table(&destination.address, &["insecure = true"]);
    let xtask = Xtask::new();
    let folder = xtask.directory().join("lists");
    std::fs::create_dir_all(folder.join("certificates")).unwrap();
    std::fs::copy(file("authority.pem"), folder.join("certificates/ours.pem")).unwrap();
    std::fs::write(folder.join("images.toml"), stage.list()).unwrap();
    let to = ["-d", &destination.address];
    let warning = format!("INSECURE: the certificate of {} was not verified", destination.address);
    let run = |arguments: &[&str]| {
        let arguments = [&["--images", "lists/images.toml"], arguments].concat();
        let finished = tokio::task::block_in_place(|| xtask.run(&arguments, &[]));
        assert_eq!(finished.exit_code, 0, "{}{}", finished.stdout, finished.stderr);
        finished.stdout
    };
    for command in [&["mirror"][..], &["verify", "--only", "source", "--only", "destination"]] {
        let output = run(&[command, &to].concat());
        assert!(output.contains(&warning), "{command:?}: {output}");
        assert!(!output.contains(&format!("certificate of {}", source.address)));
    }

    // `pin` contacts only sources.
    let swapped = table(&source.address, &["insecure = true"]);
    stage.tables = swapped + &table(&destination.address, &["ca-file = \"certificates/ours.pem\""]);
    std::fs::write(folder.join("images.toml"), stage.list()).unwrap();
    let warning = format!("INSECURE: the certificate of {} was not verified", source.address);
    assert!(run(&["pin", "--check"]).contains(&warning));
    let json: serde_json::Value =
        serde_json::from_str(&run(&["pin", "--check", "--format", "json"])).unwrap();
    assert_eq!(json["insecure"], serde_json::json!([source.address]));
}
