//! Requests to the example `matchmaker`, made up from its own description by schemathesis.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::outcome::{Outcome, Tests};
use crate::process::{capture, run};
use crate::python;
use crate::workspace::{cargo, root, target_dir};

/// Most examples of an operation in one phase: some 30 seconds in all.
const MAX_EXAMPLES: &str = "25";
/// Valid requests that the description cannot tell from invalid ones, such as of an address without
/// a port, are not a fault.
const EXCLUDED: &str = "positive_data_acceptance";

/// Callers, each with a credential of its own: one alone is refused most operations.
const ROLES: [&str; 3] = ["server", "player", "admin"];

pub(crate) fn run_fuzz() -> Result<Outcome> {
    let pinned = root().join("examples/matchmaker/tests/requirements.txt");
    let schemathesis = match python::install(&pinned, "schemathesis") {
        Ok(programs) => programs.join("schemathesis"),
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    run(cargo("build").args(["-p", "matchmaker"]))?;
    let service = Service::start(&target_dir().join("debug").join("matchmaker"))?;
    let mut counts = Tests::default();
    let tests = root().join("examples/matchmaker/tests");
    for (role, key) in &service.keys {
        let mut fuzz = Command::new(&schemathesis);
        fuzz.current_dir(&service.folder);
        fuzz.arg("--config-file")
            .arg(tests.join("schemathesis.toml"));
        fuzz.args(["run", &format!("{}/openapi.json", service.url)]);
        fuzz.args(["--header", &format!("Authorization: Bearer {key}")]);
        fuzz.args(["--max-examples", MAX_EXAMPLES, "--exclude-checks", EXCLUDED]);
        fuzz.args(["--seed", "1", "--generation-deterministic"]);
        println!("requests of role {role}");
        counts.add_one(
            &format!("requests of role {role}"),
            fuzz.status()?.success(),
        );
    }
    Ok(Outcome::Tests(counts))
}

/// Running service, in a folder of its own.
struct Service {
    folder: PathBuf,
    url: String,
    /// Role and API key.
    keys: Vec<(&'static str, String)>,
    child: Child,
}

impl Service {
    fn start(program: &Path) -> Result<Self> {
        let folder = target_dir().join("api");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        let mut credentials = String::new();
        let mut keys = Vec::new();
        for role in ROLES {
            let (key, sha256) = draw_key(program)?;
            credentials += &format!("[[key]]\nname = \"{role}\"\nrole = \"{role}\"\n{sha256}\n");
            keys.push((role, key));
        }
        std::fs::write(folder.join("keys.toml"), credentials)?;
        let rates = [
            "account-rate",
            "account-burst",
            "address-rate",
            "address-burst",
        ];
        let mut child = Command::new(program)
            .current_dir(&folder)
            .args(["serve", "--listen", "127.0.0.1:0", "--protocol-id", "42"])
            .args(["--credentials", "keys.toml", "--log", "error"])
            .args(rates.map(|rate| format!("--{rate}=1000000")))
            // A key for tests, of a service that ends with them.
            .env("NETCODE_KEY", "07".repeat(32))
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().context("no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .map(ToOwned::to_owned);
        let Some(url) = url else {
            bail!("the service did not start");
        };
        Ok(Self {
            folder,
            url,
            keys,
            child,
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// New API key, and the line with its hash for the file of credentials.
fn draw_key(program: &Path) -> Result<(String, String)> {
    let printed = capture(Command::new(program).arg("key"))?;
    let line = |start: &str| printed.lines().find(|line| line.starts_with(start));
    let key = line("key, for its owner:").and_then(|line| line.split_whitespace().last());
    let (Some(key), Some(sha256)) = (key, line("sha256 = ")) else {
        bail!("`matchmaker key` printed no key");
    };
    Ok((key.to_owned(), sha256.to_owned()))
}
