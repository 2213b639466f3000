//! The dedicated server: positions, sent to every client thirty times a second.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use netcode_std::core::ClientIndex;
use netcode_std::core::address::AddressList;
use netcode_std::core::server::{Event, ReconnectRule, ServerConfig, SourceLimit};
use netcode_std::{RECEIVE_BUFFER_BYTES, Server};

use crate::messages::{ECHO, KEY, MAX_KEY_BYTES, PLACE, Place};
use crate::tokens::{PROTOCOL_ID, Tokens};

pub(crate) const SLOTS: u32 = 64;
const BETWEEN_WORLDS: Duration = Duration::from_millis(33);

/// Ids of the connected clients, for others to read.
pub(crate) type Roster = Arc<Mutex<BTreeSet<u64>>>;

pub(crate) struct Arena {
    server: Server,
    roster: Roster,
    address: SocketAddr,
    /// Position of the client in each slot, once it was received.
    places: [Option<Place>; SLOTS as usize],
    world_due: Instant,
}

impl Arena {
    pub(crate) fn bind(host: IpAddr, tokens: &Tokens) -> Result<Self> {
        let key = tokens.key.clone();
        let rule = tokens.restart_rule;
        let mut config = ServerConfig::new(PROTOCOL_ID, key, AddressList::EMPTY, SLOTS, rule);
        // To this server, every client behind the bridge has the bridge's address.
        config.per_host = SourceLimit::Unlimited;
        // A page that crashed has disconnected nobody: its next session replaces the last one.
        config.reconnect_rule = ReconnectRule::ReplaceByNewerToken;
        let server = Server::bind(&[SocketAddr::new(host, 0)], config)?;
        let address = server.local_addresses().first().copied();
        Ok(Self {
            server,
            roster: Roster::default(),
            address: address.context("a bound server has no address")?,
            places: [None; SLOTS as usize],
            world_due: Instant::now(),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn roster(&self) -> Roster {
        Arc::clone(&self.roster)
    }

    /// Serves until it is told to stop.
    pub(crate) fn run(mut self, stop: &AtomicBool) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            self.server.update(now)?;
            self.drain()?;
            if now >= self.world_due {
                self.world_due = now + BETWEEN_WORLDS;
                self.send_world()?;
            }
            self.server
                .wait(self.world_due.saturating_duration_since(Instant::now()))?;
        }
        Ok(self.server.stop()?)
    }

    /// Takes every event of the turn.
    fn drain(&mut self) -> Result<()> {
        let mut buffer = [0; RECEIVE_BUFFER_BYTES];
        while let Some(event) = self.server.next_event(&mut buffer)? {
            match event {
                Event::Connected { client, client_id } => {
                    lock(&self.roster).insert(client_id.0);
                    self.put(client, Some(Place::MIDDLE));
                }
                Event::Payload {
                    client, payload, ..
                } => self.receive(client, payload)?,
                Event::Disconnected {
                    client, client_id, ..
                } => {
                    lock(&self.roster).remove(&client_id.0);
                    self.put(client, None);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Does what a payload says; one that means nothing is passed over.
    fn receive(&mut self, sender: ClientIndex, payload: &[u8]) -> Result<()> {
        match payload {
            [PLACE, body @ ..] => {
                if let Some(place) = Place::read(body) {
                    self.put(sender, Some(place));
                }
            }
            [ECHO, ..] => {
                self.server.send(sender, payload)?;
            }
            [KEY, key @ ..] if key.len() <= MAX_KEY_BYTES => {
                let mut message = vec![KEY, number(sender)];
                message.extend_from_slice(key);
                self.server.broadcast_except(sender, &message)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn put(&mut self, client: ClientIndex, place: Option<Place>) {
        if let Some(entry) = self.places.get_mut(client.index()) {
            *entry = place;
        }
    }

    fn send_world(&mut self) -> Result<()> {
        let mut world = vec![PLACE, 0];
        for info in self.server.core().clients() {
            let place = self.places.get(info.client.index()).copied().flatten();
            let kind = info.user_data.0.first().copied().unwrap_or(0);
            if let Some(place) = place {
                world.extend([number(info.client), kind]);
                world.extend(place.x.to_le_bytes());
                world.extend(place.y.to_le_bytes());
            }
        }
        for client in self.server.slots() {
            if let Some(you) = world.get_mut(1) {
                *you = number(client);
            }
            self.server.send(client, &world)?;
        }
        Ok(())
    }
}

pub(crate) fn lock(roster: &Roster) -> MutexGuard<'_, BTreeSet<u64>> {
    roster.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Slots are fewer than 256.
fn number(client: ClientIndex) -> u8 {
    u8::try_from(client.0).unwrap_or(u8::MAX)
}
