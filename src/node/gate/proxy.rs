//! The PROXY protocol, versions 1 and 2: a header before the first byte, by which a proxy on the
//! transport layer says whom it was called by (HAProxy, "The PROXY protocol", sections 2.1, 2.2).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header that is taken: version 2's 16 bytes, and 520 of addresses and extensions.
const MAX_BYTES: usize = 536;
/// The longest line of version 1, its line end included.
const MAX_LINE_BYTES: usize = 107;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What version 2 begins with, before addresses and extensions.
const HEAD_BYTES: usize = 16;
const LINE_START: &[u8] = b"PROXY ";

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProxyHeader {
    /// Whom the proxy was called by; `None`: itself (`LOCAL`), or it cannot say (`UNKNOWN`).
    pub(crate) client: Option<SocketAddr>,
    /// Its bytes; what follows is the client's.
    pub(crate) length: usize,
}

/// What a peer that must send a header sends instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads the header at the start of `bytes`. `None`: it is not whole yet.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<ProxyHeader>, Malformed> {
    if starts_alike(bytes, SIGNATURE) {
        binary(bytes)
    } else if starts_alike(bytes, LINE_START) {
        line(bytes)
    } else {
        Err(Malformed)
    }
}

/// Is one the beginning of the other?
fn starts_alike(bytes: &[u8], start: &[u8]) -> bool {
    bytes.starts_with(start) || start.starts_with(bytes)
}

/// Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 51000 443\r\n`.
fn line(bytes: &[u8]) -> Result<Option<ProxyHeader>, Malformed> {
    let within = bytes.get(..MAX_LINE_BYTES).unwrap_or(bytes);
    let Some(end) = memchr::memmem::find(within, b"\r\n") else {
        return if within.len() < MAX_LINE_BYTES { Ok(None) } else { Err(Malformed) };
    };
    let text = within.get(LINE_START.len()..end).and_then(|text| std::str::from_utf8(text).ok());
    let client = words(text.ok_or(Malformed)?)?;
    Ok(Some(ProxyHeader { client, length: end + 2 }))
}

/// The words behind `PROXY`.
fn words(text: &str) -> Result<Option<SocketAddr>, Malformed> {
    let mut words = text.split(' ');
    let family = words.next().unwrap_or_default();
    if family == "UNKNOWN" {
        // What follows is to be ignored.
        return Ok(None);
    }
    let (Some(source), Some(destination), Some(port), Some(other_port), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Malformed);
    };
    let (port, _) = port_number(port).zip(port_number(other_port)).ok_or(Malformed)?;
    let client = match family {
        "TCP4" => address::<Ipv4Addr>(source, destination)?.into(),
        "TCP6" => address::<Ipv6Addr>(source, destination)?.into(),
        _ => return Err(Malformed),
    };
    Ok(Some(SocketAddr::new(client, port)))
}

/// The first of two addresses, both of which must be of this family.
fn address<T: std::str::FromStr>(source: &str, destination: &str) -> Result<T, Malformed> {
    destination.parse::<T>().map_err(|_| Malformed)?;
    source.parse().map_err(|_| Malformed)
}

/// Digits only: the standard library would take a sign.
fn port_number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Version 2: signature, version and command, family and transport, length; then as many bytes,
/// addresses first, extensions (TLVs) behind them, which are passed over.
fn binary(bytes: &[u8]) -> Result<Option<ProxyHeader>, Malformed> {
    let command = match bytes.get(SIGNATURE.len()) {
        None => return Ok(None),
        Some(0x20) => ProxyCommand::Local,
        Some(0x21) => ProxyCommand::Proxy,
        Some(_) => return Err(Malformed),
    };
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let [.., family, high, low] = *head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if HEAD_BYTES + length > MAX_BYTES {
        return Err(Malformed);
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let client = match command {
        ProxyCommand::Local => None,
        ProxyCommand::Proxy => source(family, body)?,
    };
    Ok(Some(ProxyHeader { client, length: HEAD_BYTES + length }))
}

enum ProxyCommand {
    Local,
    Proxy,
}

/// The source in the addresses of version 2: both addresses, then both ports.
fn source(family: u8, body: &[u8]) -> Result<Option<SocketAddr>, Malformed> {
    match family {
        // Stream or datagram, over IPv4 or IPv6.
        0x11 | 0x12 => {
            let (ip, rest) = body.split_first_chunk::<4>().ok_or(Malformed)?;
            let port = port_behind(rest, 4).ok_or(Malformed)?;
            Ok(Some(SocketAddr::new(Ipv4Addr::from(*ip).into(), port)))
        }
        0x21 | 0x22 => {
            let (ip, rest) = body.split_first_chunk::<16>().ok_or(Malformed)?;
            let port = port_behind(rest, 16).ok_or(Malformed)?;
            Ok(Some(SocketAddr::new(Ipv6Addr::from(*ip).into(), port)))
        }
        // Unspecified, and sockets of the Unix domain, which have no address.
        0x00 | 0x31 | 0x32 => Ok(None),
        _ => Err(Malformed),
    }
}

/// The first of the two ports behind the other address, which is `length` bytes long.
fn port_behind(rest: &[u8], length: usize) -> Option<u16> {
    let (port, rest) = rest.get(length..)?.split_first_chunk::<2>()?;
    rest.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*port))
}

#[cfg(test)]
mod tests;
