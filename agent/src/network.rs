//! Network interfaces.

use std::collections::HashMap;
use std::net::IpAddr;

use guestwire::commands::*;
use guestwire::{
    Call, CommandResult,
    json::{ArrayEncoder, DoesNotFit, ValueEncoder},
};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;
use procfs::net::DeviceStatus;

use crate::guest::{Linux, failed};

struct Interface {
    name: String,
    hardware_address: Option<[u8; 6]>,
    /// Each with its prefix length.
    addresses: Vec<(IpAddr, u32)>,
}

pub fn get_interfaces(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    let interfaces = match interfaces() {
        Ok(interfaces) => interfaces,
        Err(error) => return failed(response, "failed to list the interfaces", error),
    };
    let seen = procfs::net::dev_status().unwrap_or_default();
    response.array(|list| interfaces.iter().try_for_each(|interface| encode(list.element(), interface, &seen)))
}

/// In the order in which the kernel names them first.
fn interfaces() -> nix::Result<Vec<Interface>> {
    let mut interfaces: Vec<Interface> = Vec::new();
    for entry in getifaddrs()? {
        let known = interfaces.iter().position(|interface| interface.name == entry.interface_name);
        let index = known.unwrap_or_else(|| {
            interfaces.push(Interface { name: entry.interface_name, hardware_address: None, addresses: Vec::new() });
            interfaces.len() - 1
        });
        let interface = &mut interfaces[index];
        if let Some(link) = entry.address.as_ref().and_then(|address| address.as_link_addr()) {
            interface.hardware_address = link.addr();
        }
        if let Some(address) = entry.address.as_ref().and_then(ip) {
            let ones = match entry.netmask.as_ref().and_then(ip) {
                Some(IpAddr::V4(mask)) => mask.to_bits().count_ones(),
                Some(IpAddr::V6(mask)) => mask.to_bits().count_ones(),
                None => 0,
            };
            interface.addresses.push((address, ones));
        }
    }
    Ok(interfaces)
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = || address.as_sockaddr_in().map(|address| address.ip().into());
    v4().or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

fn encode(
    place: ValueEncoder<'_>,
    interface: &Interface,
    seen: &HashMap<String, DeviceStatus>,
) -> Result<(), DoesNotFit> {
    let hardware_address =
        interface.hardware_address.map(|[a, b, c, d, e, f]| format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"));
    let write_addresses = |list: &mut ArrayEncoder<'_>| {
        interface.addresses.iter().try_for_each(|(address, prefix)| {
            list.element().encode(IpAddress {
                ip_address_type: if address.is_ipv4() { IpAddressType::Ipv4 } else { IpAddressType::Ipv6 },
                ip_address: (&|text: &mut dyn std::fmt::Write| write!(text, "{address}")).into(),
                prefix: (*prefix).into(),
                ..Default::default()
            })
        })
    };
    place.encode(NetworkInterface {
        name: interface.name.as_str().into(),
        ip_addresses: (!interface.addresses.is_empty()).then_some(List::of(&write_addresses)),
        // Only with addresses, as in the reference agent.
        statistics: seen.get(&interface.name).filter(|_| !interface.addresses.is_empty()).map(statistics),
        hardware_address: hardware_address.as_deref().map(Str::from),
        ..Default::default()
    })
}

fn statistics(seen: &DeviceStatus) -> InterfaceStatistics {
    InterfaceStatistics {
        tx_packets: seen.sent_packets,
        tx_errs: seen.sent_errs,
        rx_bytes: seen.recv_bytes,
        rx_dropped: seen.recv_drop,
        rx_packets: seen.recv_packets,
        rx_errs: seen.recv_errs,
        tx_bytes: seen.sent_bytes,
        tx_dropped: seen.sent_drop,
        ..Default::default()
    }
}
