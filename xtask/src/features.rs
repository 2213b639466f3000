//! Every combination of the core's features: each is somebody's build.

use anyhow::{Context, Result, bail};

use crate::process;
use crate::steps::Outcome;
use crate::workspace::{cargo, package};

/// Checks the core under each combination. Clippy is `cargo check` that can also refuse warnings
/// of the core alone: code that is dead without a feature is found here and nowhere else.
pub(crate) fn run() -> Result<Outcome> {
    let core = package("netcode-core")?.context("there is no netcode-core")?;
    let mut broken = Vec::new();
    for combination in combinations(&core.features) {
        let features = combination.join(",");
        let mut check = cargo("clippy");
        check.args([
            "--quiet",
            "-p",
            "netcode-core",
            "--lib",
            "--no-default-features",
        ]);
        if !features.is_empty() {
            check.args(["--features", &features]);
        }
        if process::run(check.args(["--", "-D", "warnings"])).is_err() {
            broken.push(format!("[{features}]"));
        }
    }
    if !broken.is_empty() {
        bail!(
            "netcode-core does not build cleanly with features {}",
            broken.join(" ")
        );
    }
    Ok(Outcome::Passed)
}

/// All subsets, the empty one first.
fn combinations(features: &[String]) -> Vec<Vec<&str>> {
    features
        .iter()
        .fold(vec![Vec::new()], |mut subsets, feature| {
            let with: Vec<Vec<&str>> = subsets
                .iter()
                .map(|subset| subset.iter().copied().chain([feature.as_str()]).collect())
                .collect();
            subsets.extend(with);
            subsets
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_features_make_eight_combinations() {
        let features = ["a", "b", "c"].map(String::from);
        let all = combinations(&features);
        assert_eq!(all.len(), 8);
        assert_eq!(all.first().map(Vec::len), Some(0));
        assert!(all.contains(&vec!["a", "c"]));
        assert!(all.contains(&vec!["a", "b", "c"]));
    }
}
