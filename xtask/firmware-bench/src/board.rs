//! Boards emulated by QEMU.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Longer than any scenario takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Board {
    /// As the firmware's feature and QEMU's machine are called.
    pub(crate) name: &'static str,
    card: &'static str,
}

pub(crate) const BOARDS: [Board; 3] = [
    Board {
        name: "lm3s6965evb",
        card: "stellaris",
    },
    Board {
        name: "mps2-an385",
        card: "lan9118",
    },
    Board {
        name: "mps2-an386",
        card: "lan9118",
    },
];

/// Programs and folders of one run of a scenario.
pub(crate) struct Rig<'a> {
    pub(crate) board: &'a Board,
    /// Program of the board.
    pub(crate) elf: PathBuf,
    /// Folder of the board: files that it reads, and its console.
    pub(crate) folder: PathBuf,
    /// Program of the backend.
    pub(crate) matchmaker: &'a Path,
}

/// A board that runs. It ends when this is dropped.
pub(crate) struct Running {
    qemu: Child,
    folder: PathBuf,
    limit: Instant,
}

/// Pace at which a board runs.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// As fast as this machine can.
    Host,
    /// An instruction takes 64 ns, as on a real board of that size.
    Board,
}

impl Rig<'_> {
    /// Boots the board. `network` is what QEMU's user network is told.
    pub(crate) fn boot(&self, network: &str, pace: Pace) -> Result<Running> {
        let Self {
            board, elf, folder, ..
        } = self;
        let elf = elf
            .canonicalize()
            .with_context(|| format!("no firmware {}", elf.display()))?;
        let log = File::create(folder.join("log"))?;
        let mut qemu = Command::new("qemu-system-arm");
        if let Pace::Board = pace {
            qemu.args(["-icount", "shift=6,align=on"]);
        }
        let qemu = qemu
            .args([
                "-M", board.name, "-display", "none", "-monitor", "none", "-serial", "null",
            ])
            .args(["-semihosting-config", "enable=on,target=native"])
            .args(["-nic", &format!("user,model={},{network}", board.card)])
            .arg("-kernel")
            .arg(elf)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start qemu-system-arm")?;
        Ok(Running {
            qemu,
            folder: folder.to_owned(),
            limit: Instant::now() + PATIENCE,
        })
    }
}

impl Running {
    /// Repeats `step` until it says that it is done; the board must go on running.
    pub(crate) fn until(
        &mut self,
        what: &str,
        mut step: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        while !step()? {
            if let Some(status) = self.qemu.try_wait()? {
                bail!("{what}: the board has ended ({status})");
            }
            if Instant::now() > self.limit {
                bail!("{what}: not within {PATIENCE:?}");
            }
        }
        Ok(())
    }

    /// `true` if the board's console shows `text`.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        read_log(&self.folder).contains(text)
    }

    /// Number of occurrences of `text` on the board's console.
    pub(crate) fn count_said(&self, text: &str) -> usize {
        read_log(&self.folder).matches(text).count()
    }

    /// Waits for the firmware to end itself; its exit code must be 0.
    pub(crate) fn finish(mut self, mut step: impl FnMut() -> Result<()>) -> Result<()> {
        loop {
            if let Some(status) = self.qemu.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("the firmware failed ({status})");
            }
            if Instant::now() > self.limit {
                bail!("the firmware does not terminate");
            }
            step()?;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Memory figures that a program printed, bytes: statics and stack depth.
pub(crate) fn read_memory(folder: &Path) -> Option<(usize, usize)> {
    let log = read_log(folder);
    let (_, said) = log.split_once("memory ")?;
    let (statics, rest) = said.split_once(" bytes of statics and ")?;
    let (stack, _) = rest.split_once(" of stack")?;
    Some((statics.parse().ok()?, stack.parse().ok()?))
}

/// Console output of a board so far, in whole lines: it writes some of them piece by piece.
pub(crate) fn read_log(folder: &Path) -> String {
    let bytes = std::fs::read(folder.join("log")).unwrap_or_default();
    let mut log = String::from_utf8_lossy(&bytes).into_owned();
    log.truncate(log.rfind('\n').map_or(0, |end| end + 1));
    log
}
