//! Running the `netcode` command in a folder of the test's own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

pub(crate) fn netcode(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netcode"));
    command.current_dir(folder);
    command
        .env_remove("NETCODE_KEY")
        .env_remove("NETCODE_KEY_FILE");
    command
}

pub(crate) fn run(folder: &Path, words: &str) -> Output {
    netcode(folder)
        .args(words.split_whitespace())
        .output()
        .unwrap()
}

/// Starts a client whose standard streams are the test's.
pub(crate) fn client(folder: &Path, words: &str) -> Child {
    netcode(folder)
        .arg("client")
        .args(words.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(crate) fn succeed(folder: &Path, words: &str) -> String {
    let output = run(folder, words);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "netcode {words}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs what must fail with this exit code; gives what it said.
pub(crate) fn fail(folder: &Path, words: &str, code: i32) -> String {
    let output = run(folder, words);
    assert_eq!(
        output.status.code(),
        Some(code),
        "netcode {words}: {output:?}"
    );
    String::from_utf8(output.stderr).unwrap()
}

/// A new folder, with a private key in `game.key`.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("command")
        .join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    succeed(&folder, "keygen --out game.key");
    folder
}

/// A command that runs in a process of its own and tells events as JSON, a line each.
pub(crate) struct Service {
    process: Child,
    output: BufReader<ChildStdout>,
    /// Its first event: where it listens.
    pub(crate) listening: Value,
}

impl Service {
    pub(crate) fn start(folder: &Path, words: &str) -> Self {
        let mut process = netcode(folder)
            .args(words.split_whitespace())
            .arg("--json")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut service = Self {
            process,
            output,
            listening: Value::Null,
        };
        service.listening = service.event();
        service
    }

    /// The next event.
    pub(crate) fn event(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Sends a signal: `INT` is what Ctrl-C does.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; whether it ended well.
    pub(crate) fn wait(&mut self) -> bool {
        self.process.wait().unwrap().success()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server, on a port of the system's choice.
pub(crate) struct Server {
    pub(crate) service: Service,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start(folder: &Path, words: &str) -> Self {
        Self::bind(folder, "127.0.0.1:0", words)
    }

    pub(crate) fn bind(folder: &Path, address: &str, words: &str) -> Self {
        let server = "server --key game.key --protocol-id 42 --max-token-lifetime off --for 60";
        let service = Service::start(folder, &format!("{server} --bind {address} {words}"));
        let address = service.listening["addresses"][0].as_str().unwrap();
        Self {
            address: address.to_owned(),
            service,
        }
    }

    /// Writes a token for a client of this server to `{client_id}.token`.
    pub(crate) fn mint(&self, folder: &Path, client_id: u64) {
        mint(folder, client_id, &self.address);
    }

    /// The next event.
    pub(crate) fn event(&mut self) -> Value {
        self.service.event()
    }
}

pub(crate) fn mint(folder: &Path, client_id: u64, address: &str) {
    succeed(
        folder,
        &format!(
            "token mint --key game.key --protocol-id 42 --client-id {client_id} --timeout 1 \
             --server {address} --out {client_id}.token"
        ),
    );
}
