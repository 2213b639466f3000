//! Server configuration, and what is wrong with it.

use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

use super::share::SourceLimit;
use crate::address::AddressList;
use crate::crypto::Key;
use crate::identity::ProtocolId;

/// Treatment of tokens from before a server's start: it has forgotten which of them were used.
///
/// A token that is let in twice seals two sessions with the same keys and nonces: whoever recorded
/// the first can read both, and play the first one's packets into the second. The standard leaves
/// this open, so it is a choice to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RestartRule {
    /// Refuse tokens that may have been minted before the server started, and those that live
    /// longer than the backend gives any.
    ///
    /// A token does not say to a server when it was minted, only when it expires. So tokens that
    /// live as long as this come in from the second after the start on; for those that live
    /// shorter, a start costs the difference.
    ///
    /// The rule is as good as the date that was given to [`start`](super::Server::start): a device
    /// without a clock asks for the date first. Where the server's clock and the backend's may
    /// differ, add by how much: tokens of a backend that is ahead look longer than they are, and
    /// younger.
    RefuseOlder {
        /// The longest lifetime that the backend gives a token, in whole seconds. Not zero.
        max_token_lifetime: Duration,
    },
    /// Let them in, as the reference does. For servers whose tokens are never used after a restart
    /// (each start has a key of its own), and for tests.
    AdmitAgain,
}

/// Treatment of a client id that is connected and comes with another token: a page that was
/// reloaded, a client that crashed, a second device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ReconnectRule {
    /// Refuse it until the connected client has disconnected or timed out.
    Refuse,
    /// Let an unused token that expires later than the connected client's replace the session, in
    /// the same slot. The old session ends with
    /// [`DisconnectReason::Replaced`](super::DisconnectReason::Replaced) once the new client has
    /// answered its challenge, so a request from a forged address ends nothing.
    ///
    /// Tokens are compared in whole seconds. For backends that mint tokens of one lifetime, so that
    /// a token expires later because it is newer.
    ReplaceByNewerToken,
}

/// Server configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The application; requests for another are dropped.
    pub protocol_id: ProtocolId,
    /// The key shared with the backend that mints tokens.
    pub private_key: Key,
    /// The addresses this server goes by in tokens (in the *internal* list, if the backend tells
    /// the two apart). A token that names none of them is dropped.
    pub addresses: AddressList,
    /// Clients at a time; at most the storage's slots, at least one.
    pub max_clients: u32,
    /// How long a handshake may take from its last request on, whatever the token's timeout is.
    /// Not zero.
    pub handshake_timeout: Duration,
    /// Treatment of tokens that may have been used before this server started.
    pub restart_rule: RestartRule,
    /// Treatment of a connected client id that comes with another token. The usual is to refuse it.
    pub reconnect_rule: ReconnectRule,
    /// Share of one host in the room for handshakes, and in the token history. The usual is a
    /// quarter: one household can still fill every slot of a server whose storage has the usual
    /// proportions, and one host with many tokens cannot keep everybody else out. Lift it where
    /// most players are expected behind one address: a campus, a carrier's NAT, a bridge.
    pub per_host: SourceLimit,
    /// The same for one client id. The usual is a sixteenth: a player needs one handshake at a
    /// time, and tokens for as often as it reconnects while they live.
    pub per_id: SourceLimit,
    /// Decryptions in a second for those who have no session: of requests' tokens and of
    /// responses. Up to a second's worth may come at once; more are dropped, fairly by host, until
    /// time has brought new ones. The usual is four for each client and at least 10,000, which is
    /// two hundredths of a desktop's core; a microcontroller can afford some fifty. `None` sets no
    /// limit. Packets of sessions are not counted.
    pub opens_per_second: Option<NonZeroU32>,
}

impl ServerConfig {
    /// Decryptions a second for strangers: enough for all clients of a server to come back at once.
    const fn usual_opens(max_clients: u32) -> Option<NonZeroU32> {
        match max_clients.checked_mul(4) {
            Some(opens @ 10_000..) => NonZeroU32::new(opens),
            Some(_) => NonZeroU32::new(10_000),
            None => None,
        }
    }

    /// A configuration with the usual limits: handshakes take 10 seconds at most, and each field
    /// below says what is usual.
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
            addresses,
            max_clients,
            handshake_timeout: Duration::from_secs(10),
            restart_rule,
            reconnect_rule: ReconnectRule::Refuse,
            per_host: SourceLimit::QUARTER,
            per_id: SourceLimit::SIXTEENTH,
            opens_per_second: Self::usual_opens(max_clients),
        }
    }
}

/// Why a configuration cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigError {
    /// `max_clients` is 0: a server without slots denies everybody. Ask for at least one.
    NoClients,
    /// `max_clients` is above the storage's slots: give it more, or ask for fewer.
    TooManyClients {
        /// Slots in the storage.
        slots: u32,
    },
    /// There is no room for a half-open connection or for a used token: give the storage some.
    NoRoom,
    /// No address: no token could name this server. Add those that tokens are minted with.
    NoAddress,
    /// `handshake_timeout` is zero: no handshake could end in time. The usual is ten seconds.
    NoHandshakeTime,
    /// The restart rule's `max_token_lifetime` is below a second: every token lives longer. Give the backend's.
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
            Self::NoAddress => f.write_str(
                "the server has no address that a token could name; add those it goes by",
            ),
            Self::NoHandshakeTime => {
                f.write_str("handshake_timeout is zero; the usual is ten seconds")
            }
            Self::NoTokenLifetime => f.write_str(
                "max_token_lifetime is below a second, and every token lives longer; give the backend's",
            ),
        }
    }
}

impl core::error::Error for ConfigError {}

/// Why a server does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StartError {
    /// It runs already.
    Running,
    /// Clients of the last run are still owed disconnect packets or events: drain
    /// [`poll_transmit`](super::Server::poll_transmit) and
    /// [`poll_event`](super::Server::poll_event) first.
    Draining,
    /// The date is unknown: 0, as a clock gives that was never set. Without one, expired tokens
    /// would be let in and the token history would fill up for good: fetch the date first.
    NoDate,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "the server is running; stop it first",
            Self::Draining => "datagrams or events of the last run are still to be taken",
            Self::NoDate => "the date is unknown; a server needs it to tell expired tokens",
        })
    }
}

impl core::error::Error for StartError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_may_cost_four_decryptions_a_client_and_at_least_ten_thousand() {
        let usual = |clients| ServerConfig::usual_opens(clients).map(NonZeroU32::get);
        assert_eq!(usual(1), Some(10_000));
        assert_eq!(usual(2_500), Some(10_000));
        assert_eq!(usual(2_501), Some(10_004));
        assert_eq!(usual(u32::MAX), None);
    }
}
