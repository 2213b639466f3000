//! Trace of a world: one line for everything that happened, kept only if asked for.

use std::net::SocketAddr;

use crate::wire;

#[derive(Default)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn on() -> Self {
        Self {
            lines: Some(Vec::new()),
        }
    }

    pub(crate) fn line(
        &mut self,
        time: u64,
        who: impl std::fmt::Display,
        what: impl FnOnce() -> String,
    ) {
        if let Some(lines) = &mut self.lines {
            let (seconds, micros) = (time / 1_000_000, time % 1_000_000);
            lines.push(format!("{seconds:>4}.{micros:06}  {who:<10}  {}", what()));
        }
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

/// Datagram in a few words.
pub(crate) fn words(from: SocketAddr, to: SocketAddr, datagram: &[u8]) -> String {
    let len = datagram.len();
    let kind = match datagram.first() {
        None => "empty".to_owned(),
        Some(0) => "request".to_owned(),
        Some(prefix) => {
            let name = wire::NAMES.get(usize::from(prefix & 15)).unwrap_or(&"?");
            match wire::clear(datagram) {
                Some(clear) => format!("{name} {:#x}", clear.sequence),
                None => format!("{name} ?"),
            }
        }
    };
    format!("{from} > {to}: {kind}, {len} bytes")
}
