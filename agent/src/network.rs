//! Network interfaces and routes.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};

use guestwire::commands::*;
use guestwire::{
    Call, CommandResult,
    json::{ArrayEncoder, DoesNotFit, ValueEncoder},
};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;
use procfs::net::{DeviceStatus, RouteEntry};

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
    encoder: ValueEncoder<'_>,
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
    encoder.encode(NetworkInterface {
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

pub fn get_route(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    // A kernel without one of the two protocols has no such file.
    let ipv4 = procfs::net::route().unwrap_or_default();
    let ipv6 = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    response.array(|list| {
        ipv4.iter().try_for_each(|route| encode_ipv4_route(list.element(), route))?;
        ipv6.lines().filter_map(Ipv6Route::parse).try_for_each(|route| route.encode(list.element()))
    })
}

fn encode_ipv4_route(encoder: ValueEncoder<'_>, route: &RouteEntry) -> Result<(), DoesNotFit> {
    let [destination, gateway, mask] =
        [route.destination, route.gateway, route.mask].map(|address| address.to_string());
    encoder.encode(NetworkRoute {
        flags: Some(route.flags.into()),
        metric: route.metrics.into(),
        refcnt: Some(route.refcnt.into()),
        window: Some(route.window.into()),
        version: 4,
        iface: route.iface.as_str().into(),
        destination: destination.as_str().into(),
        irtt: Some(route.irtt.into()),
        gateway: Some(gateway.as_str().into()),
        use_count: Some(route.in_use.into()),
        mtu: Some(route.mtu.into()),
        mask: Some(mask.as_str().into()),
        ..Default::default()
    })
}

/// A line of `/proc/net/ipv6_route`.
#[derive(Debug, PartialEq, Eq)]
struct Ipv6Route<'l> {
    /// Each with the length of its prefix.
    destination: (Ipv6Addr, u32),
    source: (Ipv6Addr, u32),
    nexthop: Ipv6Addr,
    metric: u32,
    refcnt: u32,
    use_count: u32,
    flags: u32,
    iface: &'l str,
}

impl<'l> Ipv6Route<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let address = |digits| u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from);
        let number = |digits| u32::from_str_radix(digits, 16).ok();
        Some(Self {
            destination: (address(words.next()?)?, number(words.next()?)?),
            source: (address(words.next()?)?, number(words.next()?)?),
            nexthop: address(words.next()?)?,
            metric: number(words.next()?)?,
            refcnt: number(words.next()?)?,
            use_count: number(words.next()?)?,
            flags: number(words.next()?)?,
            iface: words.next()?,
        })
    }

    fn encode(&self, encoder: ValueEncoder<'_>) -> Result<(), DoesNotFit> {
        let [destination, source] = [self.destination, self.source].map(|(address, _)| address.to_string());
        let [desprefixlen, srcprefixlen] = [self.destination, self.source].map(|(_, length)| length.to_string());
        let nexthop = self.nexthop.to_string();
        encoder.encode(NetworkRoute {
            flags: Some(self.flags.into()),
            source: Some(source.as_str().into()),
            metric: self.metric.into(),
            refcnt: Some(self.refcnt.into()),
            version: 6,
            nexthop: Some(nexthop.as_str().into()),
            iface: self.iface.into(),
            destination: destination.as_str().into(),
            desprefixlen: Some(desprefixlen.as_str().into()),
            srcprefixlen: Some(srcprefixlen.as_str().into()),
            use_count: Some(self.use_count.into()),
            ..Default::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_routes_are_read() {
        let default = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
                       fd000000000000000000000000000001 00000400 00000002 0000000a 00000003     eth0";
        let route = Ipv6Route::parse(default).unwrap();
        assert_eq!(route.destination, (Ipv6Addr::UNSPECIFIED, 0));
        assert_eq!(route.nexthop, Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, 1));
        let Ipv6Route { metric, refcnt, use_count, flags, iface, .. } = route;
        assert_eq!((metric, refcnt, use_count, flags, iface), (1024, 2, 10, 3, "eth0"));

        // The route to nowhere, which comes last.
        let nowhere = "00000000000000000000000000000000 00 20010db8000000000000000000000000 20 \
                       00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo";
        let route = Ipv6Route::parse(nowhere).unwrap();
        assert_eq!((route.source, route.metric), ((Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 0), 32), u32::MAX));
        assert_eq!(Ipv6Route::parse(&nowhere[..100]), None);

        // All numbers are hexadecimal, the lengths of prefixes too.
        for (digits, length) in [("0a", 10), ("40", 64), ("7f", 127), ("80", 128)] {
            let line = format!(
                "fe800000000000000000000000000000 {digits} 20010db8000000000000000000000000 {digits} \
                 00000000000000000000000000000000 00000010 00000011 00000012 00000013     eth0"
            );
            let Ipv6Route { destination, source, metric, refcnt, use_count, flags, .. } =
                Ipv6Route::parse(&line).unwrap();
            assert_eq!((destination.1, source.1, metric, refcnt, use_count, flags), (length, length, 16, 17, 18, 19));
        }
    }
}
