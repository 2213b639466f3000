//! Loopback clients: clients in the server's process, such as that of a hosting player. Payloads
//! pass through memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netcode_core::client::{self, ClientState};
use netcode_core::crypto::Crypto;
use netcode_core::server::{self, Server};
use netcode_core::standard::MAX_PAYLOAD_BYTES;
use netcode_core::{ClientIndex, ConnectionStats, SendError, Sequence};

use crate::RECEIVE_BUFFER_BYTES;
use crate::socket::DATAGRAMS_PER_TURN;

/// Maximum number of payloads queued in one direction; the oldest is dropped, as on a network.
const MAX_WAITING: usize = 16_384;

#[derive(Debug, Default)]
struct Channel {
    to_server: VecDeque<Vec<u8>>,
    to_client: VecDeque<Vec<u8>>,
    server_left: bool,
    client_left: bool,
    /// Task of the server, while it waits.
    #[cfg(feature = "tokio")]
    server: Option<std::task::Waker>,
}

impl Channel {
    /// Has the server look for what its client has done.
    fn wake_server(&mut self) {
        #[cfg(feature = "tokio")]
        if let Some(server) = self.server.take() {
            server.wake();
        }
    }
}

type Shared = Arc<Mutex<Channel>>;

fn lock(channel: &Shared) -> MutexGuard<'_, Channel> {
    // The queues are consistent even if another thread panicked.
    channel.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(queue: &mut VecDeque<Vec<u8>>, payload: &[u8]) {
    if queue.len() >= MAX_WAITING {
        queue.pop_front();
    }
    queue.push_back(payload.to_vec());
}

/// Copies a payload to the front of a buffer; returns its length there.
fn copy_out(payload: &[u8], buffer: &mut [u8]) -> usize {
    let len = payload.len().min(buffer.len());
    for (to, from) in buffer.iter_mut().zip(payload) {
        *to = *from;
    }
    len
}

/// Server's ends of its loopback clients.
#[derive(Default)]
pub(crate) struct LoopbackClients {
    clients: Vec<(ClientIndex, Shared)>,
    /// Payloads that may still be taken in this turn.
    left_this_turn: u32,
}

impl LoopbackClients {
    pub(crate) fn join(&mut self, client: ClientIndex, max_clients: u32) -> LocalClient {
        let channel = Shared::default();
        self.clients.push((client, Arc::clone(&channel)));
        LocalClient {
            channel,
            client,
            max_clients,
            announced: None,
            stats: ConnectionStats::default(),
        }
    }

    fn channel(&self, client: ClientIndex) -> Option<&Shared> {
        self.clients
            .iter()
            .find(|(index, _)| *index == client)
            .map(|(_, channel)| channel)
    }

    pub(crate) fn contains(&self, client: ClientIndex) -> bool {
        self.channel(client).is_some()
    }

    /// Begins a turn of bounded work: ends the sessions of clients that have left, and permits as
    /// many payloads as a socket.
    pub(crate) fn turn<C: Crypto>(
        &mut self,
        core: &mut Server<'static, C>,
        now: netcode_core::Instant,
    ) {
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

    /// Ready if a client has sent a payload or left; otherwise the next to do so wakes the task.
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_ready(&self, cx: &std::task::Context<'_>) -> std::task::Poll<()> {
        for (_, channel) in &self.clients {
            let mut channel = lock(channel);
            let left = channel.client_left && !channel.server_left;
            if left || !channel.to_server.is_empty() {
                return std::task::Poll::Ready(());
            }
            channel.server = Some(cx.waker().clone());
        }
        std::task::Poll::Pending
    }

    /// Next payload of this turn, copied to the front of `buffer`.
    pub(crate) fn receive<C: Crypto>(
        &mut self,
        core: &mut Server<'static, C>,
        buffer: &mut [u8],
    ) -> Option<server::Event> {
        let left = self.left_this_turn.checked_sub(1)?;
        for (client, channel) in &self.clients {
            let Some(payload) = lock(channel).to_server.pop_front() else {
                continue;
            };
            self.left_this_turn = left;
            if let Ok(Some(event)) = core.handle_loopback(*client, &payload) {
                return Some(event.map_payload(|payload| 0..copy_out(payload, buffer)));
            }
        }
        None
    }

    pub(crate) fn send<C: Crypto>(
        &mut self,
        core: &mut Server<'static, C>,
        client: ClientIndex,
        payload: &[u8],
    ) -> Result<bool, SendError> {
        let sent = core.send_loopback(client, payload)?;
        if sent && let Some(channel) = self.channel(client) {
            put(&mut lock(channel).to_client, payload);
        }
        Ok(sent)
    }
}

/// Client in its server's process, from [`Server::join_loopback`](crate::Server::join_loopback).
/// It is used like a [`Client`](crate::Client), and may live on another thread. Dropping it
/// disconnects it.
#[derive(Debug)]
pub struct LocalClient {
    channel: Shared,
    client: ClientIndex,
    max_clients: u32,
    /// State in the last event.
    announced: Option<ClientState>,
    stats: ConnectionStats,
}

impl LocalClient {
    /// State of the client: connected, or disconnected for good. A session that the server has
    /// ended lasts until its last payload was taken.
    pub fn state(&self) -> ClientState {
        let channel = lock(&self.channel);
        let server_left = channel.server_left && channel.to_client.is_empty();
        if channel.client_left || server_left {
            ClientState::Disconnected
        } else {
            ClientState::Connected
        }
    }

    /// `true` while payloads can be sent.
    pub fn is_connected(&self) -> bool {
        self.state() == ClientState::Connected
    }

    /// Index of its slot, while connected.
    pub fn client_index(&self) -> Option<ClientIndex> {
        self.is_connected().then_some(self.client)
    }

    /// Number of the server's slots, while connected.
    pub fn max_clients(&self) -> Option<u32> {
        self.is_connected().then_some(self.max_clients)
    }

    /// Next event: the first is `StateChanged(Connected)`, the last `StateChanged(Disconnected)`. A
    /// payload lies in `buffer`. `None` when there is no more for now.
    pub fn next_event<'b>(
        &mut self,
        buffer: &'b mut [u8; RECEIVE_BUFFER_BYTES],
    ) -> Option<client::Event<&'b [u8]>> {
        if self.announced.is_none() {
            self.announced = Some(ClientState::Connected);
            return Some(client::Event::StateChanged(ClientState::Connected));
        }
        if let Some(payload) = self.take_payload() {
            let sequence = Sequence(self.stats.payloads_in);
            self.stats.payloads_in += 1;
            self.stats.datagrams_in += 1;
            let len = copy_out(&payload, buffer);
            let payload = buffer.get(..len).unwrap_or_default();
            return Some(client::Event::Payload { sequence, payload });
        }
        let state = self.state();
        let changed = self.announced.replace(state) != Some(state);
        changed.then_some(client::Event::StateChanged(state))
    }

    fn take_payload(&self) -> Option<Vec<u8>> {
        let mut channel = lock(&self.channel);
        if channel.client_left {
            return None;
        }
        channel.to_client.pop_front()
    }

    /// Sends a payload of 1 to 1200 bytes to the server. `false` if the client is not connected:
    /// nothing was sent.
    ///
    /// # Errors
    /// [`SendError::PayloadLength`].
    pub fn send(&mut self, payload: &[u8]) -> Result<bool, SendError> {
        if !(1..=MAX_PAYLOAD_BYTES).contains(&payload.len()) {
            let len = payload.len();
            return Err(SendError::PayloadLength { len });
        }
        if !self.is_connected() {
            return Ok(false);
        }
        let mut channel = lock(&self.channel);
        put(&mut channel.to_server, payload);
        channel.wake_server();
        drop(channel);
        self.stats.payloads_out += 1;
        self.stats.datagrams_out += 1;
        Ok(true)
    }

    /// Counters of the connection.
    pub fn stats(&self) -> ConnectionStats {
        self.stats
    }

    /// Ends the session. Payloads sent before still arrive.
    pub fn disconnect(&mut self) {
        let mut channel = lock(&self.channel);
        channel.client_left = true;
        channel.wake_server();
    }
}

impl Drop for LocalClient {
    fn drop(&mut self) {
        self.disconnect();
    }
}
