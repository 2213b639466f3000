//! Coverage report: the regions of the files that a target is for, as LLVM counts them, that its
//! corpus and what runs on this machine found execute.
//!
//! libFuzzer's own figure counts edges of the whole program, optimised. It tells whether a run still
//! finds something new, not what it has never reached.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::compiler::{self, Counters};
use super::{corpus, found};
use crate::process::{capture, run, succeeds};
use crate::toolchain::{llvm_version, tools_folder};
use crate::workspace::root;

/// Beginnings of the paths of the files that each target is for.
const SUBJECTS: &[(&str, &[&str])] = &[
    (
        "api_calls",
        &["netcode-core/src/client", "netcode-core/src/server"],
    ),
    (
        "client_datagrams",
        &[
            "netcode-core/src/client",
            "netcode-core/src/packet",
            "netcode-core/src/replay.rs",
        ],
    ),
    (
        "differential",
        &["netcode-core/src/packet", "netcode-core/src/server"],
    ),
    ("ethernet", &["netcode-smoltcp/src"]),
    ("fragments", &["netcode-core/src/bridge/fragments.rs"]),
    (
        "http_offers",
        &[
            "netcode-bridge/src/allow.rs",
            "netcode-bridge/src/http/proxy.rs",
            "netcode-bridge/src/http/routes.rs",
            "netcode-bridge/src/webrtc/offer.rs",
        ],
    ),
    (
        "parsers",
        &[
            "netcode-bridge/src/allow.rs",
            "netcode-core/src/address.rs",
            "netcode-core/src/bridge/close.rs",
            "netcode-core/src/packet",
            "netcode-core/src/token/connect.rs",
            "netcode-core/src/token/private.rs",
            "netcode-core/src/wire.rs",
        ],
    ),
    (
        "relay",
        &[
            "netcode-bridge/src/relay.rs",
            "netcode-core/src/bridge/fragments.rs",
        ],
    ),
    (
        "request_bodies",
        &[
            "examples/matchmaker/src/api",
            "examples/matchmaker/src/placement/fleet.rs",
            "examples/matchmaker/src/store/file.rs",
            "examples/matchmaker/src/store/server.rs",
        ],
    ),
    ("sealed_tokens", &["netcode-core/src/sealed"]),
    (
        "server_datagrams",
        &[
            "netcode-core/src/packet",
            "netcode-core/src/replay.rs",
            "netcode-core/src/server",
            "netcode-core/src/token/challenge.rs",
            "netcode-core/src/token/private.rs",
        ],
    ),
    (
        "stun_sdp",
        &[
            "netcode-bridge/src/webrtc/alerts.rs",
            "netcode-bridge/src/webrtc/credentials.rs",
            "netcode-bridge/src/webrtc/paths.rs",
            "netcode-bridge/src/webrtc/routes.rs",
        ],
    ),
    (
        "token_files",
        &[
            "netcode-cli/src/token/file.rs",
            "netcode-std/src/key_file.rs",
        ],
    ),
];

/// Prints a table for each target, and writes a page that shows the lines. Code that no target
/// compiles is in none of them.
pub(super) fn report(targets: &[String]) -> Result<()> {
    let tools = Tools::find()?;
    let replay = Replay::build()?;
    for target in targets {
        let coverage = tools.measure(&replay, target)?;
        let pages = coverage.show(files_of(target))?;
        println!("{target}: {}", pages.display());
        let mut all = Regions::default();
        for (file, regions) in coverage.regions()? {
            if files_of(target).iter().any(|path| file.starts_with(path)) {
                println!("  {regions}  {file}");
                all.count += regions.count;
                all.covered += regions.covered;
            }
        }
        println!("  {all}  together");
    }
    Ok(())
}

fn files_of(target: &str) -> &'static [&'static str] {
    let mut subjects = SUBJECTS.iter();
    let of_target = subjects.find(|(name, _)| *name == target);
    of_target.map_or(&[], |(_, files)| files)
}

/// Program that runs inputs, built with the counters of the report.
struct Replay {
    folder: PathBuf,
}

impl Replay {
    fn build() -> Result<Self> {
        let programs = ["--no-default-features", "--example", "replay"];
        let folder = compiler::build(Counters::Report, &programs)?;
        Ok(Self { folder })
    }

    fn program(&self) -> PathBuf {
        self.folder.join("debug/examples/replay")
    }

    /// Runs every input of a target; returns the file of the counters.
    fn run(&self, target: &str) -> Result<PathBuf> {
        let counters = self.folder.join(target).with_extension("profraw");
        let mut command = Command::new(self.program());
        command.env("LLVM_PROFILE_FILE", &counters);
        command.arg(target).arg(corpus(target));
        let found = found(target);
        if found.is_dir() {
            command.arg(found);
        }
        run(&mut command)?;
        Ok(counters)
    }
}

/// LLVM's readers of counters, of the compiler's version.
struct Tools {
    profdata: PathBuf,
    cov: PathBuf,
}

impl Tools {
    /// rustup's component, else Debian's package.
    fn find() -> Result<Self> {
        let version = llvm_version()?;
        let folder = tools_folder()?;
        let candidates = [
            (folder.join("llvm-profdata"), folder.join("llvm-cov")),
            (
                format!("llvm-profdata-{version}").into(),
                format!("llvm-cov-{version}").into(),
            ),
        ];
        for (profdata, cov) in candidates {
            if succeeds(Command::new(&cov).arg("--version")) {
                return Ok(Self { profdata, cov });
            }
        }
        bail!(
            "coverage needs LLVM's tools; run `rustup component add llvm-tools`, or on Debian, as \
             root, `apt-get install --no-install-recommends llvm-{version}`"
        )
    }

    /// Runs the inputs of a target and merges its counters.
    fn measure(&self, replay: &Replay, target: &str) -> Result<Coverage<'_>> {
        let raw = replay.run(target)?;
        let counters = raw.with_extension("profdata");
        let mut merge = Command::new(&self.profdata);
        run(merge.arg("merge").arg(raw).arg("-o").arg(&counters))?;
        Ok(Coverage {
            cov: &self.cov,
            program: replay.program(),
            counters,
        })
    }
}

/// Counters of a target.
struct Coverage<'a> {
    cov: &'a Path,
    program: PathBuf,
    counters: PathBuf,
}

impl Coverage<'_> {
    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(self.cov);
        command.arg(subcommand).arg("-instr-profile");
        command.arg(&self.counters).arg(&self.program);
        command
    }

    /// The project's files in the program, with their regions.
    fn regions(&self) -> Result<BTreeMap<String, Regions>> {
        let said = capture(self.command("export").arg("-summary-only"))?;
        read(&said, &root().canonicalize()?)
    }

    /// Writes pages of these files with a count for each line; returns the first page.
    fn show(&self, files: &[&str]) -> Result<PathBuf> {
        let folder = self.counters.with_extension("");
        let mut show = self.command("show");
        show.arg("-format=html").arg("-output-dir").arg(&folder);
        capture(show.args(files.iter().map(|file| root().join(file))))?;
        Ok(folder.join("index.html"))
    }
}

/// Regions of a file: a region is a stretch of code that is executed as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
struct Regions {
    count: u64,
    covered: u64,
}

impl std::fmt::Display for Regions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, covered } = *self;
        let percent = (covered * 100).checked_div(count).unwrap_or(100);
        write!(f, "{covered:>5} of {count:>5} regions {percent:>3} %")
    }
}

/// Reads LLVM's export; returns the files below `root`, by their path in it.
fn read(said: &str, root: &Path) -> Result<BTreeMap<String, Regions>> {
    #[derive(Deserialize)]
    struct Export {
        data: Vec<Program>,
    }
    #[derive(Deserialize)]
    struct Program {
        files: Vec<File>,
    }
    #[derive(Deserialize)]
    struct File {
        filename: PathBuf,
        summary: Summary,
    }
    #[derive(Deserialize)]
    struct Summary {
        regions: Regions,
    }

    let export: Export = serde_json::from_str(said).context("an unexpected export of llvm-cov")?;
    let files = export.data.into_iter().flat_map(|program| program.files);
    let ours = files.filter_map(|file| {
        // The command's sources are named by way of the folder of the target that includes them.
        let path = file.filename.canonicalize().unwrap_or(file.filename);
        let path = path.strip_prefix(root).ok()?;
        Some((path.display().to_string(), file.summary.regions))
    });
    Ok(ours.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_read_from_an_export_of_llvm() {
        let said = r#"{"data":[{"files":[
            {"filename":"/repository/netcode-core/src/wire.rs","summary":{"lines":{},
             "regions":{"count":8,"covered":6,"notcovered":2,"percent":75.0}}},
            {"filename":"/elsewhere/lib.rs","summary":{"regions":{"count":1,"covered":1}}}
        ]}],"type":"llvm.coverage.json.export"}"#;
        let files = read(said, Path::new("/repository")).unwrap();
        let shown: Vec<_> = files
            .iter()
            .map(|(file, regions)| format!("{regions}  {file}"))
            .collect();
        assert_eq!(
            shown,
            ["    6 of     8 regions  75 %  netcode-core/src/wire.rs"]
        );
        assert!(read("{}", Path::new("/repository")).is_err());
    }

    #[test]
    fn every_target_has_files_that_it_is_for() {
        for target in super::super::targets().unwrap() {
            assert!(!files_of(&target).is_empty(), "{target} is for no file");
            for file in files_of(&target) {
                assert!(root().join(file).exists(), "{target}: no {file}");
            }
        }
    }
}
