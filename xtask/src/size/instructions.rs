//! Instructions per sealed and per opened packet, on an emulated Cortex-M3.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::json;

use crate::process;

/// Cost of a payload of one length.
pub(super) struct Cost {
    bytes: u64,
    /// Sequence of the packet: its length on the wire decides the payload's offset.
    sequence: u64,
    seal: u64,
    open: u64,
}

/// Boots the counting firmware: an emulated instruction takes one emulated nanosecond.
pub(super) fn measure(counts: &Path) -> Result<Vec<Cost>> {
    let mut qemu = Command::new("qemu-system-arm");
    qemu.args(["-M", "mps2-an385", "-icount", "shift=0", "-display", "none"])
        .args(["-monitor", "none", "-serial", "null"])
        .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
        .arg(counts)
        .stdin(Stdio::null());
    let said = process::capture(&mut qemu)?;
    said.lines()
        .map(|line| read(line).context("unexpected output of the counting firmware"))
        .collect()
}

fn read(line: &str) -> Option<Cost> {
    let mut words = line.split(' ').map(str::parse);
    let mut next = || words.next()?.ok();
    Some(Cost {
        bytes: next()?,
        sequence: next()?,
        seal: next()?,
        open: next()?,
    })
}

impl Cost {
    pub(super) fn to_json(&self) -> serde_json::Value {
        json!({
            "payload": self.bytes,
            "sequence": self.sequence,
            "seal": self.seal,
            "open": self.open,
        })
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "payload of {:>4} bytes, packet {:>5}: seal {:>6}, open {:>6}",
            self.bytes, self.sequence, self.seal, self.open
        )
    }
}
