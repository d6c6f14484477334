//! Addresses as text. What `core` displays is the same, but it can panic.

use core::fmt::{Result, Write};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) fn write_hardware(text: &mut dyn Write, address: [u8; 6]) -> Result {
    let mut separated = "";
    address.into_iter().try_for_each(|byte| {
        text.write_str(separated)?;
        separated = ":";
        write_digit::<16>(text, (byte >> 4).into())?;
        write_digit::<16>(text, byte.into())
    })
}

pub(crate) fn write_ip(text: &mut dyn Write, address: IpAddr) -> Result {
    match address {
        IpAddr::V4(address) => write_v4(text, address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => {
                text.write_str("::ffff:")?;
                write_v4(text, mapped)
            }
            None => write_v6(text, address),
        },
    }
}

fn write_v4(text: &mut dyn Write, address: Ipv4Addr) -> Result {
    let mut separated = "";
    address.octets().into_iter().try_for_each(|octet| {
        text.write_str(separated)?;
        separated = ".";
        write_number::<10>(text, octet.into())
    })
}

/// RFC 5952: the first of the longest runs of zeros is `::`, unless it is a single one.
fn write_v6(text: &mut dyn Write, address: Ipv6Addr) -> Result {
    let (mut longest, mut zeros) = (0..0, 0);
    for (end, segment) in (1..).zip(address.segments()) {
        zeros = if segment == 0 { zeros + 1 } else { 0 };
        if zeros > 1 && zeros > longest.len() {
            longest = end - zeros..end;
        }
    }
    for (index, segment) in address.segments().into_iter().enumerate() {
        if longest.contains(&index) {
            text.write_str(if index == longest.start { "::" } else { "" })?;
        } else {
            text.write_str(if index == 0 || index == longest.end { "" } else { ":" })?;
            write_number::<16>(text, segment)?;
        }
    }
    Ok(())
}

fn write_number<const BASE: u16>(text: &mut dyn Write, number: u16) -> Result {
    if number >= BASE {
        write_number::<BASE>(text, number / BASE)?;
    }
    write_digit::<BASE>(text, number)
}

/// The last digit.
fn write_digit<const BASE: u16>(text: &mut dyn Write, number: u16) -> Result {
    let digit = (number % BASE) as u8;
    text.write_char(char::from(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }))
}
