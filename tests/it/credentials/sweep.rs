//! Every command in every report format, verbose, with registries that require secrets and with servers
//! that repeat what they receive: nothing that is printed or written contains a secret.

use std::sync::{Arc, Mutex};

use chart_mirror::report::verify::Format;
use clap::ValueEnum as _;
use registry_in_memory::{Kind, RefreshToken};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::canaries::{Desk, PASSWORD, REFRESH, SIGNATURE, USER, assert_clean, secrets, stage};
use super::set_mode;
use crate::support::requests::asked;
use crate::support::script;
use crate::support::stage::Stage;
use crate::support::write;
use crate::support::xtask::Xtask;

/// Command lines, and the exit code if all is well; `None` for 0 or 1.
fn commands() -> Vec<(Vec<String>, Option<i32>)> {
    let fixed: [(&str, Option<i32>); 27] = [
        ("doctor", Some(0)),
        ("doctor --format json", Some(0)),
        ("doctor --offline", Some(0)),
        ("mirror -t", Some(0)),
        ("mirror -t --format json", Some(0)),
        ("pin --check", Some(0)),
        ("pin --check --format json", Some(0)),
        ("verify --only source", Some(0)),
        ("verify --only destination", Some(1)),
        ("mirror", Some(0)),
        ("mirror --repair --attachments --format json", Some(0)),
        ("mirror -c ./chart", Some(0)),
        ("values --write", Some(0)),
        ("values --check", Some(0)),
        ("values", Some(0)),
        ("values --prove", Some(0)),
        ("values --probe", None),
        ("verify", Some(0)),
        ("verify --deep --strict", None),
        ("images", Some(0)),
        ("images --format json", Some(0)),
        ("images --format toml", Some(0)),
        ("images --write", Some(0)),
        ("pin", Some(0)),
        ("pin --update --format json", Some(0)),
        ("demo", Some(0)),
        ("help", Some(0)),
    ];
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut all: Vec<_> = fixed.iter().map(|(line, ends)| (words(line), *ends)).collect();
    for format in Format::value_variants() {
        let file = format!("verify --format {format} --report {format}=reports/{format}");
        all.push((words(&file), Some(0)));
    }
    all
}

/// A chart that names the two images of the stage.
fn write_chart(desk: &Desk, source: &str) {
    let xtask = &desk.xtask;
    let pods = ["one", "two"].map(|name| {
        format!(
            "kind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers:\n    - image: \
             \"{{{{ .Values.global.imageRegistry }}}}/stackstate/{name}:1\"\n"
        )
    });
    write(xtask, "chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n");
    write(xtask, "chart/values.yaml", format!("global:\n  imageRegistry: {source}\n"));
    write(xtask, "chart/templates/pods.yaml", pods.join("---\n"));
    let list = std::fs::read_to_string(&desk.images).unwrap();
    write(xtask, "images.toml", format!("[chart]\nname = \"./chart\"\n\n{list}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_prints_a_secret_in_any_format_or_file() {
    let (stage, _storage) = stage(RefreshToken::Lasting).await;
    let desk = Desk::new(&stage);
    write_chart(&desk, stage.source.address());
    let programs = tempfile::tempdir().unwrap();
    let helm = script::helm(programs.path());
    let summary = desk.xtask.directory().join("summary.md");
    let variables =
        [("HELM", helm.to_str().unwrap()), ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    for (arguments, ends) in commands() {
        let words: Vec<_> = arguments.iter().map(String::as_str).collect();
        let finished = desk.run_in(&stage, &words, &variables);
        let as_expected = ends.map_or(finished.exit_code < 2, |code| finished.exit_code == code);
        assert!(as_expected, "{arguments:?}: {finished:?}");
        assert_clean(&stage, &desk, &arguments.join(" "), &finished);
    }
    let found = secrets(&stage);
    assert!(found.len() > 12, "tokens and upload states were used: {found:?}");
    assert!(!asked(&stage.destination, "POST", Kind::Token).is_empty());
    let reports = std::fs::read_dir(desk.xtask.directory().join("reports")).unwrap();
    assert_eq!(reports.count(), Format::value_variants().len());
    assert!(summary.metadata().unwrap().len() > 0);
}

/// Answers requests that contain credentials with everything that the client sent, head and body, as plain
/// text or in the error format of registries.
struct Echo {
    address: String,
    echoed: Arc<Mutex<Vec<String>>>,
    accepting: AbortHandle,
}

const BEARER: &str = "canary-bearer-77d2";

impl Echo {
    /// `challenge` may contain `SELF` for the address of this server.
    async fn requiring(challenge: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let echoed = Arc::new(Mutex::new(Vec::new()));
        let (log, own) = (Arc::clone(&echoed), address.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(answer(client, own.clone(), challenge, Arc::clone(&log)));
            }
        });
        Self { address, echoed, accepting: accepting.abort_handle() }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(
    mut client: TcpStream,
    own: String,
    challenge: &str,
    log: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(client.read_u8().await.ok()?.into());
    }
    let lower = head.to_lowercase();
    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)];
    client.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).ok()?;
    let mut echo = head.lines().chain([body.as_str()]).collect::<Vec<_>>().join(" ");
    if let Some(basic) = head.split("Basic ").nth(1).or(head.split("basic ").nth(1)) {
        use base64::Engine as _;
        let encoded = basic.split_whitespace().next().unwrap_or_default();
        let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
        echo += &String::from_utf8(decoded).ok()?.replace(USER, "user");
    }
    let is_login = lower.contains("authorization: ") || body.contains("grant_type");
    let (status, more, answer) = if head.contains(" /token") && !body.contains("refresh") {
        ("200 OK", String::new(), json!({ "token": BEARER }).to_string())
    } else if is_login {
        log.lock().unwrap().push(echo.clone());
        let answer = match log.lock().unwrap().len() % 2 {
            0 => echo,
            _ => json!({"errors": [{"code": "DENIED", "message": echo}]}).to_string(),
        };
        ("403 Forbidden", String::new(), answer)
    } else {
        let challenge = challenge.replace("SELF", &own);
        ("401 Unauthorized", format!("WWW-Authenticate: {challenge}\r\n"), String::new())
    };
    let length = answer.len();
    let head = format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\n");
    let text = format!("{head}Connection: close\r\n\r\n{answer}");
    client.write_all(text.as_bytes()).await.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_server_makes_a_command_print_the_secrets_it_received() {
    let password = json!({"username": USER, "password": PASSWORD});
    let identity = json!({"auth": "eDo=", "identitytoken": REFRESH});
    let bearer = "Bearer realm=\"http://SELF/token\",service=\"SELF\"";
    for (challenge, login) in
        [("Basic realm=\"x\"", &password), (bearer, &password), (bearer, &identity)]
    {
        let stage = Stage::new().await;
        let echo = Echo::requiring(challenge).await;
        let xtask = Xtask::new();
        let image = format!("[[image]]\nsource = \"{}/a/b\"\ntag = \"1\"\n", echo.address);
        let images = write(&xtask, "images.toml", image);
        let config = json!({"auths": {&echo.address: login}}).to_string();
        let file = write(&xtask, ".docker/config.json", config);
        set_mode(file.as_ref(), 0o600);
        let to_stage = ["-d", stage.destination.address()];
        let away = format!("{}/{}", echo.address, "copies");
        let mut runs: Vec<(Vec<&str>, i32)> = vec![
            ([&["mirror"], &to_stage[..]].concat(), 1),
            ([&["mirror", "--format", "json"], &to_stage[..]].concat(), 1),
            (vec!["mirror", "-d", &away], 1),
            ([&["doctor"], &to_stage[..]].concat(), 1),
            ([&["doctor", "--format", "json"], &to_stage[..]].concat(), 1),
            (vec!["pin"], 1),
            (vec!["pin", "--format", "json"], 1),
        ];
        let verify = ["verify", "--only", "source", "--format"];
        let formats: Vec<String> = Format::value_variants().iter().map(Format::to_string).collect();
        runs.extend(formats.iter().map(|name| ([&verify[..], &[name], &to_stage].concat(), 1)));
        let encoded = "Y2FuYXJ5LXVzZXIt";
        for (arguments, exit_code) in runs {
            let arguments = [&["-v", "--images", &images], &arguments[..]].concat();
            let finished = tokio::task::block_in_place(|| xtask.run(&arguments, &[]));
            assert_eq!(finished.exit_code, exit_code, "{arguments:?}: {finished:?}");
            let output = finished.stdout + &finished.stderr;
            for secret in [PASSWORD, REFRESH, SIGNATURE, BEARER, USER, encoded] {
                assert!(!output.contains(secret), "{arguments:?} prints {secret}:\n{output}");
            }
            // The response to a HEAD has no body to repeat.
            let reads = arguments.contains(&"mirror");
            assert!(!reads || output.contains("***"), "{arguments:?}: {output}");
        }
        assert!(echo.echoed.lock().unwrap().len() > 5, "the server repeated secrets");
    }
}
