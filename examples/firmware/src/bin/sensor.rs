//! A sensor: fetches a token from the backend, connects, sends a reading ten times a second, obeys
//! commands, and comes back with a new token when the link or the server was gone.
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
use firmware::fetch::{FetchError, MAX_HOST_BYTES, Request, fetch};
use firmware::network::{ClientBytes, ClientPackets, FRAMES_A_TURN, Network, socket};
use firmware::text::Piece::{self, Hex, Number, Text};
use firmware::text::join;
use firmware::{clock, provision, stack};
use netcode_core::ProtocolId;
use netcode_core::client::{ClientState, Event};
use netcode_core::sealed::{
    DeviceNonce, DevicePublic, OpenError, SEALED_TOKEN_BYTES, SealContext, open_token,
};
use netcode_smoltcp::{BUFFER_BYTES, Client};
use semihosting::io::Write;
use smoltcp::iface::{SocketHandle, SocketStorage};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpAddress, IpCidr};
use static_cell::{ConstStaticCell, StaticCell};

const PROTOCOL_ID: ProtocolId = ProtocolId(0x5365_6e73);
const READING_INTERVAL: Duration = Duration::from_millis(100);
const _: () = assert!(provision::BACKEND_HOST.len() <= MAX_HOST_BYTES);

/// Mean time from a lost connection to the request for a token. It doubles with each failure.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest mean wait is 64 seconds.
const MAX_DOUBLINGS: u8 = 7;
/// Least seconds that a backend is spared which has no room, and does not say for how long.
const BUSY_WAIT: u32 = 5;
/// Most seconds that a backend, or whoever answers in its place, can have the device wait.
const MAX_BUSY_WAIT: u32 = 600;

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
    start(announce()).run()
}

/// Says what the backend seals this device's tokens to. Never inlined, as [`open`].
#[inline(never)]
fn announce() -> DevicePublic {
    let public = provision::device_secret().public();
    say(&[Text("device key "), Hex(public.as_bytes())]);
    public
}

/// Prints a line.
#[inline(never)]
fn say(pieces: &[Piece<'_>]) {
    let mut line = [0; 96];
    if let Ok(mut console) = semihosting::io::stdout() {
        for pieces in [&[Text("sensor: ")], pieces, &[Text("\n")]] {
            let _ = console.write_all(join(pieces, &mut line));
        }
    }
}

/// Puts everything in its place. Never inlined: what is moved there would stand on the stack for
/// as long as the program runs.
#[inline(never)]
fn start(public: DevicePublic) -> &'static mut Sensor {
    let card = CARD.init_with(board::card);
    // Under emulation the board shares the host's loopback network; a product asks DHCP.
    let address = IpCidr::new(IpAddress::v4(127, 0, 0, 15), 24);
    let storage = SOCKETS.init_with(|| [SocketStorage::EMPTY]);
    let mut network = Network::start(card, address, None, storage);
    let socket = socket(BYTES.take(), PACKETS.init_with(ClientPackets::new));
    let handle = network.bind(socket, 50000);
    SENSOR.init_with(|| Sensor::new(public, network, handle))
}

struct Sensor {
    public: DevicePublic,
    network: Network,
    client: Client,
    blinker: Blinker,
    readings: u32,
    reading_due: Instant,
    retry: Retry,
    /// The server has asked for the end.
    ending: bool,
}

impl Sensor {
    fn new(public: DevicePublic, network: Network, handle: SocketHandle) -> Self {
        Self {
            public,
            network,
            client: Client::new(handle),
            blinker: Blinker {
                led: board::led(),
                period: Duration::from_millis(1000),
                due: Instant::ZERO,
            },
            readings: 0,
            reading_due: Instant::ZERO,
            retry: Retry {
                due: Instant::ZERO,
                failures: 0,
                random: 0,
            },
            ending: false,
        }
    }

    fn run(&mut self) -> ! {
        let scratch = SCRATCH.take();
        loop {
            self.reconnect(scratch);
            let now = clock::now();
            // A sealed token is the longer of the two, so there is always a buffer.
            let idle = scratch
                .first_chunk_mut()
                .is_none_or(|buffer| self.receive(now, buffer));
            self.send_reading(now);
            self.blinker.turn(now);
            self.network.send(now);
            if idle {
                clock::sleep();
            }
        }
    }

    /// Without a connection and without an attempt, fetches a token and connects with it.
    fn reconnect(&mut self, message: &mut [u8; SEALED_TOKEN_BYTES]) {
        let idle =
            self.client.state().is_error() || self.client.state() == ClientState::Disconnected;
        if !idle || clock::now() < self.retry.due {
            return;
        }
        let Some(nonce) = provision::nonce() else {
            return self.fail("no randomness");
        };
        self.retry.random = nonce.as_bytes()[0];
        if !self.fetch(&nonce, message) {
            return;
        }
        match open(message, nonce) {
            Ok(token) => self.connect(token),
            // Not why, nor below: the words for all reasons take more than a kilobyte.
            Err(_) => self.fail("it does not open"),
        }
    }

    /// Asks the backend for a token; false if there is none.
    fn fetch(&mut self, nonce: &DeviceNonce, message: &mut [u8; SEALED_TOKEN_BYTES]) -> bool {
        let Some(backend) = provision::backend() else {
            self.fail("no backend");
            return false;
        };
        say(&[Text("asks for a token")]);
        let [_, low, high, ..] = *nonce.as_bytes();
        let request = Request {
            backend,
            host: provision::BACKEND_HOST,
            // One of the dynamic ports.
            port: u16::from_le_bytes([low, high]) | 0xc000,
            device_id: provision::DEVICE_ID,
            public: &self.public,
            nonce,
        };
        let blinker = &mut self.blinker;
        match fetch(&mut self.network, &request, message, &mut |now| {
            blinker.turn(now)
        }) {
            Ok(()) => return true,
            Err(FetchError::Refused {
                status,
                retry_after,
            }) => {
                say(&[Text("no token: HTTP status "), Number(status.into())]);
                let busy = matches!(status, 429 | 503);
                let seconds = retry_after.unwrap_or(if busy { BUSY_WAIT } else { 0 });
                self.retry.after(seconds);
            }
            Err(FetchError::Unreachable) => self.fail("the backend is not reached"),
            Err(FetchError::TimedOut) => self.fail("the backend is too slow"),
            Err(FetchError::Closed) => self.fail("the answer is cut off"),
            Err(FetchError::Malformed) => self.fail("the answer is malformed"),
        }
        false
    }

    fn fail(&mut self, why: &str) {
        say(&[Text("no token: "), Text(why)]);
        self.retry.after(0);
    }

    /// Never inlined, as [`open`].
    #[inline(never)]
    fn connect(&mut self, token: &[u8]) {
        if self.client.connect(clock::now(), token).is_err() {
            self.fail("it was refused");
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
            Event::StateChanged(state) => {
                say(&[Text(state.as_str())]);
                if state == ClientState::Connected {
                    self.retry.failures = 0;
                } else if state.is_error() || state == ClientState::Disconnected {
                    self.retry.after(0);
                }
            }
            Event::Payload { payload, .. } => self.obey(now, payload),
            _ => {}
        }
    }

    fn obey(&mut self, now: Instant, command: &[u8]) {
        match command {
            [2, low, high] => {
                let period = u16::from_le_bytes([*low, *high]).max(2);
                self.blinker.period = Duration::from_millis(period.into());
                let period = Number(period.into());
                say(&[Text("blink period "), period, Text(" ms")]);
            }
            [3, ..] => {
                let echo = self.client.send(now, &mut self.network.sockets, command);
                // Not why: the words for all reasons take half a kilobyte.
                if echo.is_err() {
                    say(&[Text("an echo was not sent")]);
                }
            }
            [4] => self.ending = true,
            // A reading, from a server that echoes.
            [1, ..] => {}
            _ => say(&[Text("unknown command")]),
        }
    }

    #[inline(never)]
    fn end(&mut self, now: Instant, buffer: &mut [u8; BUFFER_BYTES]) -> ! {
        self.client.disconnect(now);
        self.poll(now, buffer);
        for _ in 0..16 {
            self.network.send(now);
        }
        say(&[
            Number(self.readings.into()),
            Text(" readings, memory "),
            Number(stack::statics() as u64),
            Text(" bytes of statics and "),
            Number(stack::high_water() as u64),
            Text(" of stack"),
        ]);
        semihosting::process::exit(0)
    }

    fn send_reading(&mut self, now: Instant) {
        if !self.client.is_connected() || now < self.reading_due {
            return;
        }
        self.reading_due = now + READING_INTERVAL;
        self.readings = self.readings.wrapping_add(1);
        let mut reading = [1; 9];
        reading[1..5].copy_from_slice(&self.readings.to_le_bytes());
        reading[5..].copy_from_slice(&board::measure().to_le_bytes());
        // A reading that finds no room is lost; the next is newer.
        let _ = self.client.send(now, &mut self.network.sockets, &reading);
    }
}

struct Blinker {
    led: Led,
    period: Duration,
    due: Instant,
}

impl Blinker {
    fn turn(&mut self, now: Instant) {
        if now >= self.due {
            self.due = now + self.period / 2;
            self.led.toggle();
        }
    }
}

/// Time of the next request for a token.
struct Retry {
    due: Instant,
    /// Since the last connection.
    failures: u8,
    /// From the last nonce.
    random: u8,
}

impl Retry {
    /// Waits for at least so many seconds, longer with each failure, and not as long as other
    /// devices do: what disconnects one may disconnect all.
    fn after(&mut self, seconds: u32) {
        let mean = FIRST_WAIT * (1 << self.failures.min(MAX_DOUBLINGS));
        let jitter = mean * u32::from(self.random) / 256;
        let seconds = Duration::from_secs(seconds.min(MAX_BUSY_WAIT).into());
        self.due = clock::now() + seconds + mean / 2 + jitter;
        self.failures = self.failures.saturating_add(1);
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
