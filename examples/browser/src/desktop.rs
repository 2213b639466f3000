//! Desktop clients: connected over UDP, moving in circles.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use netcode_std::{Client, RECEIVE_BUFFER_BYTES};

use crate::messages::Place;
use crate::tokens::Mint;

const BETWEEN_STEPS: Duration = Duration::from_millis(33);

/// Starts so many clients, each on a thread of its own.
pub(crate) fn join(
    count: u8,
    mint: &Arc<Mint>,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<JoinHandle<()>>> {
    (0..count)
        .map(|number| {
            let mut client = Client::new()?;
            client.connect(&mint.for_desktop()?)?;
            let stop = Arc::clone(stop);
            Ok(thread::spawn(move || {
                // Whatever goes wrong with one ends that one alone.
                if let Err(error) = walk(&mut client, number, &stop) {
                    eprintln!("desktop client {number}: {error}");
                }
            }))
        })
        .collect()
}

fn walk(client: &mut Client, number: u8, stop: &AtomicBool) -> Result<()> {
    let began = Instant::now();
    let mut step_due = began;
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while !stop.load(Ordering::Relaxed) && !client.state().is_error() {
        let now = Instant::now();
        client.update(now)?;
        while client.next_event(&mut buffer)?.is_some() {}
        if client.is_connected() && now >= step_due {
            step_due = now + BETWEEN_STEPS;
            client.send(&place(number, began.elapsed()).to_message())?;
        }
        client.wait(BETWEEN_STEPS)?;
    }
    Ok(client.disconnect()?)
}

/// Each on a circle of its own, at its own speed.
fn place(number: u8, time: Duration) -> Place {
    let number = f64::from(number);
    let angle = time.as_secs_f64() * (0.4 + 0.15 * number) + number * 2.1;
    let radius = 0.18 + 0.11 * (number % 3.0);
    let (sin, cos) = angle.sin_cos();
    Place {
        x: to_u16(0.5 + radius * cos),
        y: to_u16(0.5 + radius * sin),
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what a u16 holds"
)]
fn to_u16(share: f64) -> u16 {
    (share * 65_535.0).clamp(0.0, 65_535.0) as u16
}
