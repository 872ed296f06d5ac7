//! The source addresses of the connections, and the descriptors for them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rustix::process::{Resource, Rlimit};

/// The most connections from one source address, which has 28,232 ports by default
/// (`ip_local_port_range`).
const PER_SOURCE: u32 = 25_000;
/// The most connections from one loopback address. Few, as there are many addresses: so neither the
/// server's limit of pending connections for one address (256 by default) nor the kernel's search
/// for a free port is measured.
const PER_LOOPBACK_SOURCE: u32 = 200;
/// Descriptors for everything but the clients' sockets.
const SPARE: u64 = 32;

/// The local addresses that connections are made from, in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sources {
    count: u32,
    next: u32,
}

impl Sources {
    /// Spreads `sockets` over `wanted` addresses. 0 derives the number of addresses from `sockets`.
    pub(super) fn new(target: SocketAddr, wanted: u32, sockets: u32) -> Result<Self, String> {
        let loopback = matches!(target.ip(), IpAddr::V4(ip) if ip.is_loopback());
        let each = if loopback { PER_LOOPBACK_SOURCE } else { PER_SOURCE };
        let count = if wanted == 0 { sockets.div_ceil(each) } else { wanted };
        if count > 1 && !loopback {
            return Err(format!(
                "{sockets} connections need {count} source addresses, and only an IPv4 loopback \
                 target has them; ask for at most {PER_SOURCE}"
            ));
        }
        if count > 60_000 {
            return Err(format!("--sources {count}: at most 60000"));
        }
        Ok(Self { count, next: 0 })
    }

    /// The address of the next connection. `None` leaves the choice to the kernel.
    pub(super) fn take(&mut self) -> Option<Ipv4Addr> {
        if self.count <= 1 {
            return None;
        }
        let offset = self.next;
        self.next = (offset + 1) % self.count;
        Some(Ipv4Addr::from_bits(Ipv4Addr::new(127, 0, 0, 2).to_bits() + offset))
    }
}

/// Raises the descriptor limit to the hard limit. An error if `sockets` do not fit.
pub(super) fn raise_descriptor_limit(sockets: u32) -> Result<(), String> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum {
        rustix::process::setrlimit(Resource::Nofile, raised)
            .map_err(|error| format!("cannot raise the descriptor limit: {error}"))?;
    }
    let ceiling = limit.maximum.unwrap_or(u64::MAX);
    let used = fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
    let room = ceiling.saturating_sub(used + SPARE);
    if u64::from(sockets) > room {
        return Err(format!(
            "{sockets} sockets are needed, but this process can open only {room}: use fewer, or \
             raise the hard limit (`ulimit -Hn`, now {ceiling})"
        ));
    }
    // Growing the table later would stall this process while it measures.
    let _ = vestibule::net::descriptors::reserve(u64::from(sockets) + used + SPARE);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> SocketAddr {
        "127.0.0.1:8080".parse().unwrap()
    }

    #[test]
    fn few_connections_use_the_default_source() {
        assert_eq!(Sources::new(loopback(), 0, 200).unwrap().take(), None);
    }

    #[test]
    fn many_connections_are_spread_evenly_over_loopback() {
        let mut sources = Sources::new(loopback(), 0, 600).unwrap();
        let mut count = std::collections::BTreeMap::new();
        for _ in 0..600 {
            *count.entry(sources.take().unwrap()).or_insert(0) += 1;
        }
        let expected = [2, 3, 4].map(|last| (Ipv4Addr::new(127, 0, 0, last), 200));
        assert_eq!(count, expected.into());
    }

    #[test]
    fn sources_continue_past_the_last_octet() {
        let mut sources = Sources::new(loopback(), 300, 1).unwrap();
        assert_eq!(sources.nth_for_test(254), Ipv4Addr::new(127, 0, 1, 0));
    }

    #[test]
    fn other_targets_have_one_source() {
        let far = "192.0.2.1:80".parse().unwrap();
        assert!(Sources::new(far, 0, 25_001).is_err());
        assert!(Sources::new(far, 0, 25_000).is_ok());
    }

    #[test]
    fn more_sockets_than_descriptors_are_refused() {
        let fault = raise_descriptor_limit(u32::MAX);
        if let Err(text) = fault {
            assert!(text.contains("ulimit -Hn"), "{text}");
        }
        assert!(raise_descriptor_limit(1).is_ok());
    }

    impl Sources {
        fn nth_for_test(&mut self, n: usize) -> Ipv4Addr {
            (0..=n).filter_map(|_| self.take()).last().unwrap()
        }
    }
}
