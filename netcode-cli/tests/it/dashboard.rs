//! The Grafana dashboard beside a server's metrics.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::command::{Server, folder};
use crate::panels::check;

#[test]
fn every_metric_of_a_panel_is_exported_by_a_server() {
    let folder = folder("dashboard");
    let mut server = Server::start(&folder, "--metrics 127.0.0.1:0");
    let served = server.wait_for("metrics at ");
    let mut stream = TcpStream::connect(served["address"].as_str().unwrap()).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: server\r\n\r\n")
        .unwrap();
    let mut metrics = String::new();
    stream.read_to_string(&mut metrics).unwrap();
    check("netcode_server_", &metrics);
}
