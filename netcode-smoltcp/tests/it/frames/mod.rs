//! Ethernet frames, as they stand on the wire: what a network stack would not send by itself.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use netcode_smoltcp::core::Instant;
use netcode_smoltcp::core::client::Client;
use netcode_smoltcp::smoltcp::phy::ChecksumCapabilities;
use netcode_smoltcp::smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

const UNKNOWN_HARDWARE: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0xff, 1]);

fn ethernet(to: EthernetAddress, kind: EthernetProtocol, payload: &[u8]) -> Vec<u8> {
    let repr = EthernetRepr {
        src_addr: UNKNOWN_HARDWARE,
        dst_addr: to,
        ethertype: kind,
    };
    let mut bytes = vec![0; repr.buffer_len()];
    repr.emit(&mut EthernetFrame::new_unchecked(&mut bytes));
    bytes.extend_from_slice(payload);
    bytes
}

/// Asks for `target`'s hardware address on behalf of `source`, which the one asked takes for a
/// neighbour from then on.
pub(crate) fn arp_request(source: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let repr = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: UNKNOWN_HARDWARE,
        source_protocol_addr: source,
        target_hardware_addr: EthernetAddress::BROADCAST,
        target_protocol_addr: target,
    };
    let mut payload = vec![0; repr.buffer_len()];
    repr.emit(&mut ArpPacket::new_unchecked(&mut payload));
    ethernet(EthernetAddress::BROADCAST, EthernetProtocol::Arp, &payload)
}

/// A UDP datagram that says that it comes from `source`.
pub(crate) fn datagram(
    source: SocketAddrV4,
    (hardware, target): (EthernetAddress, SocketAddrV4),
    payload: &[u8],
) -> Vec<u8> {
    let udp = UdpRepr {
        src_port: source.port(),
        dst_port: target.port(),
    };
    let ip = Ipv4Repr {
        src_addr: *source.ip(),
        dst_addr: *target.ip(),
        next_header: IpProtocol::Udp,
        payload_len: udp.header_len() + payload.len(),
        hop_limit: 64,
    };
    let checksums = ChecksumCapabilities::default();
    let mut packet = vec![0; ip.buffer_len() + ip.payload_len];
    ip.emit(&mut Ipv4Packet::new_unchecked(&mut packet), &checksums);
    udp.emit(
        &mut UdpPacket::new_unchecked(&mut packet[ip.buffer_len()..]),
        &(*source.ip()).into(),
        &(*target.ip()).into(),
        payload.len(),
        |buffer| buffer.copy_from_slice(payload),
        &checksums,
    );
    ethernet(hardware, EthernetProtocol::Ipv4, &packet)
}

/// The connection request that a client sends with `token`.
pub(crate) fn request(token: &[u8]) -> Vec<u8> {
    let mut client = Client::new();
    client.connect(Instant::ZERO, token).unwrap();
    let mut buffer = [0; 1225];
    let request = client.poll_transmit(Instant::ZERO, &mut buffer).unwrap();
    request.datagram.to_vec()
}

pub(crate) fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => unreachable!("tests craft frames of IPv4 alone"),
    }
}
