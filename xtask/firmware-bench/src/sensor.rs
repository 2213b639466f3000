//! The sensor, with servers on this machine.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use netcode_std::core::ClientIndex;
use netcode_std::core::address::AddressList;
use netcode_std::core::crypto::Key;
use netcode_std::core::sealed::SEALED_TOKEN_BYTES;
use netcode_std::core::server::{Event, RestartRule, ServerConfig};
use netcode_std::{RECEIVE_BUFFER_BYTES, Server};

use crate::backend::{Impostor, MISBEHAVIOURS, Matchmaker, announce, forward};
use crate::board::{BOARDS, Pace, Rig, Running};
use crate::tokens::{KEY, SENSOR};

/// The board shares the host's loopback network, so that it dials the address its token names.
const NETWORK: &str = "net=127.0.0.0/24,host=127.0.0.1,dhcpstart=127.0.0.15";

/// The most that a sensor may take of a board, its stack included.
const MEMORY_BYTES: usize = 16 * 1024;

const LENGTHS: [usize; 3] = [1, 100, 1200];
const ECHOES: usize = 102;
const SLOT: ClientIndex = ClientIndex(0);

fn server(address: &str) -> Result<Server> {
    let config = ServerConfig::new(
        SENSOR,
        Key::from_bytes(KEY),
        AddressList::EMPTY,
        4,
        RestartRule::AdmitAgain,
    );
    Ok(Server::bind(&[address.parse()?], config)?)
}

/// One turn of the server; gives the payloads that came.
fn turn(server: &mut Server) -> Result<Vec<Vec<u8>>> {
    server.wait(Duration::from_millis(5))?;
    server.update(Instant::now())?;
    let mut payloads = Vec::new();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while let Some(event) = server.next_event(&mut buffer)? {
        if let Event::Payload { payload, .. } = event {
            payloads.push(payload.to_vec());
        }
    }
    Ok(payloads)
}

/// The `n`th command to echo: a 3, and bytes that tell it from all others.
fn echo_command(n: usize) -> Vec<u8> {
    let len = LENGTHS.get(n % LENGTHS.len()).copied().unwrap_or(1);
    let fill = (0..len).map(|at| (n + at * 31).to_le_bytes()[0]);
    std::iter::once(3).chain(fill.skip(1)).collect()
}

fn is_reading(payload: &[u8]) -> bool {
    matches!(payload, [1, ..] if payload.len() == 9)
}

/// Address of a server.
fn address(server: &Server) -> Result<SocketAddr> {
    let addresses = server.local_addresses();
    addresses.first().copied().context("not bound")
}

/// Starts a backend for `server`, anywhere, and tells the sensor where.
fn backend(rig: &Rig<'_>, server: SocketAddr) -> Result<Matchmaker> {
    let matchmaker = Matchmaker::start(rig, "127.0.0.1:0".parse()?, server)?;
    announce(rig, matchmaker.address)?;
    Ok(matchmaker)
}

pub(crate) fn with_our_server(rig: &Rig<'_>) -> Result<()> {
    let mut server = server("127.0.0.1:0")?;
    let address = address(&server)?;
    let _matchmaker = backend(rig, address)?;
    let mut board = rig.boot(NETWORK, Pace::Host)?;
    connect(&mut board, &mut server, 1)?;
    exchange(&mut board, &mut server)?;
    obey(&mut board, &mut server)?;

    // The server sends it home; it comes back with another token.
    server.disconnect(SLOT)?;
    board_says(&mut board, &mut server, "sensor: disconnected", 1)?;
    connect(&mut board, &mut server, 2)?;

    // The server vanishes without disconnect packets, and another starts in its place.
    drop(server);
    board.until("the sensor's timeout", || {
        std::thread::yield_now();
        Ok(read_timed_out(&rig.folder))
    })?;
    let mut server = self::server(&address.to_string())?;
    connect(&mut board, &mut server, 3)?;
    exchange(&mut board, &mut server)?;
    let asked = board.count_said("sensor: asks for a token");
    ensure!(asked >= 3, "{asked} tokens for three connections");

    server.send(SLOT, &[4])?;
    board.finish(|| turn(&mut server).map(|_| ()))?;
    check_memory(&rig.folder)
}

/// The run above has opened tokens, which takes the most stack of all.
fn check_memory(folder: &Path) -> Result<()> {
    let Some((statics, stack)) = crate::board::read_memory(folder) else {
        bail!("the sensor printed no memory figures")
    };
    let sum = statics + stack;
    println!("        memory {sum} bytes: {statics} of statics and {stack} of stack");
    ensure!(
        sum <= MEMORY_BYTES,
        "the sensor's aim is {MEMORY_BYTES} bytes of memory"
    );
    Ok(())
}

fn read_timed_out(folder: &Path) -> bool {
    crate::board::read_log(folder).contains("sensor: connection timed out")
}

/// Waits until both sides are connected, the sensor for the `times`th time.
fn connect(board: &mut Running, server: &mut Server, times: usize) -> Result<()> {
    board_says(board, server, "sensor: connected", times)?;
    ensure!(server.core().connected_count() == 1, "not connected");
    Ok(())
}

/// A hundred payloads each way, one after the other, every byte checked; readings arrive beside.
fn exchange(board: &mut Running, server: &mut Server) -> Result<()> {
    let mut readings = 0;
    for n in 0..ECHOES {
        let command = echo_command(n);
        server.send(SLOT, &command)?;
        board.until("an echo", || {
            let payloads = turn(server)?;
            let (own, echoes): (Vec<_>, Vec<_>) = payloads
                .into_iter()
                .partition(|payload| is_reading(payload));
            readings += own.len();
            ensure!(
                echoes.iter().all(|echo| *echo == command),
                "echo {n} came back changed"
            );
            Ok(!echoes.is_empty())
        })?;
    }
    board.until("readings", || {
        readings += turn(server)?.len();
        Ok(readings >= 5)
    })
}

fn obey(board: &mut Running, server: &mut Server) -> Result<()> {
    server.send(SLOT, &[2, 200, 0])?;
    board_says(board, server, "sensor: blink period 200 ms", 1)
}

/// A token that was sealed for a request before the sensor lost its power opens nothing after it.
pub(crate) fn with_a_recorded_token(rig: &Rig<'_>) -> Result<()> {
    let mut server = server("127.0.0.1:0")?;
    let matchmaker = Matchmaker::start(rig, "127.0.0.1:0".parse()?, address(&server)?)?;
    let attacker = Impostor::bind()?;
    announce(rig, attacker.address()?)?;
    let mut first = rig.boot(NETWORK, Pace::Host)?;
    let (unanswered, request) = attacker.accept(&mut first)?;
    let recorded = forward(&request, matchmaker.address)?;
    ensure!(recorded.len() > SEALED_TOKEN_BYTES, "no token to record");
    drop(first);
    // Not before, or the first would ask again.
    drop(unanswered);

    let mut rebooted = rig.boot(NETWORK, Pace::Host)?;
    let (mut device, _) = attacker.accept(&mut rebooted)?;
    device.write_all(&recorded)?;
    let refused = "sensor: no token: it does not open";
    board_says(&mut rebooted, &mut server, refused, 1)?;
    ensure!(
        server.core().connected_count() == 0,
        "a recorded token was taken"
    );
    // The answer to its own request is.
    let (mut device, request) = attacker.accept(&mut rebooted)?;
    device.write_all(&forward(&request, matchmaker.address)?)?;
    connect(&mut rebooted, &mut server, 1)
}

/// A backend that starts after the sensor.
pub(crate) fn without_a_backend(rig: &Rig<'_>) -> Result<()> {
    let mut server = server("127.0.0.1:0")?;
    let mut board = rig.boot(NETWORK, Pace::Host)?;
    board_says(&mut board, &mut server, "sensor: no token: no backend", 1)?;
    // A port that nobody listens on.
    let backend = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    announce(rig, backend)?;
    let unreachable = "sensor: no token: the backend is not reached";
    board_says(&mut board, &mut server, unreachable, 2)?;
    let _matchmaker = Matchmaker::start(rig, backend, address(&server)?)?;
    connect(&mut board, &mut server, 1)
}

/// The kinds of misbehaviour are shared among the boards: what meets them is the same on each.
pub(crate) fn with_a_misbehaving_backend(rig: &Rig<'_>) -> Result<()> {
    let first = BOARDS.iter().position(|board| board.name == rig.board.name);
    let own = MISBEHAVIOURS.iter().skip(first.unwrap_or(0));
    for misbehaviour in own.step_by(BOARDS.len()) {
        let mut server = server("127.0.0.1:0")?;
        let impostor = Impostor::bind()?;
        let address_of_both = impostor.address()?;
        announce(rig, address_of_both)?;
        let mut board = rig.boot(NETWORK, Pace::Host)?;
        let (mut device, _) = impostor.accept(&mut board)?;
        drop(impostor);
        // The sensor may end the connection before it has heard everything.
        let _ = (misbehaviour.answer)(&mut device);
        drop(device);
        let reason = format!("sensor: no token: {}", misbehaviour.reason);
        board_says(&mut board, &mut server, &reason, 1).context(misbehaviour.name)?;
        let _matchmaker = Matchmaker::start(rig, address_of_both, address(&server)?)?;
        connect(&mut board, &mut server, 1).context(misbehaviour.name)?;
    }
    Ok(())
}

fn board_says(board: &mut Running, server: &mut Server, text: &str, times: usize) -> Result<()> {
    // The log is read before and after a step: `until` holds the board meanwhile.
    let mut seen = board.count_said(text) >= times;
    while !seen {
        let mut turns = 0;
        board.until(text, || {
            turn(server)?;
            turns += 1;
            Ok(turns > 10)
        })?;
        seen = board.has_said(text) && board.count_said(text) >= times;
    }
    Ok(())
}

pub(crate) fn with_the_official_server(rig: &Rig<'_>) -> Result<()> {
    let began = Instant::now();
    let mut server = peer_official::Server::new("127.0.0.1:0".parse()?, SENSOR.0, &KEY, 0.0)?;
    server.start(4)?;
    let _matchmaker = backend(rig, server.address())?;
    let mut board = rig.boot(NETWORK, Pace::Host)?;
    let turn = |server: &mut peer_official::Server| {
        std::thread::yield_now();
        server.update(began.elapsed().as_secs_f64());
        let payloads = std::iter::from_fn(|| server.receive_packet(0)).map(|(payload, _)| payload);
        payloads
            .filter(|payload| !is_reading(payload))
            .collect::<Vec<_>>()
    };
    board.until("the sensor's connection", || {
        turn(&mut server);
        Ok(server.client_connected(0))
    })?;
    for n in 0..ECHOES {
        let command = echo_command(n);
        server.send_packet(0, &command)?;
        board.until("an echo", || {
            let echoes = turn(&mut server);
            ensure!(
                echoes.iter().all(|echo| *echo == command),
                "echo {n} came back changed"
            );
            Ok(!echoes.is_empty())
        })?;
    }
    server.send_packet(0, &[4])?;
    board.finish(|| {
        turn(&mut server);
        Ok(())
    })
}
