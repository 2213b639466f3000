//! A bridge's metrics, beside the Grafana dashboard and the operators' documentation.

use crate::panels::check;
use crate::world::start;

#[test]
fn the_dashboard_draws_what_a_bridge_exports_and_the_documentation_has_all_of_it() {
    let bridge = start(&["127.0.0.1:1".parse().unwrap()]);
    check("netcode_bridge_", &bridge.monitor().metrics());
}
