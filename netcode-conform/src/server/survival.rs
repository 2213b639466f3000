//! Survival: after any datagram, the server still answers. (Standard: *Reading Encrypted Packets*.)
//!
//! These checks run alone, so that a server that stops answering was stopped by the datagrams of
//! the check that says so.

use std::time::Duration;

use rand::{Rng as _, RngExt as _};

use super::player::Player;
use super::trial::{Form, Trial, check, payload};
use crate::check::{Check, Checked, Finding};
use crate::wire::{REQUEST_BYTES, kind};

const READING: &str = "Reading Encrypted Packets";
const REQUEST: &str = "Connection Request Packet";

/// Longest datagram over IPv4.
const LARGEST: usize = 65_507;

pub(super) const CHECKS: &[Check<Trial>] = &[
    check("survival.empty", READING, "an empty datagram", |it| {
        from_anywhere(it, |_| vec![form("an empty datagram", Vec::new())])
    })
    .alone(),
    check(
        "survival.short",
        READING,
        "datagrams of 1 to 40 bytes",
        |it| {
            from_anywhere(it, |_| {
                let lengths = 1..=40;
                lengths
                    .flat_map(|len| {
                        [0x00, 0x11, 0x15, 0xff].map(|byte| {
                            form(&format!("{len} bytes of {byte:#04x}"), vec![byte; len])
                        })
                    })
                    .collect()
            })
        },
    )
    .alone(),
    check(
        "survival.prefixes",
        READING,
        "every prefix byte, before 17 and before 60 bytes",
        |it| {
            from_anywhere(it, |it| {
                let mut forms = Vec::new();
                for prefix in 0..=255 {
                    for len in [17, 60] {
                        let mut datagram = vec![prefix; 1 + len];
                        it.rng.fill_bytes(datagram.get_mut(1..).unwrap_or_default());
                        forms.push(form(
                            &format!("prefix {prefix:#04x} and {len} random bytes"),
                            datagram,
                        ));
                    }
                }
                forms
            })
        },
    )
    .alone(),
    check(
        "survival.sequence-lengths",
        READING,
        "sequences of 0 and of 9 to 15 bytes",
        |it| {
            from_anywhere(it, |it| {
                let mut forms = Vec::new();
                for count in [0_u8, 9, 10, 11, 12, 13, 14, 15] {
                    for kind in 1..=6 {
                        let mut datagram = vec![0; 340];
                        it.rng.fill_bytes(&mut datagram);
                        if let Some(first) = datagram.first_mut() {
                            *first = kind | count << 4;
                        }
                        forms.push(form(
                            &format!("a packet of type {kind} with {count} sequence bytes"),
                            datagram,
                        ));
                    }
                }
                forms
            })
        },
    )
    .alone(),
    check(
        "survival.long",
        READING,
        "datagrams longer than any packet",
        |it| {
            from_anywhere(it, |_| {
                [1225, 1226, 1300, 1500, 2048, 4096, 9000, 16_384, LARGEST]
                    .into_iter()
                    .flat_map(|len| {
                        [0, 0x15].map(|byte| {
                            form(&format!("{len} bytes of {byte:#04x}"), vec![byte; len])
                        })
                    })
                    .collect()
            })
        },
    )
    .alone(),
    check(
        "survival.requests-of-any-length",
        REQUEST,
        "connection requests of every length",
        |it| {
            from_anywhere(it, |it| {
                let token = it.token();
                let request = token.request(it.key());
                (1..=REQUEST_BYTES + 60)
                    .step_by(13)
                    .map(|len| {
                        let mut cut = request.clone();
                        cut.resize(len, 0);
                        form(&format!("a connection request of {len} bytes"), cut)
                    })
                    .collect()
            })
        },
    )
    .alone(),
    check(
        "survival.private-parts",
        REQUEST,
        "authentic private parts of random contents",
        |it| {
            from_anywhere(it, |it| {
                (0..40)
                    .map(|number| {
                        let token = it.token();
                        let mut plain = token.private_plain();
                        it.rng.fill_bytes(&mut plain);
                        if number % 2 == 0 {
                            // A believable number of addresses, so that those are read.
                            let count = [u8::try_from(number % 33).unwrap_or(0), 0, 0, 0];
                            for (to, from) in plain.iter_mut().skip(12).zip(count) {
                                *to = from;
                            }
                        }
                        form(
                            &format!("random private part number {number}"),
                            token.request_of_plain(it.key(), &plain),
                        )
                    })
                    .collect()
            })
        },
    )
    .alone(),
    check(
        "survival.expiry-extremes",
        REQUEST,
        "tokens with the largest dates",
        |it| {
            from_anywhere(it, |it| {
                [u64::MAX, u64::MAX - 1, i64::MAX.unsigned_abs(), 1 << 32]
                    .into_iter()
                    .map(|expires| {
                        let mut token = it.token();
                        token.expires = expires;
                        // For another server, so that no long-lived entry stays in its history.
                        token.addresses = vec![([192, 0, 2, 1], 9).into()];
                        form(
                            &format!("a token that expires at {expires}"),
                            token.request(it.key()),
                        )
                    })
                    .collect()
            })
        },
    )
    .alone(),
    check("survival.random", READING, "random datagrams", |it| {
        from_anywhere(it, |it| {
            (0..1500)
                .map(|number| {
                    let mut datagram = vec![0; it.rng.random_range(0..1400)];
                    it.rng.fill_bytes(&mut datagram);
                    form(&format!("random datagram number {number}"), datagram)
                })
                .collect()
        })
    })
    .alone(),
    check(
        "survival.from-half-open",
        READING,
        "any datagram from an address with a handshake",
        |it| {
            let mut player = it.player("client")?;
            player.challenge()?;
            let forms = packets(it, &mut player);
            survives(it, &mut player, &forms)
        },
    )
    .alone()
    .seconds(1),
    check(
        "survival.from-connected",
        READING,
        "any datagram from the address of a session",
        |it| {
            let mut player = it.connected("client")?;
            let forms = packets(it, &mut player);
            survives(it, &mut player, &forms)
        },
    )
    .alone()
    .seconds(1),
    check(
        "survival.authentic-before-session",
        READING,
        "authentic packets of every type from an address with a handshake",
        |it| {
            let mut player = it.player("client")?;
            player.challenge()?;
            let forms = sealed(&mut player);
            survives(it, &mut player, &forms)
        },
    )
    .alone()
    .seconds(1),
    check(
        "survival.authentic-bodies",
        READING,
        "authentic packets of every type with bodies of every length",
        |it| {
            let mut player = it.connected("client")?;
            let forms = sealed(&mut player);
            survives(it, &mut player, &forms)
        },
    )
    .alone()
    .seconds(1),
    check(
        "survival.authentic-sequences",
        READING,
        "authentic packets with the largest sequences",
        |it| {
            let mut player = it.connected("client")?;
            let body = payload("largest sequences", 40);
            let forms: Vec<Form> = [
                u64::MAX - 300,
                u64::MAX - 1,
                u64::MAX,
                0,
                u64::MAX,
                255,
                1 << 63,
            ]
            .into_iter()
            .map(|sequence| {
                let datagram = player.seal_at(sequence, kind::PAYLOAD, &body);
                form(&format!("a payload with sequence {sequence}"), datagram)
            })
            .collect();
            player.keeps_alive = false;
            survives(it, &mut player, &forms)
        },
    )
    .alone(),
    check(
        "survival.session-goes-on",
        READING,
        "random datagrams of others end no session",
        |it| {
            let mut player = it.connected("client")?;
            let mut attacker = it.player("attacker")?;
            for _ in 0..200 {
                let mut datagram = vec![0; it.rng.random_range(0..1300)];
                it.rng.fill_bytes(&mut datagram);
                attacker.send("random datagram", &datagram);
            }
            it.control()?;
            player.listen(Duration::from_millis(150));
            player.is_still_connected()
        },
    )
    .alone(),
];

fn form(text: &str, datagram: Vec<u8>) -> Form {
    (text.to_owned(), datagram)
}

/// Sends datagrams from an address that the server does not know.
fn from_anywhere(it: &mut Trial, make: impl FnOnce(&mut Trial) -> Vec<Form>) -> Checked {
    let mut player = it.player("attacker")?;
    let forms = make(it);
    survives(it, &mut player, &forms)
}

/// Passes if the server answers another client after each of these datagrams, or after every few
/// where an answer takes its time.
fn survives(it: &mut Trial, player: &mut Player, forms: &[Form]) -> Checked {
    it.control()?;
    let at_once = match it.shared.known.round_trip_us {
        0..2_000 => 1,
        2_000..20_000 => 16,
        _ => 64,
    };
    for few in forms.chunks(at_once) {
        for (text, datagram) in few {
            player.send(text, datagram);
        }
        if let Err(Finding::Silent(what)) = it.control() {
            let (Some(first), Some(last)) = (few.first(), few.last()) else {
                break;
            };
            let which = if few.len() == 1 {
                first.0.clone()
            } else {
                format!(
                    "one of {} datagrams, from {} to {}",
                    few.len(),
                    first.0,
                    last.0
                )
            };
            return Err(Finding::Silent(format!("{what} after {which}")));
        }
    }
    Ok(())
}

/// Datagrams that an address known to the server may send: any prefix, any length, and the
/// player's own packets cut short.
fn packets(it: &mut Trial, player: &mut Player) -> Vec<Form> {
    let mut forms = Vec::new();
    for prefix in 0..=255 {
        for len in [1, 17, 18, 25, 60, 330] {
            let mut datagram = vec![prefix; len];
            it.rng.fill_bytes(datagram.get_mut(1..).unwrap_or_default());
            forms.push(form(
                &format!("prefix {prefix:#04x} and {} random bytes", len - 1),
                datagram,
            ));
        }
    }
    let whole = player.seal(kind::PAYLOAD, &payload("cut", 40));
    for len in 0..whole.len() {
        let cut = whole.get(..len).unwrap_or_default().to_vec();
        forms.push(form(
            &format!("the first {len} bytes of a payload packet"),
            cut,
        ));
    }
    forms
}

/// Packets of every type but disconnect, sealed with the player's keys, with bodies of every length.
/// Type 0 is that of requests, which are never sealed.
fn sealed(player: &mut Player) -> Vec<Form> {
    let mut forms = Vec::new();
    for kind in [
        kind::REQUEST,
        kind::DENIED,
        kind::CHALLENGE,
        kind::RESPONSE,
        kind::KEEP_ALIVE,
        kind::PAYLOAD,
        7,
        11,
        15,
    ] {
        for len in [
            0, 1, 2, 7, 8, 9, 16, 299, 300, 307, 308, 309, 1199, 1200, 1201, 1400,
        ] {
            let datagram = player.seal(kind, &payload("", len));
            forms.push(form(
                &format!("a sealed packet of type {kind} with a body of {len} bytes"),
                datagram,
            ));
        }
    }
    forms
}
