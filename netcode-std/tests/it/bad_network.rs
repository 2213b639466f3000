//! The simulator: determinism, latency, jitter, loss, duplicates.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::pair::{client_turn, config, connect, turn, until, v4};
use netcode_std::core::ClientIndex;
use netcode_std::{
    Client, Conditions, Link, RECEIVE_BUFFER_BYTES, Server, Simulator, SimulatorStats,
    SocketOptions, UdpLink,
};

/// A link that brings back what it is given, at once.
#[derive(Default)]
struct Mirror(VecDeque<(SocketAddr, Vec<u8>)>);

impl Link for Mirror {
    fn turn(&mut self, _now: Instant) {}

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        Ok(self.0.pop_front().map(|(peer, bytes)| {
            buffer[..bytes.len()].copy_from_slice(&bytes);
            (bytes.len(), peer)
        }))
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.0.push_back((to, datagram.to_vec()));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn wait(&mut self, _timeout: Duration) -> io::Result<()> {
        Ok(())
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        vec![v4()]
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Sends 1,000 numbered datagrams, one each millisecond; gives which came back after how many
/// milliseconds of virtual time.
fn send_numbers(conditions: Conditions) -> (Vec<(u32, u32)>, SimulatorStats) {
    let mut link = Simulator::new(Mirror::default(), conditions);
    let begin = Instant::now();
    let mut arrivals = Vec::new();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    for time in 0..2000_u32 {
        link.turn(begin + time * MILLISECOND);
        if time < 1000 {
            link.send(v4(), &time.to_le_bytes()).unwrap();
        }
        while let Some((4, _)) = link.receive(&mut buffer).unwrap() {
            arrivals.push((u32::from_le_bytes(buffer[..4].try_into().unwrap()), time));
        }
    }
    assert_eq!(link.under_way(), 0);
    (arrivals, link.stats())
}

fn terrible(seed: u64) -> Conditions {
    Conditions {
        latency: 20 * MILLISECOND,
        jitter: 10 * MILLISECOND,
        loss: 0.2,
        duplicates: 0.1,
        seed,
    }
}

#[test]
fn the_seed_alone_decides_what_happens() {
    assert_eq!(send_numbers(terrible(1)), send_numbers(terrible(1)));
    assert_ne!(send_numbers(terrible(1)).0, send_numbers(terrible(2)).0);
}

/// A link whose two directions have nothing to do with each other.
#[derive(Default)]
struct Ends {
    arrives: VecDeque<Vec<u8>>,
    left: Vec<u32>,
}

impl Link for Ends {
    fn turn(&mut self, _now: Instant) {}

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        Ok(self.arrives.pop_front().map(|bytes| {
            buffer[..bytes.len()].copy_from_slice(&bytes);
            (bytes.len(), v4())
        }))
    }

    fn send(&mut self, _to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.left
            .push(u32::from_le_bytes(datagram.try_into().unwrap()));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn wait(&mut self, _timeout: Duration) -> io::Result<()> {
        Ok(())
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        vec![v4()]
    }
}

#[test]
fn the_two_directions_are_independent() {
    let left = |arriving: usize| {
        let ends = Ends {
            arrives: vec![vec![0; 4]; arriving].into(),
            left: vec![],
        };
        let mut link = Simulator::new(ends, terrible(1));
        let begin = Instant::now();
        for time in 0..1000_u32 {
            link.turn(begin + time * MILLISECOND);
            link.send(v4(), &time.to_le_bytes()).unwrap();
        }
        link.link().left.clone()
    };
    assert_eq!(left(0), left(500));
}

#[test]
fn an_event_loop_learns_when_the_next_datagram_under_way_arrives() {
    let latency = 20 * MILLISECOND;
    let conditions = Conditions {
        latency,
        ..Conditions::default()
    };
    let mut link = Simulator::new(Mirror::default(), conditions);
    let begin = Instant::now();
    link.turn(begin);
    assert_eq!(link.next_arrival(), None);
    link.send(v4(), &[0]).unwrap();
    assert_eq!(link.next_arrival(), Some(begin + latency));
    // It leaves then, and comes back.
    link.turn(begin + latency);
    link.receive(&mut [0; 1]).unwrap();
    assert_eq!(link.next_arrival(), Some(begin + 2 * latency));
    let mut server = Server::with_link(link, config(1)).unwrap();
    assert_eq!(server.next_deadline(), Some(begin + 2 * latency));
    server.update(begin + 2 * latency).unwrap();
    assert_eq!(server.next_deadline(), None);
}

#[test]
fn no_delay_is_too_long_to_be_added_to_the_time() {
    let conditions = Conditions {
        latency: Duration::MAX,
        jitter: Duration::MAX,
        ..Conditions::default()
    };
    let mut link = Simulator::new(Mirror::default(), conditions);
    link.turn(Instant::now());
    link.send(v4(), &[0]).unwrap();
    assert_eq!(link.under_way(), 1);
}

#[test]
fn a_perfect_network_changes_nothing() {
    let (arrivals, stats) = send_numbers(Conditions::default());
    let numbers: Vec<u32> = arrivals.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    assert_eq!((stats.entered, stats.lost, stats.duplicated), (2000, 0, 0));
}

#[test]
fn datagrams_are_lost_doubled_delayed_and_reordered_as_asked() {
    let (arrivals, stats) = send_numbers(terrible(1));
    // Each passes twice: on its way out, and what is left of it on its way back.
    let expected = 1000 - stats.lost + stats.duplicated;
    assert_eq!(arrivals.len() as u64, expected);
    assert!((0.15..0.25).contains(&(stats.lost as f64 / stats.entered as f64)));
    assert!((0.05..0.15).contains(&(stats.duplicated as f64 / stats.entered as f64)));
    assert!(
        arrivals
            .iter()
            .all(|(number, time)| (40..=62).contains(&(time - number)))
    );
    assert!(arrivals.windows(2).any(|pair| pair[0].0 > pair[1].0));
    let mut numbers: Vec<u32> = arrivals.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.len() < arrivals.len(), "some came twice");
    assert!(
        (550..750).contains(&numbers.len()),
        "0.8 squared, of 1000: {}",
        numbers.len()
    );
}

#[test]
fn shares_outside_zero_to_one_count_as_the_nearer_end() {
    let all = Conditions {
        loss: 7.0,
        ..Conditions::default()
    };
    assert_eq!(send_numbers(all).0, []);
    let none = Conditions {
        loss: f64::NAN,
        duplicates: -1.0,
        ..Conditions::default()
    };
    assert_eq!(send_numbers(none).0.len(), 1000);
}

#[test]
fn a_session_over_real_sockets_lives_behind_it() {
    let link = UdpLink::bind(&[v4()], &SocketOptions::default()).unwrap();
    let conditions = Conditions {
        latency: 2 * MILLISECOND,
        ..terrible(3)
    };
    let mut server = Server::with_link(Simulator::new(link, conditions), config(4)).unwrap();
    let mut client = Client::bind(&[v4()]).unwrap();
    connect(&mut server, &mut client, 1);
    let mut echoed = 0;
    until("a hundred payloads", || {
        client.send(&[7; 1200]).unwrap();
        for (index, payload) in turn(&mut server).payloads {
            assert_eq!((index, &payload[..]), (ClientIndex(0), &[7; 1200][..]));
            server.send(index, &payload).unwrap();
        }
        echoed += client_turn(&mut client).len();
        client.wait(MILLISECOND).unwrap();
        echoed >= 100
    });
    assert!(server.link().stats().lost > 0);
}
