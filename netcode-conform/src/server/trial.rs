//! One attempt at a check of a server: whom the tool can play in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};

use super::control::Control;
use super::first_look::FIRST_ANSWER;
use super::player::Player;
use super::target::Shared;
use crate::check::{Check, Checked, Finding, unobservable, wrong};
use crate::evidence::Log;
use crate::wire::{Key, Keys, Token, kind};

/// Timeout of sessions, in seconds, where a check is not about it.
const TIMEOUT: i32 = 5;

/// One attempt at a check of a server.
pub(crate) struct Trial {
    pub(crate) shared: Arc<Shared>,
    pub(crate) rng: StdRng,
    pub(crate) log: Log,
}

/// A check of servers.
pub(crate) const fn check(
    id: &'static str,
    section: &'static str,
    rule: &'static str,
    run: fn(&mut Trial) -> Checked,
) -> Check<Trial> {
    Check::new(id, section, rule, run)
}

/// A datagram of a table of forms that a server has to drop, in words.
pub(crate) type Form = (String, Vec<u8>);

/// Seconds since 1970.
pub(crate) fn date() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Age of a second by which a server has seen it begin: it may read its clock once in a turn only.
const SETTLED: Duration = Duration::from_millis(300);

/// Seconds since 1970, in a second that every server has seen begin.
pub(crate) fn settled_date() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    let age = Duration::from_nanos(since.subsec_nanos().into());
    std::thread::sleep(SETTLED.saturating_sub(age));
    since.as_secs()
}

impl Trial {
    pub(crate) fn key(&self) -> &Key {
        &self.shared.target.key
    }

    pub(crate) fn protocol_id(&self) -> u64 {
        self.shared.target.protocol_id
    }

    pub(crate) fn public_address(&self) -> SocketAddr {
        self.shared.target.public_address
    }

    /// Time after which an answer that has not come does not come.
    pub(crate) fn quiet(&self) -> Duration {
        self.shared.known.quiet()
    }

    /// A token of a client id of its own, for this server.
    pub(crate) fn token(&mut self) -> Token {
        let created = date();
        // Not from the seed: a key or nonce of an earlier run would be used again.
        let mut secrets = rand::make_rng::<StdRng>();
        let mut token = Token {
            protocol_id: self.protocol_id(),
            created,
            expires: created + self.shared.token_lifetime().as_secs(),
            nonce: [0; 24],
            client_id: secrets.random(),
            timeout: TIMEOUT,
            addresses: vec![self.public_address()],
            keys: Keys {
                client_to_server: [0; 32],
                server_to_client: [0; 32],
            },
            user_data: [0; 256],
        };
        secrets.fill_bytes(&mut token.nonce);
        secrets.fill_bytes(&mut token.keys.client_to_server);
        secrets.fill_bytes(&mut token.keys.server_to_client);
        self.rng.fill_bytes(&mut token.user_data);
        token
    }

    pub(crate) fn token_with_timeout(&mut self, timeout: i32) -> Token {
        Token {
            timeout,
            ..self.token()
        }
    }

    /// A token that lives for a minute, unless the server accepts one lifetime alone.
    pub(crate) fn lasting_token(&mut self) -> Token {
        let mut token = self.token();
        if self.shared.target.token_lifetime.is_none() {
            token.expires = token.created + 60;
        }
        token
    }

    /// A client with a new token, at an address of its own.
    pub(crate) fn player(&mut self, name: &'static str) -> Checked<Player> {
        let token = self.token();
        self.player_with(name, token)
    }

    pub(crate) fn player_with(&mut self, name: &'static str, token: Token) -> Checked<Player> {
        let host = self.host();
        self.player_at(host, name, token)
    }

    /// A client at this IP address, with a port of its own.
    pub(crate) fn player_at(
        &mut self,
        host: IpAddr,
        name: &'static str,
        token: Token,
    ) -> Checked<Player> {
        let socket = self.shared.socket(host).map_err(|error| {
            Finding::Unobservable(format!("a socket at {host} could not be had: {error}"))
        })?;
        let server = self.shared.target.address;
        let log = self.log.clone();
        Ok(Player::new(name, socket, server, token, self.key(), log))
    }

    /// An IP address for a client. On the loopback network everyone has one of their own, so that a
    /// server's limits for one host do not join what is apart.
    pub(crate) fn host(&mut self) -> IpAddr {
        match self.shared.target.address {
            _ if self.shared.known.many_hosts => {
                let (a, b) = (
                    self.rng.random_range(1..=250),
                    self.rng.random_range(1..=250),
                );
                Ipv4Addr::new(127, a, b, self.rng.random_range(1..=250)).into()
            }
            SocketAddr::V4(v4) if v4.ip().is_loopback() => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(v6) if v6.ip().is_loopback() => Ipv6Addr::LOCALHOST.into(),
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// A client that has connected.
    pub(crate) fn connected(&mut self, name: &'static str) -> Checked<Player> {
        let mut player = self.player(name)?;
        player.connect()?;
        Ok(player)
    }

    /// Like [`connected`](Self::connected), with a timeout in seconds.
    pub(crate) fn connected_with_timeout(
        &mut self,
        name: &'static str,
        timeout: i32,
    ) -> Checked<Player> {
        let token = self.token_with_timeout(timeout);
        let mut player = self.player_with(name, token)?;
        player.connect()?;
        Ok(player)
    }

    /// Passes if the server sends payloads back, by which the check sees what it accepts.
    pub(crate) fn needs_echo(&self) -> Checked {
        if self.shared.known.echo {
            return Ok(());
        }
        unobservable(
            "the server does not send payloads back, which would show what it accepts: point the \
             check at a server that does",
        )
    }

    /// Passes if the server still answers a client that follows the rules.
    pub(crate) fn control(&mut self) -> Checked {
        let shared = Arc::clone(&self.shared);
        let mut control = shared
            .control
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let lifetime = shared.token_lifetime();
        if control
            .as_ref()
            .is_none_or(|it| it.made.elapsed() >= lifetime / 2)
        {
            let log = std::mem::replace(&mut self.log, Log::new());
            let player = self.player("control");
            self.log = log;
            *control = Some(Control {
                player: player?,
                made: Instant::now(),
            });
        }
        let Some(control) = control.as_mut() else {
            return Ok(());
        };
        let answered = control.check();
        self.log.remark(match &answered {
            Ok(()) => "a connection request of another client is answered",
            Err(_) => "a connection request of another client is not answered",
        });
        answered.map_err(|_| {
            Finding::Silent("the server stopped answering connection requests".to_owned())
        })
    }

    /// Like [`control`](Self::control), of a client that is new.
    pub(crate) fn fresh_control(&mut self) -> Checked {
        let shared = Arc::clone(&self.shared);
        *shared
            .control
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
        self.control()
    }

    /// Waits until a server that was started again answers. With a restart rule, it refuses tokens
    /// minted in the second of its start. One that ended is started once more: while it was down,
    /// another program may have had its port for a moment.
    pub(crate) fn answers_again(&mut self) -> Checked {
        let end = Instant::now() + FIRST_ANSWER;
        loop {
            match self.fresh_control() {
                Ok(()) => return Ok(()),
                Err(finding) if Instant::now() >= end => return Err(finding),
                Err(_) if self.shared.end().is_empty() => {}
                Err(_) => drop(self.shared.restart()),
            }
        }
    }

    /// Passes if the server drops all of these datagrams, each sent from an address of its own, and
    /// goes on answering.
    pub(crate) fn drops_all(&mut self, forms: &[Form]) -> Checked {
        let mut players = Vec::new();
        for (text, datagram) in forms {
            let mut player = self.player("client")?;
            // A second copy, in case that the network loses the first.
            player.send(text, datagram);
            player.send(text, datagram);
            players.push((text, player));
        }
        self.control()?;
        let quiet = self.quiet();
        std::thread::sleep(quiet);
        for (text, mut player) in players {
            player
                .hears_nothing(Duration::from_millis(1))
                .map_err(|finding| match finding {
                    Finding::Wrong(what) => Finding::Wrong(format!("{what} after {text}")),
                    other => other,
                })?;
        }
        Ok(())
    }

    /// Passes if the connected player's datagrams are dropped: none of their payloads comes back,
    /// and a later one does.
    pub(crate) fn drops_payloads(&mut self, player: &mut Player, forms: &[Form]) -> Checked {
        let datagrams = forms.iter().map(|(text, it)| (text.as_str(), &**it));
        match self.deliver(player, datagrams)?.first() {
            Some(body) => wrong(format!(
                "a payload to drop came back, of {} bytes",
                body.len()
            )),
            None => Ok(()),
        }
    }

    /// Sends datagrams, then payloads of its own until one comes back; gives the other payloads of
    /// checks that came back meanwhile.
    pub(crate) fn deliver<'a>(
        &mut self,
        player: &mut Player,
        datagrams: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Checked<Vec<Vec<u8>>> {
        self.needs_echo()?;
        for (text, datagram) in datagrams {
            player.send(text, datagram);
        }
        let marker = format!("marker {:016x}", self.rng.random::<u64>()).into_bytes();
        let mut came = Vec::new();
        let outcome = player.exchange(
            "payload that follows them",
            |player| player.seal(kind::PAYLOAD, &marker),
            "payload that follows them",
            |packet| {
                if packet.kind == kind::PAYLOAD && packet.body == marker {
                    return Some(());
                }
                came.push(packet.clone());
                None
            },
        );
        if came.iter().any(|packet| packet.kind == kind::DISCONNECT) {
            return wrong("the server ended the session");
        }
        outcome?;
        came.extend(player.listen(self.quiet()));
        let payloads = came.into_iter().filter(|it| it.kind == kind::PAYLOAD);
        // What the server sends of itself is none of these.
        let payloads = payloads
            .map(|it| it.body)
            .filter(|it| it.starts_with(PREFIX));
        Ok(payloads.collect())
    }
}

/// First bytes of the payloads of checks.
pub(crate) const PREFIX: &[u8] = b"conform ";

/// A payload of this name and length, at least as long as the name.
pub(crate) fn payload(name: &str, len: usize) -> Vec<u8> {
    let mut payload = PREFIX.to_vec();
    payload.extend(name.as_bytes());
    while payload.len() < len {
        let next = payload.len().to_le_bytes();
        payload.extend(next.first());
    }
    payload
}
