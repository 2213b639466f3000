//! Interfaces with an MTU below Ethernet's.

use crate::world::World;
use netcode_smoltcp::smoltcp::phy::{Device, Medium};
use netcode_smoltcp::{MIN_IPV4_MTU, MIN_IPV6_MTU, MtuTooSmall, check_mtu};

const ETHERNET_HEADER_BYTES: usize = 14;

fn world_over(ip_mtu: usize, network: &str, address: &str) -> World {
    World::over(
        crate::wire::wire_of(ip_mtu + ETHERNET_HEADER_BYTES),
        Medium::Ethernet,
        network,
        address,
    )
}

fn check(world: &World) -> Result<(), MtuTooSmall> {
    check_mtu(world.node.card.capabilities().ip_mtu(), world.address.ip())
}

#[test]
fn the_smallest_interfaces_carry_the_longest_payloads() {
    for (ip_mtu, network, address) in [
        (MIN_IPV4_MTU, "10.0.0.1/8", "10.0.0.1:40000"),
        (MIN_IPV6_MTU, "fd00::1/64", "[fd00::1]:40000"),
    ] {
        let mut world = world_over(ip_mtu, network, address);
        assert_eq!(check(&world), Ok(()));
        let n = world.connect();
        world.exchange(n);
    }
}

#[test]
fn an_interface_with_too_small_an_mtu_is_reported_before_it_is_used() {
    for (needed, network, address) in [
        (MIN_IPV4_MTU, "10.0.0.1/8", "10.0.0.1:40000"),
        (MIN_IPV6_MTU, "fd00::1/64", "[fd00::1]:40000"),
    ] {
        let world = world_over(needed - 1, network, address);
        assert_eq!(check(&world), Err(MtuTooSmall { needed }));
    }
}
