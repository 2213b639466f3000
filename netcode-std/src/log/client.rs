//! Log lines of a client.

use netcode_core::client::{Client, ClientState, Event};
use tracing::field::display;

const TARGET: &str = "netcode_std::client";

pub(crate) struct ClientLog;

impl ClientLog {
    /// Writes a line for a change of state. A payload costs a comparison.
    pub(crate) fn event<C, P>(core: &Client<C>, event: &Event<P>) {
        let Event::StateChanged(state) = *event else {
            return;
        };
        let name = state.name();
        let server = core.server_address().map(display);
        if state == ClientState::Connected {
            let client = core.client_index().map(|client| client.0);
            tracing::info!(target: TARGET, client, server, state = name, "client state: {state}");
        } else if state.is_active() {
            tracing::debug!(target: TARGET, server, state = name, "client state: {state}");
        } else {
            tracing::info!(target: TARGET, state = name, "client state: {state}");
        }
    }
}
