//! The Grafana dashboard beside a server's metrics.

use crate::command::{Server, folder, get};
use crate::panels::check;

#[test]
fn every_metric_of_a_panel_is_exported_by_a_server() {
    let folder = folder("dashboard");
    let mut server = Server::start(&folder, "--metrics 127.0.0.1:0");
    let served = server.wait_for("metrics at ");
    let metrics = get(served["address"].as_str().unwrap(), "/metrics");
    check("netcode_server_", &metrics);
}
