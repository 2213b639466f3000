//! Neighbours that do not answer: an unreachable host delays no other session.

use std::net::{Ipv4Addr, SocketAddr};

use embassy_futures::join::{join, join_array};
use embassy_futures::select::{Either3, select_array, select3};
use embassy_time::{Duration, Instant, Timer};
use netcode_smoltcp::BUFFER_BYTES;
use netcode_smoltcp::core::ClientIndex;
use netcode_smoltcp::core::client::{ClientState, Event};
use netcode_smoltcp::embassy::embassy_net::Runner;
use netcode_smoltcp::embassy::{Client, Server};
use netcode_smoltcp::smoltcp::wire::EthernetAddress;

use crate::executor;
use crate::frames;
use crate::rig::{Family, SLOTS, SOCKETS, client_on, device, server_on, token, token_for};
use crate::wire::{SharedWire, wire};

/// An unused address on the servers' own network.
const DEAD: &str = "10.0.0.200:40000";
/// An address without a route.
const FAR: &str = "192.0.2.1:40000";

/// As many neighbours as smoltcp remembers, unless it is told otherwise.
const NEIGHBOURS: usize = 8;

/// The hardware address of the server: the first on the wire.
const SERVER: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 0]);

/// A server, a client for each of its slots, and the wire between them. The server's card is the
/// wire's first.
struct World {
    wire: SharedWire,
    address: SocketAddr,
    server: Server<'static, SOCKETS>,
    clients: [Client<'static>; SLOTS],
}

fn with_world<F: Future<Output = ()>>(script: impl FnOnce(World) -> F) {
    let _clock = executor::clock();
    let wire = wire();
    let address = Family::V4.server();
    let (stack, mut server_runner) = device(&wire, Family::V4, 1);
    let server = server_on(stack, address);
    let devices = std::array::from_fn::<_, SLOTS, _>(|at| {
        device(&wire, Family::V4, u8::try_from(at + 2).unwrap())
    });
    let clients = std::array::from_fn(|at| client_on(devices[at].0));
    let mut runners = devices.map(|(_, runner)| runner);
    let world = World {
        wire,
        address,
        server,
        clients,
    };
    let runners = runners.each_mut().map(Runner::run);
    let network = join(server_runner.run(), join_array(runners));
    executor::run(network, script(world));
}

impl World {
    /// Runs all nodes for a while; returns the payloads that each client received.
    async fn pass(&mut self, millis: u64) -> [usize; SLOTS] {
        let mut received = [0; SLOTS];
        let mut ours = [[0; BUFFER_BYTES]; SLOTS];
        let mut theirs = [0; BUFFER_BYTES];
        let end = Instant::now() + Duration::from_millis(millis);
        loop {
            let mut buffers = ours.iter_mut();
            let clients = self
                .clients
                .each_mut()
                .map(|client| client.next_event(buffers.next().unwrap()));
            let turn = select3(
                select_array(clients),
                self.server.next_event(&mut theirs),
                Timer::at(end),
            );
            match turn.await {
                Either3::First((Event::Payload { .. }, at)) => received[at] += 1,
                Either3::First(_) | Either3::Second(_) => {}
                Either3::Third(()) => return received,
            }
        }
    }

    async fn connect(&mut self) {
        for (seed, client) in (1..).zip(&mut self.clients) {
            client.connect(&token(self.address, seed)).unwrap();
        }
        self.pass(1000).await;
        assert!(self.clients.iter().all(Client::is_connected));
    }

    /// The server sends every client a payload each 20 ms, 200 times; returns the payloads received.
    async fn serve(&mut self) -> [usize; SLOTS] {
        let mut received = [0; SLOTS];
        for round in 0..200_u32 {
            for slot in 0..SLOTS {
                let slot = ClientIndex(u32::try_from(slot).unwrap());
                let _ = self.server.send(slot, &round.to_le_bytes());
            }
            let now = self.pass(20).await;
            for (sum, now) in received.iter_mut().zip(now) {
                *sum += now;
            }
        }
        received
    }

    /// Fills the server's table of neighbours with others, so that it forgets those it has not
    /// heard of for longest.
    fn crowd(&mut self, others: usize) {
        for host in 0..others {
            let host = Ipv4Addr::new(10, 0, 1, u8::try_from(host).unwrap());
            let frame = frames::arp_request(host, *frames::v4(self.address).ip());
            self.wire.borrow_mut().inject(&frame);
        }
    }
}

async fn a_client_goes_on_after(mut world: World, server: &str) {
    let servers = [server.parse().unwrap(), world.address];
    world.clients[0].connect(&token_for(&servers, 1)).unwrap();
    world.pass(5000).await;
    assert_eq!(world.clients[0].state(), ClientState::Connected);
}

#[test]
fn a_client_goes_on_to_the_next_server_when_the_first_does_not_answer_for_its_address() {
    with_world(|world| a_client_goes_on_after(world, DEAD));
}

#[test]
fn a_client_goes_on_to_the_next_server_when_there_is_no_route_to_the_first() {
    with_world(|world| a_client_goes_on_after(world, FAR));
}

#[test]
fn a_new_token_for_another_server_works_while_datagrams_wait_for_a_dead_one() {
    with_world(async |mut world| {
        let dead = [DEAD.parse().unwrap()];
        world.clients[0].connect(&token_for(&dead, 1)).unwrap();
        world.pass(500).await;
        let token = token(world.address, 2);
        world.clients[0].disconnect();
        world.clients[0].connect(&token).unwrap();
        world.pass(1500).await;
        assert_eq!(world.clients[0].state(), ClientState::Connected);
    });
}

#[test]
fn a_forged_source_on_the_servers_network_delays_no_other_client() {
    with_world(async |mut world| {
        world.connect().await;
        let source = frames::v4("10.0.0.200:50000".parse().unwrap());
        let to = (SERVER, frames::v4(world.address));
        let request = frames::request(&token(world.address, 90));
        world
            .wire
            .borrow_mut()
            .inject(&frames::datagram(source, to, &request));
        world.pass(5).await;
        assert_eq!(world.serve().await, [200; SLOTS]);
    });
}

#[test]
fn clients_that_lose_their_power_and_are_forgotten_cost_the_last_one_nothing() {
    with_world(async |mut world| {
        world.connect().await;
        for port in 1..SLOTS {
            world.wire.borrow_mut().kill(port);
        }
        world.pass(100).await;
        world.crowd(NEIGHBOURS - 1);
        let received = world.serve().await;
        assert_eq!(received[SLOTS - 1], 200);
        assert!(world.clients[SLOTS - 1].is_connected());
    });
}
