use super::*;

const PASSWORD: &str = "the browser's password";

fn creds(ufrag: &str, pass: &str) -> IceCreds {
    IceCreds {
        ufrag: ufrag.to_owned(),
        pass: pass.to_owned(),
    }
}

fn paths() -> Paths {
    let crypto = Arc::new(str0m::crypto::from_feature_flags());
    Paths::new(
        crypto,
        &creds("bridge", "ours"),
        &creds("browser", PASSWORD),
    )
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn bytes_of(paths: &Paths, message: StunMessage<'_>, password: &str) -> Vec<u8> {
    let hmac = paths.crypto.sha1_hmac_provider;
    let mut bytes = vec![0; MAX_CHECK_BYTES];
    let len = message
        .to_bytes(Some(password.as_bytes()), &mut bytes, |key, parts| {
            hmac.sha1_hmac(key, parts)
        })
        .unwrap();
    bytes.truncate(len);
    bytes
}

/// A check as browsers send it, and the library's reply.
fn check_and_reply(paths: &Paths, from: SocketAddr) -> (Vec<u8>, Vec<u8>) {
    let number = TransId::new();
    let check = StunMessage::binding_request("bridge:browser", number, true, 1, 2, true);
    let reply = StunMessage::binding_reply(number, from);
    (
        bytes_of(paths, check, "ours"),
        bytes_of(paths, reply, "ours"),
    )
}

/// Datagram sent after a check from `from`.
fn checked(paths: &mut Paths, from: SocketAddr) -> Option<Outgoing> {
    let (check, reply) = check_and_reply(paths, from);
    assert_eq!(paths.handle_datagram(from, &check), Incoming::ForPeer);
    paths.send(from, reply)
}

/// Answer to the bridge's check, under `password`.
fn answer(paths: &Paths, check: &[u8], password: &str) -> Vec<u8> {
    let number = StunMessage::parse(check).unwrap().trans_id();
    let reply = StunMessage::binding_reply(number, address(9));
    bytes_of(paths, reply, password)
}

/// The address answers its check.
fn answered(paths: &mut Paths, from: SocketAddr) {
    let (to, check) = checked(paths, from).unwrap();
    assert_eq!(to, from);
    let answer = answer(paths, &check, PASSWORD);
    assert_eq!(paths.handle_datagram(from, &answer), Incoming::Answer);
}

#[test]
fn an_address_gets_no_more_than_came_from_it_until_it_has_answered() {
    let mut paths = paths();
    let (mut came, mut went) = (0, 0);
    for _ in 0..50 {
        let (check, reply) = check_and_reply(&paths, address(1));
        came += check.len();
        paths.handle_datagram(address(1), &check);
        went += paths.send(address(1), reply).map_or(0, |(_, it)| it.len());
        // A handshake of DTLS, and the stream.
        assert_eq!(paths.send(address(1), vec![22; 1000]), None);
        assert!(went <= came, "{went} of {came}");
        assert_eq!(paths.next(), None);
    }
    assert!(went > 0);
}

#[test]
fn a_check_is_sent_once_as_many_bytes_have_come() {
    let mut paths = paths();
    let (_, reply) = check_and_reply(&paths, address(1));
    let (mut came, mut went) = (0, 0);
    for _ in 0..100 {
        paths.handle_datagram(address(1), &[0; 30]);
        came += 30;
        let check = paths.send(address(1), reply.clone());
        went += check.map_or(0, |(_, it)| it.len());
        assert!(went <= came, "{went} of {came}");
    }
    assert!(went > 0);
}

#[test]
fn queued_datagrams_are_sent_once_the_address_has_answered() {
    let mut paths = paths();
    let (_, check) = checked(&mut paths, address(1)).unwrap();
    assert_eq!(paths.send(address(1), vec![22; 9]), None);
    let answer = answer(&paths, &check, PASSWORD);
    assert_eq!(paths.handle_datagram(address(1), &answer), Incoming::Answer);
    assert_eq!(paths.current(), Some(address(1)));
    assert!(is_stun(&paths.next().unwrap().1));
    assert_eq!(paths.next(), Some((address(1), vec![22; 9])));
    assert_eq!(paths.next(), None);
    assert_eq!(
        paths.send(address(1), vec![22; 8]),
        Some((address(1), vec![22; 8]))
    );
}

#[test]
fn the_stream_moves_only_to_an_address_that_has_answered() {
    let mut paths = paths();
    answered(&mut paths, address(1));
    // A peer names another address.
    checked(&mut paths, address(2)).unwrap();
    assert_eq!(
        paths.send(address(2), vec![22; 9]),
        Some((address(1), vec![22; 9]))
    );
    // The browser itself has moved there.
    answered(&mut paths, address(2));
    assert_eq!(
        paths.send(address(2), vec![22; 9]),
        Some((address(2), vec![22; 9]))
    );
    assert_eq!(paths.current(), Some(address(2)));
}

#[test]
fn only_the_right_answer_from_the_right_address_counts() {
    let mut paths = paths();
    let (_, check) = checked(&mut paths, address(1)).unwrap();
    let (_, other) = checked(&mut paths, address(2)).unwrap();
    let wrong = answer(&paths, &check, "another password");
    assert_eq!(paths.handle_datagram(address(1), &wrong), Incoming::ForPeer);
    let elsewhere = answer(&paths, &other, PASSWORD);
    assert_eq!(
        paths.handle_datagram(address(1), &elsewhere),
        Incoming::ForPeer
    );
    let guessed = StunMessage::binding_reply(TransId::new(), address(1));
    let guessed = bytes_of(&paths, guessed, PASSWORD);
    assert_eq!(
        paths.handle_datagram(address(1), &guessed),
        Incoming::ForPeer
    );
    assert_eq!(paths.current(), None);
    let right = answer(&paths, &check, PASSWORD);
    assert_eq!(paths.handle_datagram(address(1), &right), Incoming::Answer);
}

#[test]
fn datagrams_from_an_address_over_the_limit_are_dropped() {
    let mut paths = paths();
    for port in 1..=u16::try_from(MAX_PEER_ADDRESSES).unwrap() {
        checked(&mut paths, address(port)).unwrap();
    }
    let (check, _) = check_and_reply(&paths, address(999));
    assert_eq!(
        paths.handle_datagram(address(999), &check),
        Incoming::TooMany
    );
    assert_eq!(paths.handle_datagram(address(1), &check), Incoming::ForPeer);
}

#[test]
fn a_check_without_the_password_adds_no_path() {
    let mut paths = paths();
    for port in 1..100 {
        // The library does not reply to what it cannot verify.
        let (check, _) = check_and_reply(&paths, address(port));
        assert_eq!(
            paths.handle_datagram(address(port), &check),
            Incoming::ForPeer
        );
    }
    answered(&mut paths, address(200));
}

#[test]
fn the_queue_is_bounded() {
    let mut paths = paths();
    for _ in 0..100 {
        paths.send(address(1), vec![22; 9]);
    }
    assert_eq!(paths.waiting.len(), WAITING);
}
