//! Network cards.

#[cfg(any(feature = "mps2-an385", feature = "mps2-an386"))]
pub mod lan9118;
pub(crate) mod registers;
#[cfg(feature = "lm3s6965evb")]
pub mod stellaris;

/// The longest frame taken and sent, without its checksum: a full netcode datagram behind the
/// headers of Ethernet, IPv4 and UDP. Longer ones are of no use here and dropped. Two frames of 1514
/// bytes would take 494 bytes more.
pub const FRAME_BYTES: usize = 14 + 20 + 8 + netcode_smoltcp::BUFFER_BYTES;

/// Capabilities of all cards here: whole frames, one at a time, checksums by smoltcp.
fn ethernet() -> smoltcp::phy::DeviceCapabilities {
    let mut capabilities = smoltcp::phy::DeviceCapabilities::default();
    capabilities.medium = smoltcp::phy::Medium::Ethernet;
    capabilities.max_transmission_unit = FRAME_BYTES;
    capabilities.max_burst_size = Some(1);
    capabilities
}
