//! Devices that receive tokens from untrusted sources: replay of a recorded token and its session.
//! Each rule removed from the code makes its test fail.

use std::net::SocketAddr;
use std::time::Duration;

use crate::network::{EPOCH, PROTOCOL, Ticket, World};
use netcode_core::client::{Client, ClientState, ConnectError, Event, Received};
use netcode_core::sealed::{
    DeviceId, DeviceNonce, DeviceSecret, OpenError, SEALED_TOKEN_BYTES, SealContext, SealerSecret,
    open_token, seal_token,
};
use netcode_core::token::ConnectToken;
use netcode_core::{ClientIndex, Instant, UnixTime};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Recorded session of a device: the token, and every datagram of the server.
fn recorded(ticket: &Ticket) -> (ConnectToken, Vec<(SocketAddr, Vec<u8>)>) {
    let mut world = World::new(4);
    let n = world.connect(ticket);
    world.server_sends(ClientIndex(0), b"open the valve");
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.clients[n].payloads, [b"open the valve"]);
    let device = world.clients[n].address;
    let down = world.tape.into_iter().filter(|(_, to, _)| *to == device);
    let down = down.map(|(from, _, datagram)| (from, datagram)).collect();
    (ticket.mint(), down)
}

/// Replays a recording to a client that has started to connect; returns the payloads it received.
fn played(client: &mut Client, recording: &[(SocketAddr, Vec<u8>)]) -> Vec<Vec<u8>> {
    let mut now = Instant::ZERO;
    let mut out = [0; 1300];
    let mut payloads = vec![];
    for (from, datagram) in recording {
        now = now.saturating_add(Duration::from_millis(10));
        while client.poll_transmit(now, &mut out).is_some() {}
        let mut datagram = datagram.clone();
        let received = client.handle_datagram(now, *from, &mut datagram);
        if let Ok(Received::Event(Event::Payload { payload, .. })) = received {
            payloads.push(datagram[payload].to_vec());
        }
    }
    payloads
}

#[test]
fn the_attack_works_on_a_device_without_the_memory_that_the_table_requires() {
    let (token, recording) = recorded(&Ticket::new(1));
    let mut rebooted = Client::new();
    rebooted.connect(Instant::ZERO, &token).unwrap();
    assert_eq!(played(&mut rebooted, &recording), [b"open the valve"]);
}

#[test]
fn a_token_that_was_sealed_for_an_earlier_request_does_not_open_after_a_reboot() {
    let mut rng = StdRng::seed_from_u64(1);
    let (device, sealer) = (
        DeviceSecret::generate(&mut rng),
        SealerSecret::generate(&mut rng),
    );
    let asked = |rng: &mut StdRng| SealContext {
        protocol_id: PROTOCOL,
        device_id: DeviceId(7),
        nonce: DeviceNonce::generate(rng),
    };
    let before = asked(&mut rng);
    let mut message = [0; SEALED_TOKEN_BYTES];
    let token = Ticket::new(1).mint();
    let public = device.public();
    seal_token(&before, &sealer, &public, &token, &mut rng, &mut message).unwrap();
    let mut recorded = message;
    open_token(&before, &device, &sealer.public(), &mut message).unwrap();

    let after_reboot = asked(&mut rng);
    let refused = open_token(&after_reboot, &device, &sealer.public(), &mut recorded);
    assert_eq!(refused, Err(OpenError::Unauthentic));
}

#[test]
fn a_device_that_remembers_its_newest_token_takes_none_twice_across_a_power_cut() {
    let ticket = Ticket::new(1);
    let (token, _) = recorded(&ticket);
    let mut device = Client::new();
    device.accept_only_newer_than(UnixTime::from_secs(0));
    device.connect(Instant::ZERO, &token).unwrap();
    // Stored before a packet is sent.
    let stored = device.newest_token().unwrap();
    assert_eq!(stored.as_secs(), ticket.created);

    let mut rebooted = Client::new();
    rebooted.accept_only_newer_than(stored);
    let older = Ticket {
        created: ticket.created - 1,
        ..Ticket::new(2)
    };
    for token in [token, older.mint()] {
        let refused = rebooted.connect(Instant::ZERO, &token);
        assert_eq!(refused, Err(ConnectError::NotNewer));
        assert_eq!(rebooted.state(), ClientState::Disconnected);
    }
    let newer = Ticket {
        created: ticket.created + 1,
        ..Ticket::new(2)
    };
    rebooted.connect(Instant::ZERO, &newer.mint()).unwrap();
    assert_eq!(rebooted.newest_token().unwrap().as_secs(), newer.created);
}

#[test]
fn a_device_that_remembers_its_newest_token_may_repeat_an_attempt_that_failed() {
    let token = Ticket::new(1).mint();
    let mut device = Client::new();
    device.accept_only_newer_than(UnixTime::from_secs(0));
    device.connect(Instant::ZERO, &token).unwrap();
    device.skip_server(Instant::ZERO);
    assert_eq!(device.state(), ClientState::ConnectionRequestTimedOut);
    device.connect(Instant::ZERO, &token).unwrap();
}

#[test]
fn a_device_with_a_date_refuses_tokens_that_have_expired() {
    let ticket = Ticket::new(1);
    let token = ticket.mint();
    let mut device = Client::new();
    let end = EPOCH.saturating_add_secs(ticket.lifetime);
    device.set_unix_time(Instant::ZERO, end);
    assert_eq!(
        device.connect(Instant::ZERO, &token),
        Err(ConnectError::Expired)
    );
    let mut device = Client::new();
    device.set_unix_time(
        Instant::ZERO,
        EPOCH.saturating_add_secs(ticket.lifetime - 1),
    );
    device.connect(Instant::ZERO, &token).unwrap();
    device.skip_server(Instant::ZERO);
    // The calendar advances between calls.
    let second = Instant::from_millis(1000);
    assert_eq!(device.connect(second, &token), Err(ConnectError::Expired));
}

#[test]
fn without_a_date_a_client_accepts_an_expired_token() {
    let mut client = Client::new();
    let ancient = Ticket {
        created: 1,
        ..Ticket::new(1)
    };
    client.connect(Instant::ZERO, &ancient.mint()).unwrap();
    assert_eq!(client.newest_token(), None);
}

#[test]
fn a_client_remembers_the_latest_eight_tokens_that_opened_a_session() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(100));
    let tickets: Vec<Ticket> = (0..8).map(Ticket::new).collect();
    for ticket in &tickets {
        world.clients[n].client.disconnect(world.now);
        world.run_for(Duration::from_secs(1));
        let token = ticket.mint();
        world.clients[n].client.connect(world.now, &token).unwrap();
        world.run_until(|world| world.state(n) == ClientState::Connected);
    }
    world.clients[n].client.disconnect(world.now);
    for ticket in &tickets {
        let refused = world.clients[n].client.connect(world.now, &ticket.mint());
        assert_eq!(refused, Err(ConnectError::Spent));
    }
    // The ninth latest is not kept, as documented.
    let oldest = Ticket::new(100).mint();
    assert_eq!(world.clients[n].client.connect(world.now, &oldest), Ok(()));
}
