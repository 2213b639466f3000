//! Game server at 20 Hz: takes the newest input of each client, steps a small world and sends a
//! snapshot of it. `backend.rs` mints tokens for it: run it in place of `echo_server`.
//!
//! Input: two signed bytes, steps to the right and up in a tick; then the number (`u32`) of the newest
//! snapshot received. Snapshot: number of the tick (`u32`), then slot (`u8`), x and y (`i16`) of each
//! player; little-endian.
#![allow(clippy::indexing_slicing, reason = "every index is a slot")]

use std::error::Error;
use std::time::{Duration, Instant};

use netcode_std::{AddressList, Key, ProtocolId, RestartRule, Server, ServerConfig};
use netcode_std::{RECEIVE_BUFFER_BYTES, ServerEvent as Event, TokenSpec};

/// The application and its version, as in `backend.rs`.
const PROTOCOL_ID: ProtocolId = ProtocolId(42);
const SLOTS: u32 = 16;
const TICK: Duration = Duration::from_millis(50);
/// A client that has not received a snapshot for so many ticks gets a part of them: more would
/// only fill its queues.
const BEHIND: u32 = 20;
/// The part of the snapshots for a client that is behind: one of so many.
const PART: u32 = 10;

/// Data of one client, by slot.
#[derive(Clone, Copy)]
struct Player {
    position: [i16; 2],
    input: [i8; 2],
    /// Newest snapshot that it has received.
    seen: u32,
    /// Time of its last input. Keep-alives are none: they come from the library.
    active: Instant,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Ok(key)) = (arguments.next(), std::env::var("NETCODE_KEY")) else {
        eprintln!("usage: game_server ADDRESS [IDLE_SECONDS], with 64 hex digits in NETCODE_KEY");
        std::process::exit(2);
    };
    let idle = Duration::from_secs(arguments.next().map_or(Ok(300), |it| it.parse())?);
    let max_token_lifetime = TokenSpec::DEFAULT_LIFETIME;
    let rule = RestartRule::RefuseOlder { max_token_lifetime };
    let key = Key::from_hex(&key)?;
    let config = ServerConfig::new(PROTOCOL_ID, key, AddressList::EMPTY, SLOTS, rule);
    let mut server = Server::bind(&[address.parse()?], config)?;
    println!("listening on {}", server.local_addresses()[0]);

    let mut world = [None; SLOTS as usize];
    let (mut tick, mut tick_due) = (0_u32, Instant::now());
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    loop {
        let now = Instant::now();
        server.update(now)?;
        while let Some(event) = server.next_event(&mut buffer)? {
            match event {
                Event::Connected { client, .. } => {
                    world[client.index()] = Some(Player {
                        position: [0; 2],
                        input: [0; 2],
                        seen: tick,
                        active: now,
                    });
                }
                Event::Disconnected { client, .. } => world[client.index()] = None,
                Event::Payload {
                    client, payload, ..
                } => {
                    // Clients may send anything: what is no input is ignored.
                    if let (Some(player), &[x, y, ref seen @ ..]) =
                        (&mut world[client.index()], payload)
                    {
                        let Ok(seen) = <[u8; 4]>::try_from(seen) else {
                            continue;
                        };
                        player.input = [x.cast_signed(), y.cast_signed()];
                        player.seen = u32::from_le_bytes(seen);
                        player.active = now;
                    }
                }
                _ => {}
            }
        }
        if now >= tick_due {
            (tick, tick_due) = (tick.wrapping_add(1), now.max(tick_due + TICK));
            let snapshot = step(tick, &mut world);
            for client in server.slots() {
                let Some(player) = &world[client.index()] else {
                    continue;
                };
                if now.duration_since(player.active) >= idle {
                    server.disconnect(client)?;
                } else if tick.wrapping_sub(player.seen) <= BEHIND || tick.is_multiple_of(PART) {
                    server.send(client, &snapshot)?;
                }
            }
        }
        server.wait(tick_due.saturating_duration_since(Instant::now()))?;
    }
}

/// Moves each player by its input; the snapshot afterwards.
fn step(tick: u32, world: &mut [Option<Player>]) -> Vec<u8> {
    let mut snapshot = tick.to_le_bytes().to_vec();
    for (slot, player) in (0_u8..).zip(world) {
        if let Some(player) = player {
            snapshot.push(slot);
            for (axis, step) in player.position.iter_mut().zip(player.input) {
                *axis = axis.wrapping_add(i16::from(step));
                snapshot.extend(axis.to_le_bytes());
            }
        }
    }
    snapshot
}
