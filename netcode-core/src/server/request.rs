//! The first half of the handshake: a connection request, answered with a challenge.
//! (Standard: *Processing Connection Requests*.)

use core::net::SocketAddr;

use zeroize::{Zeroize, Zeroizing};

use super::budget::Work;
use super::half_open::HalfOpen;
use super::peer::Peer;
use super::receive::Received;
use super::share::Source;
use super::{RestartRule, Server};
use crate::crypto::{Crypto, Mac, SessionKeys};
use crate::drop_reason::Dropped;
use crate::identity::{ClientId, Sequence, Timeout};
use crate::packet::{ConnectionRequest, Packet, RequestHeader, seal};
use crate::standard::{CHALLENGE_TOKEN_BYTES, MAC_BYTES, USER_DATA_BYTES};
use crate::time::{Local, UnixTime, micros};
use crate::token::{ChallengeToken, PrivateToken};
use crate::transmit::Transmit;

/// What a good token says, out of the datagram that the reply will be written over.
struct Admitted {
    client_id: ClientId,
    timeout: Timeout,
    keys: SessionKeys,
    user_data: Zeroizing<[u8; USER_DATA_BYTES]>,
    mac: Mac,
    expires: UnixTime,
    other_servers: bool,
}

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
        let admitted = self.check_request(now, today, &from, datagram)?;
        if self.slots.find_by_id(admitted.client_id).is_some() {
            return Err(Dropped::IdConnected);
        }
        let source = Source::Client(admitted.client_id);
        self.check_share(&from, &admitted.mac, source)?;
        let (mac, id) = (admitted.mac, admitted.client_id);
        self.history.admit(mac, id, &from, admitted.expires)?;
        if self.slots.is_full() {
            return self.deny(from, &admitted.keys, datagram);
        }
        let until = now.after(micros(self.config.handshake_timeout));
        let entry = HalfOpen::new(
            &from,
            admitted.mac,
            admitted.keys.clone(),
            admitted.client_id,
            admitted.timeout,
            admitted.other_servers,
        );
        let id = self.half_open.admit(&from, entry, now, until)?;
        self.challenge(from, id, &admitted, datagram)
    }

    /// Every check of a request that concerns the token itself, the cheap ones first.
    fn check_request(
        &mut self,
        now: Local,
        today: UnixTime,
        from: &SocketAddr,
        datagram: &mut [u8],
    ) -> Result<Admitted, Dropped> {
        let request = ConnectionRequest::parse(datagram)?;
        self.check_header(today, &request.header)?;
        if self.slots.find_by_address(from).is_some() {
            return Err(Dropped::AddressConnected);
        }
        let tag = request.private.last_chunk::<MAC_BYTES>();
        let mac = Mac(*tag.ok_or(Dropped::RequestLength)?);
        let peer = Peer::new(from);
        self.check_share(from, &mac, Source::Host(&peer))?;
        let rate = self.config.opens_per_second;
        if !self.budget.spend(now, &peer, Work::Request, rate) {
            return Err(Dropped::OverBudget);
        }

        let key = &self.config.private_key;
        PrivateToken::open(&self.crypto, key, &request.header, request.private)
            .map_err(|_| Dropped::TokenUnauthentic)?;
        let admitted = self.read_private(request.private, mac, request.header.expires);
        // The buffer is the caller's; the session's keys are not.
        request.private.zeroize();
        admitted
    }

    /// Whether the token may be used from `from`, and whether its source may hold the entries that
    /// it needs and does not have.
    fn check_share(&self, from: &SocketAddr, mac: &Mac, source: Source<'_>) -> Result<(), Dropped> {
        let (limit, refusal) = match source {
            Source::Host(_) => (self.config.per_host, Dropped::HostLimit),
            Source::Client(_) => (self.config.per_id, Dropped::IdLimit),
        };
        let has_token = self.history.check(mac, from)?;
        let has_entry = self.half_open.find(from, mac).is_some();
        if (has_token || self.history.shares.has_room(source, limit))
            && (has_entry || self.half_open.shares.has_room(source, limit))
        {
            return Ok(());
        }
        Err(refusal)
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
            if header.expires > today.saturating_add_secs(lifetime) {
                return Err(Dropped::TokenLifetime);
            }
            // Minted `lifetime` before it expires at the earliest: if that is not after the
            // start, it may have been used in the run before.
            let start = self.first_start.unwrap_or(today);
            if header.expires <= start.saturating_add_secs(lifetime) {
                return Err(Dropped::TokenBeforeStart);
            }
        }
        Ok(())
    }

    fn read_private(
        &self,
        opened: &[u8; 1024],
        mac: Mac,
        expires: UnixTime,
    ) -> Result<Admitted, Dropped> {
        let token = PrivateToken::parse(opened).map_err(|_| Dropped::TokenMalformed)?;
        let ours = |address| self.config.addresses.contains(&address);
        if !token.addresses.iter().any(ours) {
            return Err(Dropped::NotOurAddress);
        }
        let other_servers = !token.addresses.iter().all(ours);
        Ok(Admitted {
            client_id: token.client_id,
            timeout: token.timeout,
            user_data: Zeroizing::new(*token.user_data),
            keys: token.keys,
            mac,
            expires,
            other_servers,
        })
    }

    /// Writes a challenge for half-open connection `id` over the request.
    fn challenge<'d>(
        &mut self,
        to: SocketAddr,
        id: usize,
        admitted: &Admitted,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        let sequence = Sequence(self.challenge_sequence);
        self.challenge_sequence = self.challenge_sequence.wrapping_add(1);
        let entry = self.half_open.get(id).ok_or(Dropped::HalfOpenFull)?;
        let mut token = [0; CHALLENGE_TOKEN_BYTES];
        ChallengeToken {
            client_id: admitted.client_id,
            user_data: &admitted.user_data,
            padding: &entry.challenge_padding(),
        }
        .seal(&self.crypto, &self.challenge_key, sequence, &mut token);
        self.stats.challenges = self.stats.challenges.saturating_add(1);
        let packet = Packet::Challenge {
            sequence,
            token: &token,
        };
        self.reply(to, &admitted.keys, &packet, datagram)
    }

    /// Writes *denied* over a request or a response.
    pub(super) fn deny<'d>(
        &mut self,
        to: SocketAddr,
        keys: &SessionKeys,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        self.stats.denied = self.stats.denied.saturating_add(1);
        self.reply(to, keys, &Packet::Denied, datagram)
    }

    fn reply<'d>(
        &mut self,
        to: SocketAddr,
        keys: &SessionKeys,
        packet: &Packet<'_>,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        let sequence = self.next_global_sequence();
        let key = &keys.server_to_client;
        let protocol_id = self.config.protocol_id;
        // A reply is shorter than what it answers, so there is always room.
        let datagram = seal(packet, &self.crypto, key, protocol_id, sequence, datagram)
            .map_err(|_| Dropped::TooShort)?;
        Ok(Received::Reply(Transmit { to, datagram }))
    }
}
