//! Client and server on two smoltcp interfaces that a pair of queues joins, on the host.
//!
//! ```sh
//! cargo run -p netcode-smoltcp --example two_interfaces
//! ```
//!
//! On a microcontroller each half is a program of its own: the device is the card's driver, buffers
//! and sockets lie in `static`s, the time is a timer's, and the loop sleeps until the earlier of
//! netcode's deadline and the interface's.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;

use netcode_smoltcp::core::address::AddressList;
use netcode_smoltcp::core::client;
use netcode_smoltcp::core::crypto::Key;
use netcode_smoltcp::core::server::{self, RestartRule, ServerConfig, StaticStorage};
use netcode_smoltcp::core::token::{TokenSpec, mint};
use netcode_smoltcp::core::{ClientId, ProtocolId, UnixTime};
use netcode_smoltcp::smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use netcode_smoltcp::smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use netcode_smoltcp::smoltcp::socket::udp;
use netcode_smoltcp::smoltcp::time::{Duration, Instant};
use netcode_smoltcp::smoltcp::wire::{EthernetAddress, IpCidr};
use netcode_smoltcp::{
    BUFFER_BYTES, CLIENT_RX_BYTES, CLIENT_RX_PACKETS, CLIENT_TX_BYTES, CLIENT_TX_PACKETS, Client,
    REPLY_TX_BYTES, REPLY_TX_PACKETS, SESSION_TX_BYTES, SESSION_TX_PACKETS, Server, check_mtu,
    server_rx_bytes, server_rx_packets, server_sockets,
};
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};

const PROTOCOL_ID: ProtocolId = ProtocolId(42);
const SLOTS: usize = 4;
const SOCKETS: usize = server_sockets(SLOTS);

/// The date at `Instant::ZERO`; a device asks for it, over SNTP for example.
const DATE: UnixTime = UnixTime::from_secs(1_800_000_000);

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = StdRng::try_from_rng(&mut SysRng)?;
    let key = Key::generate(&mut rng);
    let address: SocketAddr = "10.0.0.1:40000".parse()?;
    let (left, right) = Card::pair();
    let mut now = Instant::ZERO;

    // The server: one socket that receives and replies, and one to send to each client.
    let mut server_node = Node::new(left, 1, "10.0.0.1/24".parse().map_err(|()| "no network")?);
    let mut handles = [SocketHandle::default(); SOCKETS];
    for (number, handle) in handles.iter_mut().enumerate() {
        *handle = if number == 0 {
            let rx = (server_rx_packets(SLOTS), server_rx_bytes(SLOTS));
            server_node.add_socket(Some(40000), rx, (REPLY_TX_PACKETS, REPLY_TX_BYTES))?
        } else {
            server_node.add_socket(None, (0, 0), (SESSION_TX_PACKETS, SESSION_TX_BYTES))?
        };
    }
    let mut storage = StaticStorage::<SLOTS, 8, 32>::new();
    // The key is as new as the server: no token can be from before its start.
    let rule = RestartRule::AdmitAgain;
    let list = AddressList::new(&[address])?;
    let config = ServerConfig::new(PROTOCOL_ID, key.clone(), list, u32::try_from(SLOTS)?, rule);
    let mut server = Server::new(handles, storage.tables(), config)?;
    server.start(now, DATE, &mut rng)?;

    // The client, with a token of the backend's.
    let mut client_node = Node::new(right, 2, "10.0.0.2/24".parse().map_err(|()| "no network")?);
    let handle = client_node.add_socket(
        Some(50000),
        (CLIENT_RX_PACKETS, CLIENT_RX_BYTES),
        (CLIENT_TX_PACKETS, CLIENT_TX_BYTES),
    )?;
    let servers = [address];
    let spec = TokenSpec::new(PROTOCOL_ID, ClientId(7), &servers, DATE);
    let mut client = Client::new(handle);
    check_mtu(client_node.card.capabilities().ip_mtu(), address.ip())?;
    client.connect(now, &mint(&spec, &key, &mut rng)?)?;

    let mut came_back = 0;
    while came_back < 3 {
        now += Duration::from_millis(20);
        serve(now, &mut server, &mut server_node)?;
        came_back += play(now, &mut client, &mut client_node)?;
    }
    client.disconnect(now);
    play(now, &mut client, &mut client_node)?;
    serve(now, &mut server, &mut server_node)
}

/// A turn of the server, which sends each payload back.
fn serve(
    now: Instant,
    server: &mut Server<'_, SOCKETS>,
    node: &mut Node,
) -> Result<(), Box<dyn Error>> {
    let mut buffer = [0; BUFFER_BYTES];
    node.iface.poll(now, &mut node.card, &mut node.sockets);
    while let Some(event) = server.next_event(now, &mut node.sockets, &mut buffer) {
        if let server::Event::Payload {
            client, payload, ..
        } = event
        {
            println!("server: {}", String::from_utf8_lossy(payload));
            server.send(now, &mut node.sockets, client, payload)?;
        } else {
            println!("server: {event:?}");
        }
    }
    node.iface
        .poll_egress(now, &mut node.card, &mut node.sockets);
    Ok(())
}

/// A turn of the client, which sends a payload in each; how many came back in this one.
fn play(now: Instant, client: &mut Client, node: &mut Node) -> Result<u32, Box<dyn Error>> {
    let mut buffer = [0; BUFFER_BYTES];
    let mut came_back = 0;
    node.iface.poll(now, &mut node.card, &mut node.sockets);
    while let Some(event) = client.next_event(now, &mut node.sockets, &mut buffer) {
        if let client::Event::Payload { payload, .. } = event {
            came_back += 1;
            println!("client: {} came back", String::from_utf8_lossy(payload));
        } else {
            println!("client: {event:?}");
        }
    }
    let payload = format!("reading at {now}");
    // `false` until the client is connected.
    client.send(now, &mut node.sockets, payload.as_bytes())?;
    node.iface
        .poll_egress(now, &mut node.card, &mut node.sockets);
    Ok(came_back)
}

/// A device: its card, its interface and its sockets.
struct Node {
    card: Card,
    iface: Interface,
    sockets: SocketSet<'static>,
}

impl Node {
    fn new(mut card: Card, number: u8, network: IpCidr) -> Self {
        let hardware = EthernetAddress([2, 0, 0, 0, 0, number]);
        let mut iface = Interface::new(Config::new(hardware.into()), &mut card, Instant::ZERO);
        iface.update_ip_addrs(|list| list.extend([network]));
        let sockets = SocketSet::new(Vec::new());
        Self {
            card,
            iface,
            sockets,
        }
    }

    /// A UDP socket with room for these (packets, bytes).
    fn add_socket(
        &mut self,
        port: Option<u16>,
        rx: (usize, usize),
        tx: (usize, usize),
    ) -> Result<SocketHandle, udp::BindError> {
        let buffer = |(packets, bytes)| {
            udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; packets], vec![0; bytes])
        };
        let mut socket = udp::Socket::new(buffer(rx), buffer(tx));
        if let Some(port) = port {
            socket.bind(port)?;
        }
        Ok(self.sockets.add(socket))
    }
}

type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// One end of an Ethernet cable.
struct Card {
    arriving: Queue,
    leaving: Queue,
}

impl Card {
    fn pair() -> (Self, Self) {
        let (one, other) = (Queue::default(), Queue::default());
        let left = Self {
            arriving: Rc::clone(&one),
            leaving: Rc::clone(&other),
        };
        (
            left,
            Self {
                arriving: other,
                leaving: one,
            },
        )
    }
}

impl Device for Card {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Leaving<'_>)> {
        let frame = self.arriving.borrow_mut().pop_front()?;
        Some((Arrived(frame), Leaving(&self.leaving)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        Some(Leaving(&self.leaving))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

struct Arrived(Vec<u8>);

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

struct Leaving<'c>(&'c Queue);

impl phy::TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let mut frame = vec![0; len];
        let result = fill(&mut frame);
        self.0.borrow_mut().push_back(frame);
        result
    }
}
