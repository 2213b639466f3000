//! The programs themselves: a matchmaker, and servers and clients of the command, each a process.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use super::PATIENCE;

/// The `netcode` command: that in the folder `NETCODE_BINARIES`, else one that is built with the
/// profile of this test.
pub fn netcode() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = std::env::var_os("NETCODE_BINARIES").map(PathBuf::from);
        let folder = built.unwrap_or_else(build_netcode);
        folder.join(format!("netcode{}", std::env::consts::EXE_SUFFIX))
    })
}

/// Builds the command; gives its folder.
fn build_netcode() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.ancestors().nth(2).unwrap();
    let profile = match folder.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        name => name,
    };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package=netcode-cli"])
        .args(["--profile", profile, "--target-dir"])
        .arg(folder.parent().unwrap())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success());
    folder.to_owned()
}

/// Child process that ends with its test.
pub struct Program {
    process: Child,
}

impl Program {
    /// Starts a program, and gives the lines of one of its streams to `line`.
    fn start(
        command: &mut Command,
        stream: impl FnOnce(&mut Child) -> Box<dyn Read + Send>,
        mut line: impl FnMut(String) + Send + 'static,
    ) -> Self {
        for (variable, _) in std::env::vars() {
            if variable.starts_with("NETCODE_") || variable.starts_with("MATCHMAKER_") {
                command.env_remove(variable);
            }
        }
        let mut process = command.stdin(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(stream(&mut process)).lines();
        thread::spawn(move || lines.map_while(Result::ok).for_each(&mut line));
        Self { process }
    }

    /// Starts a program whose log is JSON on standard error.
    fn logging(command: &mut Command) -> (Self, Log) {
        let (sender, lines) = channel();
        let command = command.args(["--log-format", "json"]);
        let stderr = |child: &mut Child| Box::new(child.stderr.take().unwrap()) as Box<_>;
        let program = Self::start(command.stderr(Stdio::piped()), stderr, move |line| {
            let _ = sender.send(line);
        });
        (program, Log(lines))
    }

    /// Sends a signal: `KILL` is a crash, `INT` what Ctrl-C does.
    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end; `true` if it ended well.
    pub fn wait(&mut self) -> bool {
        self.process.wait().unwrap().success()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Log of a program.
pub struct Log(Receiver<String>);

impl Log {
    /// Next line with this text.
    pub fn wait_for(&self, text: &str) -> Value {
        loop {
            let line = self.0.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no line with {text:?}"));
            if line.contains(text) {
                return serde_json::from_str(&line).unwrap();
            }
        }
    }
}

/// A matchmaker with its key file `backend.key`, the servers' `game.key`, and the API keys of all.
pub struct Site {
    pub folder: TempDir,
    pub url: String,
    pub log: Log,
    pub matchmaker: Program,
    /// File of certificates that the command trusts, instead of the system's.
    pub authorities: Option<PathBuf>,
}

/// A server of a site.
pub struct GameServer {
    pub program: Program,
    pub log: Log,
    pub address: String,
}

/// Event of a client: the name of its player, and an object that it printed.
pub type Event = (String, Value);

impl Site {
    /// Starts a matchmaker with players of these names. Servers have the key `eu`, an operator `op`.
    pub fn start(players: &[String], words: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let mut entries = String::new();
        let named = players.iter().map(|name| (name.as_str(), "player"));
        for (name, role) in named.chain([("eu", "server"), ("op", "admin")]) {
            entries += &draw_api_key(folder.path(), name, role);
        }
        std::fs::write(folder.path().join("keys.toml"), entries).unwrap();
        draw_key(folder.path(), "game.key");
        let backend = folder.path().join("backend.key");
        std::fs::copy(folder.path().join("game.key"), backend).unwrap();

        let mut command = Command::new(env!("CARGO_BIN_EXE_matchmaker"));
        command.current_dir(folder.path()).args(
            "serve --key backend.key --protocol-id 42 --credentials keys.toml --listen 127.0.0.1:0"
                .split(' '),
        );
        command
            .args(words.split_whitespace())
            .stdout(Stdio::piped());
        let (mut matchmaker, log) = Program::logging(&mut command);
        let stdout = matchmaker.process.stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self {
            folder,
            url,
            log,
            matchmaker,
            authorities: None,
        }
    }

    /// API key of a player, a server or an operator.
    pub fn api_key(&self, name: &str) -> String {
        let file = self.folder.path().join(format!("{name}.api"));
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(netcode());
        command
            .current_dir(self.folder.path())
            .args(words.split_whitespace())
            .args(["--matchmaker", &self.url]);
        if let Some(file) = &self.authorities {
            command.env("SSL_CERT_FILE", file);
        }
        command
    }

    /// Starts a server of this name, and waits until the matchmaker knows it.
    pub fn serve(&self, name: &str, words: &str) -> GameServer {
        let server = self.serve_as("eu", name, words);
        server.log.wait_for("registered at the matchmaker");
        server
    }

    /// Starts a server with the API key of that name, and does not wait.
    pub fn serve_as(&self, api_key: &str, name: &str, words: &str) -> GameServer {
        let words = format!(
            "server --key game.key --protocol-id 42 --bind 127.0.0.1:0 --max-token-lifetime off \
             --server-name {name} --api-key {api_key}.api {words}"
        );
        let (program, log) = Program::logging(&mut self.command(&words));
        let started = log.wait_for("server started");
        let bound = started["bound"].as_str().unwrap();
        GameServer {
            program,
            log,
            address: bound.trim_matches(['[', ']']).to_owned(),
        }
    }

    /// Starts a client of this player, which sends its events there.
    pub fn play(&self, player: &str, words: &str, events: &Sender<Event>) -> Program {
        let words = format!("client --api-key {player}.api --json --retry-for 60 {words}");
        let mut command = self.command(&words);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let stdout = |child: &mut Child| Box::new(child.stdout.take().unwrap()) as Box<_>;
        let (player, events) = (player.to_owned(), events.clone());
        Program::start(&mut command, stdout, move |line| {
            let event = serde_json::from_str(&line).unwrap();
            let _ = events.send((player.clone(), event));
        })
    }

    /// Runs a client with the API key of that name, which gets no connection; what it says.
    pub fn fail_to_play(&self, api_key: &str) -> String {
        let words = format!("client --api-key {api_key}.api --retry-for 0");
        let output = self.command(&words).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

/// Draws an API key into a new file, and gives its entry for the file of credentials.
fn draw_api_key(folder: &Path, name: &str, role: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_matchmaker"))
        .current_dir(folder)
        .args(["key", "--name", name, "--role", role, "--out"])
        .arg(format!("{name}.api"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Draws a private key into a new file.
pub fn draw_key(folder: &Path, name: &str) {
    let drawn = Command::new(netcode())
        .current_dir(folder)
        .args(["keygen", "--out", name])
        .status();
    assert!(drawn.unwrap().success());
}

/// Writes a file that only its owner can read.
pub fn write_secret(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
