//! One client of the demonstration.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use netcode_std::core::client::{ClientState, Event};
use netcode_std::{Client, RECEIVE_BUFFER_BYTES};

use super::payload::{Echo, Outstanding};
use super::totals::Totals;
use crate::failure::Failure;

pub(super) struct DemoClient {
    pub(super) client: Client,
    outstanding: Outstanding,
}

impl DemoClient {
    /// Starts to connect from the address `local`.
    pub(super) fn new(id: u64, local: SocketAddr, payload: usize, token: &[u8]) -> Result<Self> {
        let mut client = Client::bind(&[local]).with_context(|| {
            format!("client {id} has no socket; try fewer, or raise the limit (`ulimit -n`)")
        })?;
        client.connect(token)?;
        Ok(Self {
            client,
            outstanding: Outstanding::new(id, payload),
        })
    }

    pub(super) fn in_flight(&self) -> usize {
        self.outstanding.len()
    }

    /// Sends a payload; `false` if too many are in flight.
    pub(super) fn send(&mut self, now: Instant, totals: &mut Totals) -> Result<bool> {
        if !self.client.is_connected() || !self.outstanding.has_room() {
            return Ok(false);
        }
        let payload = self.outstanding.next(now);
        self.client.send(&payload)?;
        totals.sent += 1;
        Ok(true)
    }

    pub(super) fn update(&mut self, now: Instant) -> Result<()> {
        self.client.update(now)?;
        match self.client.state() {
            state if state.is_error() => {
                Err(Failure::NoConnection(format!("a client failed: {}", state.as_str())).into())
            }
            _ => Ok(()),
        }
    }

    /// Receives and checks replies; returns the number of payloads.
    pub(super) fn receive(&mut self, now: Instant, totals: &mut Totals) -> Result<usize> {
        let mut buffer = [0; RECEIVE_BUFFER_BYTES];
        let mut received = 0;
        while let Some(event) = self.client.next_event(&mut buffer)? {
            let Event::Payload { payload, .. } = event else {
                continue;
            };
            received += 1;
            match self.outstanding.check(payload, now) {
                Echo::Good(took) => totals.good(took),
                Echo::Late => totals.late += 1,
                Echo::Damaged => totals.damaged += 1,
            }
        }
        Ok(received)
    }

    pub(super) fn give_up(&mut self, now: Instant, patience: Duration, totals: &mut Totals) {
        totals.lost += self.outstanding.give_up(now, patience);
    }

    pub(super) fn has_left(&self) -> bool {
        self.client.state() == ClientState::Disconnected
    }
}
