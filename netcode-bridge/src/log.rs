//! Log of a bridge (`tracing`): a bounded number of lines, whatever strangers send.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::admission::source;
use super::event::{EndCause, SessionInfo};
use super::limit::Refusal;
use super::rate::Rate;

/// Lines about single sessions a second; twice as many at once. Further ones are counted.
const SESSION_LINES_PER_SECOND: u32 = 20;

/// Interval of the lines about what has been counted.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);

/// Pairs of reason and address that have a line of their own in an interval.
const MAX_PAIRS: usize = 32;

/// Log of a bridge.
pub(super) struct Log(Mutex<Counted>);

/// Events without a line yet.
struct Counted {
    session_lines: Rate,
    opened: u64,
    ended: u64,
    /// By reason and address; no address: all for which there was no room.
    refused: HashMap<(Refusal, Option<IpAddr>), u64>,
}

impl Log {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Counted {
            session_lines: Rate::new(SESSION_LINES_PER_SECOND, now),
            opened: 0,
            ended: 0,
            refused: HashMap::new(),
        }))
    }

    pub(super) fn opened(&self, now: Instant, session: &SessionInfo) {
        if !self.takes_line(now, |counted| counted.opened += 1) {
            return;
        }
        info!(
            session = session.id,
            transport = session.transport.name(),
            client = %session.client,
            server = %session.server,
            // A stranger's text: escaped.
            origin = session.origin.as_ref().map(tracing::field::debug),
            "session opened"
        );
    }

    pub(super) fn ended(&self, now: Instant, session: &SessionInfo, cause: EndCause) {
        if !self.takes_line(now, |counted| counted.ended += 1) {
            return;
        }
        info!(
            session = session.id,
            transport = session.transport.name(),
            client = %session.client,
            server = %session.server,
            cause = cause.name(),
            datagrams_to_server = session.datagrams[0],
            datagrams_to_browser = session.datagrams[1],
            "session ended: {cause}"
        );
    }

    /// Counts a refusal, or the end of a connection by a limit.
    pub(super) fn refused(&self, refusal: Refusal, client: IpAddr) {
        let mut counted = self.counted();
        let refused = &mut counted.refused;
        let pair = (refusal, Some(source(client)));
        let has_room = refused.len() < MAX_PAIRS || refused.contains_key(&pair);
        let pair = if has_room { pair } else { (refusal, None) };
        *refused.entry(pair).or_default() += 1;
    }

    /// Writes the lines about what has been counted. To be called every [`INTERVAL`].
    pub(super) fn write_counted(&self) {
        let mut counted = self.counted();
        let opened = std::mem::take(&mut counted.opened);
        let ended = std::mem::take(&mut counted.ended);
        let refused = std::mem::take(&mut counted.refused);
        drop(counted);
        if opened > 0 || ended > 0 {
            info!(opened, ended, "further sessions opened and ended");
        }
        for ((refusal, client), count) in refused {
            write_refused(refusal, client, count);
        }
    }

    /// Takes the room of a line about a session. `false` if there is none; the session is counted
    /// then.
    fn takes_line(&self, now: Instant, count: impl FnOnce(&mut Counted)) -> bool {
        let mut counted = self.counted();
        let has_room = counted.session_lines.has(now, 1);
        if has_room {
            counted.session_lines.take(1);
        } else {
            count(&mut counted);
        }
        has_room
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_refused(refusal: Refusal, host: Option<IpAddr>, count: u64) {
    let Refusal { code, limit } = refusal;
    let text = match host {
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(network)) => format!("{network}/64"),
        None => "other hosts".to_owned(),
    };
    let host = host.map(|_| text.as_str());
    match limit {
        // Peers that keep within their own limits are refused, too.
        Some(limit) if limit.is_shared() => {
            warn!(
                count,
                limit = limit.name(),
                host,
                "refused: {count} from {text}: {limit}"
            );
        }
        Some(limit) => {
            info!(
                count,
                limit = limit.name(),
                host,
                "refused: {count} from {text}: {limit}"
            );
        }
        None => {
            info!(
                count,
                cause = code.name(),
                host,
                "refused: {count} from {text}: {code}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;

    use netcode_core::bridge::CloseCode;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::event::Transport;
    use crate::limit::Limit;

    /// Lines that a log has written.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// Lines of a log, sorted.
    fn lines(log: impl FnOnce(&Log)) -> Vec<String> {
        let written = Lines::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(written.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || log(&Log::new(Instant::now())));
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let mut lines: Vec<_> = text.lines().map(|line| line.trim().to_owned()).collect();
        lines.sort_unstable();
        lines
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn refusals_are_counted_by_reason_and_address_until_their_lines_are_written() {
        let lines = lines(|log| {
            for _ in 0..20 {
                log.refused(Limit::SessionsPerAddress.into(), address(1));
            }
            log.refused(Limit::Sessions.into(), "2001:db8::7".parse().unwrap());
            log.refused(CloseCode::ServerNotAllowed.into(), address(1));
            log.write_counted();
            log.write_counted();
        });
        let expected = [
            "INFO refused: 1 from 192.0.2.1: the bridge may not reach this server count=1 \
             cause=\"server_not_allowed\" host=\"192.0.2.1\"",
            "INFO refused: 20 from 192.0.2.1: too many sessions from this address count=20 \
             limit=\"sessions_per_address\" host=\"192.0.2.1\"",
            "WARN refused: 1 from 2001:db8::/64: too many sessions count=1 limit=\"sessions\" \
             host=\"2001:db8::/64\"",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_flood_from_many_addresses_leaves_a_bounded_number_of_lines() {
        let lines = lines(|log| {
            for last in 0..=u8::MAX {
                log.refused(Limit::Arrivals.into(), address(last));
                log.refused(Limit::Connections.into(), address(last));
            }
            log.write_counted();
        });
        assert_eq!(lines.len(), MAX_PAIRS + 2);
        let others = "WARN refused: 240 from other hosts: too many TCP connections count=240 \
                      limit=\"connections\"";
        assert!(lines.iter().any(|line| line == others), "{lines:#?}");
    }

    #[test]
    fn sessions_beyond_the_rate_share_one_line() {
        let session = SessionInfo {
            id: 7,
            transport: Transport::WebRtc,
            client: (address(1), 1).into(),
            server: (address(2), 2).into(),
            origin: Some("https://game.example\n".to_owned()),
            datagrams: [3, 4],
            bytes: [5, 6],
        };
        let lines = lines(|log| {
            let now = Instant::now();
            for _ in 0..100 {
                log.opened(now, &session);
                log.ended(now, &session, EndCause::Lost);
            }
            log.write_counted();
        });
        assert_eq!(lines.len(), 41, "{lines:#?}");
        let further = "INFO further sessions opened and ended opened=80 ended=80";
        assert_eq!(lines[0], further);
        let ended = "INFO session ended: the browser is gone session=7 transport=\"webrtc\" \
                     client=192.0.2.1:1 server=192.0.2.2:2 cause=\"lost\" datagrams_to_server=3 \
                     datagrams_to_browser=4";
        assert_eq!(lines[1], ended);
        let opened = "INFO session opened session=7 transport=\"webrtc\" client=192.0.2.1:1 \
                      server=192.0.2.2:2 origin=\"https://game.example\\n\"";
        assert_eq!(lines[40], opened);
    }
}
