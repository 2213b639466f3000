//! `netcode token inspect`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow};
use humantime::format_duration;
use netcode_std::core::UserData;
use netcode_std::core::address::Addresses;
use netcode_std::core::crypto::RustCrypto;
use netcode_std::core::token::{PrivateToken, PublicToken};
use netcode_std::unix_time;
use serde_json::json;

use super::file;
use crate::secret::KeyArgs;
use crate::text::{date, print, print_json, show_payload};

/// Show the contents of a token; with the private key, also the part that only its servers can read
///
/// Session keys are never shown.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// File with the token, as bytes or as base64 text; `-` is standard input
    #[arg(value_name = "FILE")]
    token: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let bytes = file::read(&args.token)?;
    let token = PublicToken::parse(&bytes)?;
    let opened = match args.key.read()? {
        Some(key) => Some(token.open_private(&RustCrypto, &key).map_err(|_| {
            anyhow!(
                "the private part does not open: this is not the key it was minted with, or the \
                 token was changed"
            )
        })?),
        None => None,
    };
    let private = opened
        .as_deref()
        .map(PrivateToken::parse)
        .transpose()
        .map_err(|error| anyhow!("the private part opens but cannot be read: {error}"))?;
    if args.json {
        print_json(&to_json(&token, private.as_ref()))
    } else {
        show(&token, private.as_ref())
    }
}

fn to_json(token: &PublicToken<'_>, private: Option<&PrivateToken<'_>>) -> serde_json::Value {
    let mut value = json!({
        "protocol_id": token.protocol_id.to_string(),
        "created": token.created.as_secs(),
        "created_date": date(token.created.as_secs()),
        "expires": token.expires.as_secs(),
        "expires_date": date(token.expires.as_secs()),
        "expired": token.expires <= unix_time(),
        "timeout_seconds": token.timeout.as_secs(),
        "servers": list(token.addresses),
        "nonce": hex::encode(token.nonce.0),
    });
    if let (Some(private), Some(value)) = (private, value.as_object_mut()) {
        let part = json!({
            "client_id": private.client_id.to_string(),
            "timeout_seconds": private.timeout.as_secs(),
            "servers": list(private.addresses),
            "user_data": hex::encode(private.user_data),
            "session_keys_match": private.keys == token.keys,
        });
        value.insert("private".to_owned(), part);
    }
    value
}

fn show(token: &PublicToken<'_>, private: Option<&PrivateToken<'_>>) -> Result<()> {
    let now = unix_time().as_secs();
    let (created, expires) = (token.created.as_secs(), token.expires.as_secs());
    print(format_args!(
        "protocol id  {} (0x{:x})",
        token.protocol_id, token.protocol_id.0
    ))?;
    print(format_args!("created      {}", time(created, now)))?;
    print(format_args!("expires      {}", time(expires, now)))?;
    print(format_args!(
        "timeout      {}",
        timeout(token.timeout.as_secs())
    ))?;
    print(format_args!(
        "servers      {}",
        list(token.addresses).join(" ")
    ))?;
    let Some(private) = private else {
        return print(format_args!(
            "private part sealed; name the key with --key to open it"
        ));
    };
    print(format_args!("private part"))?;
    print(format_args!("  client id  {}", private.client_id))?;
    print(format_args!(
        "  timeout    {}",
        timeout(private.timeout.as_secs())
    ))?;
    print(format_args!(
        "  servers    {}",
        list(private.addresses).join(" ")
    ))?;
    print(format_args!(
        "  user data  {}",
        user_data(private.user_data)
    ))?;
    if private.keys != token.keys {
        print(format_args!(
            "  its session keys differ from the public ones: it cannot work"
        ))?;
    }
    Ok(())
}

fn list(addresses: Addresses<'_>) -> Vec<String> {
    addresses.iter().map(|it| it.to_string()).collect()
}

/// Date in UTC, seconds since 1970, and distance from now.
fn time(time: u64, now: u64) -> String {
    let distance = |seconds| format_duration(Duration::from_secs(seconds));
    let relative = match time.checked_sub(now) {
        Some(0) => "now".to_owned(),
        Some(ahead) => format!("in {}", distance(ahead)),
        None => format!("{} ago", distance(now.saturating_sub(time))),
    };
    let date = date(time).unwrap_or_else(|| "after the year 9999".to_owned());
    format!("{date} ({time}, {relative})")
}

fn timeout(seconds: i32) -> String {
    if seconds > 0 {
        format!("{seconds} s of silence")
    } else {
        "never".to_owned()
    }
}

fn user_data(bytes: &[u8]) -> String {
    if *bytes == UserData::ZERO.0 {
        return "none".to_owned();
    }
    let end = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last.saturating_add(1));
    show_payload(bytes.get(..end).unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_date_and_none_is_too_large() {
        let shown = time(1_700_000_000, 1_700_000_045);
        assert_eq!(shown, "2023-11-14T22:13:20Z (1700000000, 45s ago)");
        assert!(time(u64::MAX, 0).starts_with("after the year 9999 (18446744073709551615, in "));
    }
}
