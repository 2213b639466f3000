//! A sensor: connects, sends a reading ten times a second, obeys commands, and comes back with a
//! new token when the link or the server was gone.
//!
//! | first byte | from the server |
//! | --- | --- |
//! | 2 | blink with this period: two bytes, milliseconds |
//! | 3 | send this payload back |
//! | 4 | the end: report and halt (under emulation, exit) |
//!
//! A reading is: a 1, a count (four bytes), the reading (four bytes).
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware::board::{self, Card, Led};
use firmware::network::{ClientBytes, ClientPackets, Network, socket};
use firmware::{clock, provision, stack};
use netcode_core::ProtocolId;
use netcode_core::client::{ClientEvent, ClientState};
use netcode_core::sealed::{SEALED_TOKEN_BYTES, SealContext, open_token};
use netcode_smoltcp::{BUFFER_BYTES, Client, Polled};
use semihosting::println;
use smoltcp::iface::SocketHandle;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpCidr};
use static_cell::{ConstStaticCell, StaticCell};

const PROTOCOL_ID: ProtocolId = ProtocolId(0x5365_6e73);
const READING_INTERVAL: Duration = Duration::from_millis(100);
/// How often to look for a new token.
const TOKEN_INTERVAL: Duration = Duration::from_millis(200);

static CARD: StaticCell<Card> = StaticCell::new();
static BYTES: ConstStaticCell<ClientBytes> = ConstStaticCell::new(ClientBytes::new());
static PACKETS: ConstStaticCell<ClientPackets> = ConstStaticCell::new(ClientPackets::new());
static CLIENT: StaticCell<Client> = StaticCell::new();
static MESSAGE: ConstStaticCell<[u8; SEALED_TOKEN_BYTES]> =
    ConstStaticCell::new([0; SEALED_TOKEN_BYTES]);
static BUFFER: ConstStaticCell<[u8; BUFFER_BYTES]> = ConstStaticCell::new([0; BUFFER_BYTES]);

#[entry]
fn main() -> ! {
    stack::paint();
    if let Some(peripherals) = cortex_m::Peripherals::take() {
        clock::start(peripherals.SYST);
    }
    let card = CARD.init_with(board::card);
    // Under emulation the board shares the host's loopback network; a product asks DHCP.
    let address = IpCidr::new(IpAddress::v4(127, 0, 0, 15), 24);
    let (network, handle) = Network::start(
        card,
        address,
        None,
        socket(BYTES.take(), PACKETS.take()),
        50000,
    );
    Sensor::new(network, handle).run()
}

struct Sensor {
    network: Network,
    client: &'static mut Client,
    led: Led,
    readings: u32,
    blink_period: Duration,
    due: Due,
}

/// When what is next.
struct Due {
    token: Instant,
    reading: Instant,
    blink: Instant,
}

impl Sensor {
    fn new(network: Network, handle: SocketHandle) -> Self {
        println!("sensor: waiting for a token");
        Self {
            network,
            client: CLIENT.init_with(|| Client::new(handle)),
            led: board::led(),
            readings: 0,
            blink_period: Duration::from_millis(1000),
            due: Due {
                token: Instant::ZERO,
                reading: Instant::ZERO,
                blink: Instant::ZERO,
            },
        }
    }

    fn run(mut self) -> ! {
        let message = MESSAGE.take();
        let buffer = BUFFER.take();
        loop {
            let now = clock::now();
            self.reconnect(now, message);
            // The socket is emptied after each frame, so that none is lost for want of room.
            while self.network.receive(now) {
                self.poll(now, buffer);
            }
            self.poll(now, buffer);
            self.send_reading(now);
            self.blink(now);
            self.network.send(now);
            clock::sleep();
        }
    }

    /// Without a connection and without an attempt, looks for a token.
    fn reconnect(&mut self, now: Instant, message: &mut [u8; SEALED_TOKEN_BYTES]) {
        let idle =
            self.client.state().is_error() || self.client.state() == ClientState::Disconnected;
        if !idle || now < self.due.token {
            return;
        }
        self.due.token = now + TOKEN_INTERVAL;
        if !provision::next_token(message) {
            return;
        }
        let context = SealContext {
            protocol_id: PROTOCOL_ID,
            device_id: provision::DEVICE_ID,
        };
        let (secret, sealer) = (provision::device_secret(), provision::sealer());
        match open_token(&context, &secret, &sealer, message) {
            Ok(token) => {
                if let Err(error) = self.client.connect(now, token) {
                    println!("sensor: {error}");
                }
            }
            Err(error) => println!("sensor: no token: {error}"),
        }
    }

    /// Takes in everything that has arrived.
    fn poll(&mut self, now: Instant, buffer: &mut [u8; BUFFER_BYTES]) {
        loop {
            match self.client.poll(now, &mut self.network.sockets, buffer) {
                Polled::Event(ClientEvent::StateChanged(state)) => {
                    println!("sensor: {}", state.as_str());
                }
                Polled::Event(_) => {}
                Polled::Payload { payload, .. } => self.obey(now, payload),
                Polled::Idle(_) => return,
            }
        }
    }

    fn obey(&mut self, now: Instant, command: &[u8]) {
        match command {
            [2, low, high] => {
                let period = u16::from_le_bytes([*low, *high]).max(2);
                self.blink_period = Duration::from_millis(period.into());
                println!("sensor: blink period {period} ms");
            }
            [3, ..] => {
                let echo = self.client.send(now, &mut self.network.sockets, command);
                if let Err(error) = echo {
                    println!("sensor: {error}");
                }
            }
            [4] => self.end(now),
            _ => println!("sensor: unknown command"),
        }
    }

    fn end(&mut self, now: Instant) -> ! {
        self.client.disconnect(now);
        let mut none = [0; BUFFER_BYTES];
        while !matches!(
            self.client.poll(now, &mut self.network.sockets, &mut none),
            Polled::Idle(_)
        ) {}
        for _ in 0..16 {
            self.network.send(now);
        }
        println!(
            "sensor: {} readings, stack {} bytes",
            self.readings,
            stack::high_water()
        );
        semihosting::process::exit(0)
    }

    fn send_reading(&mut self, now: Instant) {
        if !self.client.is_connected() || now < self.due.reading {
            return;
        }
        self.due.reading = now + READING_INTERVAL;
        self.readings = self.readings.wrapping_add(1);
        let mut reading = [1; 9];
        reading[1..5].copy_from_slice(&self.readings.to_le_bytes());
        reading[5..].copy_from_slice(&board::measure().to_le_bytes());
        // A reading that finds no room is lost; the next is newer.
        let _ = self.client.send(now, &mut self.network.sockets, &reading);
    }

    fn blink(&mut self, now: Instant) {
        if now >= self.due.blink {
            self.due.blink = now + self.blink_period / 2;
            self.led.toggle();
        }
    }
}
