//! Table of all steps, in order. A new step is a line here and a function.

use anyhow::Result;

use crate::outcome::Outcome;
use crate::{
    api, checks, deny, features, firmware, fuzz, kubernetes, machine, msrv, no_std, package,
    panic_free, sabotage, sim, size, typos, units, web,
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
        about: "Programs that the steps need, installed if missing",
        run: machine::run,
    },
    Step {
        name: "fmt",
        about: "Formatting (rustfmt)",
        run: checks::fmt,
    },
    Step {
        name: "typos",
        about: "Spelling",
        run: typos::typos,
    },
    Step {
        name: "units",
        about: "Units for systemd, and their exposure",
        run: units::run,
    },
    Step {
        name: "msrv",
        about: "Minimum supported Rust version of each crate",
        run: msrv::run,
    },
    Step {
        name: "clippy",
        about: "Lints (Clippy), with all features",
        run: checks::clippy,
    },
    Step {
        name: "package",
        about: "Packages for crates.io, built from the files they contain",
        run: package::package,
    },
    Step {
        name: "doc",
        about: "Documentation, without a warning",
        run: checks::doc,
    },
    Step {
        name: "unit",
        about: "Tests of the workspace, with all features",
        run: checks::tests,
    },
    Step {
        name: "core",
        about: "Tests of the core without features",
        run: checks::core_tests,
    },
    Step {
        name: "vectors",
        about: "Test vectors of another implementation",
        run: checks::vectors,
    },
    Step {
        name: "sim",
        about: "Simulated worlds, each from one seed",
        run: sim::run,
    },
    Step {
        name: "sabotage",
        about: "Deliberate faults, found by the simulation and by netcode conform",
        run: sabotage::run,
    },
    Step {
        name: "fuzz",
        about: "Fuzz targets, 20 seconds each from their corpora",
        run: fuzz::smoke,
    },
    Step {
        name: "features",
        about: "Builds of all combinations of features",
        run: features::run,
    },
    Step {
        name: "no-std",
        about: "Builds for bare metal",
        run: no_std::run,
    },
    Step {
        name: "panic-free",
        about: "Absence of reachable panics in the core",
        run: panic_free::run,
    },
    Step {
        name: "size",
        about: "Memory and code size in bytes",
        run: size::run,
    },
    Step {
        name: "firmware",
        about: "Firmware on emulated boards, with desktop peers",
        run: firmware::run,
    },
    Step {
        name: "web-package",
        about: "npm package for browsers, and its size",
        run: web::package,
    },
    Step {
        name: "web",
        about: "Browser client, in Chromium",
        run: web::run,
    },
    Step {
        name: "firefox",
        about: "Browser client, in Firefox",
        run: web::firefox,
    },
    Step {
        name: "api",
        about: "Requests to the matchmaker, made up from its description",
        run: api::run_fuzz,
    },
    Step {
        name: "agones",
        about: "Start of dedicated servers under Agones, at a stub of its SDK server",
        run: kubernetes::agones,
    },
    Step {
        name: "manifests",
        about: "Manifests for Kubernetes and Agones, against their schemas",
        run: kubernetes::manifests,
    },
    Step {
        name: "licences",
        about: "Licences and sources of the dependencies",
        run: deny::licences,
    },
    Step {
        name: "advisories",
        about: "Security advisories for the dependencies",
        run: deny::advisories,
    },
];

/// Step of this name.
pub(crate) fn find(name: &str) -> Option<&'static Step> {
    STEPS.iter().find(|step| step.name == name)
}
