//! Tests of the wasm crate, in a page and in a worker of a headless browser.

use anyhow::{Result, bail};

use super::{TARGET, module, tools};
use crate::checks;
use crate::outcome::{Outcome, Tests};

pub(super) fn run() -> Result<Tests> {
    let mut test = module::compiler()?.cargo("test")?;
    test.args(["-p", "netcode-wasm", "--features", "javascript", "--tests"]);
    test.env(
        format!(
            "CARGO_TARGET_{}_RUNNER",
            TARGET.to_uppercase().replace('-', "_")
        ),
        tools::test_runner()?,
    );
    test.envs(tools::browser_variables());
    // The standard library is compiled as well, and is not debugged.
    test.env("CARGO_PROFILE_DEV_DEBUG", "0");
    test.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0");
    match checks::test(&mut test)? {
        Outcome::Tests(tests) => Ok(tests),
        _ => bail!("no test was counted"),
    }
}
