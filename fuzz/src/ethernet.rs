//! The firmware's shell on Ethernet: a server and a client on one wire, and a fuzzer that writes any
//! frame onto it: bytes, broken headers, and packets of sessions whose keys it holds.

use std::collections::{HashSet, VecDeque};
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
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium};
use smoltcp::socket::udp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, HardwareAddress, IpCidr, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use crate::forge::{
    CHALLENGE, DISCONNECT, Edits, KEEP_ALIVE, PAYLOAD, PRIVATE_KEY, PROTOCOL_ID, Packet, RESPONSE,
    UNIX, choose,
};
use crate::ticket::Ticket;

/// Steps of one run, at most.
const MOST_STEPS: usize = 128;
/// Frames that wait for one card, at most.
const MOST_FRAMES: usize = 64;
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
    for _ in 0..MOST_STEPS {
        if input.is_empty() || world.step(&mut input).is_err() {
            break;
        }
        world.turn();
    }
}

/// Network card: frames that arrived, frames to send.
struct Card {
    arrived: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
    /// `true` if checksums are neither computed nor checked, so that changed frames get in.
    trusting: bool,
}

struct Arrived(Vec<u8>);

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

struct Sending<'c>(&'c mut Vec<Vec<u8>>);

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        if self.0.len() < MOST_FRAMES {
            self.0.push(frame);
        }
        result
    }
}

fn checksums(trusting: bool) -> ChecksumCapabilities {
    let mut checksums = ChecksumCapabilities::default();
    if trusting {
        checksums.ipv4 = Checksum::None;
        checksums.udp = Checksum::None;
    }
    checksums
}

impl Device for Card {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Sending<'_>)> {
        let frame = self.arrived.pop_front()?;
        Some((Arrived(frame), Sending(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities.checksum = checksums(self.trusting);
        capabilities
    }
}

/// Interface, card and sockets of one device.
struct Node {
    iface: Interface,
    card: Card,
    sockets: SocketSet<'static>,
}

const fn hardware(number: u8) -> EthernetAddress {
    EthernetAddress([2, 0, 0, 0, 0, number])
}

impl Node {
    fn new(number: u8, trusting: bool) -> Self {
        let mut card = Card {
            arrived: VecDeque::new(),
            sent: Vec::new(),
            trusting,
        };
        let address = HardwareAddress::Ethernet(hardware(number));
        let mut iface = Interface::new(Config::new(address), &mut card, Instant::ZERO);
        iface.update_ip_addrs(|list| {
            let ours = Ipv4Addr::new(10, 0, 0, number);
            let _ = list.push(IpCidr::new(ours.into(), 8));
            let ours = std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number.into());
            let _ = list.push(IpCidr::new(ours.into(), 64));
        });
        Self {
            iface,
            card,
            sockets: SocketSet::new(vec![]),
        }
    }

    fn socket(&mut self, rx: (usize, usize), tx: (usize, usize)) -> SocketHandle {
        let buffer = |(bytes, packets)| {
            udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; packets], vec![0; bytes])
        };
        self.sockets.add(udp::Socket::new(buffer(rx), buffer(tx)))
    }

    fn bind(&mut self, handle: SocketHandle, port: u16) {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(handle);
        socket.bind(port).expect("a port and a new socket");
    }

    fn ingress(&mut self, now: Instant) {
        self.iface.poll(now, &mut self.card, &mut self.sockets);
    }

    fn egress(&mut self, now: Instant) {
        self.iface
            .poll_egress(now, &mut self.card, &mut self.sockets);
    }

    fn arrive(&mut self, frame: &[u8]) {
        if self.card.arrived.len() < MOST_FRAMES {
            self.card.arrived.push_back(frame.to_vec());
        }
    }
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
        let frame = self.frame(host(source), target, &datagram);
        self.write(&frame, input)
    }

    fn frame(
        &self,
        (_, source): (EthernetAddress, SocketAddrV4),
        (hardware, target): (EthernetAddress, SocketAddrV4),
        payload: &[u8],
    ) -> Vec<u8> {
        let udp = UdpRepr {
            src_port: source.port(),
            dst_port: target.port(),
        };
        let ip = Ipv4Repr {
            src_addr: *source.ip(),
            dst_addr: *target.ip(),
            next_header: IpProtocol::Udp,
            payload_len: udp.header_len() + payload.len(),
            hop_limit: 64,
        };
        let checksums = checksums(self.trusting);
        let mut packet = vec![0; ip.buffer_len() + ip.payload_len];
        ip.emit(&mut Ipv4Packet::new_unchecked(&mut packet), &checksums);
        udp.emit(
            &mut UdpPacket::new_unchecked(&mut packet[ip.buffer_len()..]),
            &(*source.ip()).into(),
            &(*target.ip()).into(),
            payload.len(),
            |buffer| buffer.copy_from_slice(payload),
            &checksums,
        );
        framed(hardware, EthernetProtocol::Ipv4, &packet)
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

/// Hardware address, and address and port of netcode: the server is 1, the client 2, the fuzzer's
/// hosts 10 to 13.
fn host(number: u8) -> (EthernetAddress, SocketAddrV4) {
    let port = match number {
        1 => SERVER.port(),
        _ => 50_000,
    };
    let ip = Ipv4Addr::new(10, 0, 0, number);
    (hardware(number), SocketAddrV4::new(ip, port))
}

fn framed(to: EthernetAddress, kind: EthernetProtocol, payload: &[u8]) -> Vec<u8> {
    let repr = EthernetRepr {
        src_addr: hardware(99),
        dst_addr: to,
        ethertype: kind,
    };
    let mut bytes = vec![0; repr.buffer_len()];
    repr.emit(&mut EthernetFrame::new_unchecked(&mut bytes));
    bytes.extend_from_slice(payload);
    bytes
}

/// ARP request of `source` for `target`, or its reply.
fn arp(source: EthernetAddress, target: EthernetAddress, request: bool) -> Vec<u8> {
    let ip = |hardware: EthernetAddress| Ipv4Addr::new(10, 0, 0, hardware.0[5]);
    let repr = ArpRepr::EthernetIpv4 {
        operation: match request {
            true => ArpOperation::Request,
            false => ArpOperation::Reply,
        },
        source_hardware_addr: source,
        source_protocol_addr: ip(source),
        target_hardware_addr: target,
        target_protocol_addr: ip(target),
    };
    let mut payload = vec![0; repr.buffer_len()];
    repr.emit(&mut ArpPacket::new_unchecked(&mut payload));
    framed(target, EthernetProtocol::Arp, &payload)
}
