//! Lines on standard output; parsing and formatting of numbers.

use std::fmt;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow};
use humantime::format_rfc3339_seconds;
use netcode_service::parse_protocol_id;
use netcode_std::core::ProtocolId;

/// Prints a line. A closed reader is an error, not a panic.
pub(crate) fn print(line: fmt::Arguments<'_>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_fmt(line)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Prints a line on standard error. A closed reader is ignored.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "netcode: {line}");
}

/// Warns on standard error: in the log of a program that has one, else by a line.
pub(crate) fn warn(line: fmt::Arguments<'_>) {
    if has_log() {
        tracing::warn!("{line}");
    } else {
        say(line);
    }
}

/// Tells a failure on standard error, in the same way.
pub(crate) fn fail(line: fmt::Arguments<'_>) {
    if has_log() {
        tracing::error!("{line}");
    } else {
        say(line);
    }
}

fn has_log() -> bool {
    tracing::dispatcher::has_been_set()
}

/// Prints one JSON object on a line of its own.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<()> {
    print(format_args!("{value}"))
}

/// Parses a protocol id: decimal, or hexadecimal after `0x`.
pub(crate) fn protocol_id(text: &str) -> Result<ProtocolId, String> {
    parse_protocol_id(text).map(ProtocolId)
}

/// Parses seconds, with an optional fraction. More than 30 years could overflow the time.
pub(crate) fn seconds(text: &str) -> Result<Duration> {
    match number(text)? {
        value if (0.0..=1e9).contains(&value) => Ok(Duration::from_secs_f64(value)),
        _ => Err(anyhow!("not from 0 to 1,000,000,000 seconds")),
    }
}

/// Parses milliseconds, with an optional fraction.
pub(crate) fn milliseconds(text: &str) -> Result<Duration> {
    match number(text)? {
        value if (0.0..=60_000.0).contains(&value) => Ok(Duration::from_secs_f64(value / 1000.0)),
        _ => Err(anyhow!("not from 0 to 60,000 milliseconds")),
    }
}

/// Parses percent, as a share of one.
pub(crate) fn percent(text: &str) -> Result<f64> {
    match number(text.strip_suffix('%').unwrap_or(text))? {
        value if (0.0..=100.0).contains(&value) => Ok(value / 100.0),
        _ => Err(anyhow!("not from 0 to 100 percent")),
    }
}

fn number(text: &str) -> Result<f64> {
    text.parse().map_err(|_| anyhow!("not a number"))
}

/// Duration in milliseconds, for people.
pub(crate) fn show_millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

/// Date in UTC, from seconds since 1970; `None` after the year 9999.
pub(crate) fn date(seconds: u64) -> Option<String> {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    let mut date = String::new();
    fmt::write(&mut date, format_args!("{}", format_rfc3339_seconds(time))).ok()?;
    Some(date)
}

/// Payload for people: as text if it is text, else hexadecimal.
pub(crate) fn show_payload(payload: &[u8]) -> String {
    match std::str::from_utf8(payload) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => format!("0x{}", hex::encode(payload)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_a_share_of_one() {
        assert_eq!(percent("20").unwrap(), 0.2);
        assert_eq!(percent("20%").unwrap(), 0.2);
        assert!(percent("101").is_err());
        assert!(percent("NaN").is_err());
    }

    #[test]
    fn times_are_neither_negative_nor_endless() {
        assert_eq!(seconds("0.5").unwrap(), Duration::from_millis(500));
        assert_eq!(milliseconds("1.5").unwrap(), Duration::from_micros(1500));
        for text in ["-1", "1e30", "inf", "NaN", "soon"] {
            assert!(seconds(text).is_err() && milliseconds(text).is_err());
        }
    }

    #[test]
    fn dates_end_with_the_year_9999() {
        assert_eq!(date(0).unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(date(253_402_300_799).unwrap(), "9999-12-31T23:59:59Z");
        assert_eq!(date(253_402_300_800), None);
        assert_eq!(date(u64::MAX), None);
    }

    #[test]
    fn only_text_is_shown_as_text() {
        assert_eq!(show_payload(b"hello"), "hello");
        assert_eq!(show_payload(b"\x1b[2J"), "0x1b5b324a");
    }
}
