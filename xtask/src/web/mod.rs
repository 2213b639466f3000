//! Browser client: built, packed, and tested in a browser.
//!
//! | file | contents |
//! | --- | --- |
//! | `tools` | programs that cargo and npm install |
//! | `module` | the wasm module and its bindings |
//! | `package` | the npm package |
//! | `sizes` | sizes of the files that a page loads |
//! | `wasm_tests` | the crate's own tests, in a page and in a worker |
//! | `end_to_end` | a page, a bridge and a server |

mod end_to_end;
mod module;
mod package;
mod sizes;
mod tools;
mod wasm_tests;

use std::path::PathBuf;

use anyhow::Result;

use crate::machine;
use crate::outcome::{Outcome, Tests};
use crate::workspace::{root, target_dir};

pub(crate) use package::package;

/// The target of browsers.
const TARGET: &str = "wasm32-unknown-unknown";

/// Folder of the crate; its npm tools and its package's sources are below.
fn folder() -> PathBuf {
    root().join("netcode-wasm")
}

/// Folder in which the package is assembled.
fn package_folder() -> PathBuf {
    target_dir().join("web").join("package")
}

/// Runs all tests that need Chromium.
pub(crate) fn run() -> Result<Outcome> {
    machine::ensure_browser()?;
    machine::ensure_node_for_tests()?;
    let mut tests = Tests::default();
    for run in [wasm_tests::run, end_to_end::run] {
        tests.add(run()?);
    }
    Ok(Outcome::Tests(tests))
}

/// Runs the tests in Firefox. Skipped where it cannot be had.
pub(crate) fn firefox() -> Result<Outcome> {
    if let Err(why) = machine::ensure_firefox() {
        return Ok(Outcome::Skipped(format!("{why:#}")));
    }
    machine::ensure_node_for_tests()?;
    end_to_end::run_in_firefox().map(Outcome::Tests)
}
