//! Descriptors: whether the system gives as many as the limits let be open.

use super::config::BridgeConfig;
use super::error::BridgeError;

/// What else a process has open: listeners, the runtime's own, files, its owner's sockets.
const RESERVE: u64 = 128;

/// Makes sure that this process may open as many descriptors as `config` may need: the soft limit
/// is raised, up to the hard one.
pub(super) fn provide_for(config: &BridgeConfig) -> Result<(), BridgeError> {
    provide(needed(config))
}

/// One socket for each session, one for each TCP connection.
fn needed(config: &BridgeConfig) -> u64 {
    let limits = &config.limits;
    let held = limits.sessions.saturating_add(limits.connections);
    u64::try_from(held)
        .unwrap_or(u64::MAX)
        .saturating_add(RESERVE)
}

#[cfg(unix)]
fn provide(needed: u64) -> Result<(), BridgeError> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        // A system that tells no limit is not known to have one.
        return Ok(());
    };
    if soft >= needed {
        return Ok(());
    }
    if hard >= needed && setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_ok() {
        return Ok(());
    }
    let allowed = hard.min(needed - 1);
    Err(BridgeError::Descriptors { needed, allowed })
}

/// Windows has no such limit.
#[cfg(not(unix))]
fn provide(_needed: u64) -> Result<(), BridgeError> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_no_system_gives_is_refused_with_the_number_it_gives() {
        let refused = provide(u64::MAX - 1);
        let Err(BridgeError::Descriptors { needed, allowed }) = refused else {
            panic!("{refused:?}");
        };
        assert!(allowed < needed);
    }
}
