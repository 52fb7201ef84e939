//! Cloud registries: credentials from their command lines, and repositories that a push does not create.
//!
//! They are recognised by their host names, so a proxy of the test connects these names to loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop right there")]

mod copy_images;
mod credentials;
mod refused;

use registry_in_memory::{Authentication, RegistryOptions};
use tempfile::TempDir;

use crate::support::proxy::Proxy;
use crate::support::script::write_script;
use crate::support::stage::Stage;
use crate::support::tls::{Asks, Front, behind, table, trusted};

/// A registry in memory with the host name of a cloud registry.
struct Cloud {
    stage: Stage,
    programs: TempDir,
    _front: Front,
    _proxy: Proxy,
}

impl Cloud {
    /// The destination of a stage, under the host name of a cloud registry.
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

    /// A script that stands in for the command line of a cloud and logs its arguments.
    fn program(&mut self, name: &str, script: &str) -> &mut Self {
        let calls = self.programs.path().join("calls");
        let script =
            format!("PATH=/usr/bin:/bin\necho \"{name} $*\" >> '{}'\n{script}", calls.display());
        write_script(&self.programs.path().join(name), &script);
        self
    }

    /// The calls of the scripts, in order.
    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.programs.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}
