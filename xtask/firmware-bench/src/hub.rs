//! The hub, with clients on this machine.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use netcode_std::core::client::{ClientState, Event};
use netcode_std::{Client, RECEIVE_BUFFER_BYTES, unix_time};

use crate::board::{Pace, Rig, Running, read_log};
use crate::tokens::{HUB, KEY, request_without_key, token};

/// The address the hub knows itself by, in the emulator's own network.
const INSIDE: &str = "10.0.2.15:50000";
const SLOTS: usize = 4;
const ECHOES: usize = 102;

/// Boots a hub; gives the address it is reached at from here.
fn boot(rig: &Rig<'_>, pace: Pace) -> Result<(Running, SocketAddr)> {
    let reserved = UdpSocket::bind("127.0.0.1:0")?;
    let outside = reserved.local_addr()?;
    Ok((boot_at(reserved, rig, pace)?, outside))
}

/// Boots a hub that is reached at the address of `reserved`.
fn boot_at(reserved: UdpSocket, rig: &Rig<'_>, pace: Pace) -> Result<Running> {
    std::fs::write(rig.folder.join("hub.key"), KEY)?;
    let port = reserved.local_addr()?.port();
    let network = format!("hostfwd=udp:127.0.0.1:{port}-{INSIDE}");
    // The emulator binds the port itself.
    drop(reserved);
    let mut running = rig.boot(&network, pace)?;
    // It refuses tokens that may be from before it started.
    let mut started = None;
    running.until("the hub's start", || {
        std::thread::yield_now();
        if started.is_none() && read_log(&rig.folder).contains("hub: listening") {
            started = Some(unix_time());
        }
        Ok(started.is_some_and(|started| unix_time() > started.saturating_add_secs(1)))
    })?;
    Ok(running)
}

fn client(id: u64, outside: SocketAddr) -> Result<Client> {
    let mut client = Client::bind(&["127.0.0.1:0".parse()?])?;
    client.connect(&token(HUB, id, outside, INSIDE.parse()?)?)?;
    Ok(client)
}

/// One turn of a client; gives the payloads that came.
fn turn(client: &mut Client) -> Result<Vec<Vec<u8>>> {
    client.wait(Duration::from_millis(1))?;
    client.update(Instant::now())?;
    let mut payloads = Vec::new();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while let Some(event) = client.next_event(&mut buffer)? {
        if let Event::Payload { payload, .. } = event {
            payloads.push(payload.to_vec());
        }
    }
    Ok(payloads)
}

/// Interval at which a payload is sent again: a flood pushes datagrams out of the card.
const REPEAT_INTERVAL: Duration = Duration::from_millis(250);

/// Has `client` end the hub; the others take turns meanwhile.
fn end(board: Running, client: &mut Client, others: &mut [Client]) -> Result<()> {
    let mut due = Instant::now();
    board.finish(|| {
        if due <= Instant::now() && client.is_connected() {
            due += REPEAT_INTERVAL;
            client.send(b"exit")?;
        }
        turn(client)?;
        others
            .iter_mut()
            .try_for_each(|client| turn(client).map(|_| ()))
    })
}

/// The `n`th payload of a client.
fn payload(id: usize, n: usize) -> Vec<u8> {
    let len = [1, 100, 1200].get(n % 3).copied().unwrap_or(1);
    (0..len)
        .map(|at: usize| (id * 7 + n + at * 31).to_le_bytes()[0])
        .collect()
}

pub(crate) fn with_our_clients(rig: &Rig<'_>) -> Result<()> {
    let (mut board, outside) = boot(rig, Pace::Host)?;
    let mut clients = (1..=4)
        .map(|id| client(id, outside))
        .collect::<Result<Vec<_>>>()?;
    board.until("four connections", || {
        for client in &mut clients {
            turn(client)?;
            ensure!(!client.state().is_error(), "{}", client.state().as_str());
        }
        Ok(clients.iter().all(Client::is_connected))
    })?;

    let mut fifth = client(5, outside)?;
    board.until("the fifth's denial", || {
        for client in &mut clients {
            turn(client)?;
        }
        turn(&mut fifth)?;
        Ok(fifth.state() == ClientState::ConnectionDenied)
    })?;

    for n in 0..ECHOES {
        for (id, client) in clients.iter_mut().enumerate() {
            client.send(&payload(id, n))?;
        }
        let mut echoed = [false; SLOTS];
        board.until("four echoes", || {
            for (id, (client, echoed)) in clients.iter_mut().zip(&mut echoed).enumerate() {
                for echo in turn(client)? {
                    ensure!(
                        echo == payload(id, n),
                        "echo {n} of client {id} came back changed"
                    );
                    *echoed = true;
                }
            }
            Ok(echoed.iter().all(|&echoed| echoed))
        })?;
    }

    // One leaves, and the fifth has room.
    let Some(mut first) = clients.pop() else {
        bail!("no client")
    };
    first.disconnect()?;
    let mut late = client(6, outside)?;
    board.until("the sixth's connection", || {
        for client in clients.iter_mut().chain([&mut late]) {
            turn(client)?;
        }
        if late.state() == ClientState::ConnectionDenied {
            late = client(7, outside)?;
        }
        Ok(late.is_connected())
    })?;

    end(board, &mut late, &mut clients)?;
    // Every client has received the end.
    let mut all: Vec<&mut Client> = clients.iter_mut().chain([&mut late]).collect();
    let limit = Instant::now() + Duration::from_secs(2);
    while all.iter().any(|client| client.is_connected()) && Instant::now() < limit {
        for client in &mut all {
            turn(client)?;
        }
    }
    let ends: Vec<ClientState> = all.iter().map(|client| client.state()).collect();
    ensure!(
        ends.iter().all(|end| *end == ClientState::Disconnected),
        "{ends:?}"
    );
    Ok(())
}

pub(crate) fn with_the_official_client(rig: &Rig<'_>) -> Result<()> {
    let (mut board, outside) = boot(rig, Pace::Host)?;
    let began = Instant::now();
    let mut client = peer_official::Client::new("127.0.0.1:0".parse()?, 0.0)?;
    client.connect(token(HUB, 1, outside, INSIDE.parse()?)?.as_bytes())?;
    let turn = |client: &mut peer_official::Client| {
        std::thread::yield_now();
        client.update(began.elapsed().as_secs_f64());
    };
    board.until("the connection", || {
        turn(&mut client);
        ensure!(!client.state().is_error(), "{}", client.state());
        Ok(client.state() == peer_official::ClientState::Connected)
    })?;
    for n in 0..ECHOES {
        client.send_packet(&payload(0, n))?;
        board.until("an echo", || {
            turn(&mut client);
            match client.receive_packet() {
                Some((echo, _)) => {
                    ensure!(echo == payload(0, n), "echo {n} came back changed");
                    Ok(true)
                }
                None => Ok(false),
            }
        })?;
    }
    let mut due = Instant::now();
    board.finish(|| {
        if due <= Instant::now() && !client.state().is_error() {
            due += REPEAT_INTERVAL;
            client.send_packet(b"exit")?;
        }
        turn(&mut client);
        Ok(())
    })
}

/// Requests a second without the private key, each of full length: 2.6 Mbit/s, and
/// together more work than the board can do.
const FLOOD: u32 = 300;
/// Twice the session's timeout.
const FLOOD_SECONDS: u32 = 10;

pub(crate) fn under_a_flood(rig: &Rig<'_>) -> Result<()> {
    let (mut board, outside) = boot(rig, Pace::Board)?;
    let mut client = client(1, outside)?;
    board.until("the connection", || {
        turn(&mut client)?;
        ensure!(!client.state().is_error(), "{}", client.state().as_str());
        Ok(client.is_connected())
    })?;

    let request = request_without_key(HUB, outside)?;
    let attacker = UdpSocket::bind("127.0.0.1:0")?;
    let began = Instant::now();
    let mut flooded = 0;
    let mut turn_under_flood = |client: &mut Client| {
        while began + Duration::from_secs(1) * flooded / FLOOD <= Instant::now() {
            attacker.send_to(&request, outside)?;
            flooded += 1;
        }
        let payloads = turn(client)?;
        ensure!(client.is_connected(), "{}", client.state().as_str());
        Ok(payloads)
    };
    let mut echoes = 0;
    while began.elapsed() < Duration::from_secs(FLOOD_SECONDS.into()) {
        echoes += 1;
        let mut due = Instant::now();
        board.until("an echo", || {
            if due <= Instant::now() {
                due += REPEAT_INTERVAL;
                client.send(&payload(0, echoes))?;
            }
            let came = turn_under_flood(&mut client)?;
            Ok(came.contains(&payload(0, echoes)))
        })?;
    }
    println!("        {echoes} echoes beside {flooded} requests without a key");
    end(board, &mut client, &mut [])
}

pub(crate) fn after_a_restart(rig: &Rig<'_>) -> Result<()> {
    let reserved = UdpSocket::bind("127.0.0.1:0")?;
    let outside = reserved.local_addr()?;
    let mut early = client(1, outside)?;
    let mut board = boot_at(reserved, rig, Pace::Host)?;
    let mut late = client(2, outside)?;
    board.until(
        "the end of one attempt and the connection of the other",
        || {
            turn(&mut early)?;
            turn(&mut late)?;
            ensure!(!early.is_connected(), "a token from before was taken");
            ensure!(!late.state().is_error(), "{}", late.state().as_str());
            Ok(early.state().is_error() && late.is_connected())
        },
    )?;
    end(board, &mut late, &mut [])
}
