//! Ethernet frames, as they stand on the wire.

use std::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use super::SERVER;

pub const fn hardware(number: u8) -> EthernetAddress {
    EthernetAddress([2, 0, 0, 0, 0, number])
}

/// UDP datagram between two hosts.
pub fn datagram(
    (_, source): (EthernetAddress, SocketAddrV4),
    (hardware, target): (EthernetAddress, SocketAddrV4),
    payload: &[u8],
    checksums: &ChecksumCapabilities,
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
    let mut packet = vec![0; ip.buffer_len() + ip.payload_len];
    ip.emit(&mut Ipv4Packet::new_unchecked(&mut packet), checksums);
    udp.emit(
        &mut UdpPacket::new_unchecked(&mut packet[ip.buffer_len()..]),
        &(*source.ip()).into(),
        &(*target.ip()).into(),
        payload.len(),
        |buffer| buffer.copy_from_slice(payload),
        checksums,
    );
    framed(hardware, EthernetProtocol::Ipv4, &packet)
}

/// Hardware address, and address and port of netcode: the server is 1, the client 2, the fuzzer's
/// hosts 10 to 13.
pub fn host(number: u8) -> (EthernetAddress, SocketAddrV4) {
    let port = match number {
        1 => SERVER.port(),
        _ => 50_000,
    };
    let ip = Ipv4Addr::new(10, 0, 0, number);
    (hardware(number), SocketAddrV4::new(ip, port))
}

fn framed(to: EthernetAddress, kind: EthernetProtocol, payload: &[u8]) -> Vec<u8> {
    let repr = EthernetRepr {
        src_addr: hardware(99),
        dst_addr: to,
        ethertype: kind,
    };
    let mut bytes = vec![0; repr.buffer_len()];
    repr.emit(&mut EthernetFrame::new_unchecked(&mut bytes));
    bytes.extend_from_slice(payload);
    bytes
}

/// ARP request of `source` for `target`, or its reply.
pub fn arp(source: EthernetAddress, target: EthernetAddress, request: bool) -> Vec<u8> {
    let ip = |hardware: EthernetAddress| Ipv4Addr::new(10, 0, 0, hardware.0[5]);
    let repr = ArpRepr::EthernetIpv4 {
        operation: match request {
            true => ArpOperation::Request,
            false => ArpOperation::Reply,
        },
        source_hardware_addr: source,
        source_protocol_addr: ip(source),
        target_hardware_addr: target,
        target_protocol_addr: ip(target),
    };
    let mut payload = vec![0; repr.buffer_len()];
    repr.emit(&mut ArpPacket::new_unchecked(&mut payload));
    framed(target, EthernetProtocol::Arp, &payload)
}
