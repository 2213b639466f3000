//! Running the `netcode` command in a folder of the test's own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;

/// Words that start a server for tests, which ends even if its test does not end it.
pub(crate) const SERVER: &str =
    "server --key game.key --protocol-id 42 --max-token-lifetime off --for 60";

/// Options of a server that has all its metrics. Its matchmaker does not exist.
pub(crate) const FLEET: &str =
    "--matchmaker http://127.0.0.1:1 --server-name eu-1 --api-key game.key";

pub(crate) fn netcode(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netcode"));
    command.current_dir(folder);
    for (variable, _) in std::env::vars() {
        if variable.starts_with("NETCODE_") {
            command.env_remove(variable);
        }
    }
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

/// A server in a process of its own, with its log as JSON, and a port of the system's choice.
pub(crate) struct Server {
    process: Child,
    log: BufReader<ChildStderr>,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start(folder: &Path, words: &str) -> Self {
        Self::bind(folder, "127.0.0.1:0", words)
    }

    pub(crate) fn bind(folder: &Path, address: &str, words: &str) -> Self {
        let words = format!("--bind {address} {words}");
        Self::spawn(
            netcode(folder)
                .args(SERVER.split(' '))
                .args(words.split_whitespace()),
        )
    }

    /// Starts a server with a command line and an environment of the test's own.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut process = command
            .args(["--log-format", "json"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let mut server = Self {
            process,
            log,
            address: String::new(),
        };
        let started = server.wait_for("server started");
        let bound = started["bound"].as_str().unwrap();
        let bound = bound.strip_prefix('[').unwrap().strip_suffix(']').unwrap();
        server.address = bound.split(", ").next().unwrap().to_owned();
        server
    }

    /// Writes a token for a client of this server to `{client_id}.token`.
    pub(crate) fn mint(&self, folder: &Path, client_id: u64) {
        mint(folder, client_id, &self.address);
    }

    /// The next line of the log.
    pub(crate) fn event(&mut self) -> Value {
        let mut line = String::new();
        self.log.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// The next line of the log whose message begins so.
    pub(crate) fn wait_for(&mut self, message: &str) -> Value {
        loop {
            let event = self.event();
            if event["message"].as_str().unwrap().starts_with(message) {
                return event;
            }
        }
    }

    /// Sends a signal: `INT` is what Ctrl-C does.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; `true` if it ended well.
    pub(crate) fn wait(&mut self) -> bool {
        self.process.wait().unwrap().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Answer of a server's endpoint.
pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: it\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
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
