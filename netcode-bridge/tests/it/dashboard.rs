//! The Grafana dashboard beside a bridge's metrics.

use crate::panels::check;
use crate::world::start;

#[test]
fn every_metric_of_a_panel_is_exported_by_a_bridge() {
    let bridge = start(&["127.0.0.1:1".parse().unwrap()]);
    check("netcode_bridge_", &bridge.monitor().metrics());
}
