//! Connection requests: the first half of the handshake, answered by a challenge. (Standard:
//! *Processing Connection Requests*.)

use core::net::SocketAddr;

use zeroize::{Zeroize, Zeroizing};

use super::budget::Work;
use super::event::Received;
use super::half_open::HalfOpen;
use super::history::UsedToken;
use super::peer::{Peer, Source};
use super::session::Session;
use super::share::SourceLimit;
use super::table::Hashes;
use super::{ReconnectRule, RestartRule, Server};
use crate::crypto::{Crypto, Mac, SessionKeys};
use crate::drop_reason::Dropped;
use crate::identity::Sequence;
use crate::packet::{ConnectionRequest, Packet, RequestHeader, seal};
use crate::standard::{CHALLENGE_TOKEN_BYTES, MAC_BYTES, PRIVATE_TOKEN_BYTES, USER_DATA_BYTES};
use crate::time::{Local, UnixTime, micros};
use crate::token::{ChallengeToken, PrivateToken};
use crate::transmit::Transmit;

type SecretUserData = Zeroizing<[u8; USER_DATA_BYTES]>;

impl<C: Crypto> Server<'_, C> {
    pub(super) fn handle_request<'d>(
        &mut self,
        now: Local,
        from: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        let today = self.calendar.at(now);
        self.half_open.expire(now);
        self.history.expire(today);
        self.expire_previous_key(today);

        // Checks that need no decryption come first.
        let mut request = ConnectionRequest::parse(datagram)?;
        self.check_header(today, &request.header)?;
        let source = Source::new(from, self.hash_key);
        if self.config.reconnect_rule == ReconnectRule::Refuse
            && self.slots.find_by_source(&source).is_some()
        {
            return Err(Dropped::AddressConnected);
        }
        let tag = request.private.last_chunk::<MAC_BYTES>();
        let mac = Mac(*tag.ok_or(Dropped::RequestLength)?);
        let mac_hash = self.hash_key.hash(&mac.0);
        let known = Known {
            token: self.history.check(&mac, mac_hash, &source.peer)?,
            half_open: self.half_open.find_token(&source, &mac),
        };
        let host = source.peer.hash_host(self.hash_key);
        if !self.has_room(&known, host, self.config.per_host) {
            return Err(Dropped::HostLimit);
        }
        let opens = self.opens_of_a_request();
        self.spend_open(now, host, Work::Request { opens })?;

        let expires = request.header.expires;
        let (session, user_data) = self.open_token(&mut request, &source, host)?;
        let replaced = self.replaced_by(&session, &source)?;
        let id_hash = self.hash_key.hash_id(session.client_id);
        if !self.has_room(&known, id_hash, self.config.per_id) {
            return Err(Dropped::IdLimit);
        }
        let hashes = |key| Hashes {
            keys: [Some(key)],
            sources: Some([host, id_hash]),
        };
        if !known.token {
            let token = UsedToken::pending(mac, &session);
            self.history.admit(token, expires, &hashes(mac_hash))?;
        }
        if !self.admits(replaced) {
            return Ok(self.deny(from, &session.keys, datagram));
        }
        let challenged_at = known.half_open.map_or(now, |(_, at)| at);
        let entry = HalfOpen::new(session, mac, challenged_at);
        let id = match known.half_open {
            Some((id, _)) => id,
            None => {
                let hashes = hashes(source.hash);
                self.half_open.admit(&source, entry.clone(), &hashes)?
            }
        };
        let until = now.after(micros(self.config.handshake_timeout));
        self.half_open.set_due(id, until);
        Ok(self.challenge(from, &entry, &user_data, datagram))
    }

    /// Slot of the session that this one may replace; `None` if its client id is not connected.
    pub(super) fn replaced_by(
        &self,
        session: &Session,
        source: &Source,
    ) -> Result<Option<usize>, Dropped> {
        let by_id = self.slots.find_by_id(session.client_id);
        let by_address = self.slots.find_by_source(source);
        if by_address.is_some() && by_address != by_id {
            return Err(Dropped::AddressConnected);
        }
        let Some(slot) = by_id.and_then(|id| self.slots.table.get(id)) else {
            return Ok(None);
        };
        if self.config.reconnect_rule == ReconnectRule::ReplaceByNewerToken
            && session.expires > slot.session.expires
            && !slot.is_loopback()
        {
            return Ok(by_id);
        }
        Err(Dropped::IdConnected)
    }

    /// Spends one decryption of the budget on a datagram of the host with this hash.
    pub(super) fn spend_open(&mut self, now: Local, host: u64, work: Work) -> Result<(), Dropped> {
        let rate = self.config.opens_per_second;
        let [_, hosts] = &mut self.half_open.tallies;
        if self.budget.spend(hosts, now, host, work, rate) {
            return Ok(());
        }
        Err(Dropped::OverBudget)
    }

    /// Returns `true` if the source may hold the additional entries that this request needs.
    fn has_room(&self, known: &Known, source: u64, limit: SourceLimit) -> bool {
        let [tokens] = &self.history.tallies;
        let [entries, _] = &self.half_open.tallies;
        (known.token || tokens.has_room(source, limit))
            && (known.half_open.is_some() || entries.has_room(source, limit))
    }

    fn check_header(&self, today: UnixTime, header: &RequestHeader) -> Result<(), Dropped> {
        if header.protocol_id != self.config.protocol_id {
            return Err(Dropped::ProtocolId);
        }
        if header.expires <= today {
            return Err(Dropped::TokenExpired);
        }
        if let RestartRule::RefuseOlder {
            max_token_lifetime: lifetime,
        } = self.config.restart_rule
        {
            if header.expires > today.saturating_add_secs(lifetime.as_secs()) {
                return Err(Dropped::TokenLifetime);
            }
            // The token was minted `lifetime` before it expires at the earliest: if that is not
            // after the start, the previous run may have seen it.
            let start = self.first_start.unwrap_or(today);
            if header.expires <= start.saturating_add_secs(lifetime.as_secs()) {
                return Err(Dropped::TokenBeforeStart);
            }
        }
        Ok(())
    }

    /// Opens the token in place and copies its fields, because the reply is written over the
    /// datagram.
    fn open_token(
        &mut self,
        request: &mut ConnectionRequest<'_>,
        source: &Source,
        host: u64,
    ) -> Result<(Session, SecretUserData), Dropped> {
        self.open_private(host, request)?;
        let session = self.read_token(request.private, source.peer, request.header.expires);
        // The buffer is returned to the caller and must not keep the session's keys.
        request.private.zeroize();
        session
    }

    fn read_token(
        &self,
        opened: &[u8; PRIVATE_TOKEN_BYTES],
        peer: Peer,
        expires: UnixTime,
    ) -> Result<(Session, SecretUserData), Dropped> {
        let token = PrivateToken::parse(opened).map_err(|_| Dropped::TokenMalformed)?;
        let ours = |address| self.config.addresses.contains(&address);
        if !token.addresses.iter().any(ours) {
            return Err(Dropped::NotOurAddress);
        }
        let start = self.first_start.unwrap_or_default().as_secs();
        let expires = expires.as_secs().saturating_sub(start);
        let session = Session {
            keys: token.keys,
            client_id: token.client_id,
            timeout: token.timeout,
            expires: u32::try_from(expires).unwrap_or(u32::MAX),
            peer,
            other_servers: !token.addresses.iter().all(ours),
        };
        Ok((session, Zeroizing::new(*token.user_data)))
    }

    /// Writes the challenge for a half-open connection over the request.
    fn challenge<'d>(
        &mut self,
        to: SocketAddr,
        entry: &HalfOpen,
        user_data: &SecretUserData,
        datagram: &'d mut [u8],
    ) -> Received<'d> {
        let sequence = Sequence(self.challenge_sequence);
        self.challenge_sequence = self.challenge_sequence.wrapping_add(1);
        let mut token = [0; CHALLENGE_TOKEN_BYTES];
        ChallengeToken {
            client_id: entry.session.client_id,
            user_data,
            padding: &entry.challenge_padding(),
        }
        .seal(&self.crypto, &self.challenge_key, sequence, &mut token);
        self.stats.challenges = self.stats.challenges.saturating_add(1);
        let packet = Packet::Challenge {
            sequence,
            token: &token,
        };
        self.reply(to, &entry.session.keys, &packet, datagram)
    }

    /// Writes *denied* over a request or a response.
    pub(super) fn deny<'d>(
        &mut self,
        to: SocketAddr,
        keys: &SessionKeys,
        datagram: &'d mut [u8],
    ) -> Received<'d> {
        self.stats.denied = self.stats.denied.saturating_add(1);
        self.reply(to, keys, &Packet::Denied, datagram)
    }

    fn reply<'d>(
        &mut self,
        to: SocketAddr,
        keys: &SessionKeys,
        packet: &Packet<'_>,
        datagram: &'d mut [u8],
    ) -> Received<'d> {
        let sequence = self.next_global_sequence();
        let key = &keys.server_to_client;
        let protocol_id = self.config.protocol_id;
        // A reply is shorter than the datagram that it answers.
        match seal(packet, &self.crypto, key, protocol_id, sequence, datagram) {
            Ok(datagram) => self.reply_with(to, datagram),
            Err(_) => Received::Handled,
        }
    }

    /// Counts a datagram as sent, and returns it as the reply.
    pub(super) fn reply_with<'d>(&mut self, to: SocketAddr, datagram: &'d [u8]) -> Received<'d> {
        self.stats.sent(datagram.len());
        Received::Reply(Transmit { to, datagram })
    }
}

/// Table entries left by earlier requests with the same token.
struct Known {
    token: bool,
    /// Number of the entry, and the time of its first challenge.
    half_open: Option<(usize, Local)>,
}
