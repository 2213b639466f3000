//! Events of loopback clients, which connect and leave by commands alone.

use crate::crafted::{NOW, start};
use netcode_core::server::{DisconnectReason, Event, Server};
use netcode_core::{ClientId, ClientIndex, UserData};

fn connect(server: &mut Server<'_>, id: u64) -> ClientIndex {
    server
        .connect_loopback(NOW, ClientId(id), &UserData::ZERO)
        .unwrap()
}

/// Next event: its kind and its client id.
fn next(server: &mut Server<'_>) -> Option<(&'static str, u64)> {
    match server.poll_event()? {
        Event::Connected { client_id, .. } => Some(("connected", client_id.0)),
        Event::Disconnected {
            client_id,
            reason: DisconnectReason::ByServer,
            ..
        } => Some(("disconnected", client_id.0)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_that_leaves_before_its_first_event_is_taken_is_reported_once_and_in_order() {
    let mut server = start();
    let [first, second] = [1, 2].map(|id| connect(&mut server, id));
    assert!(server.disconnect(NOW, first));
    assert!(server.disconnect(NOW, second));
    for expected in [
        ("connected", 1),
        ("disconnected", 1),
        ("connected", 2),
        ("disconnected", 2),
    ] {
        assert_eq!(next(&mut server), Some(expected));
    }
    // A client that connects between two events is reported next.
    connect(&mut server, 3);
    assert_eq!(next(&mut server), Some(("connected", 3)));
    assert_eq!(next(&mut server), None);
}

#[test]
fn one_client_that_comes_and_goes_leaves_nothing_in_the_queue() {
    let mut server = start();
    let alone = connect(&mut server, 1);
    assert!(server.disconnect(NOW, alone));
    assert_eq!(next(&mut server), Some(("connected", 1)));
    assert_eq!(next(&mut server), Some(("disconnected", 1)));
    connect(&mut server, 2);
    assert_eq!(next(&mut server), Some(("connected", 2)));
    assert_eq!(next(&mut server), None);
}
