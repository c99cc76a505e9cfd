//! A Docker Engine of the test's own: its data, its socket and its networks are nobody else's.

use gameday::clock::{Clock, SystemClock};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How long anything may take; the machine may be busy.
const LIMIT: gameday::base::Span = gameday::base::Span::from_secs(60);

/// Networks of all tests have the same addresses on this machine: one engine at a time.
static TURN: Mutex<()> = Mutex::new(());

/// An engine that ends with the test. Its containers end with it.
pub(super) struct Engine {
    daemon: Child,
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// Why no engine can be started here.
pub(super) fn lacking() -> Option<&'static str> {
    let there = |program: &str| {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
    };
    if !nix::unistd::Uid::effective().is_root() {
        return Some("an engine needs root");
    }
    let programs = ["dockerd", "docker", "redis-server", "setpriv"];
    programs.iter().any(|program| !there(program)).then_some("docker.io or redis-server is not installed")
}

impl Engine {
    /// It touches neither the firewall nor the way that the machine forwards packets.
    pub(super) async fn start() -> Self {
        // A test that failed has ended its engine all the same.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::write(folder.path().join("empty.json"), "{}").unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let daemon = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "dockerd", "--debug", "--storage-driver", "vfs"])
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"])
            .args([
                "--config-file",
                &at("empty.json"),
                "--data-root",
                &at("data"),
                "--exec-root",
                &at("exec"),
            ])
            .args(["--pidfile", &at("pid"), "--host", &format!("unix://{}", at("sock"))])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let engine = Self { daemon, folder, _turn: turn };
        engine.watch_for("the engine", async || engine.says(&["version"]).map(drop)).await;
        engine
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    pub(super) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// What its own tool says; nothing when it fails.
    pub(super) fn says(&self, args: &[&str]) -> Option<String> {
        let done = Command::new("docker").args(args).env("DOCKER_HOST", self.host()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        done.status.success().then(|| text(&done.stdout))
    }

    pub(super) fn docker(&self, args: &[&str]) -> String {
        self.says(args).unwrap_or_else(|| panic!("docker {}\n{}", args.join(" "), self.log()))
    }

    /// One word of what it knows of a container.
    pub(super) fn word(&self, container: &str, of: &str) -> String {
        self.docker(&["inspect", "--format", of, container])
    }

    /// All that a drill could have changed of a container.
    pub(super) fn state(&self, container: &str) -> Value {
        let whole: Value = serde_json::from_str(&self.docker(&["inspect", container])).unwrap();
        let at = |path: &str| whole.pointer(path).cloned().unwrap_or_default();
        let quota = at("/0/HostConfig/CpuQuota").as_i64().filter(|quota| *quota > 0);
        let mut networks = at("/0/NetworkSettings/Networks");
        for end in networks.as_object_mut().unwrap().values_mut() {
            end.as_object_mut()
                .unwrap()
                .retain(|key, _| ["IPAMConfig", "IPAddress", "Aliases"].contains(&&**key));
        }
        serde_json::json!({
            "id": at("/0/Id"), "status": at("/0/State/Status"), "networks": networks, "quota": quota,
            "memory": at("/0/HostConfig/Memory"), "swap": at("/0/HostConfig/MemorySwap"),
            "restart": at("/0/HostConfig/RestartPolicy"),
        })
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// An image of one program and the libraries that it is linked with.
    pub(super) fn image(&self, name: &str, program: &str) {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(folder.join("tmp")).unwrap();
        let script = "set -e; cp --parents -L \"$1\" \"$2\"
            for library in $(ldd \"$1\" | grep -o '/[^ ]*'); do cp --parents -L \"$library\" \"$2\"; done
            tar -C \"$2\" -c . | docker import - \"$3\"";
        let done = Command::new("sh")
            .args(["-c", script, "sh", program, folder.to_str().unwrap(), name])
            .env("DOCKER_HOST", self.host())
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    pub(super) async fn watch_for<T>(&self, what: &str, mut seen: impl AsyncFnMut() -> Option<T>) -> T {
        let end = SystemClock.now() + LIMIT;
        loop {
            if let Some(answer) = seen().await {
                return answer;
            }
            assert!(SystemClock.now() < end, "{what} did not come within {LIMIT}\n{}", self.log());
            SystemClock.sleep_until(SystemClock.now() + gameday::base::Span::from_millis(20)).await;
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Containers first: their mounts and their network would outlive the folder.
        let all = self.says(&["ps", "--all", "--quiet"]).unwrap_or_default();
        for container in all.lines() {
            self.says(&["rm", "--force", container]);
        }
        self.says(&["network", "prune", "--force"]);
        let _ = Command::new("kill").arg(self.daemon.id().to_string()).status();
        let _ = self.daemon.wait();
    }
}

/// The file of a program in PATH; links stay, since some programs look at the name that they are called by.
pub(super) fn program(name: &str) -> String {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&paths).map(|folder| folder.join(name)).find(|path| Path::is_file(path));
    found.unwrap().display().to_string()
}
