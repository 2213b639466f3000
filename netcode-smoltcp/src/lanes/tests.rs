//! Tests of lanes over queues that empty only on command.

use super::*;

type Peer = (u8, u16);

impl Endpoint for Peer {
    type Host = u8;

    fn host(&self) -> u8 {
        self.0
    }
}

const A: Peer = (1, 1);
const B: Peer = (2, 1);
const C: Peer = (3, 1);
const LEN: usize = 100;

/// Datagrams queued in each socket; none leaves unless a test says so.
#[derive(Default)]
struct Queues([usize; 3]);

impl Sockets for Queues {
    fn is_drained(&mut self, lane: usize) -> bool {
        self.0[lane] == 0
    }

    fn clear(&mut self, lane: usize) {
        self.0[lane] = 0;
    }
}

/// Lanes of a server with two clients, and their sockets.
struct Bench {
    lanes: Lanes<Peer, 3>,
    queues: Queues,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            lanes: Lanes::new(),
            queues: Queues::default(),
            now: Instant::ZERO,
        }
    }

    fn send(&mut self, peer: Peer, purpose: Purpose) -> Option<usize> {
        let at = self.lanes.choose(peer, purpose, &mut self.queues).ok()?;
        let capacity = Load {
            datagrams: 4,
            bytes: 4 * LEN,
        };
        self.queues.0[at] += 1;
        let lane = (at, peer, purpose);
        self.lanes.fill(self.now, lane, LEN, capacity);
        Some(at)
    }

    /// Advances time in turns of 10 ms; returns the number of cleared lanes.
    fn pass(&mut self, millis: u64) -> u32 {
        let mut cleared = 0;
        for _ in 0..millis / 10 {
            self.now = Instant::from_micros(self.now.as_micros() + 10_000);
            cleared += self.lanes.pass_time(self.now, &mut self.queues);
        }
        cleared
    }

    /// Time during which nothing is sent to `peer`, milliseconds.
    fn pause(&mut self, peer: Peer) -> u64 {
        let began = self.now;
        while self.send(peer, Purpose::Session).is_none() {
            self.pass(10);
        }
        (self.now.as_micros() - began.as_micros()) / 1000
    }
}

#[test]
fn a_socket_holds_datagrams_to_one_peer() {
    let mut bench = Bench::new();
    assert_eq!(bench.send(A, Purpose::Session), Some(1));
    assert_eq!(bench.send(B, Purpose::Session), Some(2));
    assert_eq!(bench.send(A, Purpose::Session), Some(1));
    assert_eq!(bench.send(C, Purpose::Session), None);
    bench.queues.0[1] = 0;
    assert_eq!(bench.send(C, Purpose::Session), Some(1));
}

#[test]
fn two_clients_of_one_host_have_a_socket_each() {
    let mut bench = Bench::new();
    assert_eq!(bench.send((1, 1), Purpose::Session), Some(1));
    assert_eq!(bench.send((1, 2), Purpose::Session), Some(2));
}

#[test]
fn replies_take_no_socket_from_clients() {
    let mut bench = Bench::new();
    assert_eq!(bench.send(A, Purpose::Reply), Some(0));
    assert_eq!(bench.send(B, Purpose::Reply), None);
    assert_eq!(bench.send(B, Purpose::Session), Some(1));
}

#[test]
fn datagrams_queued_for_a_second_are_discarded_before_smoltcp_retries() {
    let mut bench = Bench::new();
    bench.pass(250);
    bench.send(A, Purpose::Session);
    assert_eq!(bench.pass(890), 0);
    assert_eq!(bench.pass(10), 1);
    assert_eq!(bench.queues.0[1], 0);
    assert_eq!(bench.lanes.deadline(), None);
}

#[test]
fn a_host_that_was_heard_is_retried_soon_and_then_less_often() {
    let mut bench = Bench::new();
    bench.send(A, Purpose::Session);
    for expected in [200, 400, 800, 800] {
        assert_eq!(bench.pass(900), 1);
        bench.lanes.heard(A.host());
        assert_eq!(bench.pause(A), expected);
    }
    // It is reached, and its failures are forgotten.
    bench.queues.0 = [0; 3];
    bench.pass(10);
    bench.send(A, Purpose::Session);
    bench.pass(900);
    bench.lanes.heard(A.host());
    assert_eq!(bench.pause(A), 200);
}

#[test]
fn a_host_that_is_silent_is_left_alone_for_long() {
    let mut bench = Bench::new();
    bench.send(A, Purpose::Session);
    bench.pass(900);
    assert_eq!(bench.pause(A), 16_000);
}

#[test]
fn a_slow_link_is_no_dead_neighbour() {
    let mut bench = Bench::new();
    bench.send(A, Purpose::Session);
    for _ in 0..100 {
        // One leaves and another is queued: the socket is never empty.
        assert!(bench.send(A, Purpose::Session).is_some());
        bench.queues.0[1] -= 1;
        assert_eq!(bench.pass(100), 0);
    }
}

#[test]
fn a_late_turn_is_no_dead_neighbour() {
    let mut bench = Bench::new();
    bench.send(A, Purpose::Session);
    bench.now = Instant::from_millis(60_000);
    assert_eq!(bench.lanes.pass_time(bench.now, &mut bench.queues), 0);
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_up() {
    let mut bench = Bench::new();
    bench.now = Instant::from_millis(60_000);
    bench.pass(10);
    bench.send(A, Purpose::Session);
    bench.now = Instant::ZERO;
    bench.pass(920);
    assert_eq!(bench.queues.0[1], 0);
}

#[test]
fn a_client_that_turns_to_another_server_sends_at_once() {
    let mut lanes = Lanes::<Peer, 1>::new();
    let mut queues = Queues::default();
    let at = lanes.choose(A, Purpose::Session, &mut queues).ok().unwrap();
    let capacity = Load {
        datagrams: 4,
        bytes: 4 * LEN,
    };
    queues.0[at] = 1;
    lanes.fill(Instant::ZERO, (at, A, Purpose::Session), LEN, capacity);
    assert!(lanes.choose(B, Purpose::Session, &mut queues).is_err());
    lanes.retain_peer(B, &mut queues);
    assert_eq!(queues.0[at], 0);
    assert!(lanes.choose(B, Purpose::Session, &mut queues).is_ok());
}
