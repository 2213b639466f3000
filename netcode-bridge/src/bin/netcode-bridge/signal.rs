//! Requests of a terminal or a service manager: end, and read the certificate again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};

/// A request to end (SIGINT, SIGTERM). A second one ends the process at once.
pub(crate) struct Stop(Arc<AtomicBool>);

/// A request to read the certificate's files again (SIGHUP).
pub(crate) struct Reload(Arc<AtomicBool>);

/// Handles the signals from now on: they no longer end the program.
#[cfg(unix)]
pub(crate) fn listen() -> Result<(Stop, Reload)> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::flag;

    let (stop, reload) = (Arc::default(), Arc::default());
    let listen = || {
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))?;
            flag::register(signal, Arc::clone(&stop))?;
        }
        flag::register(SIGHUP, Arc::clone(&reload))
    };
    listen().context("cannot listen for signals")?;
    Ok((Stop(stop), Reload(reload)))
}

/// Handles Ctrl-C. No reload can be requested here.
#[cfg(not(unix))]
pub(crate) fn listen() -> Result<(Stop, Reload)> {
    use signal_hook::consts::SIGINT;
    use signal_hook::flag;

    let stop = Arc::default();
    flag::register_conditional_shutdown(SIGINT, 1, Arc::clone(&stop))
        .and_then(|_| flag::register(SIGINT, Arc::clone(&stop)))
        .context("cannot listen for Ctrl-C")?;
    Ok((Stop(stop), Reload(Arc::default())))
}

impl Stop {
    pub(crate) fn wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Reload {
    /// `true` once for each request.
    pub(crate) fn wanted(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
