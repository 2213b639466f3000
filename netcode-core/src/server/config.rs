//! Server configuration and its errors.

use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

use super::keys::PreviousKey;
use super::share::SourceLimit;
use crate::address::AddressList;
use crate::crypto::Key;
use crate::identity::ProtocolId;

/// Treatment of tokens minted before the server's start, whose use the server has no record of.
///
/// Two sessions from one token use the same keys and nonces: an attacker that recorded the first
/// can read both, and replay packets of the first in the second. The standard leaves this open, so
/// the application chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RestartRule {
    /// Reject tokens that may have been minted before the server's start, and those that live
    /// longer than any token of the backend.
    ///
    /// Servers see when a token expires but not when it was minted. Tokens of exactly this lifetime
    /// are accepted from the second after the start; with shorter ones, clients cannot connect for
    /// the difference after a start.
    ///
    /// The rule relies on the date given to [`start`](super::Server::start): a device without a
    /// clock fetches the date first. Where the clocks of server and backend may differ, add the
    /// difference: tokens of a backend whose clock is ahead appear to live longer and to be newer
    /// than they are.
    RefuseOlder {
        /// Longest lifetime of the backend's tokens, in whole seconds. Not zero.
        max_token_lifetime: Duration,
    },
    /// Accept them, as the reference implementation does. For servers whose tokens are never used
    /// after a restart (each start has its own private key), and for tests.
    AdmitAgain,
}

/// Treatment of a connected client id that presents another token: a reloaded page, a client that
/// crashed, a second device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ReconnectRule {
    /// Reject the token until the connected client has disconnected or timed out.
    Refuse,
    /// Accept an unused token that expires later than the connected client's; its session replaces
    /// the old one in the same slot. The old session ends with
    /// [`DisconnectReason::Replaced`](super::DisconnectReason::Replaced) once the new client has
    /// answered its challenge, so a request from a forged address ends no session.
    ///
    /// Expiry is compared in whole seconds. For backends whose tokens all have the same lifetime,
    /// so that the token that expires later is the newer one.
    ReplaceByNewerToken,
}

/// Server configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Protocol id; requests with another one are dropped.
    pub protocol_id: ProtocolId,
    /// Private key, shared with the backend that mints tokens. A running server changes it by
    /// [`rotate_key`](super::Server::rotate_key).
    pub private_key: Key,
    /// Private key that also opens tokens, until a date. Default: none. For a server that is
    /// started during a change of keys. Ignored if it is the current key.
    pub previous_key: Option<PreviousKey>,
    /// Addresses of this server in tokens (in the *internal* list, if the backend distinguishes the
    /// two). A token that contains none of them is dropped.
    pub addresses: AddressList,
    /// Largest number of connected clients: at least one, at most the storage's slots.
    pub max_clients: u32,
    /// Longest time of a handshake after its last request, whatever the token's timeout. Not zero.
    pub handshake_timeout: Duration,
    /// Treatment of tokens that may have been used before this server started.
    pub restart_rule: RestartRule,
    /// Treatment of a connected client id that presents another token. Default: reject it.
    pub reconnect_rule: ReconnectRule,
    /// Largest share of one host in the half-open connections and in the token history. Default: a
    /// quarter. One host can still fill every slot of a server whose storage has the default
    /// proportions, and one host with many tokens cannot keep others out. Raise it where most
    /// clients share an address: a campus, a carrier's NAT, a bridge.
    pub per_host: SourceLimit,
    /// The same for one client id. Default: a sixteenth. A user needs one handshake at a time,
    /// and one token for each reconnect while earlier tokens are valid.
    pub per_id: SourceLimit,
    /// Decryptions per second for senders without a session: of the tokens in requests, and of
    /// responses. Up to one second's worth may be spent at once; further packets are dropped,
    /// fairly by host, until the budget has refilled. Default: four for each client and at least
    /// 10,000, which is 2 % of a desktop's core; a microcontroller can afford about fifty. `None`
    /// sets no limit. Packets of sessions are not counted. While there is a previous key, a token
    /// that the current one does not open takes two.
    pub opens_per_second: Option<NonZeroU32>,
}

impl ServerConfig {
    /// Default decryption budget per second: enough for all clients of a server to reconnect at
    /// once.
    const fn default_opens(max_clients: u32) -> Option<NonZeroU32> {
        match max_clients.checked_mul(4) {
            Some(opens @ 10_000..) => NonZeroU32::new(opens),
            Some(_) => NonZeroU32::new(10_000),
            None => None,
        }
    }

    /// Configuration with default limits: handshakes end after 10 seconds; the fields document the
    /// other defaults.
    pub const fn new(
        protocol_id: ProtocolId,
        private_key: Key,
        addresses: AddressList,
        max_clients: u32,
        restart_rule: RestartRule,
    ) -> Self {
        Self {
            protocol_id,
            private_key,
            previous_key: None,
            addresses,
            max_clients,
            handshake_timeout: Duration::from_secs(10),
            restart_rule,
            reconnect_rule: ReconnectRule::Refuse,
            per_host: SourceLimit::QUARTER,
            per_id: SourceLimit::SIXTEENTH,
            opens_per_second: Self::default_opens(max_clients),
        }
    }
}

/// Reason for which a configuration is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigError {
    /// `max_clients` is 0: every client would be denied. Ask for at least one.
    NoClients,
    /// `max_clients` exceeds the storage's slots: enlarge the storage, or ask for fewer.
    TooManyClients {
        /// Slots in the storage.
        slots: u32,
    },
    /// The storage has no half-open or no token entries: add some.
    NoRoom,
    /// The address list is empty, so that no token could name this server: add the addresses that
    /// tokens are minted with.
    NoAddress,
    /// `handshake_timeout` is zero: no handshake could complete. The default is ten seconds.
    NoHandshakeTime,
    /// The restart rule's `max_token_lifetime` is below one second, which every token exceeds: set
    /// the backend's longest lifetime.
    NoTokenLifetime,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoClients => f.write_str("max_clients is 0; ask for at least one"),
            Self::TooManyClients { slots } => {
                write!(
                    f,
                    "max_clients is above the {slots} slots of the storage; give it more, or ask \
                     for fewer"
                )
            }
            Self::NoRoom => {
                f.write_str("the storage has no half-open or no token entries; give it some")
            }
            Self::NoAddress => f.write_str("the address list is empty; add the server's addresses"),
            Self::NoHandshakeTime => {
                f.write_str("handshake_timeout is zero; the default is ten seconds")
            }
            Self::NoTokenLifetime => {
                f.write_str("max_token_lifetime is below one second; set the backend's longest")
            }
        }
    }
}

impl core::error::Error for ConfigError {}

/// Reason for which a server does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StartError {
    /// The server is already running.
    Running,
    /// Disconnect packets or events of the last run are pending: drain
    /// [`poll_transmit`](super::Server::poll_transmit) and
    /// [`poll_event`](super::Server::poll_event) first.
    Draining,
    /// The date is unknown: 0, as from a clock that was never set. Expired tokens would be
    /// accepted, and the token history would fill up permanently: fetch the date first.
    NoDate,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "the server is running; stop it first",
            Self::Draining => "datagrams or events of the last run are pending",
            Self::NoDate => "the date is unknown; expired tokens would be accepted",
        })
    }
}

impl core::error::Error for StartError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_budget_is_four_decryptions_a_client_and_at_least_ten_thousand() {
        let default = |clients| ServerConfig::default_opens(clients).map(NonZeroU32::get);
        assert_eq!(default(1), Some(10_000));
        assert_eq!(default(2_500), Some(10_000));
        assert_eq!(default(2_501), Some(10_004));
        assert_eq!(default(u32::MAX), None);
    }
}
