//! Health check of another process, for containers without a shell.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::address::parse_address;

/// Time limit for connecting, and for each read and write.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longest answer that is read, bytes.
const ANSWER_BYTES: u64 = 4096;

/// Ask a running program for its health
///
/// It is asked at the address that its --metrics names, all interfaces by loopback. In the same
/// container, the environment variable NETCODE_METRICS names it for both.
#[derive(clap::Args, Clone, Debug)]
pub struct HealthArgs {
    /// Address of the program's metrics
    #[arg(
        long,
        value_name = "ADDRESS",
        value_parser = parse_address,
        env = "NETCODE_METRICS",
        hide_env = true
    )]
    metrics: SocketAddr,
}

impl HealthArgs {
    /// Asks for `/healthz`; returns the text of the answer.
    ///
    /// # Errors
    /// See [`HealthError`].
    pub fn check(&self) -> Result<String, HealthError> {
        let answer = ask(reachable(self.metrics)).map_err(HealthError::NoAnswer)?;
        let text = answer.lines().last().unwrap_or_default().to_owned();
        // `HTTP/1.1 200 OK`.
        match answer.split(' ').nth(1) {
            Some("200") => Ok(text),
            _ => Err(HealthError::Unhealthy(text)),
        }
    }
}

/// Address by which this machine reaches a program that is bound to `address`.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Result of a health check that is not good.
#[derive(Debug)]
#[non_exhaustive]
pub enum HealthError {
    /// No program answers at the address.
    NoAnswer(io::Error),
    /// The program says that it is not healthy, and why.
    Unhealthy(String),
}

impl fmt::Display for HealthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(error) => write!(f, "no program answers: {error}"),
            Self::Unhealthy(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for HealthError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Its text is in ours: its own source is the next one.
            Self::NoAnswer(error) => error.source(),
            Self::Unhealthy(_) => None,
        }
    }
}
