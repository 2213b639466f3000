//! One attempt at a check of a client: the servers that the tool plays in it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};

use super::played::Played;
use super::target::{ClientStart, ClientTarget, Running};
use crate::check::{Check, Checked, Finding, missing, unobservable, wrong};
use crate::evidence::Log;
use crate::wire::{Key, Keys, Opened, Token, kind};

/// One attempt at a check of a client.
pub(crate) struct Trial {
    pub(crate) target: Arc<ClientTarget>,
    pub(crate) echo: bool,
    pub(crate) rng: StdRng,
    pub(crate) log: Log,
}

/// A check of clients.
pub(crate) const fn check(
    id: &'static str,
    section: &'static str,
    rule: &'static str,
    run: fn(&mut Trial) -> Checked,
) -> Check<Trial> {
    Check::new(id, section, rule, run)
}

/// Time that a program has to start and to send its first datagram.
const START: Duration = Duration::from_secs(5);

/// Time after which an answer that has not come does not come.
pub(crate) const QUIET: Duration = Duration::from_millis(120);

impl Trial {
    /// A socket for a server.
    fn socket(&self, port: u16) -> Checked<UdpSocket> {
        let bound = UdpSocket::bind((self.target.listen, port));
        bound.map_err(|error| {
            Finding::Unobservable(format!(
                "a socket at {} could not be had: {error}",
                self.target.listen
            ))
        })
    }

    /// A token for servers at these sockets.
    pub(crate) fn token_for(&mut self, servers: &[SocketAddr]) -> Token {
        let created = crate::server::date();
        let mut secrets = rand::make_rng::<StdRng>();
        let mut token = Token {
            protocol_id: self.target.protocol_id,
            created,
            expires: created + 60,
            nonce: [0; 24],
            client_id: secrets.random(),
            timeout: 5,
            addresses: servers.to_vec(),
            keys: Keys {
                client_to_server: [0; 32],
                server_to_client: [0; 32],
            },
            user_data: [0x5a; 256],
        };
        secrets.fill_bytes(&mut token.nonce);
        secrets.fill_bytes(&mut token.keys.client_to_server);
        secrets.fill_bytes(&mut token.keys.server_to_client);
        token
    }

    /// A server, and a token for it that `edit` has changed.
    pub(crate) fn server_with(&mut self, edit: impl FnOnce(&mut Token)) -> Checked<(Played, Key)> {
        let (mut servers, key) = self.servers_with(1, edit)?;
        match servers.pop() {
            Some(server) => Ok((server, key)),
            None => unobservable("no socket"),
        }
    }

    /// Servers of one token, in its order.
    pub(crate) fn servers_with(
        &mut self,
        count: usize,
        edit: impl FnOnce(&mut Token),
    ) -> Checked<(Vec<Played>, Key)> {
        let names = ["server", "second server", "third server"];
        let mut sockets = Vec::new();
        for number in 0..count {
            sockets.push(self.socket(if number == 0 { self.target.port } else { 0 })?);
        }
        let addresses: Vec<SocketAddr> = sockets
            .iter()
            .filter_map(|it| it.local_addr().ok())
            .collect();
        let mut token = self.token_for(&addresses);
        edit(&mut token);
        let mut key: Key = [0; 32];
        rand::make_rng::<StdRng>().fill_bytes(&mut key);
        let servers = sockets
            .into_iter()
            .zip(names)
            .map(|(socket, name)| Played::new(name, socket, token.clone(), &key, self.log.clone()));
        Ok((servers.collect(), key))
    }

    /// Starts a client with the bytes of a token.
    pub(crate) fn start(&mut self, token: &[u8]) -> Checked<Running> {
        self.log.remark("a client is started with a token");
        Running::start(&self.target.start, token)
            .map_err(|error| Finding::Unobservable(format!("no client could be started: {error}")))
    }

    /// Time for a client's first datagram.
    pub(crate) fn patience(&self) -> Duration {
        match &self.target.start {
            ClientStart::Command(_) => START,
            ClientStart::ByHand { patience, .. } => *patience,
        }
    }

    /// A client that sends connection requests to its server.
    pub(crate) fn requesting(
        &mut self,
        edit: impl FnOnce(&mut Token),
    ) -> Checked<(Played, Running)> {
        let (mut server, key) = self.server_with(edit)?;
        let running = self.start(&server.token.public(&key))?;
        server.wait_for(kind::REQUEST, self.patience())?;
        Ok((server, running))
    }

    /// A client that has answered its server's challenge.
    pub(crate) fn responding(
        &mut self,
        edit: impl FnOnce(&mut Token),
    ) -> Checked<(Played, Running)> {
        let (mut server, running) = self.requesting(edit)?;
        server.response()?;
        Ok((server, running))
    }

    /// A client that is connected.
    pub(crate) fn connected(
        &mut self,
        edit: impl FnOnce(&mut Token),
    ) -> Checked<(Played, Running)> {
        let (mut server, running) = self.responding(edit)?;
        server.accept()?;
        Ok((server, running))
    }

    /// A client that is connected, to which no packet of sequence 0 was sent.
    pub(crate) fn connected_quietly(&mut self) -> Checked<(Played, Running)> {
        let (mut server, running) = self.responding(|_| ())?;
        server.sequence = 1;
        server.accept()?;
        Ok((server, running))
    }

    /// Passes if the client never sends a datagram. A client that follows the rules is started
    /// before, to see that it would.
    pub(crate) fn sends_nothing(&mut self, change: impl FnOnce(&mut Vec<u8>, &Token)) -> Checked {
        let (good, running) = self.requesting(|_| ())?;
        drop((good, running));
        let (mut server, key) = self.server_with(|_| ())?;
        let mut bytes = server.token.public(&key);
        change(&mut bytes, &server.token);
        let running = self.start(&bytes)?;
        let came = server.listen(Duration::from_millis(1000));
        if !came.is_empty() {
            return wrong("the client sent a connection request");
        }
        self.ends_in(&running, -5)
    }

    /// Passes if the last state that the client printed is this one; also if it prints none.
    pub(crate) fn ends_in(&mut self, running: &Running, state: i32) -> Checked {
        match running.states().last() {
            Some(&last) if last != state => wrong(format!(
                "the client ends in state {last} instead of {state}"
            )),
            _ => Ok(()),
        }
    }

    /// Sends datagrams from an address that is not the server's.
    pub(crate) fn send_from_elsewhere(
        &mut self,
        server: &Played,
        text: &str,
        datagram: &[u8],
    ) -> Checked {
        let socket = self.socket(0)?;
        let Some(mut client) = server.client() else {
            return missing("no client");
        };
        if client.ip().is_unspecified() {
            client.set_ip(self.target.listen);
        }
        self.log.sent(format!("another address: {text}"), datagram);
        for _ in 0..2 {
            let _ = socket.send_to(datagram, client);
        }
        Ok(())
    }

    /// Passes if the client sends payloads back.
    pub(crate) fn needs_echo(&self) -> Checked {
        if self.echo {
            return Ok(());
        }
        unobservable(
            "the client does not send payloads back, which would show what it accepts: start one \
             that does",
        )
    }

    /// Sends datagrams, then payloads of its own until one comes back; gives the other payloads
    /// that came back meanwhile.
    pub(crate) fn deliver(
        &mut self,
        server: &mut Played,
        datagrams: &[(String, Vec<u8>)],
    ) -> Checked<Vec<Vec<u8>>> {
        self.needs_echo()?;
        for (text, datagram) in datagrams {
            server.send(text, datagram);
        }
        let marker = format!("marker {:016x}", self.rng.random::<u64>()).into_bytes();
        let mut came: Vec<Opened> = Vec::new();
        server.exchange(
            |server| server.seal(kind::PAYLOAD, &marker),
            "payload that follows them",
            "payload that follows them came back",
            |packet| {
                if packet.kind == kind::PAYLOAD && packet.body == marker {
                    return Some(());
                }
                came.push(packet.clone());
                None
            },
        )?;
        came.extend(server.listen(Duration::from_millis(30)));
        let payloads = came.into_iter().filter(|it| it.kind == kind::PAYLOAD);
        let payloads = payloads
            .map(|it| it.body)
            .filter(|it| it.starts_with(crate::server::PREFIX));
        Ok(payloads.collect())
    }

    /// Passes if none of these datagrams leads to a payload, and the session goes on.
    pub(crate) fn drops_payloads(
        &mut self,
        server: &mut Played,
        forms: &[(String, Vec<u8>)],
    ) -> Checked {
        match self.deliver(server, forms)?.first() {
            Some(body) => wrong(format!(
                "a payload to drop came back, of {} bytes",
                body.len()
            )),
            None => Ok(()),
        }
    }
}

/// Addresses at which no server is.
pub(crate) fn elsewhere(number: u8) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, number), 40_000).into()
}

pub(crate) fn elsewhere_v6(number: u8) -> SocketAddr {
    let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(number));
    (address, 40_000).into()
}
