//! Fuzz targets, one function each. `fuzz_targets` hands them to libFuzzer; `tests/corpora.rs`
//! replays the committed corpora with any compiler.
//!
//! | target | subject |
//! | --- | --- |
//! | [`parsers`] | every parser of the core and of the bridge's configuration |
//! | [`server_datagrams`], [`client_datagrams`] | the two roles among peers that hold keys and break every rule |
//! | [`api_calls`] | both roles' methods in any order, with any arguments and buffers |
//! | [`fragments`], [`relay`] | a bridge's session: halves of datagrams, the first datagram, rates |
//! | [`stun_sdp`] | routes, paths, alerts and offers in front of the bridge's WebRTC library |
//! | [`http_offers`] | requests to the bridge's HTTP port |
//! | [`request_bodies`] | requests to the matchmaker |
//! | [`ethernet`] | frames into the firmware's shell |
//! | [`sealed_tokens`], [`token_files`] | tokens sealed to devices; files of tokens and keys |
//! | [`differential`] | the same datagrams into our server and into two others |
//!
//! The first bytes of an input choose the configuration, the rest are steps. Each target asserts
//! what must hold whatever the input is; its file says what.

mod api_calls;
mod client_datagrams;
mod differential;
mod ethernet;
mod forge;
mod fragments;
mod http_offers;
mod parsers;
mod relay;
mod request_bodies;
mod sealed_tokens;
mod server_datagrams;
mod server_setup;
mod server_witness;
mod stun_sdp;
mod ticket;
mod token_files;

use std::path::PathBuf;

use arbitrary::{Result, Unstructured};

pub use self::api_calls::api_calls;
pub use self::client_datagrams::client_datagrams;
pub use self::differential::differential;
pub use self::ethernet::ethernet;
pub use self::fragments::fragments;
pub use self::http_offers::http_offers;
pub use self::parsers::parsers;
pub use self::relay::relay;
pub use self::request_bodies::request_bodies;
pub use self::sealed_tokens::sealed_tokens;
pub use self::server_datagrams::server_datagrams;
pub use self::stun_sdp::stun_sdp;
pub use self::token_files::token_files;

/// Takes steps until the input is used up, or one wants more than is left of it, or there were `most`.
fn take_steps<'d>(
    input: &mut Unstructured<'d>,
    most: usize,
    mut step: impl FnMut(&mut Unstructured<'d>) -> Result<()>,
) {
    for _ in 0..most {
        if input.is_empty() || step(input).is_err() {
            break;
        }
    }
}

/// Folder for files of a run: in memory where the system has such a one.
fn memory_folder() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    }
}

/// Function of a target.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in `fuzz_targets` and of its folder in `corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("api_calls", api_calls),
    ("client_datagrams", client_datagrams),
    ("differential", differential),
    ("ethernet", ethernet),
    ("fragments", fragments),
    ("http_offers", http_offers),
    ("parsers", parsers),
    ("relay", relay),
    ("request_bodies", request_bodies),
    ("sealed_tokens", sealed_tokens),
    ("server_datagrams", server_datagrams),
    ("stun_sdp", stun_sdp),
    ("token_files", token_files),
];
