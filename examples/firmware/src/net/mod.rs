//! Network cards.

#[cfg(any(feature = "mps2-an385", feature = "mps2-an386"))]
pub mod lan9118;
pub(crate) mod registers;
#[cfg(feature = "lm3s6965evb")]
pub mod stellaris;

/// The longest Ethernet frame, without its checksum.
pub const FRAME_BYTES: usize = 1514;

/// What all cards here can do: whole frames, one at a time, checksums by smoltcp.
fn ethernet() -> smoltcp::phy::DeviceCapabilities {
    let mut capabilities = smoltcp::phy::DeviceCapabilities::default();
    capabilities.medium = smoltcp::phy::Medium::Ethernet;
    capabilities.max_transmission_unit = FRAME_BYTES;
    capabilities.max_burst_size = Some(1);
    capabilities
}
