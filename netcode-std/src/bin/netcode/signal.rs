//! Ctrl-C, and a service manager's requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// Set once somebody wants the program to end.
pub(crate) struct Stop(Arc<AtomicBool>);

/// Set when somebody wants files to be read again.
pub(crate) struct Reload(Arc<AtomicBool>);

impl Stop {
    /// Listens from now on: the program no longer ends by itself.
    pub(crate) fn listen() -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&stop);
        ctrlc::set_handler(move || set.store(true, Ordering::Relaxed))
            .context("cannot listen for Ctrl-C")?;
        Ok(Self(stop))
    }

    /// The same for a service: SIGHUP asks it to read its files again, and who asks a second time
    /// for the end has it at once.
    #[cfg(unix)]
    pub(crate) fn listen_and_reload() -> Result<(Self, Reload)> {
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
        Ok((Self(stop), Reload(reload)))
    }

    /// Elsewhere nobody can ask for a reload.
    #[cfg(not(unix))]
    pub(crate) fn listen_and_reload() -> Result<(Self, Reload)> {
        Ok((Self::listen()?, Reload(Arc::default())))
    }

    pub(crate) fn wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Reload {
    /// Whether it was asked for since the last time this was called.
    pub(crate) fn wanted(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
