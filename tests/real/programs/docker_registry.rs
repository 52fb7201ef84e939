//! A real `docker-registry` as a child process, on a free loopback port, with its request log.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use super::installed;
use crate::support::clean_environment;

/// The only account of a registry with a password.
pub(crate) const USER: &str = "mirror";
pub(crate) const PASSWORD: &str = "open-sesame";
/// This account as `htpasswd -Bbn -C 5` writes it, and the ECR credentials of moto. The registry supports
/// only bcrypt.
const HTPASSWD: &str = "mirror:$2y$05$.iprGTaHxtAXtvcFQb4PCuuPdZ8xLLjgxvVrPWyKzQKDK0U/Xuqfm\n\
                        AWS:$2y$05$ZakOSxmljeSWQP85.qAlzOG6c2VpwYxI5KLcE/zlowubDaIIBTIim\n";

/// A registry that runs until it is dropped.
pub(crate) struct DockerRegistry {
    process: duct::Handle,
    address: String,
    directory: TempDir,
}

/// The credentials that a registry requires.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Anyone,
    /// [`USER`] with [`PASSWORD`], by a `Basic` challenge.
    Password,
    /// The same behind TLS, with the certificate of `tests/data/tls`.
    PasswordOverTls,
}

/// The disk of a registry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    Free,
    /// No file becomes larger than 100 blocks.
    Full,
}

/// What a registry accepts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    ReadWrite,
    ReadOnly,
    /// Pushes, and no deletions.
    KeepsEverything,
}

/// A line of the access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    pub(crate) status: u16,
}

impl DockerRegistry {
    /// Starts an empty registry and waits until it responds.
    pub(crate) fn start(access: Access) -> Self {
        Self::start_with(access, None)
    }

    /// Starts a cache that pulls from another registry.
    pub(crate) fn start_as_proxy_of(url: &str) -> Self {
        Self::start_with(Access::Anyone, Some(url))
    }

    fn start_with(access: Access, proxied: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let configuration = directory.path().join("config.yml");
        std::fs::write(directory.path().join("htpasswd"), HTPASSWD).unwrap();
        std::fs::write(&configuration, configuration_text(directory.path(), access, proxied))
            .unwrap();
        let process = serve(directory.path());
        let mut registry = Self { process, address: String::new(), directory };
        registry.address = registry.wait_until_it_answers();
        registry
    }

    /// Ends it until [`DockerRegistry::start_again`]. It keeps its content.
    pub(crate) fn stop(&self) {
        self.process.kill().unwrap();
    }

    /// Starts it with the same content at the same address, and waits until it responds.
    pub(crate) fn start_again(&mut self) {
        self.start_again_with(Disk::Free, Mode::ReadWrite);
    }

    /// Like [`DockerRegistry::start_again`], with a full disk or without permission to write.
    pub(crate) fn start_again_with(&mut self, disk: Disk, mode: Mode) {
        let configuration = self.directory.path().join("config.yml");
        let text = std::fs::read_to_string(&configuration).unwrap();
        let mut document: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        document["http"]["addr"] = json!(self.address);
        let read_only = json!({ "enabled": mode == Mode::ReadOnly });
        document["storage"]["delete"]["enabled"] = json!(mode != Mode::KeepsEverything);
        document["storage"]["maintenance"]["readonly"] = read_only;
        std::fs::write(&configuration, serde_yaml::to_string(&document).unwrap()).unwrap();
        // A line of the previous start must not be taken for one of this start.
        std::fs::write(error_log(self.directory.path()), "").unwrap();
        self.process = serve_on(disk, self.directory.path());
        self.wait_until_it_answers();
    }

    /// `127.0.0.1:port`
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Every request so far, in the order in which the responses ended.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let read = || std::fs::read_to_string(access_log(self.directory.path())).unwrap();
        // The line of a large answer is written after the client has its last byte, so the log is
        // read until it has been still for a moment.
        let mut text = read();
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let later = read();
            if later == text {
                break;
            }
            text = later;
        }
        text.lines().map(|line| parse_access(line).unwrap_or_else(|| panic!("{line}"))).collect()
    }

    /// Waits until it has answered so many requests, unless a process ends before.
    pub(crate) fn wait_for_requests(&self, count: usize, process: &duct::Handle) {
        let answered = || std::fs::read_to_string(access_log(self.directory.path())).unwrap();
        while answered().lines().count() < count && process.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The system chooses the port, which no other test can take in between; the log says which.
    fn wait_until_it_answers(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let log = std::fs::read_to_string(error_log(self.directory.path())).unwrap_or_default();
            if let Some(address) = log.lines().find_map(listening_address)
                && TcpStream::connect(&address).is_ok()
            {
                return address;
            }
            let ended = self.process.try_wait().unwrap().is_some();
            assert!(!ended, "docker-registry ended before it answered:\n{log}");
            assert!(Instant::now() < deadline, "docker-registry does not answer:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // Waited for, so that it writes no more into the directory that is removed next.
        if self.process.kill().is_ok() {
            let _ = self.process.wait();
        }
    }
}

fn serve(directory: &Path) -> duct::Handle {
    serve_on(Disk::Free, directory)
}

fn serve_on(disk: Disk, directory: &Path) -> duct::Handle {
    let configuration = directory.join("config.yml");
    let serve = match disk {
        Disk::Free => duct::cmd!("docker-registry", "serve", configuration),
        // Without the trap, the signal would end it.
        Disk::Full => {
            let command = "trap '' XFSZ; ulimit -f 100; exec docker-registry serve \"$0\"";
            duct::cmd!("/bin/sh", "-c", command, configuration)
        }
    };
    let serve = serve
        // A variable `REGISTRY_...` would override the configuration.
        .full_env(clean_environment(std::env::vars_os(), directory))
        .stdin_null()
        .stdout_path(access_log(directory))
        .stderr_path(error_log(directory))
        .unchecked();
    installed("docker-registry", serve.start())
}

fn configuration_text(directory: &Path, access: Access, proxied: Option<&str>) -> String {
    let mut configuration = json!({
        "version": "0.1",
        "log": { "level": "info", "formatter": "json" },
        "storage": {
            "filesystem": { "rootdirectory": directory.join("data") },
            "delete": { "enabled": true },
        },
        "http": { "addr": "127.0.0.1:0", "secret": "the same for every start" },
    });
    if let Some(url) = proxied {
        configuration["proxy"] = json!({ "remoteurl": url });
    }
    if access == Access::PasswordOverTls {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tls");
        let files =
            json!({ "certificate": data.join("server.pem"), "key": data.join("server-key.pem") });
        configuration["http"]["tls"] = files;
    }
    if access != Access::Anyone {
        let htpasswd = json!({ "realm": "mirror", "path": directory.join("htpasswd") });
        configuration["auth"] = json!({ "htpasswd": htpasswd });
    }
    serde_yaml::to_string(&configuration).unwrap()
}

fn access_log(directory: &Path) -> PathBuf {
    directory.join("access.log")
}

fn error_log(directory: &Path) -> PathBuf {
    directory.join("error.log")
}

fn listening_address(line: &str) -> Option<String> {
    let entry: serde_json::Value = serde_json::from_str(line).ok()?;
    let address = entry.get("msg")?.as_str()?.strip_prefix("listening on ")?;
    Some(address.trim_end_matches(", tls").to_owned())
}

/// Reads a line of the combined log format: `host - user [time] "GET /v2/ HTTP/1.1" 200 2 ...`.
fn parse_access(line: &str) -> Option<Request> {
    let mut quoted = line.split('"');
    let (_, request, answer) = (quoted.next()?, quoted.next()?, quoted.next()?);
    let mut request = request.split(' ');
    let (method, path) = (request.next()?.to_owned(), request.next()?.to_owned());
    let status = answer.split_whitespace().next()?.parse().ok()?;
    Some(Request { method, path, status })
}

#[test]
fn access_log_lines_are_read_with_their_query() {
    let time = "[22/Nov/2026:16:42:09 +0000]";
    let table = [
        (format!(r#"127.0.0.1 - - {time} "GET /v2/ HTTP/1.1" 200 2 "" "curl/7""#), "GET /v2/ 200"),
        (
            format!(
                r#"::1 - mirror {time} "POST /v2/a/blobs/uploads/?from=b HTTP/1.1" 202 0 "" """#
            ),
            "POST /v2/a/blobs/uploads/?from=b 202",
        ),
    ];
    for (line, expected) in table {
        let Request { method, path, status } = parse_access(&line).unwrap();
        assert_eq!(format!("{method} {path} {status}"), expected);
    }
    for line in ["", "no quotes", r#"x "GET" 200"#, r#"x "GET / HTTP/1.1" - -"#] {
        assert_eq!(parse_access(line), None, "{line}");
    }
}
