//! Minimum supported Rust version of each published crate: the `rust-version` in its manifest,
//! compared with those of all crates it links.
//!
//! Clippy's `incompatible_msrv` finds newer functions of the standard library. Syntax that is too new
//! only shows in a build with that compiler, which the GitHub workflow does.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::machine::Version;
use crate::outcome::Outcome;
use crate::workspace::{Package, metadata};

pub(crate) fn run() -> Result<Outcome> {
    let graph: Graph = serde_json::from_str(&metadata(&["--all-features"])?)?;
    let mut too_low = Vec::new();
    for package in graph.published() {
        let named = package.named().context(package.name.clone())?;
        let Some((needed, by)) = graph.needs(package) else {
            continue;
        };
        println!("{}: {named}; {} needs {needed}", package.name, by.name);
        if named < needed {
            too_low.push(package.name.as_str());
        }
    }
    if !too_low.is_empty() {
        bail!("rust-version is too low: {}", too_low.join(", "));
    }
    Ok(Outcome::Passed)
}

/// Dependency graph, for all platforms.
#[derive(Deserialize)]
struct Graph {
    packages: Vec<Package>,
    workspace_members: HashSet<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Dependency {
    /// `false` if only tests, examples or benchmarks use it.
    fn is_linked(&self) -> bool {
        self.dep_kinds
            .iter()
            .any(|it| it.kind.as_deref() != Some("dev"))
    }
}

impl Graph {
    fn published(&self) -> impl Iterator<Item = &Package> {
        let ours = |package: &&Package| self.workspace_members.contains(&package.id);
        self.packages
            .iter()
            .filter(ours)
            .filter(|package| package.is_published())
    }

    /// Highest `rust-version` among the crates it links, and the crate that names it.
    fn needs(&self, package: &Package) -> Option<(Version, &Package)> {
        let linked = self.linked(&package.id);
        let linked = self
            .packages
            .iter()
            .filter(|it| it.id != package.id && linked.contains(it.id.as_str()));
        linked
            .filter_map(|it| Some((it.named()?, it)))
            .max_by_key(|(version, _)| *version)
    }

    /// Ids of the package and of all it links.
    fn linked<'a>(&'a self, package: &'a str) -> HashSet<&'a str> {
        let nodes: HashMap<&str, &Node> = self
            .resolve
            .nodes
            .iter()
            .map(|node| (node.id.as_str(), node))
            .collect();
        let mut linked = HashSet::new();
        let mut open = vec![package];
        while let Some(id) = open.pop() {
            if linked.insert(id) {
                let deps = nodes.get(id).into_iter().flat_map(|node| &node.deps);
                open.extend(deps.filter(|it| it.is_linked()).map(|it| it.pkg.as_str()));
            }
        }
        linked
    }
}

impl Package {
    fn named(&self) -> Option<Version> {
        Version::read(self.rust_version.as_deref()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transitive_dependencies_count_and_dev_dependencies_do_not() {
        let package = |name, version| {
            serde_json::json!({
                "id": name, "name": name, "version": "1.0.0", "rust_version": version,
                "publish": null, "features": {},
            })
        };
        let graph: Graph = serde_json::from_value(serde_json::json!({
            "packages": [
                package("ours", "1.60"), package("direct", "1.70"),
                package("far", "1.81.0"), package("tests", "1.95"),
            ],
            "workspace_members": ["ours"],
            "resolve": { "nodes": [
                { "id": "ours", "deps": [
                    { "pkg": "direct", "dep_kinds": [{ "kind": null }] },
                    { "pkg": "tests", "dep_kinds": [{ "kind": "dev" }] },
                ]},
                { "id": "direct", "deps": [
                    { "pkg": "far", "dep_kinds": [{ "kind": "dev" }, { "kind": "build" }] },
                ]},
            ]},
        }))
        .unwrap();
        let ours: Vec<_> = graph.published().collect();
        assert_eq!(ours.len(), 1);
        let (needed, by) = graph.needs(ours[0]).unwrap();
        assert_eq!((needed, by.name.as_str()), (Version(1, 81, 0), "far"));
    }
}
