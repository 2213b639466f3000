//! Descriptors: the system's limit against what the configuration may need.

use super::config::BridgeConfig;
use super::error::BridgeError;

/// Descriptors for everything else in the process: listeners, the runtime, files, other sockets.
const RESERVE: u64 = 128;

/// Ensures that this process may open as many descriptors as `config` may need: raises the soft
/// limit up to the hard one.
pub(super) fn provide_for(config: &BridgeConfig) -> Result<(), BridgeError> {
    provide(needed(config))
}

/// One descriptor for each session, one for each TCP connection.
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
        // A system that reports no limit is assumed to have none.
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
    fn a_need_above_the_system_s_limit_is_refused_with_that_limit() {
        let refused = provide(u64::MAX - 1);
        let Err(BridgeError::Descriptors { needed, allowed }) = refused else {
            panic!("{refused:?}");
        };
        assert!(allowed < needed);
    }
}
