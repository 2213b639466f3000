//! `netcode token mint`.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use netcode_service::parse_address;
use netcode_std::core::token::{TokenSpec, mint};
use netcode_std::core::{ClientId, ProtocolId, Timeout, UserData};
use netcode_std::{generator, unix_time};

use super::file;
use crate::secret::KeyArgs;
use crate::text::protocol_id;

/// Mint a token that lets one client connect to one of the servers it names
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    key: KeyArgs,
    /// Protocol id of the application, the same for client, server and token
    #[arg(long, value_parser = protocol_id)]
    protocol_id: ProtocolId,
    /// Number that identifies the client
    #[arg(long)]
    client_id: u64,
    /// Server that the client may try, 1 to 32 of them, in order: `203.0.113.7:40000`,
    /// `[2001:db8::7]:40000`, or a name and a port
    #[arg(long = "server", value_name = "HOST:PORT", required = true)]
    servers: Vec<String>,
    /// The same servers by the addresses they use themselves, if those differ
    #[arg(long = "internal", value_name = "HOST:PORT")]
    internal: Vec<String>,
    /// Lifetime of the token in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 45)]
    expires_in: u64,
    /// Seconds of silence that end the session; 0 or less disables the timeout
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        allow_hyphen_values = true
    )]
    timeout: i32,
    /// File of up to 256 bytes for the server that the client cannot read; `-` is standard input. A
    /// file, because every user of a machine can read its command lines
    #[arg(long, value_name = "FILE")]
    user_data_file: Option<PathBuf>,
    /// File for the token's 2048 bytes; without it, or as `-`, base64 text goes to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let now = unix_time();
    let (servers, internal) = (resolve(&args.servers)?, resolve(&args.internal)?);
    let user_data = user_data(args)?;
    let spec = TokenSpec::new(args.protocol_id, ClientId(args.client_id), &servers, now)
        .with_lifetime(Duration::from_secs(args.expires_in))
        .with_timeout(Timeout::from_secs(args.timeout))
        .with_internal_addresses(&internal)
        .with_user_data(&user_data);
    let token = mint(&spec, &args.key.require()?, &mut generator()?)?;
    file::write(args.out.as_deref(), &token)
}

fn user_data(args: &Args) -> Result<UserData> {
    let Some(path) = &args.user_data_file else {
        return Ok(UserData::ZERO);
    };
    let bytes = file::read_raw(path)?;
    Ok(UserData::from_slice(&bytes)?)
}

/// Every address of every host, in order.
pub(crate) fn resolve(hosts: &[String]) -> Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for host in hosts {
        let found = host
            .to_socket_addrs()
            .with_context(|| format!("`{host}` is no address{}", remedy(host)))?;
        addresses.extend(found);
    }
    if let Some(nowhere) = addresses
        .iter()
        .find(|it| it.port() == 0 || it.ip().is_unspecified())
    {
        bail!("no client can dial {nowhere}: name the address and the port a server is reached at");
    }
    Ok(addresses)
}

/// Remedy for an address that is none.
fn remedy(host: &str) -> String {
    match parse_address(host) {
        Err(missing) if host.parse::<IpAddr>().is_ok() => format!(": {missing}"),
        _ if !host.contains(':') => format!(": the port is missing, as in {host}:40000"),
        _ => ": write 203.0.113.7:40000, [2001:db8::7]:40000, or a name and a port".to_owned(),
    }
}
