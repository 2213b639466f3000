//! Logs of a build without the feature `tracing`: every call is empty.

use std::net::SocketAddr;
use std::time::Instant;

use netcode_core::Dropped;
use netcode_core::client::{self, Client};
use netcode_core::server::{self, Server};

pub(crate) struct ServerLog;

impl ServerLog {
    pub(crate) fn new(_: Instant) -> Self {
        Self
    }

    pub(crate) fn started<C>(&self, _: &Server<'_, C>, _: &[SocketAddr]) {}

    pub(crate) fn stopped<C>(&mut self, _: &Server<'_, C>) {}

    pub(crate) fn turn(&mut self, _: Instant) {}

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        None
    }

    pub(crate) fn event<C, P>(&self, _: &Server<'_, C>, _: &server::Event<P>) {}

    pub(crate) fn dropped(&mut self, _: SocketAddr, _: Dropped) {}

    pub(crate) fn replied<C>(&mut self, _: &Server<'_, C>, _: SocketAddr) {}
}

pub(crate) struct ClientLog;

impl ClientLog {
    pub(crate) fn event<C, P>(_: &Client<C>, _: &client::Event<P>) {}
}
