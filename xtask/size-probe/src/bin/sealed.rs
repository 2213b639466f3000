//! The code of a client that gets its tokens sealed to its device.
#![no_std]
#![no_main]

use netcode_core::client::Client;
use netcode_core::sealed::open_token;

type Probed = Client;

size_probe::program![
    open_token,
    Probed::connect,
    Probed::handle_datagram,
    Probed::send,
    Probed::poll_transmit,
    Probed::poll_event,
    Probed::next_deadline,
    Probed::disconnect,
];
