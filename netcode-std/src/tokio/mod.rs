//! Servers and clients in programs on tokio (feature `tokio`).
//!
//! They are the same [`Server`] and [`Client`], over the [`UdpLink`] of this module, and a turn is
//! the same but for its last step: where a thread calls `wait`, a task awaits `ready`.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use netcode_std::tokio::UdpLink;
//! use netcode_std::{
//!     AddressList, Client, ClientEvent, ClientId, Key, ProtocolId, RECEIVE_BUFFER_BYTES,
//!     RestartRule, Server, ServerConfig, ServerEvent, SocketOptions, TokenSpec, generator, mint,
//!     unix_time,
//! };
//!
//! type Error = Box<dyn std::error::Error + Send + Sync>;
//!
//! /// Sends each payload back, and a word every 50 ms, until a client has left.
//! async fn serve(mut server: Server<UdpLink>) -> Result<(), Error> {
//!     let mut tick = tokio::time::interval(Duration::from_millis(50));
//!     let mut buffer = [0; RECEIVE_BUFFER_BYTES];
//!     loop {
//!         tokio::select! {
//!             ready = server.ready() => ready?,
//!             _ = tick.tick() => {
//!                 server.broadcast(b"tick")?;
//!             }
//!         }
//!         server.update(Instant::now())?;
//!         while let Some(event) = server.next_event(&mut buffer)? {
//!             match event {
//!                 ServerEvent::Payload { client, payload, .. } => {
//!                     server.send(client, payload)?;
//!                 }
//!                 ServerEvent::Disconnected { .. } => return Ok(()),
//!                 _ => {}
//!             }
//!         }
//!     }
//! }
//!
//! /// Connects, sends a payload and waits until it has come back.
//! async fn play(token: &[u8]) -> Result<(), Error> {
//!     let mut client = Client::with_link(UdpLink::bind_any_port()?);
//!     client.connect(token)?;
//!     let mut buffer = [0; RECEIVE_BUFFER_BYTES];
//!     loop {
//!         client.ready().await?;
//!         client.update(Instant::now())?;
//!         while let Some(event) = client.next_event(&mut buffer)? {
//!             match event {
//!                 ClientEvent::Payload { payload: b"hello", .. } => {
//!                     client.disconnect()?;
//!                     return Ok(());
//!                 }
//!                 ClientEvent::StateChanged(state) if !state.is_active() => {
//!                     return Err(state.as_str().into());
//!                 }
//!                 _ => {
//!                     // `false` until the client is connected.
//!                     client.send(b"hello")?;
//!                 }
//!             }
//!         }
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Error> {
//!     let (key, protocol_id) = (Key::generate(&mut generator()?), ProtocolId(42));
//!     let rule = RestartRule::AdmitAgain;
//!     let config = ServerConfig::new(protocol_id, key.clone(), AddressList::EMPTY, 16, rule);
//!     let link = UdpLink::bind(&["127.0.0.1:0".parse()?], &SocketOptions::default())?;
//!     let server = Server::with_link(link, config)?;
//!
//!     let addresses = server.local_addresses();
//!     let spec = TokenSpec::new(protocol_id, ClientId(7), &addresses, unix_time());
//!     let token = mint(&spec, &key, &mut generator()?)?;
//!
//!     let server = tokio::spawn(serve(server));
//!     play(&token).await?;
//!     server.await??;
//!     Ok(())
//! }
//! ```
//!
//! # Shape
//!
//! - **One future for each turn.** What has arrived is taken by `next_event`, without an `await` in
//!   between: a payload borrows the program's buffer and is not copied, no event allocates, and
//!   a thousand events cost one wake-up.
//! - **Cancel-safe.** `ready` takes nothing from a socket and no event. A `select!` may drop it
//!   whenever another branch is first; nothing is lost.
//! - **Time without traffic.** `ready` sleeps until `next_deadline` at the longest, on tokio's
//!   timer, so timeouts and keep-alives happen though nothing arrives. The time of a turn is the
//!   program's argument: in tests on tokio's paused clock, pass
//!   `tokio::time::Instant::now().into_std()`.
//! - **No task of its own.** The program owns the server and chooses the task it runs in; other tasks
//!   reach it by a channel, which is one more branch of the `select!`. Both kinds of runtime do.
//! - **Datagrams leave when they are sent**, as in blocking programs. A full socket buffer counts as
//!   loss on the network, and is counted in [`SocketStats`](crate::SocketStats).
//! - **Fair.** A turn reads a limited number of datagrams, and each `ready` takes from its task's
//!   budget, so a flood does not keep the thread from other tasks.
//!
//! A [`Simulator`] around a [`UdpLink`] tries a program on a bad network; a transport of the
//! program's own implements [`AsyncLink`].

mod link;

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use ::tokio::task::coop::consume_budget;
use ::tokio::time::timeout_at;
use netcode_core::crypto::Crypto;

pub use self::link::UdpLink;
use crate::client::Client;
use crate::link::Link;
use crate::server::Server;
use crate::simulator::Simulator;

/// Link that wakes a task when a datagram may have arrived.
pub trait AsyncLink: Link {
    /// Ready if [`receive`](Link::receive) may find a datagram. Otherwise the task of `cx` is woken
    /// when that changes. It takes nothing from the link.
    ///
    /// # Errors
    /// The link is broken: it will not work again.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl<L: AsyncLink> AsyncLink for Simulator<L> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.has_arrived() {
            return Poll::Ready(Ok(()));
        }
        self.link_mut().poll_ready(cx)
    }
}

/// Programs on tokio: see [`tokio`](crate::tokio).
impl<L: AsyncLink, C: Crypto> Server<L, C> {
    /// Ends the turn: waits until a datagram may have come, something is due, or a loopback client
    /// has sent.
    ///
    /// Cancel-safe: it takes neither datagrams nor events, so that nothing is lost if it is dropped.
    ///
    /// # Errors
    /// The link is broken.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without timers.
    pub async fn ready(&mut self) -> io::Result<()> {
        self.end_turn()?;
        self.flush()?;
        let due = self.next_deadline();
        until(due, |cx| {
            if self.loopback.poll_ready(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            self.link.poll_ready(cx)
        })
        .await
    }
}

/// Programs on tokio: see [`tokio`](crate::tokio).
impl<L: AsyncLink, C: Crypto> Client<L, C> {
    /// Ends the turn: waits until a datagram may have come, or something is due. A client that is
    /// neither connected nor connecting waits forever.
    ///
    /// Cancel-safe: it takes neither datagrams nor events, so that nothing is lost if it is dropped.
    ///
    /// # Errors
    /// The link is broken.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without timers.
    pub async fn ready(&mut self) -> io::Result<()> {
        self.end_turn()?;
        self.flush()?;
        let due = self.next_deadline();
        until(due, |cx| self.link.poll_ready(cx)).await
    }
}

/// Waits until `poll` is ready or the time has come.
async fn until(
    due: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<()>>,
) -> io::Result<()> {
    // A program whose every turn finds something would keep its thread from other tasks.
    consume_budget().await;
    let ready = poll_fn(poll);
    match due {
        Some(due) => timeout_at(due.into(), ready).await.unwrap_or(Ok(())),
        None => ready.await,
    }
}
