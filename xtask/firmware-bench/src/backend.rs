//! The backend of the sensor: the matchmaker, and others in its place.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use netcode_std::core::sealed::DeviceSecret;

use crate::board::{PATIENCE, Rig, Running};
use crate::tokens::{KEY, SENSOR};

/// The device's and the backend's example keys, as the firmware has them: see its `provision.rs`.
const DEVICE: [u8; 32] = *b"example device key, not a secret";
const BACKEND: [u8; 32] = *b"example backend key, no secret..";

/// A running matchmaker. It ends when this is dropped.
pub(crate) struct Matchmaker {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Matchmaker {
    /// Starts the matchmaker, with the sensor as its device and one game server.
    pub(crate) fn start(rig: &Rig<'_>, listen: SocketAddr, server: SocketAddr) -> Result<Self> {
        let folder = rig.folder.join("matchmaker");
        std::fs::create_dir_all(&folder)?;
        let public = DeviceSecret::from_bytes(DEVICE).public();
        let public = hex(public.as_bytes());
        let devices = format!("[[device]]\nid = 7\npublic_key = \"{public}\"\n");
        std::fs::write(folder.join("keys.toml"), devices)?;
        write_key(&folder.join("game.key"), &KEY)?;
        write_key(&folder.join("sealer.key"), &BACKEND)?;
        let program = rig.matchmaker.canonicalize();
        let program = program.with_context(|| format!("no {}", rig.matchmaker.display()))?;
        let mut child = Command::new(program)
            .current_dir(folder)
            .args(["serve", "--listen", &listen.to_string()])
            .args(["--protocol-id", &SENSOR.0.to_string(), "--timeout", "5"])
            .args(["--key", "game.key", "--sealer-key", "sealer.key"])
            .args(["--credentials", "keys.toml", "--log", "error"])
            .args(["--server", &server.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().context("no output")?;
        let mut matchmaker = Self {
            child,
            address: listen,
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://");
        matchmaker.address = address.context("the matchmaker did not start")?.parse()?;
        Ok(matchmaker)
    }
}

impl Drop for Matchmaker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_key(path: &Path, key: &[u8]) -> Result<()> {
    Ok(std::fs::write(path, hex(key))?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tells the sensor where its backend is.
pub(crate) fn announce(rig: &Rig<'_>, backend: SocketAddr) -> Result<()> {
    // Renamed into place, so that the board never reads half a file.
    let unfinished = rig.folder.join("backend.address.unfinished");
    std::fs::write(&unfinished, backend.to_string())?;
    Ok(std::fs::rename(
        unfinished,
        rig.folder.join("backend.address"),
    )?)
}

/// An attacker on the path, or a broken backend.
pub(crate) struct Impostor(TcpListener);

impl Impostor {
    pub(crate) fn bind() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.0.local_addr()?)
    }

    /// Waits for a request of the sensor.
    pub(crate) fn accept(&self, board: &mut Running) -> Result<(TcpStream, Vec<u8>)> {
        let mut accepted = None;
        board.until("a request for a token", || {
            std::thread::yield_now();
            accepted = self.0.accept().ok();
            Ok(accepted.is_some())
        })?;
        let (mut device, _) = accepted.context("no request")?;
        device.set_nonblocking(false)?;
        device.set_read_timeout(Some(PATIENCE))?;
        let mut request = Vec::new();
        let mut part = [0; 512];
        while !request.ends_with(b"\"}") {
            let len = device.read(&mut part)?;
            ensure!(len > 0, "half a request");
            request.extend(part.iter().take(len));
        }
        Ok((device, request))
    }
}

/// The backend's answer to a request.
pub(crate) fn forward(request: &[u8], backend: SocketAddr) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(backend)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Misbehaviour of a backend.
pub(crate) struct Misbehaviour {
    pub(crate) name: &'static str,
    /// The sensor's reason to take no token.
    pub(crate) reason: &'static str,
    pub(crate) answer: fn(&mut TcpStream) -> std::io::Result<()>,
}

const OK: &str = "HTTP/1.1 200 OK\r\n";

pub(crate) const MISBEHAVIOURS: [Misbehaviour; 9] = [
    Misbehaviour {
        name: "it answers nothing",
        reason: "the backend is too slow",
        // Until the sensor gives up.
        answer: |device| {
            let _ = device.read(&mut [0; 1]);
            Ok(())
        },
    },
    Misbehaviour {
        name: "it has no room",
        reason: "HTTP status 503",
        answer: |device| {
            device.write_all(b"HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n")
        },
    },
    Misbehaviour {
        name: "it answers no HTTP",
        reason: "the answer is malformed",
        answer: |device| device.write_all(&[0xa5; 5000]),
    },
    Misbehaviour {
        name: "its head has no end",
        reason: "the answer is malformed",
        answer: |device| {
            device.write_all(OK.as_bytes())?;
            while device.write_all(b"x-padding: 0123456789\r\n").is_ok() {}
            Ok(())
        },
    },
    Misbehaviour {
        name: "its token is too short",
        reason: "the answer is malformed",
        answer: |device| {
            write!(device, "{OK}Content-Length: 2096\r\n\r\n")?;
            device.write_all(&[0; 2096])
        },
    },
    Misbehaviour {
        name: "it sends chunks",
        reason: "the answer is malformed",
        answer: |device| {
            let length = "Content-Length: 2097\r\n";
            write!(
                device,
                "{OK}{length}Transfer-Encoding: chunked\r\n\r\n831\r\n"
            )?;
            device.write_all(&[0; 2097])?;
            device.write_all(b"\r\n0\r\n\r\n")
        },
    },
    Misbehaviour {
        name: "it closes early",
        reason: "the answer is cut off",
        answer: |device| {
            write!(device, "{OK}Content-Length: 2097\r\n\r\n")?;
            device.write_all(&[0; 1000])
        },
    },
    Misbehaviour {
        name: "it closes at once",
        reason: "the answer is cut off",
        answer: |_| Ok(()),
    },
    Misbehaviour {
        name: "its token is another's",
        reason: "it does not open",
        // One byte at a time: the head arrives in many pieces.
        answer: |device| {
            device.set_nodelay(true)?;
            let head = format!("{OK}CONTENT-LENGTH:2097 \r\nServer: it\r\n\r\n");
            head.bytes()
                .try_for_each(|byte| device.write_all(&[byte]))?;
            device.write_all(&[7; 2097])
        },
    },
];
