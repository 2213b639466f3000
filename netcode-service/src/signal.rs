//! Signals of terminals and service managers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGINT;
#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGTERM};
use signal_hook::flag;

/// Exit code of a program that a second signal ends.
const ENDED_AT_ONCE: i32 = 1;

/// Request to end: SIGINT or SIGTERM; on Windows, Ctrl-C.
///
/// The program ends in order when it sees the request. A second signal ends the process at once,
/// whatever it is doing, with exit code 1.
#[derive(Clone, Debug)]
pub struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// Handles the signals from now on: the first no longer ends the process.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub fn listen() -> io::Result<Self> {
        let requested = Arc::default();
        #[cfg(unix)]
        stop_at(SIGTERM, &requested)?;
        stop_at(SIGINT, &requested)?;
        Ok(Self(requested))
    }

    /// `true` from the first signal on.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Ends the process if the flag is set, else sets it, when the signal comes.
fn stop_at(signal: i32, requested: &Arc<AtomicBool>) -> io::Result<()> {
    flag::register_conditional_shutdown(signal, ENDED_AT_ONCE, Arc::clone(requested))?;
    flag::register(signal, Arc::clone(requested))?;
    Ok(())
}

/// Request to read configuration again: SIGHUP. Windows has no such request.
#[derive(Clone, Debug)]
pub struct ReloadSignal(Arc<AtomicBool>);

impl ReloadSignal {
    /// Handles SIGHUP from now on: it no longer ends the process.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub fn listen() -> io::Result<Self> {
        let requested = Arc::default();
        #[cfg(unix)]
        flag::register(SIGHUP, Arc::clone(&requested))?;
        Ok(Self(requested))
    }

    /// Takes a request. `true` once for the signals since the last call.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
