//! First look at a server: does it answer at all, how many slots has it, does it send payloads
//! back, how long does an answer take.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;

use super::player::{Player, SEND_INTERVAL};
use super::target::{ServerTarget, Shared, has_many_hosts};
use super::trial::{Trial, payload};
use super::unknown;
use crate::check::{Checked, Finding};
use crate::evidence::Log;
use crate::wire::kind;

/// Time that a server has for its first answer, of which starting it may take a part.
pub(super) const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Requests whose answers are measured.
const REQUESTS: u32 = 20;

/// No client can connect to the server, so that nothing can be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    address: SocketAddr,
    problem: String,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no client can connect to {}: {}. Is a server running there, with this protocol id and \
             this key? Does it know itself by this address, or does it need --public-address? If \
             it refuses tokens from before its start, does --token-lifetime give the lifetime that \
             it expects?",
            self.address, self.problem
        )?;
        if self.address.is_ipv6() {
            f.write_str(
                " Does it read each group of an IPv6 address in a token as a little-endian number? \
                 (Connect Token Structure)",
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Unreachable {}

/// Starts the server, if the target says how, and looks at it.
pub(super) fn first_look(target: ServerTarget) -> Result<Arc<Shared>, Unreachable> {
    let address = target.address;
    let unreachable = |problem: String| Unreachable { address, problem };
    let mut shared = unknown(target);
    shared.known.many_hosts = has_many_hosts(address.ip());
    shared
        .restart()
        .map_err(|error| unreachable(format!("the command to start it failed ({error})")))?;
    let mut shared = Arc::new(shared);
    let mut trial = Trial {
        shared: Arc::clone(&shared),
        // Not a check's: its randomness need not be that of another run.
        rng: rand::make_rng::<StdRng>(),
        log: Log::new(),
    };
    let seen = look(&mut trial).map_err(|finding| {
        unreachable(match finding {
            Finding::Wrong(text) | Finding::Missing(text) => text,
            Finding::Unobservable(text) | Finding::Silent(text) => text,
        })
    })?;
    drop(trial);
    if let Some(shared) = Arc::get_mut(&mut shared) {
        shared.known = super::Known {
            many_hosts: shared.known.many_hosts,
            echo: seen.echo || shared.target.echo,
            ..seen
        };
    }
    Ok(shared)
}

fn look(trial: &mut Trial) -> Checked<super::Known> {
    let end = Instant::now() + FIRST_ANSWER;
    let mut player = loop {
        let mut player = trial.player("first client")?;
        match player.connect() {
            Ok(()) => break player,
            Err(finding) if Instant::now() >= end => return Err(finding),
            Err(_) => {}
        }
    };
    let max_clients = player.place.map_or(1, |place| place.1);
    let echo = player.echo(&payload("first", 40)).is_ok();
    player.leave();
    let mut player = trial.player("second client")?;
    player.challenge()?;
    player.listen(Duration::from_millis(50));
    let times = measure(&mut player);
    let unanswered = REQUESTS - u32::try_from(times.len()).unwrap_or(REQUESTS);
    let median = times.get(times.len() / 2).copied().unwrap_or(SEND_INTERVAL);
    Ok(super::Known {
        echo,
        max_clients,
        round_trip_us: u64::try_from(median.as_micros()).unwrap_or(u64::MAX),
        requests: REQUESTS,
        unanswered,
        many_hosts: false,
    })
}

/// Sorted times from a request to its challenge.
fn measure(player: &mut Player) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..REQUESTS {
        let request = player.request.clone();
        let sent = Instant::now();
        player.send("connection request", &request);
        while let Some(packet) = player.receive(sent + 2 * SEND_INTERVAL) {
            if packet.kind == kind::CHALLENGE {
                times.push(sent.elapsed());
                break;
            }
        }
    }
    times.sort_unstable();
    times
}
