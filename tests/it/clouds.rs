//! Registries of clouds: who gives a login there, and repositories that no push makes.
//!
//! They are recognised by their names, so a proxy of the test leads those names to loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop right there")]

mod copy_images;
mod credentials;
mod refused;

use registry_in_memory::{Authentication, RegistryOptions};
use tempfile::TempDir;

use crate::support::proxy::Proxy;
use crate::support::stage::Stage;
use crate::support::tls::{Asks, Front, behind, table, trusted};

/// A registry of ours that has the name of a cloud's.
struct Cloud {
    stage: Stage,
    programs: TempDir,
    _front: Front,
    _proxy: Proxy,
}

impl Cloud {
    /// The destination of a stage under a name of a cloud.
    async fn new(name: &str, authentication: Authentication) -> Self {
        Self::with(name, RegistryOptions { authentication, ..behind() }).await
    }

    async fn with(name: &str, destination: RegistryOptions) -> Self {
        let mut stage = Stage::with(RegistryOptions::default(), destination).await;
        let front = Front::of(&stage.destination, Asks::NoCertificate, &[]).await;
        let proxy = Proxy::to(front.address.clone(), None).await;
        let programs = tempfile::tempdir().unwrap();
        stage.reached_at = Some(name.to_owned());
        stage.tables = table(name, &[&trusted()]);
        stage.set("HTTPS_PROXY", &format!("http://{}", proxy.address));
        stage.set("PATH", programs.path().to_str().unwrap());
        stage.set("DOCKER_CONFIG", programs.path().to_str().unwrap());
        Self { stage, programs, _front: front, _proxy: proxy }
    }

    /// A program that stands in for a cloud's own and writes down how it is called.
    fn program(&mut self, name: &str, script: &str) -> &mut Self {
        let calls = self.programs.path().join("calls");
        let text = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin\necho \"{name} $*\" >> '{}'\n{script}\n",
            calls.display()
        );
        let source = self.programs.path().join("stand-in.sh");
        std::fs::write(&source, text).unwrap();
        // Made by another process: what this one has written cannot be run while a thread of ours forks.
        let program = self.programs.path().join(name);
        duct::cmd!("install", "-m", "755", source, program).run().unwrap();
        self
    }

    /// How the programs were called, in order.
    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.programs.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}
