//! `netcode token seal` and `netcode token open`: tokens for devices that have no TLS.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use netcode_std::core::ProtocolId;
use netcode_std::core::sealed::{
    DEVICE_NONCE_BYTES, DeviceId, DeviceNonce, DevicePublic, DeviceSecret, SEALED_TOKEN_BYTES,
    SealContext, SealerPublic, SealerSecret, open_token, seal_token,
};
use netcode_std::core::token::ConnectToken;
use netcode_std::generator;

use super::file;
use crate::secret::read_key_file;
use crate::text::protocol_id;

/// Context of a sealed token: the same on both sides.
#[derive(clap::Args)]
struct ContextArgs {
    /// Protocol id of the application, as in the token
    #[arg(long, value_parser = protocol_id)]
    protocol_id: ProtocolId,
    /// Number of the device, assigned by the backend
    #[arg(long)]
    device_id: u64,
    /// Nonce that the device drew for this request, 32 hexadecimal digits. Without one, the sealed
    /// token opens only on a device that sent no nonce
    #[arg(long, value_name = "HEX", value_parser = nonce)]
    nonce: Option<DeviceNonce>,
}

impl ContextArgs {
    fn context(&self) -> SealContext {
        SealContext {
            protocol_id: self.protocol_id,
            device_id: DeviceId(self.device_id),
            nonce: self.nonce.unwrap_or(DeviceNonce::NONE),
        }
    }
}

/// Seal a token to a device's X25519 key, so that any channel can carry it
#[derive(clap::Args)]
pub(crate) struct SealArgs {
    /// File with the token, as bytes or as base64 text; `-` is standard input
    token: PathBuf,
    /// File with the sealer's secret key, from `netcode keygen --x25519 --out FILE`
    #[arg(long, value_name = "FILE", env = "NETCODE_SEALER_KEY_FILE")]
    sealer_key: PathBuf,
    /// The device's public key, as `netcode keygen --x25519` printed it
    #[arg(long, value_name = "HEX", value_parser = public_key)]
    device: [u8; 32],
    #[command(flatten)]
    context: ContextArgs,
    /// File for the sealed token; without it, or as `-`, base64 text goes to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Open a sealed token, as its device does
#[derive(clap::Args)]
pub(crate) struct OpenArgs {
    /// File with the sealed token; `-` is standard input
    sealed: PathBuf,
    /// File with the device's secret key, from `netcode keygen --x25519 --out FILE`
    #[arg(long, value_name = "FILE", env = "NETCODE_DEVICE_KEY_FILE")]
    device_key: PathBuf,
    /// The sealer's public key, as `netcode keygen --x25519` printed it
    #[arg(long, value_name = "HEX", value_parser = public_key)]
    sealer: [u8; 32],
    #[command(flatten)]
    context: ContextArgs,
    /// File for the token; without it, or as `-`, base64 text goes to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Parses a public key, which is not secret and so may be an option.
fn public_key(text: &str) -> Result<[u8; 32]> {
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key)
        .map_err(|_| anyhow!("a public key is 64 hexadecimal digits"))?;
    Ok(key)
}

fn nonce(text: &str) -> Result<DeviceNonce> {
    let mut nonce = [0; DEVICE_NONCE_BYTES];
    hex::decode_to_slice(text.trim(), &mut nonce)
        .map_err(|_| anyhow!("a device's nonce is 32 hexadecimal digits"))?;
    Ok(DeviceNonce::from_bytes(nonce))
}

pub(super) fn seal(args: &SealArgs) -> Result<()> {
    let token = file::read(&args.token)?;
    let token = ConnectToken::try_from(token.as_slice())?;
    let sealer = SealerSecret::from_bytes(*read_key_file(&args.sealer_key)?.as_bytes());
    let device = DevicePublic::from_bytes(args.device);
    let mut message = [0; SEALED_TOKEN_BYTES];
    let mut rng = generator()?;
    seal_token(
        &args.context.context(),
        &sealer,
        &device,
        &token,
        &mut rng,
        &mut message,
    )?;
    file::write(args.out.as_deref(), &message)
}

pub(super) fn open(args: &OpenArgs) -> Result<()> {
    let mut message = file::read_bytes(&args.sealed, SEALED_TOKEN_BYTES, "sealed token")?;
    let device = DeviceSecret::from_bytes(*read_key_file(&args.device_key)?.as_bytes());
    let sealer = SealerPublic::from_bytes(args.sealer);
    let token = open_token(&args.context.context(), &device, &sealer, &mut message)
        .with_context(|| format!("{} does not open", args.sealed.display()))?;
    file::write(args.out.as_deref(), token)
}
