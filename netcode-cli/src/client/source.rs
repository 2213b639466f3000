//! Source of a client's payloads.

use std::io::BufRead as _;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Args;
use crate::failure::Failure;

/// Source of payloads, with their schedule.
pub(super) struct Source {
    what: What,
    interval: Duration,
    due: Option<Instant>,
    pub(super) sent: u64,
    /// Time of the last payload, once there will be no more.
    pub(super) ended: Option<Instant>,
}

enum What {
    Nothing,
    Text { payload: Vec<u8>, left: u64 },
    Lines(Receiver<Vec<u8>>),
}

impl Source {
    pub(super) fn new(args: &Args) -> Self {
        let what = match &args.send {
            Some(text) => What::Text {
                payload: text.clone().into_bytes(),
                left: args.count,
            },
            None if args.stdin => What::Lines(read_lines()),
            None => What::Nothing,
        };
        let interval = Duration::from_secs_f64(1.0 / args.rate);
        Self {
            what,
            interval,
            due: None,
            sent: 0,
            ended: None,
        }
    }

    /// Next payload, if one is due.
    pub(super) fn next(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.ended.is_some() || self.due.is_some_and(|due| now < due) {
            return None;
        }
        let payload = match &mut self.what {
            What::Nothing => return None,
            What::Text { payload, left } if *left > 0 => {
                *left -= 1;
                Some(payload.clone())
            }
            What::Text { .. } => None,
            What::Lines(lines) => match lines.try_recv() {
                Ok(line) => Some(line),
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => None,
            },
        };
        match payload {
            Some(_) => {
                self.sent += 1;
                self.due = Some(self.due.unwrap_or(now) + self.interval);
            }
            None => self.ended = Some(now),
        }
        payload
    }

    /// Result of a session that the server ended: a failure while there was more to send.
    pub(super) fn ended_by_the_server(&self) -> Result<()> {
        match (&self.what, self.ended) {
            (What::Nothing, _) | (_, Some(_)) => Ok(()),
            _ => Err(Failure::NoConnection(format!(
                "the server ended the session after {} payloads were sent",
                self.sent
            ))
            .into()),
        }
    }

    /// Time until the next payload may be due.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        let idle = Duration::from_millis(20);
        match (&self.what, self.due, self.ended) {
            (What::Text { .. }, Some(due), None) => due.saturating_duration_since(now).min(idle),
            _ => idle,
        }
    }
}

/// Reads lines in a thread: a portable program cannot poll standard input together with a socket.
fn read_lines() -> Receiver<Vec<u8>> {
    let (lines, receiver) = sync_channel(64);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().split(b'\n') {
            let Ok(mut line) = line else { break };
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            // An empty line would be an empty payload, which the protocol does not have.
            if !line.is_empty() && lines.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_with_nothing_left_to_send_does_not_keep_its_client_busy() {
        let mut source = Source {
            what: What::Text {
                payload: b"hello".to_vec(),
                left: 1,
            },
            interval: Duration::from_millis(100),
            due: None,
            sent: 0,
            ended: None,
        };
        let start = Instant::now();
        assert!(source.next(start).is_some());
        let due = start + source.interval;
        assert!(source.pause(due).is_zero());
        assert!(source.next(due).is_none());
        assert!(!source.pause(due).is_zero());
    }
}
