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
use firmware::network::{ClientBytes, ClientPackets, FRAMES_A_TURN, Network, socket};
use firmware::{clock, provision, stack};
use netcode_core::ProtocolId;
use netcode_core::client::{ClientState, Event};
use netcode_core::sealed::{DeviceNonce, OpenError, SEALED_TOKEN_BYTES, SealContext, open_token};
use netcode_smoltcp::{BUFFER_BYTES, Client};
use semihosting::{print, println};
use smoltcp::iface::{SocketHandle, SocketStorage};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpCidr};
use static_cell::{ConstStaticCell, StaticCell};

const PROTOCOL_ID: ProtocolId = ProtocolId(0x5365_6e73);
const READING_INTERVAL: Duration = Duration::from_millis(100);
/// Interval of checks for a new token.
const TOKEN_INTERVAL: Duration = Duration::from_millis(200);

static CARD: StaticCell<Card> = StaticCell::new();
static BYTES: ConstStaticCell<ClientBytes> = ConstStaticCell::new(ClientBytes::new());
static PACKETS: StaticCell<ClientPackets> = StaticCell::new();
static SOCKETS: StaticCell<[SocketStorage<'static>; 1]> = StaticCell::new();
static SENSOR: StaticCell<Sensor> = StaticCell::new();
/// A sealed token, or a datagram: never both at once.
static SCRATCH: ConstStaticCell<[u8; SEALED_TOKEN_BYTES]> =
    ConstStaticCell::new([0; SEALED_TOKEN_BYTES]);

#[entry]
fn main() -> ! {
    stack::paint();
    if let Some(peripherals) = cortex_m::Peripherals::take() {
        clock::start(peripherals.SYST);
    }
    announce();
    start().run()
}

/// Says what the backend seals this device's tokens to. Never inlined, as [`open`].
#[inline(never)]
fn announce() {
    print!("sensor: device key ");
    print_hex(provision::device_secret().public().as_bytes());
}

/// Prints bytes and ends the line.
#[inline(never)]
fn print_hex(bytes: &[u8]) {
    for byte in bytes {
        print!("{byte:02x}");
    }
    println!();
}

/// Puts everything in its place. Never inlined: what is moved there would stand on the stack for
/// as long as the program runs.
#[inline(never)]
fn start() -> &'static mut Sensor {
    let card = CARD.init_with(board::card);
    // Under emulation the board shares the host's loopback network; a product asks DHCP.
    let address = IpCidr::new(IpAddress::v4(127, 0, 0, 15), 24);
    let storage = SOCKETS.init_with(|| [SocketStorage::EMPTY]);
    let mut network = Network::start(card, address, None, storage);
    let socket = socket(BYTES.take(), PACKETS.init_with(ClientPackets::new));
    let handle = network.bind(socket, 50000);
    SENSOR.init_with(|| Sensor::new(network, handle))
}

struct Sensor {
    network: Network,
    client: Client,
    led: Led,
    readings: u32,
    blink_period: Duration,
    /// Of the request for a token that is not answered yet.
    nonce: Option<DeviceNonce>,
    /// The server has asked for the end.
    ending: bool,
    due: Due,
}

/// Next time of each task.
struct Due {
    token: Instant,
    reading: Instant,
    blink: Instant,
}

impl Sensor {
    fn new(network: Network, handle: SocketHandle) -> Self {
        Self {
            network,
            client: Client::new(handle),
            led: board::led(),
            readings: 0,
            blink_period: Duration::from_millis(1000),
            nonce: None,
            ending: false,
            due: Due {
                token: Instant::ZERO,
                reading: Instant::ZERO,
                blink: Instant::ZERO,
            },
        }
    }

    fn run(&mut self) -> ! {
        let scratch = SCRATCH.take();
        loop {
            let now = clock::now();
            self.reconnect(now, scratch);
            // A sealed token is the longer of the two, so there is always a buffer.
            let idle = scratch
                .first_chunk_mut()
                .is_none_or(|buffer| self.receive(now, buffer));
            self.send_reading(now);
            self.blink(now);
            self.network.send(now);
            if idle {
                clock::sleep();
            }
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
        let Some(nonce) = self.nonce else {
            self.ask();
            return;
        };
        if !provision::next_token(message) {
            return;
        }
        match open(message, nonce) {
            Ok(token) => {
                self.nonce = None;
                self.connect(now, token);
            }
            // Not why, nor below: the words for all reasons take more than a kilobyte.
            Err(_) => println!("sensor: no token: it does not open"),
        }
    }

    /// Asks for a token; only the answer to this request will open. A product sends the nonce to
    /// its backend.
    #[inline(never)]
    fn ask(&mut self) {
        self.nonce = provision::nonce();
        if let Some(nonce) = &self.nonce {
            print!("sensor: asks for a token: ");
            print_hex(nonce.as_bytes());
        }
    }

    /// Never inlined, as [`open`].
    #[inline(never)]
    fn connect(&mut self, now: Instant, token: &[u8]) {
        if self.client.connect(now, token).is_err() {
            println!("sensor: the token was refused");
        }
    }

    /// Takes in a few frames, and empties the socket after each, so that nothing is lost for want
    /// of room; true if the card has no more.
    fn receive(&mut self, now: Instant, buffer: &mut [u8; BUFFER_BYTES]) -> bool {
        let idle = (0..FRAMES_A_TURN).any(|_| !self.receive_frame(now, buffer));
        self.poll(now, buffer);
        if self.ending {
            self.end(now, buffer);
        }
        idle
    }

    /// Takes in a frame; false if there was none.
    fn receive_frame(&mut self, now: Instant, buffer: &mut [u8; BUFFER_BYTES]) -> bool {
        if !self.network.receive(now) {
            return false;
        }
        while let Some(event) = self
            .client
            .next_arrived(now, &mut self.network.sockets, buffer)
        {
            self.handle(now, event);
        }
        true
    }

    fn poll(&mut self, now: Instant, buffer: &mut [u8; BUFFER_BYTES]) {
        while let Some(event) = self
            .client
            .next_event(now, &mut self.network.sockets, buffer)
        {
            self.handle(now, event);
        }
    }

    fn handle(&mut self, now: Instant, event: Event<&[u8]>) {
        match event {
            Event::StateChanged(state) => println!("sensor: {}", state.as_str()),
            Event::Payload { payload, .. } => self.obey(now, payload),
            _ => {}
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
                // Not why: the words for all reasons take half a kilobyte.
                if echo.is_err() {
                    println!("sensor: an echo was not sent");
                }
            }
            [4] => self.ending = true,
            _ => println!("sensor: unknown command"),
        }
    }

    #[inline(never)]
    fn end(&mut self, now: Instant, buffer: &mut [u8; BUFFER_BYTES]) -> ! {
        self.client.disconnect(now);
        self.poll(now, buffer);
        for _ in 0..16 {
            self.network.send(now);
        }
        println!(
            "sensor: {} readings, memory {} bytes of statics and {} of stack",
            self.readings,
            stack::statics(),
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

/// Opens a sealed token where it lies. Never inlined: what this takes of the stack, more than all
/// else together, would be taken for as long as the program runs.
#[inline(never)]
fn open(message: &mut [u8; SEALED_TOKEN_BYTES], nonce: DeviceNonce) -> Result<&[u8], OpenError> {
    let context = SealContext {
        protocol_id: PROTOCOL_ID,
        device_id: provision::DEVICE_ID,
        nonce,
    };
    let (secret, sealer) = (provision::device_secret(), provision::sealer());
    let token = open_token(&context, &secret, &sealer, message)?;
    Ok(token)
}
