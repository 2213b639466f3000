//! Use of a connect token more than once, and traffic to addresses that have not proved
//! themselves. (Standard: *Processing Connection Requests*.)

use std::time::Duration;

use super::player::Player;
use super::trial::{Trial, check};
use crate::check::{Check, Checked, missing, wrong};
use crate::wire::{Token, kind};

const SECTION: &str = "Processing Connection Requests";
const RESPONSE: &str = "Processing Connection Response Packets";

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "history.pending-elsewhere",
        SECTION,
        "a token that was presented from one address is dropped from another",
        |it| {
            let mut first = it.player("client")?;
            first.challenge()?;
            it.drops_all(&[(
                "the same request from another address".to_owned(),
                first.request.clone(),
            )])?;
            first.connect()
        },
    ),
    check(
        "history.connected-elsewhere",
        SECTION,
        "the token of a connected client is dropped from another address",
        |it| {
            let mut first = it.connected("client")?;
            it.drops_all(&[(
                "a connected client's request from another address".to_owned(),
                first.request.clone(),
            )])?;
            first.is_still_connected()
        },
    ),
    check(
        "history.used-elsewhere",
        SECTION,
        "a token that was used is dropped from another address",
        |it| {
            let mut first = it.connected("client")?;
            first.leave();
            first.listen(it.quiet());
            it.drops_all(&[(
                "the request of a session that is over, from another address".to_owned(),
                first.request.clone(),
            )])
        },
    ),
    check(
        "history.other-port",
        SECTION,
        "another port is another address",
        |it| {
            let mut first = it.player("client")?;
            first.challenge()?;
            let host = first.address().map(|it| it.ip());
            let Some(host) = host else {
                return missing("no local address");
            };
            let token = first.token.clone();
            let mut second = it.player_at(host, "other port", token)?;
            let request = first.request.clone();
            second.send("the same request from another port", &request);
            it.control()?;
            second.hears_nothing(it.quiet())
        },
    ),
    check(
        "history.two-tokens-of-one-id",
        SECTION,
        "two tokens of one client id lead to one session",
        |it| {
            let mut first = it.player("client")?;
            let first_challenge = first.challenge()?;
            let token = Token {
                client_id: first.token.client_id,
                ..it.token()
            };
            let mut second = it.player_with("same client elsewhere", token)?;
            let second_challenge = second.challenge()?;
            first.respond(&first_challenge)?;
            let response = second.seal(kind::RESPONSE, &second_challenge.body());
            second.send("response of the second", &response);
            second.send("response of the second", &response);
            match second.hears_nothing(it.quiet() * 2) {
                Ok(()) => first.is_still_connected(),
                Err(_) => wrong("two sessions of one client id"),
            }
        },
    )
    .slots(2),
    check(
        "history.response-elsewhere",
        RESPONSE,
        "a response is bound to the address of its request",
        |it| {
            let mut first = it.player("client")?;
            let challenge = first.challenge()?;
            let response = first.seal(kind::RESPONSE, &challenge.body());
            it.drops_all(&[(
                "a client's response from another address".to_owned(),
                response,
            )])?;
            first.sequence += 5;
            first.respond(&challenge)
        },
    ),
    check(
        "amplification.challenge",
        SECTION,
        "a challenge is shorter than its request",
        |it| {
            let mut player = it.player("client")?;
            let request = player.request.clone();
            player.send("connection request", &request);
            player.listen(it.quiet() * 3);
            shorter(&player, request.len())
        },
    ),
    check(
        "amplification.half-open",
        SECTION,
        "a client that does not answer its challenge gets nothing more",
        |it| {
            let mut player = it.player("client")?;
            player.challenge()?;
            player.listen(it.quiet());
            let bytes = player.received_bytes;
            player.listen(Duration::from_millis(1500));
            if player.received_bytes > bytes {
                return wrong(format!(
                    "{} bytes were sent to an address that had not answered its challenge",
                    player.received_bytes - bytes
                ));
            }
            Ok(())
        },
    )
    .seconds(2),
    check(
        "amplification.response",
        RESPONSE,
        "the answer to a response is shorter than it",
        |it| {
            let mut player = it.player("client")?;
            let challenge = player.challenge()?;
            player.listen(it.quiet());
            player.received_bytes = 0;
            let response = player.seal(kind::RESPONSE, &challenge.body());
            player.send("response", &response);
            player.connected = true;
            player.listen(Duration::from_millis(50));
            if player.received_bytes == 0 {
                return missing("no keep-alive after a response");
            }
            shorter(&player, response.len())
        },
    ),
    check(
        "amplification.after-the-end",
        SECTION,
        "a client that left gets nothing more",
        |it| {
            let mut player = it.connected("client")?;
            player.leave();
            player.listen(Duration::from_millis(200));
            player.hears_nothing(Duration::from_millis(800))
        },
    )
    .seconds(1),
];

fn shorter(player: &Player, sent: usize) -> Checked {
    match player.received_bytes {
        0 => missing("no answer"),
        len if len >= sent => wrong(format!("{sent} bytes were answered by {len} bytes")),
        _ => Ok(()),
    }
}
