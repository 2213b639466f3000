//! A server's metrics, beside the Grafana dashboard and the operators' documentation.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::command::{Server, folder};
use crate::panels::check;

#[test]
fn the_dashboard_draws_what_a_server_exports_and_the_documentation_has_all_of_it() {
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
