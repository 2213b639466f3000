//! Table of all steps, in order. A new step is a line here and a function.

use anyhow::Result;

use crate::outcome::Outcome;
use crate::{
    checks, deny, features, firmware, machine, msrv, no_std, package, panic_free, size, typos, web,
};

/// Step that passes or fails.
pub(crate) struct Step {
    /// Name of its subcommand.
    pub(crate) name: &'static str,
    /// One line for `--help`.
    pub(crate) about: &'static str,
    /// Function of the step. An error is a failure; its output until then stays.
    pub(crate) run: fn() -> Result<Outcome>,
}

/// Cheap steps first, so that simple mistakes show soon.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "machine",
        about: "Programs that the steps need, found or installed",
        run: machine::run,
    },
    Step {
        name: "fmt",
        about: "The formatting is rustfmt's",
        run: checks::fmt,
    },
    Step {
        name: "typos",
        about: "Spelling",
        run: typos::typos,
    },
    Step {
        name: "msrv",
        about: "Minimum supported Rust version of each crate",
        run: msrv::run,
    },
    Step {
        name: "clippy",
        about: "No lint fires, with all features",
        run: checks::clippy,
    },
    Step {
        name: "package",
        about: "Packages for crates.io, compiled from their own files",
        run: package::package,
    },
    Step {
        name: "doc",
        about: "The documentation builds without a warning",
        run: checks::doc,
    },
    Step {
        name: "unit",
        about: "All tests of the workspace, all features",
        run: checks::tests,
    },
    Step {
        name: "core",
        about: "The core's tests without features",
        run: checks::core_tests,
    },
    Step {
        name: "vectors",
        about: "Another implementation's bytes",
        run: checks::vectors,
    },
    Step {
        name: "features",
        about: "All combinations of features that can be built",
        run: features::run,
    },
    Step {
        name: "no-std",
        about: "Builds for bare metal",
        run: no_std::run,
    },
    Step {
        name: "panic-free",
        about: "No panic can be reached in the core",
        run: panic_free::run,
    },
    Step {
        name: "size",
        about: "Bytes of memory and of code",
        run: size::run,
    },
    Step {
        name: "firmware",
        about: "Firmware on emulated boards, with desktops",
        run: firmware::run,
    },
    Step {
        name: "web-package",
        about: "The npm package for browsers, and its size",
        run: web::package,
    },
    Step {
        name: "web",
        about: "The client for browsers, in a browser",
        run: web::run,
    },
    Step {
        name: "licences",
        about: "Licences and sources of what we use",
        run: deny::licences,
    },
    Step {
        name: "advisories",
        about: "Known holes in what we use",
        run: deny::advisories,
    },
];

/// Step of this name.
pub(crate) fn find(name: &str) -> Option<&'static Step> {
    STEPS.iter().find(|step| step.name == name)
}
