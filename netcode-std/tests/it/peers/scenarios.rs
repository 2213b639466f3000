//! Scenarios of a client and a server, independent of their implementations.

use std::time::{Duration, Instant};

use super::{AnyClient, AnyServer, PATIENCE, Stands, USER_DATA, until};

/// A server and a client that is connected to it.
pub(crate) struct Pair {
    pub(crate) server: Box<dyn AnyServer>,
    pub(crate) client: Box<dyn AnyClient>,
    id: u64,
}

impl Pair {
    /// Lets a client that has begun to connect finish.
    pub(crate) fn connect(
        server: impl AnyServer + 'static,
        client: impl AnyClient + 'static,
        id: u64,
    ) -> Self {
        let mut pair = Self {
            server: Box::new(server),
            client: Box::new(client),
            id,
        };
        until("connecting", || {
            pair.turn();
            pair.client.stands() == Stands::Connected && pair.server.is_connected(id)
        });
        pair
    }

    /// One turn of both; gives the payloads the server got, and those the client got.
    pub(crate) fn turn(&mut self) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let to_client = self.client.turn();
        let to_server = self.server.turn();
        assert!(to_server.iter().all(|(id, _)| *id == self.id));
        (
            to_server.into_iter().map(|(_, payload)| payload).collect(),
            to_client,
        )
    }

    /// Payloads of each length cross in both directions, whole.
    pub(crate) fn exchanges(mut self, lengths: &[usize]) {
        for &len in lengths {
            let there: Vec<u8> = (0..len).map(|at| (at * 7 + len).to_le_bytes()[0]).collect();
            let back: Vec<u8> = there.iter().map(|byte| !byte).collect();
            self.client.send(&there);
            self.server.send(self.id, &back);
            let mut arrived = (Vec::new(), Vec::new());
            until("a payload each way", || {
                let (to_server, to_client) = self.turn();
                arrived.0.extend(to_server);
                arrived.1.extend(to_client);
                !arrived.0.is_empty() && !arrived.1.is_empty()
            });
            assert_eq!(arrived, (vec![there], vec![back]));
        }
    }

    pub(crate) fn brings_its_user_data(self) {
        assert_eq!(self.server.user_data(self.id), Some(USER_DATA));
    }

    /// With a timeout of one second in the token, two seconds without a payload end nothing.
    pub(crate) fn stays_alive_in_silence(mut self) {
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            self.turn();
            assert_eq!(self.client.stands(), Stands::Connected);
            assert!(self.server.is_connected(self.id));
        }
    }

    pub(crate) fn ends_when_the_client_leaves(mut self) {
        self.client.disconnect();
        until("the client's disconnect", || {
            self.server.turn();
            !self.server.is_connected(self.id)
        });
        assert_eq!(self.client.stands(), Stands::Disconnected);
    }

    pub(crate) fn ends_when_the_server_says_so(mut self) {
        self.server.disconnect(self.id);
        until("the server's disconnect", || {
            self.client.turn();
            self.client.stands() != Stands::Connected
        });
        assert_eq!(self.client.stands(), Stands::Disconnected);
        assert!(!self.server.is_connected(self.id));
    }

    /// With a timeout of one second in the token: the server falls silent.
    pub(crate) fn client_gives_up_on_a_silent_server(mut self) {
        until("the client's timeout", || {
            self.client.turn();
            self.client.stands() != Stands::Connected
        });
        assert_eq!(self.client.stands(), Stands::TimedOut);
    }

    /// With a timeout of one second in the token: the client falls silent.
    pub(crate) fn server_gives_up_on_a_silent_client(mut self) {
        until("the server's timeout", || {
            self.server.turn();
            !self.server.is_connected(self.id)
        });
    }

    /// The server has one slot, and it is taken.
    pub(crate) fn denies(mut self, mut second: impl AnyClient) {
        until("the denial", || {
            self.turn();
            second.turn();
            second.stands() != Stands::Connecting
        });
        assert_eq!(second.stands(), Stands::Denied);
        assert_eq!(self.client.stands(), Stands::Connected);
    }

    /// The server has one slot, and it is taken; `second` knows `other` as well.
    pub(crate) fn sends_on(
        mut self,
        mut other: impl AnyServer,
        mut second: impl AnyClient,
        id: u64,
    ) {
        let end = Instant::now() + PATIENCE;
        while second.stands() != Stands::Connected || !other.is_connected(id) {
            self.turn();
            other.turn();
            second.turn();
            assert!(Instant::now() < end, "the second server never let it in");
        }
        assert!(!self.server.is_connected(id));
    }
}
