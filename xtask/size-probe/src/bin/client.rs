//! The code of a client that does everything over a network.
#![no_std]
#![no_main]

use netcode_core::client::Client;

type Probed = Client;

size_probe::program![
    Probed::connect,
    Probed::handle_datagram,
    Probed::send,
    Probed::poll_transmit,
    Probed::poll_event,
    Probed::next_deadline,
    Probed::disconnect,
];
