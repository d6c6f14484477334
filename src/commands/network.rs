//! Network interfaces.

use super::values::{List, Str};

command! {
    /// the network interfaces, each with its addresses.
    pub struct NetworkGetInterfaces = "guest-network-get-interfaces" { .. } -> List<'a, NetworkInterface<'a>>
}

object! {
    /// A network interface.
    pub struct NetworkInterface<'a> {
        name: Str<'a> = "name",
        ip_addresses: Option<List<'a, IpAddress<'a>>> = "ip-addresses",
        statistics: Option<InterfaceStatistics> = "statistics",
        /// Such as `02:00:00:00:00:01`.
        hardware_address: Option<Str<'a>> = "hardware-address",
        ..
    }
}

object! {
    /// One address of an interface.
    pub struct IpAddress<'a> {
        ip_address_type: IpAddressType<'a> = "ip-address-type",
        ip_address: Str<'a> = "ip-address",
        /// The length of the network's prefix, in bits.
        prefix: i64 = "prefix",
        ..
    }
}

choices! {
    /// The version of the internet protocol.
    pub enum IpAddressType<'a> {
        Ipv4 = "ipv4",
        Ipv6 = "ipv6",
        ..
    }
}

object! {
    /// What an interface has seen.
    #[derive(PartialEq, Eq)]
    pub struct InterfaceStatistics {
        tx_packets: u64 = "tx-packets",
        tx_errs: u64 = "tx-errs",
        rx_bytes: u64 = "rx-bytes",
        rx_dropped: u64 = "rx-dropped",
        rx_packets: u64 = "rx-packets",
        rx_errs: u64 = "rx-errs",
        tx_bytes: u64 = "tx-bytes",
        tx_dropped: u64 = "tx-dropped",
        ..
    }
}

command! {
    /// the routing table.
    pub struct NetworkGetRoute = "guest-network-get-route" { .. } -> List<'a, NetworkRoute<'a>>
}

object! {
    /// A route.
    pub struct NetworkRoute<'a> {
        /// The kernel's `RTF_` bits.
        flags: Option<u64> = "flags",
        /// IPv6.
        source: Option<Str<'a>> = "source",
        /// Of several routes the one with the least is taken.
        metric: i64 = "metric",
        refcnt: Option<i64> = "refcnt",
        /// IPv4: the window size of TCP, in bytes.
        window: Option<i64> = "window",
        /// 4 or 6.
        version: i64 = "version",
        /// IPv6.
        nexthop: Option<Str<'a>> = "nexthop",
        /// The interface's name.
        iface: Str<'a> = "iface",
        /// A network's address.
        destination: Str<'a> = "destination",
        /// IPv6: the length of the destination's prefix, in decimal.
        desprefixlen: Option<Str<'a>> = "desprefixlen",
        /// IPv4: the initial round-trip time, as the kernel shows it.
        irtt: Option<i64> = "irtt",
        /// IPv4.
        gateway: Option<Str<'a>> = "gateway",
        /// IPv6: the length of the source's prefix, in decimal.
        srcprefixlen: Option<Str<'a>> = "srcprefixlen",
        /// How often it was looked up.
        use_count: Option<i64> = "use",
        /// IPv4: in bytes.
        mtu: Option<i64> = "mtu",
        /// IPv4: the destination's, such as `255.255.255.0`.
        mask: Option<Str<'a>> = "mask",
        ..
    }
}
