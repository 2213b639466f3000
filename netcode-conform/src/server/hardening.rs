//! Rules beyond the standard, each of which closes an attack that the standard leaves open.

use std::time::{Duration, Instant};

use super::player::Player;
use super::trial::{Trial, check, date, payload};
use crate::check::{Check, Checked, Finding, missing, unobservable, wrong};
use crate::wire::{Challenge, Token, kind};

const CHALLENGES: &str = "Hardening: challenges";
const TOKENS: &str = "Hardening: use of tokens";
const HALF_OPEN: &str = "Hardening: half-open connections";
const RESTART: &str = "Hardening: restarts";
const FLOODS: &str = "Hardening: floods";

/// Longest time that a handshake or an unconfirmed slot may be held without a sign of life.
const HANDSHAKE: Duration = Duration::from_secs(12);

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "hardening.challenge-own-token",
        CHALLENGES,
        "a challenge answers for the token it was made for, and for no other of its client id",
        |it| {
            // An attacker has two tokens of its id. It takes a challenge at its own address, and sends
            // request and response with the second token from a forged one, whose owner would get
            // everything the server sends.
            let mut attacker = it.player("attacker")?;
            let own = attacker.challenge()?;
            let token = Token {
                client_id: attacker.token.client_id,
                ..it.token()
            };
            let victim = it.player_with("victim's address", token)?;
            lends(it, victim, &own)
        },
    )
    .hardening()
    .slots(2),
    check(
        "hardening.challenge-own-id",
        CHALLENGES,
        "a challenge answers for no other client id",
        |it| {
            let mut attacker = it.player("attacker")?;
            let own = attacker.challenge()?;
            let victim = it.player("victim's address")?;
            lends(it, victim, &own)
        },
    )
    .hardening()
    .slots(2),
    check(
        "hardening.challenge-user-data",
        CHALLENGES,
        "a challenge of an earlier token brings no old user data into a new session",
        |it| {
            let mut attacker = it.player("attacker")?;
            let old = attacker.challenge()?;
            let token = Token {
                client_id: attacker.token.client_id,
                ..it.token()
            };
            attacker.begin_again(token, it.key());
            attacker.challenge()?;
            refuses_challenge(it, &mut attacker, &old)
        },
    )
    .hardening(),
    check(
        "hardening.challenge-expires",
        CHALLENGES,
        "a challenge is of no use long after its request",
        |it| {
            let token = Token {
                timeout: -1,
                ..it.lasting_token()
            };
            let mut player = it.player_with("client", token)?;
            let challenge = player.challenge()?;
            player.listen(HANDSHAKE);
            refuses_challenge(it, &mut player, &challenge)
        },
    )
    .hardening()
    .seconds(14),
    check(
        "hardening.token-used-once",
        TOKENS,
        "a token that opened a session opens no other, from its own address either",
        |it| {
            let mut player = it.connected("client")?;
            player.leave();
            player.listen(it.quiet());
            let request = player.request.clone();
            player.send("the same request after the session", &request);
            player.send("the same request after the session", &request);
            it.control()?;
            player.hears_nothing(it.quiet())
        },
    )
    .hardening(),
    check(
        "hardening.recorded-session",
        TOKENS,
        "a recorded session cannot be played again",
        |it| {
            it.needs_echo()?;
            let mut player = it.player("client")?;
            let challenge = player.challenge()?;
            let response = player.seal(kind::RESPONSE, &challenge.body());
            player.send("response", &response);
            player.connected = true;
            player.is_still_connected()?;
            // Played again, the payload comes back with an earlier sequence: with the same one, it would
            // be the same datagram, and taken for one that the network has doubled.
            for n in 0..4 {
                player.echo(&payload("before it", 40 + n))?;
            }
            let body = payload("recorded", 40);
            let recorded = player.seal(kind::PAYLOAD, &body);
            player.send("payload", &recorded);
            player.echo(&payload("after it", 40))?;
            player.leave();
            player.listen(it.quiet() + Duration::from_millis(100));
            let request = player.request.clone();
            for (text, datagram) in [
                ("recorded request", &request),
                ("recorded response", &response),
                ("recorded payload", &recorded),
            ] {
                player.send(text, datagram);
                let came = player.listen(it.quiet() + Duration::from_millis(50));
                if came
                    .iter()
                    .any(|it| it.kind == kind::PAYLOAD && it.body == body)
                {
                    return wrong("the payload of a recorded session was delivered again");
                }
            }
            Ok(())
        },
    )
    .hardening(),
    check(
        "hardening.second-token-of-an-address",
        HALF_OPEN,
        "a second token from a client's address does not replace the keys of its handshake",
        |it| {
            let mut victim = it.player("client")?;
            let challenge = victim.challenge()?;
            let token = it.token();
            let forged = token.request(it.key());
            victim.send("attacker's request from the client's address", &forged);
            victim.send("attacker's request from the client's address", &forged);
            it.control()?;
            victim.listen(it.quiet());
            match victim.respond(&challenge) {
                Err(Finding::Missing(_)) => {
                    missing("the client's response was dropped after another token's request")
                }
                other => other,
            }
        },
    )
    .hardening(),
    check(
        "hardening.unconfirmed-slot",
        HALF_OPEN,
        "a slot whose client never speaks is given up, though its token sets no timeout",
        |it| {
            let token = it.token_with_timeout(-1);
            let mut player = it.player_with("silent client", token)?;
            player.keeps_alive = false;
            player.connect()?;
            player.listen(HANDSHAKE);
            player.session_has_ended(Duration::from_millis(600))
        },
    )
    .hardening()
    .seconds(14),
    check(
        "hardening.half-open-flood",
        HALF_OPEN,
        "one host with many tokens leaves room for the handshakes of others",
        |it| {
            needs_hosts(it)?;
            let host = it.host();
            let mut crowd = Vec::new();
            let count = it
                .shared
                .known
                .max_clients
                .saturating_mul(4)
                .clamp(300, 1200);
            for _ in 0..count {
                let mut token = it.token();
                token.timeout = 2;
                let request = token.request(it.key());
                let mut player = it.player_at(host, "host with many tokens", token)?;
                player.send("connection request", &request);
                crowd.push(player);
                if crowd.len() % 16 == 0 {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            it.player("client of another host")?.connect()
        },
    )
    .hardening()
    .alone()
    .seconds(2),
    check(
        "hardening.forged-flood",
        FLOODS,
        "a flood of forged requests does not keep a client out",
        |it| {
            needs_hosts(it)?;
            let host = it.host();
            let token = it.token();
            let mut request = token.request(it.key());
            let mut attacker = it.player_at(host, "attacker", token)?;
            let mut client = it.player("client")?;
            let end = Instant::now() + Duration::from_secs(2);
            let mut sent: u32 = 0;
            while Instant::now() < end {
                for _ in 0..40 {
                    sent += 1;
                    for (to, from) in request.iter_mut().skip(100).zip(sent.to_le_bytes()) {
                        *to = from;
                    }
                    attacker.send_unlogged(&request);
                }
                std::thread::sleep(Duration::from_millis(1));
                if sent == 4000 {
                    break;
                }
            }
            it.log.remark(format!("{sent} forged requests"));
            client.connect()
        },
    )
    .hardening()
    .alone()
    .seconds(2),
    check(
        "hardening.restart-refuses-used-tokens",
        RESTART,
        "after a restart, no token that was used before opens a session",
        |it| {
            let token = it.lasting_token();
            let mut player = it.player_with("client", token)?;
            player.connect()?;
            player.leave();
            // What is under way belongs to the session.
            player.listen(it.quiet() + Duration::from_millis(100));
            restart(it)?;
            it.answers_again()?;
            let request = player.request.clone();
            player.send("request of before the restart", &request);
            player.send("request of before the restart", &request);
            it.control()?;
            player.hears_nothing(it.quiet())
        },
    )
    .hardening()
    .alone()
    .seconds(3),
    check(
        "hardening.restart-shares-no-nonce",
        RESTART,
        "two runs of a server share no nonce under a token's keys",
        |it| {
            // Both runs begin alike, however many challenges there were before.
            restart(it)?;
            it.answers_again()?;
            let token = it.lasting_token();
            let mut player = it.player_with("client", token)?;
            for _ in 0..4 {
                player.challenge()?;
            }
            restart(it)?;
            it.answers_again()?;
            let request = player.request.clone();
            for _ in 0..6 {
                player.send("request of before the restart", &request);
                player.listen(it.quiet());
            }
            match player.oddities.nonce_reused {
                Some(sequence) => wrong(format!(
                    "sequence {sequence} sealed a challenge before and one after"
                )),
                None => Ok(()),
            }
        },
    )
    .hardening()
    .alone()
    .seconds(3),
];

/// Passes if a victim's address gets nothing but its own challenge, when an attacker sends from
/// there a response with a challenge of its own.
fn lends(it: &mut Trial, mut victim: Player, own: &Challenge) -> Checked {
    victim.challenge()?;
    refuses_challenge(it, &mut victim, own)
}

/// Passes if a response with this challenge has no answer.
fn refuses_challenge(it: &mut Trial, player: &mut Player, challenge: &Challenge) -> Checked {
    player.listen(it.quiet());
    for _ in 0..2 {
        let response = player.seal(kind::RESPONSE, &challenge.body());
        player.send("response with the other challenge", &response);
    }
    it.control()?;
    let heard = player.hears_nothing(it.quiet());
    if heard.is_err() {
        // It has a slot now, which its end gives back.
        player.connected = true;
    }
    heard
}

fn needs_hosts(it: &Trial) -> Checked {
    if it.shared.known.many_hosts {
        return Ok(());
    }
    unobservable("the tool has one address: run it on the server's machine, over 127.0.0.1")
}

/// Starts the server again.
fn restart(it: &mut Trial) -> Checked {
    let lifetime = it.shared.token_lifetime();
    it.log.remark(format!(
        "the server is started again at {}; tokens live {lifetime:?}",
        date()
    ));
    match it.shared.restart() {
        Ok(true) => Ok(()),
        Ok(false) => unobservable("the tool cannot start the server: --start gives the command"),
        Err(error) => unobservable(format!("the server could not be started again: {error}")),
    }
}
