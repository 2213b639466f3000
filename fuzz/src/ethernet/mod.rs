//! The firmware's shell on Ethernet: a server and a client on one wire, and a fuzzer that writes any
//! frame onto it: bytes, broken headers, and packets of sessions whose keys it holds.
//!
//! | file | contents |
//! | --- | --- |
//! | `node` | the two devices |
//! | `frames` | frames of any contents |

mod frames;
mod node;

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use arbitrary::{Result, Unstructured};
use netcode_smoltcp::core::client;
use netcode_smoltcp::core::crypto::Key;
use netcode_smoltcp::core::server;
use netcode_smoltcp::core::server::StaticStorage;
use netcode_smoltcp::{
    AddressList, BUFFER_BYTES, CLIENT_RX_BYTES, CLIENT_RX_PACKETS, CLIENT_TX_BYTES,
    CLIENT_TX_PACKETS, Client, ClientIndex, ClientState, ProtocolId, REPLY_TX_BYTES,
    REPLY_TX_PACKETS, RestartRule, SESSION_TX_BYTES, SESSION_TX_PACKETS, Server, ServerConfig,
    UnixTime, server_rx_bytes, server_rx_packets, server_sockets,
};
use smoltcp::iface::SocketHandle;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet,
    UdpPacket,
};

use self::frames::{arp, hardware, host};
use self::node::{MOST_FRAMES, Node, checksums};
use crate::forge::{
    CHALLENGE, DISCONNECT, Edits, KEEP_ALIVE, PAYLOAD, PRIVATE_KEY, PROTOCOL_ID, Packet, RESPONSE,
    UNIX, choose,
};
use crate::take_steps;
use crate::ticket::Ticket;

/// Steps of one run, at most.
const MOST_STEPS: usize = 128;
/// Events of one turn, at most; more would be a loop without end.
const MOST_EVENTS: usize = 4 * MOST_FRAMES;

const SLOTS: usize = 2;
const SOCKETS: usize = server_sockets(SLOTS);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 40_000);

/// Runs one input.
pub fn ethernet(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(rules) = input.arbitrary::<u8>() else {
        return;
    };
    let mut storage = StaticStorage::<SLOTS, 4, 16>::new();
    let mut world = World::new(&mut storage, rules);
    take_steps(&mut input, MOST_STEPS, |input| {
        world.step(input)?;
        world.turn();
        Ok(())
    });
}

struct World<'s> {
    now: Instant,
    trusting: bool,
    server_node: Node,
    server: Server<'s, SOCKETS>,
    client_node: Node,
    client: Client,
    state: ClientState,
    connected: HashSet<ClientIndex>,
    /// Of the fuzzer's hosts, then of the client.
    tickets: Vec<Ticket>,
}

fn server_on<'s>(
    node: &mut Node,
    storage: &'s mut StaticStorage<SLOTS, 4, 16>,
) -> Server<'s, SOCKETS> {
    let sockets: [SocketHandle; SOCKETS] = std::array::from_fn(|socket| match socket {
        0 => node.socket(
            (server_rx_bytes(SLOTS), server_rx_packets(SLOTS)),
            (REPLY_TX_BYTES, REPLY_TX_PACKETS),
        ),
        _ => node.socket((0, 0), (SESSION_TX_BYTES, SESSION_TX_PACKETS)),
    });
    node.bind(sockets[0], SERVER.port());
    let addresses = AddressList::new(&[SERVER.into()]).expect("one address");
    let key = Key::from_bytes(PRIVATE_KEY);
    let rule = RestartRule::AdmitAgain;
    let config = ServerConfig::new(ProtocolId(PROTOCOL_ID), key, addresses, 2, rule);
    let mut server = Server::new(sockets, storage.tables(), config).expect("a valid configuration");
    let unix = UnixTime::from_secs(UNIX);
    server
        .start_with_seed(Instant::ZERO, unix, [3; 32])
        .expect("it is stopped");
    server
}

impl<'s> World<'s> {
    fn new(storage: &'s mut StaticStorage<SLOTS, 4, 16>, rules: u8) -> Self {
        let trusting = rules & 1 != 0;
        let mut server_node = Node::new(1, trusting);
        let server = server_on(&mut server_node, storage);
        let mut client_node = Node::new(2, trusting);
        let handle = client_node.socket(
            (CLIENT_RX_BYTES, CLIENT_RX_PACKETS),
            (CLIENT_TX_BYTES, CLIENT_TX_PACKETS),
        );
        client_node.bind(handle, 50_000);
        let tickets = (1..=4)
            .map(|number| {
                Ticket::new(number, number.into(), UNIX + 60, &[SERVER.into()]).with_timeout(3)
            })
            .collect();
        Self {
            now: Instant::ZERO,
            trusting,
            server_node,
            server,
            client: Client::new(handle),
            client_node,
            state: ClientState::Disconnected,
            connected: HashSet::new(),
            tickets,
        }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match choose(input, 12)? {
            0 => {
                let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
                let frame = input.bytes(len)?.to_vec();
                self.write(&frame, input)?;
            }
            1 => {
                let frame = arp(
                    host(input.arbitrary()?).0,
                    host(choose(input, 4)?).0,
                    choose(input, 2)? == 0,
                );
                self.write(&frame, input)?;
            }
            2..=5 => self.session_frame(input)?,
            6 => {
                let token = self.tickets[3].token();
                let _ = self.client.connect(self.now, &token);
            }
            7 => self.now += Duration::from_millis(input.arbitrary::<u8>()?.into()),
            8 => {
                for _ in 0..choose(input, 32)? {
                    self.now += Duration::from_millis(50);
                    self.turn();
                }
            }
            9 => {
                let payload = vec![5; usize::from(input.arbitrary::<u16>()? % 1204)];
                let client = ClientIndex(choose(input, 3)?.into());
                let sockets = &mut self.server_node.sockets;
                let sent = self.server.send(self.now, sockets, client, &payload);
                if let Ok(true) = sent {
                    assert!(self.connected.contains(&client));
                }
            }
            10 => {
                let payload = vec![6; usize::from(input.arbitrary::<u16>()? % 1204)];
                let sockets = &mut self.client_node.sockets;
                let _ = self.client.send(self.now, sockets, &payload);
            }
            _ => match choose(input, 4)? {
                0 => self.client.disconnect(self.now),
                1 => self.server.disconnect_all(self.now),
                2 => {
                    self.server.disconnect(self.now, ClientIndex(0));
                }
                _ => self.server_node.iface.update_ip_addrs(|_| {}),
            },
        }
        Ok(())
    }

    /// Writes a frame onto the wire, perhaps changed.
    fn write(&mut self, frame: &[u8], input: &mut Unstructured<'_>) -> Result<()> {
        let mut frame = frame.to_vec();
        Edits::decode(input)?.apply(&mut frame);
        self.server_node.arrive(&frame);
        self.client_node.arrive(&frame);
        Ok(())
    }

    /// A UDP datagram of a session, from one of the fuzzer's hosts or in the server's name.
    fn session_frame(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let number = usize::from(choose(input, 4)?);
        let of_server = choose(input, 8)? == 0;
        let kind = match choose(input, 8)? {
            0 | 1 => 0,
            2 | 3 => RESPONSE,
            4 => KEEP_ALIVE,
            5 | 6 => PAYLOAD,
            _ => DISCONNECT,
        };
        let ticket = &mut self.tickets[number];
        let datagram = if kind == 0 {
            ticket.request()
        } else {
            let body = match kind {
                RESPONSE => ticket.response_body(),
                KEEP_ALIVE => vec![0; 8],
                PAYLOAD => vec![4; usize::from(input.arbitrary::<u16>()? % 1204)],
                _ => Vec::new(),
            };
            let packet = Packet {
                kind,
                sequence: ticket.sequence,
                sequence_bytes: None,
                body,
            };
            ticket.sequence += 1;
            let key = match of_server {
                true => ticket.server_to_client,
                false => ticket.client_to_server,
            };
            packet.seal(&key, PROTOCOL_ID)
        };
        let (source, target) = match of_server {
            true => (1, host(2)),
            false => (10 + u8::try_from(number).unwrap_or(0), host(1)),
        };
        let checksums = checksums(self.trusting);
        let frame = frames::datagram(host(source), target, &datagram, &checksums);
        self.write(&frame, input)
    }

    /// A turn of the server and of the client; then what they sent arrives.
    fn turn(&mut self) {
        self.serve();
        self.play();
        for frame in std::mem::take(&mut self.server_node.card.sent) {
            self.overhear(&frame);
            self.client_node.arrive(&frame);
        }
        for frame in std::mem::take(&mut self.client_node.card.sent) {
            self.server_node.arrive(&frame);
        }
    }

    fn serve(&mut self) {
        let mut buffer = [0; BUFFER_BYTES];
        self.server_node.ingress(self.now);
        let mut events = 0;
        let sockets = &mut self.server_node.sockets;
        while let Some(event) = self.server.next_event(self.now, sockets, &mut buffer) {
            events += 1;
            assert!(events < MOST_EVENTS, "a turn that does not end");
            match event {
                server::Event::Connected { client, .. } => {
                    assert!(self.connected.insert(client), "two sessions in a slot");
                }
                server::Event::Payload {
                    client, payload, ..
                } => {
                    assert!(self.connected.contains(&client));
                    // The fuzzer's payloads and the client's.
                    let whole = (1..=1200).contains(&payload.len());
                    assert!(whole && payload.iter().all(|byte| matches!(byte, 4 | 6)));
                }
                server::Event::Disconnected { client, .. } => {
                    assert!(self.connected.remove(&client), "the end of no session");
                }
                _ => {}
            }
        }
        self.server_node.egress(self.now);
        let count = self.server.core().connected_count();
        assert_eq!(count as usize, self.connected.len());
        self.server.next_deadline();
    }

    fn play(&mut self) {
        let mut buffer = [0; BUFFER_BYTES];
        self.client_node.ingress(self.now);
        let mut events = 0;
        let sockets = &mut self.client_node.sockets;
        while let Some(event) = self.client.next_event(self.now, sockets, &mut buffer) {
            events += 1;
            assert!(events < MOST_EVENTS, "a turn that does not end");
            match event {
                client::Event::StateChanged(state) => self.state = state,
                client::Event::Payload { payload, .. } => {
                    assert_eq!(self.state, ClientState::Connected);
                    assert!(payload.iter().all(|byte| matches!(byte, 4 | 5)));
                }
                _ => {}
            }
        }
        self.client_node.egress(self.now);
        assert_eq!(self.client.state(), self.state);
        self.client.next_deadline();
    }

    /// Answers the server's question for a host of the fuzzer's, or keeps its challenge.
    fn overhear(&mut self, frame: &[u8]) {
        let Ok(frame) = EthernetFrame::new_checked(frame) else {
            panic!("a frame without a header");
        };
        match frame.ethertype() {
            EthernetProtocol::Arp => {
                let arp_packet = ArpPacket::new_checked(frame.payload());
                let parsed = arp_packet.and_then(|it| ArpRepr::parse(&it));
                let Ok(ArpRepr::EthernetIpv4 {
                    operation: ArpOperation::Request,
                    target_protocol_addr: target,
                    ..
                }) = parsed
                else {
                    return;
                };
                let number = target.octets()[3];
                if (10..14).contains(&number) {
                    let reply = arp(host(number).0, hardware(1), false);
                    self.server_node.arrive(&reply);
                }
            }
            EthernetProtocol::Ipv4 => {
                let Ok(packet) = Ipv4Packet::new_checked(frame.payload()) else {
                    panic!("an IPv4 packet without a header");
                };
                if packet.next_header() != IpProtocol::Udp {
                    return;
                }
                let Ok(udp) = UdpPacket::new_checked(packet.payload()) else {
                    panic!("a UDP packet without a header");
                };
                let datagram = udp.payload();
                for ticket in &mut self.tickets {
                    let opened = ticket.open_from_server(datagram);
                    if let Some(packet) = opened.filter(|packet| packet.kind == CHALLENGE) {
                        ticket.keep_challenge(&packet.body);
                    }
                }
            }
            _ => {}
        }
    }
}
