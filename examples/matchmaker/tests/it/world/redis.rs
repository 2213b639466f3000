//! A Redis of a test's own, on a socket in a folder of its own.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::PATIENCE;

/// A Redis that writes every change to its file before it answers.
pub struct Redis {
    folder: TempDir,
    process: Child,
}

impl Redis {
    /// Starts one. `None`, with a line on the terminal, where there is no `redis-server`.
    pub fn start() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        match spawn(&folder) {
            Ok(process) => {
                let mut redis = Self { folder, process };
                redis.wait();
                Some(redis)
            }
            Err(error) => {
                // Past the harness, which shows nothing of a test that passes.
                let name = std::thread::current().name().unwrap_or("a test").to_owned();
                let said = format!("SKIPPED {name}: no redis-server ({error})\n");
                let _ = std::io::stderr().write_all(said.as_bytes());
                None
            }
        }
    }

    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts it again with the file that it left.
    pub fn restart(&mut self) {
        self.process = spawn(&self.folder).unwrap();
        self.wait();
    }

    /// Waits until it answers.
    fn wait(&mut self) {
        let client = redis::Client::open(self.url()).unwrap();
        let began = Instant::now();
        loop {
            let ping = client
                .get_connection()
                .and_then(|mut it| redis::cmd("PING").query::<String>(&mut it));
            if ping.is_ok() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "redis-server does not answer");
            assert!(
                self.process.try_wait().unwrap().is_none(),
                "redis-server ended"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn spawn(folder: &TempDir) -> std::io::Result<Child> {
    let path = folder.path();
    Command::new("redis-server")
        .args(["--port", "0", "--unixsocket"])
        .arg(path.join("socket"))
        .arg("--dir")
        .arg(path)
        .args([
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
        ])
        .stdout(Stdio::null())
        .spawn()
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
