//! SIGHUP: configuration read again.

use netcode_std::Server;
use tracing::{error, info, warn};

use super::options::Args;
use crate::network::Network;

/// Looks at the key file again, and says what became of it. Nothing of it ends the server.
pub(super) fn reload(args: &Args, server: &Server<Network>) {
    if !args.key.is_a_file() {
        return info!("nothing was reloaded: the key is not from a file");
    }
    match args.key.require() {
        Ok(key) if key.as_bytes() == server.core().config().private_key.as_bytes() => {
            info!("nothing was reloaded: the key file holds the key in use");
        }
        Ok(_) => warn!(
            "nothing was reloaded: the key file holds another key, which the server uses from its \
             next start"
        ),
        Err(error) => error!("nothing was reloaded: {error:#}"),
    }
}
