//! A hub: a server with four client slots on a microcontroller. It sends every payload back to
//! its sender; the payload `exit` ends it (under emulation).
#![no_std]
#![no_main]

use core::num::NonZeroU32;

use cortex_m_rt::entry;
use firmware::board::{self, Card};
use firmware::network::{FRAMES_A_TURN, HUB_SOCKETS, HubBytes, HubPackets, Network, SLOTS};
use firmware::{clock, provision, stack};
use netcode_core::ProtocolId;
use netcode_core::address::AddressList;
use netcode_core::server::{Event, RestartRule, ServerConfig, StaticStorage};
use netcode_smoltcp::{BUFFER_BYTES, Server};
use semihosting::{print, println};
use smoltcp::iface::{SocketHandle, SocketStorage};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpCidr, Ipv4Address};
use static_cell::{ConstStaticCell, StaticCell};

const PROTOCOL_ID: ProtocolId = ProtocolId(0x4875_6220);
const PORT: u16 = 50000;
/// Under emulation, the address the emulator's own network gives its guest.
const ADDRESS: [u8; 4] = [10, 0, 2, 15];
/// The emulator's gateway.
const GATEWAY: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);
/// The longest that the backend lets a token live, seconds. A hub that starts again has forgotten
/// which were used, and refuses those from before.
const MAX_TOKEN_LIFETIME: core::time::Duration = core::time::Duration::from_secs(120);
/// Requests and responses without a session that the hub opens in a second: each takes some 60,000
/// instructions, so a flood of them costs a fifth of the smallest board's time.
const OPENS_PER_SECOND: Option<NonZeroU32> = NonZeroU32::new(50);
/// The clock is slow while it misses ticks, as an emulator's does on a busy host, and a token of the
/// longest lifetime is refused until the date of its mint.
const DATE_INTERVAL: Duration = Duration::from_secs(1);

static CARD: StaticCell<Card> = StaticCell::new();
static BYTES: ConstStaticCell<HubBytes> = ConstStaticCell::new(HubBytes::new());
static PACKETS: StaticCell<HubPackets> = StaticCell::new();
static SOCKETS: StaticCell<[SocketStorage<'static>; HUB_SOCKETS]> = StaticCell::new();
static STORAGE: ConstStaticCell<StaticStorage<SLOTS, 8, 32>> =
    ConstStaticCell::new(StaticStorage::new());
static SERVER: StaticCell<HubServer> = StaticCell::new();
static BUFFER: ConstStaticCell<[u8; BUFFER_BYTES]> = ConstStaticCell::new([0; BUFFER_BYTES]);

#[entry]
fn main() -> ! {
    stack::paint();
    if let Some(peripherals) = cortex_m::Peripherals::take() {
        clock::start(peripherals.SYST);
    }
    let [a, b, c, d] = ADDRESS;
    let address = IpCidr::new(IpAddress::v4(a, b, c, d), 24);
    let card = CARD.init_with(board::card);
    let storage = SOCKETS.init_with(|| [const { SocketStorage::EMPTY }; HUB_SOCKETS]);
    let mut network = Network::start(card, address, Some(GATEWAY), storage);
    let packets = PACKETS.init_with(HubPackets::new);
    let sockets = network.bind_hub(BYTES.take(), packets, PORT);
    match server(sockets) {
        Ok(server) => Hub {
            network,
            server,
            date_due: clock::now(),
            ending: false,
        }
        .run(),
        Err(why) => {
            println!("hub: {why}");
            semihosting::process::exit(1)
        }
    }
}

type HubServer = Server<'static, HUB_SOCKETS>;

fn server(sockets: [SocketHandle; HUB_SOCKETS]) -> Result<&'static mut HubServer, &'static str> {
    let key = provision::server_key().ok_or("no private key was provisioned")?;
    let seed = provision::random().ok_or("there is no randomness")?;
    // Every token would be good for ever.
    let date = provision::date().ok_or("the date is not known")?;
    let addresses = AddressList::new(&[(ADDRESS, PORT).into()]).map_err(|_| "no address")?;
    let rule = RestartRule::RefuseOlder {
        max_token_lifetime: MAX_TOKEN_LIFETIME,
    };
    let mut config = ServerConfig::new(PROTOCOL_ID, key, addresses, SLOTS as u32, rule);
    config.opens_per_second = OPENS_PER_SECOND;
    let server = Server::new(sockets, STORAGE.take().tables(), config).map_err(|_| "no server")?;
    let server = SERVER.init(server);
    let started = server.start_with_seed(clock::now(), date, seed);
    started.map_err(|_| "the server does not start")?;
    println!("hub: listening, {SLOTS} slots");
    Ok(server)
}

struct Hub {
    network: Network,
    server: &'static mut HubServer,
    date_due: Instant,
    /// A client has said so.
    ending: bool,
}

impl Hub {
    fn run(mut self) -> ! {
        let buffer = BUFFER.take();
        loop {
            let now = clock::now();
            self.tell_date(now);
            let idle = self.receive(now, buffer);
            self.poll(now, buffer);
            if self.ending {
                self.end(now, buffer);
            }
            self.network.send(now);
            if idle {
                clock::sleep();
            }
        }
    }

    /// Without a date the server counts on by itself.
    fn tell_date(&mut self, now: Instant) {
        if now < self.date_due {
            return;
        }
        self.date_due = now + DATE_INTERVAL;
        if let Some(date) = provision::date() {
            self.server.set_unix_time(now, date);
        }
    }

    /// Takes in a few frames, and empties the socket after each, so that none is lost for want of
    /// room; true if the card has no more.
    fn receive(&mut self, now: Instant, buffer: &mut [u8; BUFFER_BYTES]) -> bool {
        for _ in 0..FRAMES_A_TURN {
            if !self.network.receive(now) {
                return true;
            }
            while let Some(event) = self
                .server
                .next_arrived(now, &mut self.network.sockets, buffer)
            {
                self.handle(now, event);
            }
        }
        false
    }

    fn poll(&mut self, now: Instant, buffer: &mut [u8; BUFFER_BYTES]) {
        while let Some(event) = self
            .server
            .next_event(now, &mut self.network.sockets, buffer)
        {
            self.handle(now, event);
        }
    }

    fn handle(&mut self, now: Instant, event: Event<&[u8]>) {
        match event {
            Event::Payload {
                payload: b"exit", ..
            } => self.ending = true,
            Event::Payload {
                client, payload, ..
            } => {
                let sockets = &mut self.network.sockets;
                if let Err(error) = self.server.send(now, sockets, client, payload) {
                    println!("hub: {error}");
                }
            }
            event => report(&event),
        }
    }

    fn end(&mut self, now: Instant, buffer: &mut [u8; BUFFER_BYTES]) -> ! {
        self.server.stop(now);
        self.poll(now, buffer);
        for _ in 0..64 {
            self.network.send(now);
        }
        for (reason, count) in self
            .server
            .core()
            .stats()
            .dropped
            .iter()
            .filter(|(_, count)| *count > 0)
        {
            println!("hub: dropped {count}: {reason}");
        }
        println!(
            "hub: {} connects, memory {} bytes of statics and {} of stack",
            self.server.core().stats().connects,
            stack::statics(),
            stack::high_water()
        );
        semihosting::process::exit(0)
    }
}

fn report(event: &Event<&[u8]>) {
    print!("hub: ");
    match event {
        Event::Connected { client, client_id } => println!("{client_id} in slot {client}"),
        Event::Disconnected {
            client_id, reason, ..
        } => println!("{client_id} left: {reason}"),
        _ => println!(),
    }
}
