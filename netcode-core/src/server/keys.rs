//! Private keys: the current one and, until its date, the previous one.
//!
//! A connect token does not name the key that sealed it. One that the current key does not open is
//! tried with the previous one, and both decryptions are charged to the budget. The time that a
//! request takes tells which key sealed its token; that is no secret.

use super::Server;
use crate::crypto::{Crypto, Key, Unauthentic};
use crate::drop_reason::Dropped;
use crate::packet::ConnectionRequest;
use crate::time::UnixTime;
use crate::token::PrivateToken;

/// Private key that is accepted besides the current one, until a date.
#[derive(Clone, Debug)]
pub struct PreviousKey {
    /// The key. Wiped when its date has come.
    pub key: Key,
    /// Date from which it opens no more tokens: when the backend changes keys, plus the longest
    /// lifetime of its tokens.
    pub valid_until: UnixTime,
}

impl<C: Crypto> Server<'_, C> {
    /// Changes the private key; the one so far becomes the
    /// [previous key](super::ServerConfig::previous_key) until the given date. `false` if `key` is
    /// the current key already: nothing changes then.
    ///
    /// Change the servers first and the backend after them: a server that does not have the new key
    /// yet drops the tokens that it seals. Only one previous key is kept: the backend must seal
    /// with the new one before the next change. After a leak, give a date that has passed, such as
    /// zero: tokens under the old key are refused at once.
    ///
    /// Sessions, handshakes and the token history go on: only the opening of tokens depends on the
    /// key.
    pub fn rotate_key(&mut self, key: Key, previous_valid_until: UnixTime) -> bool {
        if key == self.config.private_key {
            return false;
        }
        self.config.previous_key = Some(PreviousKey {
            key: core::mem::replace(&mut self.config.private_key, key),
            valid_until: previous_valid_until,
        });
        self.expire_previous_key(self.calendar.at(self.clock.local()));
        true
    }

    /// Forgets the previous key when its date has come.
    pub(super) fn expire_previous_key(&mut self, today: UnixTime) {
        let previous = &mut self.config.previous_key;
        // Dropping the key wipes it.
        previous.take_if(|previous| previous.valid_until <= today);
    }

    /// Number of decryptions that a request may take.
    pub(super) fn opens_of_a_request(&self) -> u32 {
        1 + u32::from(self.config.previous_key.is_some())
    }

    /// Opens the private part of a request from the host with this hash, in place.
    pub(super) fn open_private(
        &mut self,
        host: u64,
        request: &mut ConnectionRequest<'_>,
    ) -> Result<(), Dropped> {
        let opened = if self.config.previous_key.is_some() {
            self.open_with_either(host, request)
        } else {
            let key = &self.config.private_key;
            PrivateToken::open(&self.crypto, key, &request.header, request.private)
        };
        opened.map_err(|Unauthentic| Dropped::TokenUnauthentic)
    }

    /// Opens it with the current key, or else with the previous one.
    ///
    /// Not inlined: the copy takes up the stack only while there is a previous key.
    #[inline(never)]
    fn open_with_either(
        &mut self,
        host: u64,
        request: &mut ConnectionRequest<'_>,
    ) -> Result<(), Unauthentic> {
        // A decryption that fails may destroy the bytes.
        let sealed = *request.private;
        let current = &self.config.private_key;
        let opened = PrivateToken::open(&self.crypto, current, &request.header, request.private);
        let Some(previous) = self
            .config
            .previous_key
            .as_ref()
            .filter(|_| opened.is_err())
        else {
            return opened;
        };
        if self.config.opens_per_second.is_some() {
            let [_, hosts] = &mut self.half_open.tallies;
            self.budget.charge(hosts, host);
        }
        *request.private = sealed;
        let key = &previous.key;
        PrivateToken::open(&self.crypto, key, &request.header, request.private)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::AddressList;
    use crate::identity::ProtocolId;
    use crate::server::{RestartRule, ServerConfig, StaticStorage};

    #[test]
    fn a_request_may_take_two_decryptions_while_there_is_a_previous_key() {
        let addresses = AddressList::new(&["10.0.0.1:40000".parse().unwrap()]).unwrap();
        let [old, new] = [7, 9].map(|byte| Key::from_bytes([byte; 32]));
        let rule = RestartRule::AdmitAgain;
        let config = ServerConfig::new(ProtocolId(1), old, addresses, 1, rule);
        let mut storage = StaticStorage::<1, 1, 1>::new();
        let mut server = Server::new(storage.tables(), config).unwrap();
        assert_eq!(server.opens_of_a_request(), 1);
        server.rotate_key(new, UnixTime::from_secs(1));
        assert_eq!(server.opens_of_a_request(), 2);
    }
}
