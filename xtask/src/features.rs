//! Every combination of features that is somebody's build.

use anyhow::{Context, Result, bail};

use crate::machine;
use crate::process;
use crate::steps::Outcome;
use crate::workspace::{cargo, package};

/// A crate whose combinations are checked.
struct Checked {
    package: &'static str,
    /// Sets of features of which each build needs one at least, for the network stacks below
    /// refuse to build without.
    needs_one_of: &'static [&'static [&'static str]],
    /// Features that change no code but derive one more trait: checked with everything, not with
    /// each combination.
    only_with_all: &'static [&'static str],
}

const CHECKED: [Checked; 2] = [
    Checked {
        package: "netcode-core",
        needs_one_of: &[],
        only_with_all: &[],
    },
    Checked {
        package: "netcode-smoltcp",
        needs_one_of: &[
            &["proto-ipv4", "proto-ipv6"],
            &["medium-ethernet", "medium-ip"],
        ],
        only_with_all: &["defmt"],
    },
];

pub(crate) fn run() -> Result<Outcome> {
    machine::ensure_component("clippy", "clippy")?;
    let mut broken = Vec::new();
    for checked in &CHECKED {
        broken.extend(check(checked)?);
    }
    if !broken.is_empty() {
        bail!("does not build cleanly: {}", broken.join(", "));
    }
    Ok(Outcome::Passed)
}

/// Checks a crate under each combination; names those that fail. Clippy is `cargo check` that can
/// also refuse warnings of the crate alone: code that is dead without a feature is found here and
/// nowhere else.
fn check(checked: &Checked) -> Result<Vec<String>> {
    let name = checked.package;
    let package = package(name)?.with_context(|| format!("there is no {name}"))?;
    let mut broken = Vec::new();
    for combination in checked.combinations(&package.features) {
        let features = combination.join(",");
        let mut check = cargo("clippy");
        check.args(["--quiet", "-p", name, "--lib", "--no-default-features"]);
        if !features.is_empty() {
            check.args(["--features", &features]);
        }
        if process::run(check.args(["--", "-D", "warnings"])).is_err() {
            broken.push(format!("{name} [{features}]"));
        }
    }
    Ok(broken)
}

impl Checked {
    /// The combinations that can be built.
    fn combinations<'f>(&self, features: &'f [String]) -> Vec<Vec<&'f str>> {
        let all = subsets(features);
        let can_be_built = |subset: &Vec<&str>| {
            let full = subset.len() == features.len();
            let complete = self
                .needs_one_of
                .iter()
                .all(|needed| needed.iter().any(|it| subset.contains(it)));
            complete && (full || !self.only_with_all.iter().any(|it| subset.contains(it)))
        };
        all.into_iter().filter(can_be_built).collect()
    }
}

/// All subsets, the empty one first.
fn subsets(features: &[String]) -> Vec<Vec<&str>> {
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
        let all = subsets(&features);
        assert_eq!(all.len(), 8);
        assert_eq!(all.first().map(Vec::len), Some(0));
        assert!(all.contains(&vec!["a", "c"]));
        assert!(all.contains(&vec!["a", "b", "c"]));
    }

    #[test]
    fn a_build_without_a_feature_of_each_needed_set_is_left_out() {
        let checked = Checked {
            package: "",
            needs_one_of: &[&["a", "b"]],
            only_with_all: &["d"],
        };
        let features = ["a", "b", "d"].map(String::from);
        assert_eq!(
            checked.combinations(&features),
            [vec!["a"], vec!["b"], vec!["a", "b"], vec!["a", "b", "d"]]
        );
    }
}
