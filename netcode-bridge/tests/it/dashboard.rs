//! The Grafana dashboard: its queries name metrics that a bridge exports.

use crate::world::start;

/// Dashboard for both programs; the server's metrics are checked with the `netcode` command.
const DASHBOARD: &str = include_str!("../../../packaging/grafana/netcode.json");

/// Names in `text` that begin so.
fn names<'t>(text: &'t str, prefix: &str) -> Vec<&'t str> {
    let is_part = |byte: char| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == '_';
    let mut names: Vec<_> = text
        .match_indices(prefix)
        .map(|(at, _)| {
            let name = &text[at..];
            &name[..name.find(|it| !is_part(it)).unwrap_or(name.len())]
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn every_metric_of_a_panel_is_exported_by_a_bridge() {
    let bridge = start(&["127.0.0.1:1".parse().unwrap()]);
    let metrics = bridge.monitor().metrics();
    let samples: String = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    let exported = names(&samples, "netcode_bridge_");
    let shown = names(DASHBOARD, "netcode_bridge_");
    assert!(shown.len() > 10, "{shown:?}");
    for name in &shown {
        assert!(exported.contains(name), "{name} is not among {exported:?}");
    }
    // Everything that is exported and can be drawn is drawn.
    let missing: Vec<_> = exported.iter().filter(|it| !shown.contains(it)).collect();
    let undrawn = [
        "netcode_bridge_events_lost_total",
        "netcode_bridge_start_time_seconds",
    ];
    assert_eq!(missing, undrawn.iter().collect::<Vec<_>>());
}
