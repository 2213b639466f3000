//! The server under test, and what a first look at it shows.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tempfile::NamedTempFile;

use super::control::Control;

/// Server under test.
#[derive(Clone, Debug)]
pub struct ServerTarget {
    /// Address to send to.
    pub address: SocketAddr,
    /// Address that tokens name; usually the same.
    pub public_address: SocketAddr,
    /// Protocol id that the server was started with.
    pub protocol_id: u64,
    /// Private key that the server was started with.
    pub key: [u8; 32],
    /// The server is known to send each payload back to its sender. If `false`, a first payload
    /// tells.
    pub echo: bool,
    /// Lifetime of all tokens, for a server that accepts one lifetime alone. `None` lets each check
    /// choose; most take ten seconds, so that a server forgets their tokens soon.
    pub token_lifetime: Option<Duration>,
    /// Command that starts the server, split into words. With it, a server that crashed is started
    /// again, and rules about restarts can be checked.
    pub start: Option<Vec<String>>,
}

/// Result of a first look at the server.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Known {
    /// It sends payloads back.
    pub echo: bool,
    /// Number of its slots, as its first keep-alive said.
    pub max_clients: u32,
    /// Median round trip of a connection request and its challenge, in microseconds.
    pub round_trip_us: u64,
    /// Number of requests of the first look that were sent, and of those that were not answered.
    pub requests: u32,
    /// See `requests`.
    pub unanswered: u32,
    /// The tool can use many addresses, because the server is on the loopback network of IPv4.
    pub many_hosts: bool,
}

impl Known {
    /// Time after which an answer that has not come does not come.
    pub(crate) fn quiet(&self) -> Duration {
        Duration::from_millis(40) + 3 * Duration::from_micros(self.round_trip_us)
    }

    /// `true` if the network lost datagrams during the first look.
    pub(crate) fn is_lossy(&self) -> bool {
        self.unanswered > 0
    }
}

/// Everything that the attempts of a run share.
pub(crate) struct Shared {
    pub(crate) target: ServerTarget,
    pub(crate) known: Known,
    pub(crate) control: Mutex<Option<Control>>,
    pub(crate) started: Mutex<Option<Started>>,
    /// Addresses of all clients of the run.
    pub(crate) used: Mutex<HashSet<SocketAddr>>,
}

/// Attempts to find an address that no client has had.
const BINDINGS: u32 = 100;

impl Shared {
    /// A socket at an address that no client of the run has had: it would receive what the server
    /// still sends to that one.
    pub(crate) fn socket(&self, host: IpAddr) -> io::Result<UdpSocket> {
        let mut socket = UdpSocket::bind((host, 0))?;
        for _ in 0..BINDINGS {
            let address = socket.local_addr()?;
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            if used.insert(address) {
                break;
            }
            drop(used);
            socket = UdpSocket::bind((host, 0))?;
        }
        Ok(socket)
    }

    /// Lifetime of a token for which a check needs no other.
    pub(crate) fn token_lifetime(&self) -> Duration {
        let remote = !self.target.address.ip().is_loopback();
        // Clocks of two machines may differ by some seconds.
        let chosen = Duration::from_secs(if remote { 30 } else { 10 });
        self.target.token_lifetime.unwrap_or(chosen)
    }

    /// End of a server that the tool started; empty if it runs, or if the tool did not start
    /// it.
    pub(crate) fn end(&self) -> String {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        started.as_mut().map(Started::end).unwrap_or_default()
    }

    /// Starts the server again, with the command for that. `false` without one.
    pub(crate) fn restart(&self) -> io::Result<bool> {
        let Some(words) = &self.target.start else {
            return Ok(false);
        };
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        *started = None;
        *started = Some(Started::new(words)?);
        *self.control.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(true)
    }
}

/// A server that the tool started, and ends.
pub(crate) struct Started {
    process: Child,
    errors: NamedTempFile,
}

/// Characters of a program's standard error that are shown.
const LAST_WORDS: usize = 200;

impl Started {
    pub(crate) fn new(words: &[String]) -> io::Result<Self> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(io::Error::other("the command is empty"));
        };
        let errors = NamedTempFile::new()?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(errors.reopen()?);
        Ok(Self {
            process: command.spawn()?,
            errors,
        })
    }

    /// End of the program, and the last lines of its standard error; empty if it runs.
    fn end(&mut self) -> String {
        let Ok(Some(status)) = self.process.try_wait() else {
            return String::new();
        };
        let errors = std::fs::read(self.errors.path()).unwrap_or_default();
        let errors = String::from_utf8_lossy(&errors);
        // A panic says first what happened, and then where it came from.
        let begin = errors.rfind("panicked at");
        let words = begin.and_then(|begin| errors.get(begin..));
        let words: String = words.unwrap_or(&errors).chars().take(LAST_WORDS).collect();
        let words = words.trim().replace('\n', " / ");
        format!("the program ended with {status}: {words}")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `true` if the tool can send to this address from any address of 127.0.0.0/8.
pub(crate) fn has_many_hosts(server: IpAddr) -> bool {
    let probe: SocketAddr = (Ipv4Addr::new(127, 77, 0, 1), 0).into();
    matches!(server, IpAddr::V4(v4) if v4.is_loopback()) && UdpSocket::bind(probe).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_clients_of_a_run_have_one_address() {
        let target = ServerTarget {
            address: (Ipv4Addr::LOCALHOST, 1).into(),
            public_address: (Ipv4Addr::LOCALHOST, 1).into(),
            protocol_id: 0,
            key: [0; 32],
            echo: false,
            token_lifetime: None,
            start: None,
        };
        let shared = super::super::unknown(target);
        // Of so many that are closed at once, some share a port by chance.
        let address = |_| {
            let socket = shared.socket(Ipv4Addr::LOCALHOST.into()).unwrap();
            socket.local_addr().unwrap()
        };
        let addresses: HashSet<_> = (0..2_000).map(address).collect();
        assert_eq!(addresses.len(), 2_000);
    }
}
