//! Harness programs: the examples of the crate, which cargo builds with its tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use netcode_conform::{
    ClientStart, ClientTarget, Options, Report, ServerTarget, check_client, check_server,
};

pub(crate) const PROTOCOL_ID: u64 = 0x1122_3344_5566_7788;
pub(crate) const KEY: [u8; 32] = [0x42; 32];

/// The program of an example.
pub(crate) fn example(name: &str) -> String {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.ancestors().nth(2).unwrap();
    let program = profile
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "`cargo test` without `--test`, or `cargo build --examples`, builds {}",
        program.display()
    );
    program.display().to_string()
}

/// A port of this machine that is free now, at an address that no other test uses.
///
/// A server that is started again needs the port it had, so the system cannot choose it for each
/// start.
fn free_port(ip: IpAddr) -> SocketAddr {
    UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap()
}

/// A file with the key, for as long as it is held.
pub(crate) struct KeyFile(tempfile::NamedTempFile);

impl KeyFile {
    pub(crate) fn new() -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), hex::encode(KEY)).unwrap();
        Self(file)
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

/// A harness server at a port of its own, with more arguments behind the usual ones.
pub(crate) fn server(program: &str, key: &KeyFile, more: &[&str]) -> ServerTarget {
    server_at(free_port(Ipv4Addr::LOCALHOST.into()), program, key, more)
}

/// A harness server with an IPv6 address; `None` on a machine without IPv6.
pub(crate) fn server_over_ipv6(program: &str, key: &KeyFile) -> Option<ServerTarget> {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).ok()?;
    let address = free_port(Ipv6Addr::LOCALHOST.into());
    Some(server_at(address, program, key, &[]))
}

fn server_at(address: SocketAddr, program: &str, key: &KeyFile, more: &[&str]) -> ServerTarget {
    let mut start = vec![
        program.to_owned(),
        "server".to_owned(),
        address.to_string(),
        key.path().display().to_string(),
        PROTOCOL_ID.to_string(),
    ];
    start.extend(more.iter().map(|&it| it.to_owned()));
    ServerTarget {
        address,
        public_address: address,
        protocol_id: PROTOCOL_ID,
        key: KEY,
        echo: true,
        token_lifetime: None,
        start: Some(start),
    }
}

/// Checks a harness server; progress is shown when the test fails.
pub(crate) fn run_server(target: ServerTarget, options: &Options) -> Report {
    check_server(target, options, &|_| ()).unwrap()
}

/// Checks a harness client.
pub(crate) fn run_client(program: &str, options: &Options) -> Report {
    run_client_command(&[program], options)
}

/// Checks a harness client, with an environment variable set: `NAME=value`.
pub(crate) fn run_client_with(program: &str, variable: &str, options: &Options) -> Report {
    run_client_command(&["env", variable, program], options)
}

fn run_client_command(words: &[&str], options: &Options) -> Report {
    let words = words.iter().chain(&["client", "{token}"]);
    let target = ClientTarget {
        listen: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        protocol_id: PROTOCOL_ID,
        start: ClientStart::Command(words.map(|&word| word.to_owned()).collect()),
    };
    check_client(target, options, &|_| ()).unwrap()
}

/// All checks, with time enough on a busy machine.
pub(crate) fn everything() -> Options {
    Options {
        budget: Duration::from_secs(400),
        ..Options::default()
    }
}
