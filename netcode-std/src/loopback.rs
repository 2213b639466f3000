//! The player who hosts: a client in the server's process. Payloads pass through memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use netcode_core::client::{ClientEvent, ClientState, Received};
use netcode_core::server::Server;
use netcode_core::{ClientIndex, ConnectionStats, SendError, Sequence, server};

use crate::client::Payload;
use crate::clock::Clock;
use crate::socket::DATAGRAMS_PER_TURN;
use crate::{DefaultCrypto, RECEIVE_BUFFER_BYTES};

/// Payloads that wait in one direction at most; the oldest makes room, as on a network.
const MAX_WAITING: usize = 16_384;

#[derive(Default)]
struct Channel {
    to_server: VecDeque<Vec<u8>>,
    to_client: VecDeque<Vec<u8>>,
    server_left: bool,
    client_left: bool,
}

type Shared = Arc<Mutex<Channel>>;

fn lock(channel: &Shared) -> MutexGuard<'_, Channel> {
    // The queues are whole whatever the thread that panicked was doing.
    channel.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(queue: &mut VecDeque<Vec<u8>>, payload: &[u8]) {
    if queue.len() >= MAX_WAITING {
        queue.pop_front();
    }
    queue.push_back(payload.to_vec());
}

/// Copies a payload to the front of a buffer; gives its length there.
pub(crate) fn copy_out(payload: &[u8], buffer: &mut [u8]) -> usize {
    let len = payload.len().min(buffer.len());
    for (to, from) in buffer.iter_mut().zip(payload) {
        *to = *from;
    }
    len
}

/// The server's ends of its loopback clients.
#[derive(Default)]
pub(crate) struct LoopbackClients {
    clients: Vec<(ClientIndex, Shared)>,
    /// Payloads that this turn may still take.
    left_this_turn: u32,
}

type Core = Server<'static, DefaultCrypto>;

impl LoopbackClients {
    pub(crate) fn join(&mut self, client: ClientIndex, max_clients: u32) -> LocalClient {
        let channel = Shared::default();
        self.clients.push((client, Arc::clone(&channel)));
        LocalClient::new(channel, client, max_clients)
    }

    fn channel(&self, client: ClientIndex) -> Option<&Shared> {
        self.clients
            .iter()
            .find(|(index, _)| *index == client)
            .map(|(_, channel)| channel)
    }

    /// Begins a turn of bounded work: takes over what the clients did to themselves, leave, and
    /// makes room for as many payloads as a socket gives.
    pub(crate) fn turn(&mut self, core: &mut Core, now: netcode_core::Instant) {
        self.left_this_turn = DATAGRAMS_PER_TURN;
        for (client, channel) in &self.clients {
            let channel = lock(channel);
            if channel.client_left && channel.to_server.is_empty() && !channel.server_left {
                core.disconnect(now, *client);
            }
        }
    }

    pub(crate) fn leave(&mut self, client: ClientIndex) {
        if let Some(channel) = self.channel(client) {
            lock(channel).server_left = true;
        }
        self.clients.retain(|(index, _)| *index != client);
    }

    pub(crate) fn has_payloads(&self) -> bool {
        self.clients
            .iter()
            .any(|(_, channel)| !lock(channel).to_server.is_empty())
    }

    pub(crate) fn receive(
        &mut self,
        core: &mut Core,
        buffer: &mut [u8],
    ) -> Option<(ClientIndex, Sequence, usize)> {
        let left = self.left_this_turn.checked_sub(1)?;
        for (client, channel) in &self.clients {
            if !core.is_announced(*client) {
                continue;
            }
            let Some(payload) = lock(channel).to_server.pop_front() else {
                continue;
            };
            self.left_this_turn = left;
            if let Ok(server::Received::Payload {
                sequence, payload, ..
            }) = core.handle_loopback(*client, &payload)
            {
                return Some((*client, sequence, copy_out(payload, buffer)));
            }
        }
        None
    }

    pub(crate) fn send(
        &mut self,
        core: &mut Core,
        client: ClientIndex,
        payload: &[u8],
    ) -> Result<(), SendError> {
        let payload = core.send_loopback(client, payload)?;
        if let Some(channel) = self.channel(client) {
            put(&mut lock(channel).to_client, payload);
        }
        Ok(())
    }
}

/// A client in its server's process, from [`Server::join_loopback`](crate::Server::join_loopback).
/// It is used like a [`Client`](crate::Client), and may live on another thread. Dropping it
/// disconnects it.
pub struct LocalClient {
    core: netcode_core::client::Client,
    channel: Shared,
}

impl LocalClient {
    fn new(channel: Shared, client: ClientIndex, max_clients: u32) -> Self {
        let mut core = netcode_core::client::Client::new();
        let now = Clock::start(Instant::now()).to_core(Instant::now());
        // A new client is not active, so it can connect.
        let _ = core.connect_loopback(now, client, max_clients);
        Self { core, channel }
    }

    /// Where it stands: connected, or disconnected for good.
    pub fn state(&self) -> ClientState {
        if self.server_left() {
            ClientState::Disconnected
        } else {
            self.core.state()
        }
    }

    /// Whether payloads can be sent.
    pub fn is_connected(&self) -> bool {
        self.state() == ClientState::Connected
    }

    /// Its slot, while connected.
    pub fn client_index(&self) -> Option<ClientIndex> {
        let connected = self.is_connected();
        self.core.client_index().filter(|_| connected)
    }

    /// The next change of state.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.follow();
        self.core.poll_event()
    }

    /// Whether the server has ended the session, and its last payload was taken.
    fn server_left(&self) -> bool {
        let channel = lock(&self.channel);
        channel.server_left && channel.to_client.is_empty()
    }

    fn follow(&mut self) {
        if self.server_left() {
            self.core.disconnect_loopback();
        }
    }

    /// Sends a payload to the server.
    ///
    /// # Errors
    /// [`SendError::NotConnected`] or [`SendError::PayloadLength`].
    pub fn send(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.follow();
        let payload = self.core.send_loopback(payload)?;
        put(&mut lock(&self.channel).to_server, payload);
        Ok(())
    }

    /// The next payload from the server, in `buffer`.
    pub fn receive<'b>(
        &mut self,
        buffer: &'b mut [u8; RECEIVE_BUFFER_BYTES],
    ) -> Option<Payload<'b>> {
        let payload = lock(&self.channel).to_client.pop_front()?;
        let Ok(Received::Payload { sequence, payload }) = self.core.handle_loopback(&payload)
        else {
            return None;
        };
        let len = copy_out(payload, buffer);
        let bytes = buffer.get(..len)?;
        Some(Payload { sequence, bytes })
    }

    /// What the connection has counted.
    pub fn stats(&self) -> ConnectionStats {
        self.core.stats()
    }

    /// Leaves. What was sent before still arrives.
    pub fn disconnect(&mut self) {
        lock(&self.channel).client_left = true;
        self.core.disconnect_loopback();
    }
}

impl Drop for LocalClient {
    fn drop(&mut self) {
        self.disconnect();
    }
}
