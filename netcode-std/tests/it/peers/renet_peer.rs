//! `renetcode`: it has no sockets of its own, so it gets one here.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use renetcode::{
    ClientAuthentication, ConnectToken, DisconnectReason, NetcodeClient, NetcodeServer,
    ServerAuthentication, ServerConfig, ServerResult,
};

use super::{AnyClient, AnyServer, KEY, PROTOCOL_ID, Stands};

/// It compares its time with the token's expiry: the date, then.
fn date() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// Its public token has the client id in front; the rest is the standard's.
pub(crate) fn with_client_id(id: u64, token: &[u8]) -> ConnectToken {
    let bytes = [&id.to_le_bytes(), token].concat();
    ConnectToken::read(&mut bytes.as_slice()).unwrap()
}

pub(crate) struct RenetClient {
    client: NetcodeClient,
    socket: UdpSocket,
    last: Instant,
}

impl RenetClient {
    pub(crate) fn connect(id: u64, token: &[u8; 2048]) -> Self {
        let connect_token = with_client_id(id, token);
        let authentication = ClientAuthentication::Secure { connect_token };
        Self {
            client: NetcodeClient::new(date(), authentication).unwrap(),
            socket: socket(),
            last: Instant::now(),
        }
    }
}

impl AnyClient for RenetClient {
    fn turn(&mut self) -> Vec<Vec<u8>> {
        let step = self.last.elapsed();
        self.last += step;
        if let Some((datagram, to)) = self.client.update(step) {
            self.socket.send_to(datagram, to).unwrap();
        }
        let mut payloads = Vec::new();
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            if from == self.client.server_addr() {
                let payload = self.client.process_packet(&mut buffer[..len]);
                payloads.extend(payload.map(<[u8]>::to_vec));
            }
        }
        payloads
    }

    fn stands(&self) -> Stands {
        match self.client.disconnect_reason() {
            None if self.client.is_connected() => Stands::Connected,
            None => Stands::Connecting,
            Some(DisconnectReason::ConnectionDenied) => Stands::Denied,
            Some(DisconnectReason::ConnectionTimedOut) => Stands::TimedOut,
            Some(
                DisconnectReason::DisconnectedByServer | DisconnectReason::DisconnectedByClient,
            ) => Stands::Disconnected,
            Some(reason) => panic!("{reason}"),
        }
    }

    fn send(&mut self, payload: &[u8]) {
        let (to, datagram) = self.client.generate_payload_packet(payload).unwrap();
        self.socket.send_to(datagram, to).unwrap();
    }

    fn disconnect(&mut self) {
        let (to, datagram) = self.client.disconnect().unwrap();
        self.socket.send_to(datagram, to).unwrap();
    }
}

pub(crate) struct RenetServer {
    pub(crate) server: NetcodeServer,
    socket: UdpSocket,
    last: Instant,
}

impl RenetServer {
    pub(crate) fn start(max_clients: usize) -> Self {
        let socket = socket();
        let server = NetcodeServer::new(ServerConfig {
            current_time: date(),
            max_clients,
            protocol_id: PROTOCOL_ID,
            public_addresses: vec![socket.local_addr().unwrap()],
            authentication: ServerAuthentication::Secure { private_key: KEY },
        });
        Self {
            server,
            socket,
            last: Instant::now(),
        }
    }
}

fn transmit(socket: &UdpSocket, result: ServerResult<'_, '_>) -> Option<(u64, Vec<u8>)> {
    match result {
        ServerResult::PacketToSend { addr, payload }
        | ServerResult::ClientConnected { addr, payload, .. }
        | ServerResult::ClientDisconnected {
            addr,
            payload: Some(payload),
            ..
        } => {
            socket.send_to(payload, addr).unwrap();
            None
        }
        ServerResult::Payload { client_id, payload } => Some((client_id, payload.to_vec())),
        ServerResult::None | ServerResult::ClientDisconnected { payload: None, .. } => None,
    }
}

impl AnyServer for RenetServer {
    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn turn(&mut self) -> Vec<(u64, Vec<u8>)> {
        let step = self.last.elapsed();
        self.last += step;
        self.server.update(step);
        let mut payloads = Vec::new();
        let mut buffer = [0; 2048];
        while let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            let result = self.server.process_packet(from, &mut buffer[..len]);
            payloads.extend(transmit(&self.socket, result));
        }
        for id in self.server.clients_id() {
            transmit(&self.socket, self.server.update_client(id));
        }
        payloads
    }

    fn is_connected(&self, id: u64) -> bool {
        self.server.is_client_connected(id)
    }

    fn user_data(&self, id: u64) -> Option<[u8; 256]> {
        self.server.user_data(id)
    }

    fn send(&mut self, id: u64, payload: &[u8]) {
        let (to, datagram) = self.server.generate_payload_packet(id, payload).unwrap();
        self.socket.send_to(datagram, to).unwrap();
    }

    fn disconnect(&mut self, id: u64) {
        transmit(&self.socket, self.server.disconnect(id));
    }
}
