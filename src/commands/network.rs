//! Network interfaces.

use super::values::{List, Str};

command! {
    /// the network interfaces, each with its addresses.
    "guest-network-get-interfaces" NetworkGetInterfaces {} -> List<'a, NetworkInterface<'a>>
}

object! {
    /// A network interface.
    NetworkInterface<'a> {
        name: Str<'a> = "name",
        ip_addresses: Option<List<'a, IpAddress<'a>>> = "ip-addresses",
        statistics: Option<InterfaceStatistics> = "statistics",
        /// Such as `02:00:00:00:00:01`.
        hardware_address: Option<Str<'a>> = "hardware-address",
    }
}

object! {
    /// One address of an interface.
    IpAddress<'a> {
        ip_address_type: IpAddressType = "ip-address-type",
        ip_address: Str<'a> = "ip-address",
        /// The length of the network's prefix, in bits.
        prefix: i64 = "prefix",
    }
}

choices! {
    /// The version of the internet protocol.
    IpAddressType {
        Ipv4 = "ipv4",
        Ipv6 = "ipv6",
    }
}

object! {
    /// What an interface has seen.
    InterfaceStatistics {
        tx_packets: u64 = "tx-packets",
        tx_errs: u64 = "tx-errs",
        rx_bytes: u64 = "rx-bytes",
        rx_dropped: u64 = "rx-dropped",
        rx_packets: u64 = "rx-packets",
        rx_errs: u64 = "rx-errs",
        tx_bytes: u64 = "tx-bytes",
        tx_dropped: u64 = "tx-dropped",
    }
}
