//! Causes of refusals: the level of each, and a sentence with the likely reason.

use std::fmt;

use netcode_core::Dropped;
use tracing::Level;

/// Cause of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A datagram was dropped.
    Dropped(Dropped),
    /// A request or a response was answered with *denied*.
    Denied,
}

/// Subject and predicate of a refusal's line: `20 requests from 10.0.0.1: server is full`.
struct Explanation {
    level: Level,
    noun: &'static str,
    text: &'static str,
}

impl Cause {
    /// Stable name for the field `reason`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dropped(reason) => reason.name(),
            Self::Denied => "denied",
        }
    }

    pub(crate) fn level(self) -> Level {
        self.explanation().level
    }

    /// Name of what was refused, in the singular.
    pub(crate) fn noun(self) -> &'static str {
        self.explanation().noun
    }

    fn explanation(self) -> Explanation {
        match self {
            Self::Dropped(reason) => explain(reason).unwrap_or(Explanation {
                level: Level::DEBUG,
                noun: "datagram",
                text: reason.as_str(),
            }),
            Self::Denied => Explanation {
                level: Level::INFO,
                noun: "request",
                text: "server is full, or closed to new clients",
            },
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explanation().text)
    }
}

/// Warnings are for what server, backend or firewall can mend, and for limits that are reached;
/// information is for a single client that does not get in. Both need a request in netcode's
/// format. Debugging is for the rest: strangers' datagrams, and effects of loss and reordering.
///
/// `None`: this version of the shell does not know the reason.
fn explain(reason: Dropped) -> Option<Explanation> {
    use Dropped as D;
    let (level, noun, text) = match reason {
        D::TokenUnauthentic => (Level::WARN, "request", "token does not open (wrong key?)"),
        D::TokenMalformed => (
            Level::WARN,
            "request",
            "token opens, but is malformed (error of the backend)",
        ),
        D::NotOurAddress => (
            Level::WARN,
            "request",
            "token names other servers (public address in the configuration?)",
        ),
        D::TokenLifetime => (
            Level::WARN,
            "request",
            "token lives longer than max_token_lifetime (another lifetime in the backend?)",
        ),
        D::OverBudget => (
            Level::WARN,
            "datagram",
            "opens_per_second is spent (a flood, or a low limit?)",
        ),
        D::HostLimit => (
            Level::WARN,
            "request",
            "too many handshakes or tokens of this host (many users at one address? per_host)",
        ),
        D::HistoryFull => (
            Level::WARN,
            "request",
            "token history is full (tokens live too long?)",
        ),
        D::HalfOpenFull => (Level::WARN, "request", "too many half-open connections"),
        D::Version => (
            Level::INFO,
            "request",
            "another version of netcode (an old client?)",
        ),
        D::ProtocolId => (
            Level::INFO,
            "request",
            "another protocol id (another version of the application?)",
        ),
        D::TokenExpired => (
            Level::INFO,
            "request",
            "token has expired (clocks of server and backend?)",
        ),
        D::TokenBeforeStart => (
            Level::INFO,
            "request",
            "token may be older than this server; the client needs a new one",
        ),
        D::TokenConsumed => (
            Level::INFO,
            "request",
            "token was used; the client needs a new one for each connection",
        ),
        D::TokenElsewhere => (
            Level::INFO,
            "request",
            "token is in use from another address",
        ),
        D::IdConnected => (
            Level::INFO,
            "request",
            "a client with this id is connected (see reconnect_rule)",
        ),
        D::IdLimit => (
            Level::INFO,
            "request",
            "too many handshakes or tokens of this client id (see per_id)",
        ),
        D::Inactive => (Level::DEBUG, "datagram", "server is stopped"),
        D::UnknownSender => (
            Level::DEBUG,
            "datagram",
            "no session at this address (it ended, or never began)",
        ),
        D::SessionEnded => (
            Level::DEBUG,
            "datagram",
            "its session has just ended (normal)",
        ),
        D::TooShort | D::Type | D::SequenceLength | D::BodyLength | D::RequestLength => {
            (Level::DEBUG, "datagram", reason.as_str())
        }
        D::Replayed => (
            Level::DEBUG,
            "datagram",
            "already received, or too old (duplicates of the network, or a replay)",
        ),
        D::Unauthentic => (
            Level::DEBUG,
            "datagram",
            "not authentic (damaged or forged)",
        ),
        D::State => (Level::DEBUG, "datagram", "not expected in this state"),
        D::AddressConnected => (
            Level::DEBUG,
            "datagram",
            "a client is connected from this address (a late handshake packet?)",
        ),
        D::ChallengeUnauthentic | D::ChallengeMismatch => {
            (Level::DEBUG, "response", reason.as_str())
        }
        D::SlotDraining => (
            Level::DEBUG,
            "response",
            "the free slot is still draining; the client tries again",
        ),
        _ => return None,
    };
    Some(Explanation { level, noun, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_level_and_a_sentence() {
        for &reason in Dropped::ALL {
            assert!(explain(reason).is_some(), "{reason:?}");
        }
    }
}
