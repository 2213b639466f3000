//! SIGHUP: the key file, read again.

use netcode_std::{Server, unix_time};
use tracing::{error, info};

use super::options::Args;
use crate::network::Network;
use crate::text::date;

/// Reads the key file again, and says what became of it. Nothing of it ends the server.
pub(super) fn reload(args: &Args, server: &mut Server<Network>) {
    if !args.key.is_a_file() {
        return info!("nothing was reloaded: the key is not from a file");
    }
    let until = unix_time().saturating_add_secs(args.key_overlap.as_secs());
    let key = match args.key.require() {
        Ok(key) => key,
        Err(error) => return error!("nothing was reloaded: {error:#}"),
    };
    if !server.rotate_key(key, until) {
        return info!("nothing was reloaded: the key file holds the key in use");
    }
    info!(
        previous_key_until = date(until.as_secs()),
        "key changed: the server opens tokens under the new key, and under the previous one until \
         its date"
    );
}
