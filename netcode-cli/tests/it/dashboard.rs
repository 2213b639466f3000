//! A server's metrics, beside the Grafana dashboard and the operators' documentation.

use crate::command::{FLEET, Server, folder, get};
use crate::panels::check;

#[test]
fn the_dashboard_draws_what_a_server_exports_and_the_documentation_has_all_of_it() {
    let folder = folder("dashboard");
    let mut server = Server::start(&folder, &format!("--metrics 127.0.0.1:0 {FLEET}"));
    let served = server.wait_for("metrics at ");
    let metrics = get(served["address"].as_str().unwrap(), "/metrics");
    check("netcode_server_", &metrics);
}
