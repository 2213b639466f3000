//! Servers and clients in asynchronous programs (feature `tokio`).
//!
//! Under tokio's paused clock time jumps to the next timer as soon as no task can go on, and no
//! socket of the runtime is readable.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use ::tokio::task::yield_now;
use ::tokio::time::{Instant, interval};
use netcode_std::core::client::ClientState;
use netcode_std::core::server::{DisconnectReason, Event};
use netcode_std::core::{ClientId, ClientIndex, UserData, client};
use netcode_std::tokio::{AsyncLink, UdpLink};
use netcode_std::{
    Client, Conditions, DATAGRAMS_PER_TURN, Link, RECEIVE_BUFFER_BYTES, Server, Simulator,
    SocketOptions,
};

use crate::pair::{config, token, v4};

fn link() -> UdpLink {
    UdpLink::bind(&[v4()], &SocketOptions::default()).unwrap()
}

fn server(max_clients: u32) -> Server<UdpLink> {
    Server::with_link(link(), config(max_clients)).unwrap()
}

/// A client that has begun to connect.
fn client_of<L: Link>(server: &Server<L>, id: u64) -> Client<UdpLink> {
    let mut client = Client::with_link(link());
    let token = token(id, &server.local_addresses(), &[]);
    client.connect(&token).unwrap();
    client
}

/// Events of a turn, with payloads as numbers.
fn turn<L: Link>(server: &mut Server<L>) -> Vec<Event<u32>> {
    server.update(Instant::now().into_std()).unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    let mut events = Vec::new();
    while let Some(event) = server.next_event(&mut buffer).unwrap() {
        events.push(event.map_payload(number));
    }
    events
}

/// Payloads of a turn, as numbers.
fn client_turn<L: Link>(client: &mut Client<L>) -> Vec<u32> {
    client.update(Instant::now().into_std()).unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    let mut numbers = Vec::new();
    while let Some(event) = client.next_event(&mut buffer).unwrap() {
        if let client::Event::Payload { payload, .. } = event {
            numbers.push(number(payload));
        }
    }
    numbers
}

fn number(payload: &[u8]) -> u32 {
    u32::from_le_bytes(payload.try_into().unwrap())
}

fn numbers(events: &[Event<u32>]) -> impl Iterator<Item = u32> {
    events.iter().filter_map(|event| match event {
        Event::Payload { payload, .. } => Some(*payload),
        _ => None,
    })
}

/// Runs both until the client is connected.
async fn connected<L: AsyncLink, M: AsyncLink>(server: &mut Server<L>, client: &mut Client<M>) {
    while !client.is_connected() {
        tokio::select! {
            ready = server.ready() => ready.unwrap(),
            ready = client.ready() => ready.unwrap(),
        }
        turn(server);
        client_turn(client);
    }
}

/// Polls a future so many times, then drops it.
async fn drop_after(polls: u32, future: impl Future) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await {
            return;
        }
        yield_now().await;
    }
}

#[tokio::test]
async fn a_turn_that_is_dropped_after_any_number_of_polls_loses_nothing() {
    const PAYLOADS: u32 = 300;
    let mut server = server(1);
    let mut client = client_of(&server, 1);
    connected(&mut server, &mut client).await;
    let (mut sent, mut received, mut returned) = (0, vec![], vec![]);
    while returned.len() < PAYLOADS as usize {
        for polls in 0..4 {
            drop_after(polls, server.ready()).await;
            let events = turn(&mut server);
            for number in numbers(&events) {
                received.push(number);
                assert!(server.send(ClientIndex(0), &number.to_le_bytes()).unwrap());
            }
            drop_after(polls, client.ready()).await;
            returned.extend(client_turn(&mut client));
            if sent < PAYLOADS {
                client.send(&u32::to_le_bytes(sent)).unwrap();
                sent += 1;
            }
        }
        tokio::select! {
            ready = server.ready() => ready.unwrap(),
            ready = client.ready() => ready.unwrap(),
        }
    }
    let all: Vec<u32> = (0..PAYLOADS).collect();
    assert_eq!((received, returned), (all.clone(), all));
}

#[tokio::test(start_paused = true)]
async fn a_server_beside_a_timer_in_a_select_serves_both() {
    let mut server = server(1);
    let client = client_of(&server, 1);
    let play = tokio::spawn(async move {
        let mut client = client;
        let mut ticks = Vec::new();
        while ticks.len() < 40 {
            client.ready().await.unwrap();
            for tick in client_turn(&mut client) {
                client.send(&tick.to_le_bytes()).unwrap();
                ticks.push(tick);
            }
        }
        client.disconnect().unwrap();
        ticks
    });
    let mut tick = interval(Duration::from_millis(50));
    let (mut number, mut answers, mut left) = (0_u32, vec![], false);
    while !left {
        tokio::select! {
            ready = server.ready() => ready.unwrap(),
            _ = tick.tick() => if server.broadcast(&number.to_le_bytes()).unwrap() == 1 {
                number += 1;
            },
        }
        let events = turn(&mut server);
        answers.extend(numbers(&events));
        left = matches!(events.last(), Some(Event::Disconnected { .. }));
    }
    let all: Vec<u32> = (0..40).collect();
    assert_eq!((play.await.unwrap(), answers), (all.clone(), all));
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_times_out_though_nothing_arrives() {
    let mut server = server(1);
    let mut client = client_of(&server, 1);
    connected(&mut server, &mut client).await;
    drop(client);
    let begin = Instant::now();
    let end = loop {
        server.ready().await.unwrap();
        if let Some(event) = turn(&mut server).pop() {
            break event;
        }
    };
    let reason = DisconnectReason::TimedOut;
    assert!(matches!(end, Event::Disconnected { reason: it, .. } if it == reason));
    // The token's timeout.
    assert!(begin.elapsed() >= Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_client_of_a_silent_server_times_out_though_nothing_arrives() {
    let mut server = server(1);
    let mut client = client_of(&server, 1);
    connected(&mut server, &mut client).await;
    drop(server);
    while client.state().is_active() {
        client.ready().await.unwrap();
        client_turn(&mut client);
    }
    assert_eq!(client.state(), ClientState::ConnectionTimedOut);
}

#[tokio::test(start_paused = true)]
async fn keep_alives_hold_a_session_without_payloads() {
    let mut server = server(1);
    let mut client = client_of(&server, 1);
    connected(&mut server, &mut client).await;
    let minute = Instant::now() + Duration::from_secs(60);
    while Instant::now() < minute {
        tokio::select! {
            ready = server.ready() => ready.unwrap(),
            ready = client.ready() => ready.unwrap(),
        }
        turn(&mut server);
        client_turn(&mut client);
    }
    assert!(client.is_connected());
    assert_eq!(server.core().connected_count(), 1);
}

#[tokio::test]
async fn a_loopback_client_on_another_thread_wakes_its_server() {
    let mut server = server(1);
    let mut local = server.join_loopback(ClientId(1), &UserData::ZERO).unwrap();
    turn(&mut server);
    let (go, gone) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        gone.recv().unwrap();
        local.send(&7_u32.to_le_bytes()).unwrap();
        gone.recv().unwrap();
        drop(local);
    });
    let mut events = Vec::new();
    for _ in 0..2 {
        {
            let mut ready = pin!(server.ready());
            let early = poll_fn(|cx| Poll::Ready(ready.as_mut().poll(cx))).await;
            assert!(early.is_pending());
            go.send(()).unwrap();
            ready.await.unwrap();
        }
        events.extend(turn(&mut server));
    }
    thread.join().unwrap();
    assert_eq!(numbers(&events).collect::<Vec<_>>(), [7]);
    assert!(matches!(events.last(), Some(Event::Disconnected { .. })));
}

#[tokio::test]
async fn a_server_that_always_finds_something_leaves_the_thread_to_other_tasks() {
    let mut server = server(1);
    let mut local = server.join_loopback(ClientId(1), &UserData::ZERO).unwrap();
    turn(&mut server);
    let other = tokio::spawn(async {});
    while !other.is_finished() {
        for _ in 0..=DATAGRAMS_PER_TURN {
            local.send(&[0; 4]).unwrap();
        }
        server.ready().await.unwrap();
        turn(&mut server);
    }
}

/// Has so many payloads sent and returned, in a task.
async fn echo(server: &mut Server<UdpLink>, client: &mut Client<UdpLink>, payloads: u32) {
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    let mut returned = 0;
    client.send(b"echo").unwrap();
    while returned < payloads {
        ::tokio::select! {
            ready = server.ready() => ready.unwrap(),
            ready = client.ready() => ready.unwrap(),
        }
        server.update(Instant::now().into_std()).unwrap();
        while let Some(event) = server.next_event(&mut buffer).unwrap() {
            if let Event::Payload { payload, .. } = event {
                server.broadcast(payload).unwrap();
            }
        }
        client.update(Instant::now().into_std()).unwrap();
        while let Some(event) = client.next_event(&mut buffer).unwrap() {
            if let client::Event::Payload { payload, .. } = event {
                client.send(payload).unwrap();
                returned += 1;
            }
        }
    }
}

#[test]
fn turns_allocate_nothing() {
    let mut runtime = ::tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let (mut server, mut client) = runtime.block_on(async {
        let mut server = server(4096);
        let mut client = client_of(&server, 1);
        connected(&mut server, &mut client).await;
        echo(&mut server, &mut client, 10).await;
        (server, client)
    });
    let mut allocations = |payloads| {
        let echo = || runtime.block_on(echo(&mut server, &mut client, payloads));
        allocation_counter::measure(echo).count_total
    };
    // Those of the runtime's start.
    let few = allocations(1);
    assert_eq!(allocations(1000), few);
}

#[tokio::test]
async fn datagrams_leave_before_the_runtime_has_seen_the_socket() {
    let peer = UdpSocket::bind(v4()).unwrap();
    let mut link = link();
    link.send(peer.local_addr().unwrap(), b"at once").unwrap();
    let mut buffer = [0; 32];
    assert_eq!(peer.recv(&mut buffer).unwrap(), 7);
    assert_eq!(link.stats().send_blocked, 0);
}

#[tokio::test]
async fn a_task_cannot_block_its_thread() {
    let refused = server(1).wait(Duration::MAX).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}

#[tokio::test(start_paused = true)]
async fn a_session_lives_on_a_simulated_network() {
    let conditions = Conditions {
        latency: Duration::from_millis(40),
        jitter: Duration::from_millis(20),
        loss: 0.1,
        ..Conditions::default()
    };
    let link = Simulator::new(link(), conditions);
    let mut server = Server::with_link(link, config(1)).unwrap();
    let mut client = client_of(&server, 1);
    connected(&mut server, &mut client).await;
    let mut tick = interval(Duration::from_millis(20));
    let mut returned = 0;
    while returned < 100 {
        tokio::select! {
            ready = server.ready() => ready.unwrap(),
            ready = client.ready() => ready.unwrap(),
            _ = tick.tick() => {
                client.send(&[0; 4]).unwrap();
            }
        }
        for number in numbers(&turn(&mut server)) {
            server.broadcast(&number.to_le_bytes()).unwrap();
        }
        returned += client_turn(&mut client).len();
    }
    assert!(server.link().stats().lost > 0);
}
