//! The allowance of an address: how many authentications it may try, judged by evidence.
//!
//! # The rule
//!
//! An address has an allowance of so many points a minute (120), and all of them at once after a
//! quiet minute. What an attempt costs is known only after a look at its token:
//!
//! | evidence | costs |
//! | --- | --- |
//! | forged or malformed: no signature of ours | 10 |
//! | signed by our key, whatever else is wrong with it, or nothing | 1 |
//! | names a key that is not there, perhaps not yet | 1 |
//! | has no key's `kid`, and no key has made its signature: it waits for a fetch | 1, and 10 if it brings none |
//!
//! An honest attempt is charged only as far as the allowance reaches; a forged one always. So an
//! address has three states, all of them read from one number, what it has used:
//!
//! ```text
//! used:  0 ───── within ───── 120 │ used up │ ─────── shut ───────▶
//!                                 └ = 120   ┘  only a forged one leads here
//! ```
//!
//! * **Within**: each attempt is looked at and told what is wrong with it.
//! * **Used up** (the attempt's cost no longer fits): still looked at. A good one is let in, and
//!   costs nothing; a signed one is told what is wrong with it; any other that there were too many.
//! * **Shut** (more used than there is): nothing is looked at until the excess has drained.
//!
//! # Why both promises hold
//!
//! *An office is not banned by its old tabs.* Honest charges stop at 120, and the door shuts above
//! it. A thousand expired tabs bring the address to 120, never beyond; of fifty good ones that come
//! among them each is looked at and let in. The price is a signature check for each: 2 µs with
//! HMAC, so the thousand cost 2 ms.
//!
//! *A forger is held to its allowance.* A forged attempt is looked at only while at most 120 are
//! used, and leaves at most 130, also when several were looked at before the first was charged. So `n`
//! looks in `t` minutes need `10 n ≤ 130 + 120 t`: 13 at once,
//! then 12 a minute, one every 5 seconds. The 13th is told what the rest are told. Those that may
//! wait for a fetch have 120 looks at once, then 120 a minute, and these only while none of them has
//! been found to be forged.
//!
//! Who forges behind the same address as others can shut the door on them: the address is all that
//! is known before a look. It takes a forged token every 5 seconds, and members who are in stay in.
//!
//! # What costs nothing
//!
//! Silence, and a first message that carries no token: no secret was guessed and no signature
//! checked. What they hold is a place among the pending, which has a bound for each address.
//!
//! # Several nodes
//!
//! The nodes of a cluster tell each other of forged tokens, within a tenth of a second, and each charges
//! them all. So an address that goes from node to node has 13 looks at each of them at once, at most, and
//! then the 12 a minute of a single node.
//!
//! # The number
//!
//! [`Allowances`] keeps it, in one moment for each address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::error::TokenError;
use crate::shares::Allowances;
use crate::time::Instant;

/// Points that a forged token costs; an honest one costs 1.
const FORGED_COST: u32 = 10;

/// What is counted as one address: an IPv4 address, or an IPv6 /64, which is what one subscriber gets.
///
/// In 8 bytes: the first half of an IPv6 address. IPv4, mapped or not, is put where the multicast
/// addresses are, from which nobody connects. So is what a translator has made of it for a server that has
/// IPv6 only (RFC 6052, RFC 7755): otherwise all clients with IPv4 would be one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address(u64);

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(0xffff_ffff << 32 | u64::from(ip.to_bits())),
            IpAddr::V6(ip) => match translated(ip) {
                Some(ip) => Self::from(IpAddr::V4(ip)),
                None => Self((ip.to_bits() >> 64) as u64),
            },
        }
    }
}

/// The IPv4 address in one with the prefix of translators, 64:ff9b::/96.
fn translated(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = ip.to_bits();
    (bits >> 32 == 0x64_ff9b << 64).then(|| Ipv4Addr::from(bits as u32))
}

impl Address {
    /// The address as a number.
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }
}

/// What the look at a token has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It carries a signature of ours.
    Honest,
    /// It does not.
    Forged,
}

impl Evidence {
    /// What a token shows that is refused for this; `None`: it is taken.
    #[must_use]
    pub(crate) fn of(refused: Option<TokenError>) -> Self {
        match refused {
            // Perhaps the key is only not there yet, which is no evidence against anybody.
            None
            | Some(
                TokenError::KeysUnavailable | TokenError::UnknownKey | TokenError::UnknownIssuer,
            ) => Self::Honest,
            Some(error) if error.is_signed() => Self::Honest,
            Some(_) => Self::Forged,
        }
    }
}

/// What each address has used of its allowance. See the module's page for the rule.
#[derive(Debug)]
pub(crate) struct AddressLimiter {
    used: Allowances<Address>,
    /// In a cluster: forged tokens that other nodes are to be told of, of so many addresses.
    forged: BTreeMap<Address, u32>,
    most_forged: usize,
    /// Forged tokens that they are not told of, as those were of too many addresses.
    untold: u64,
}

/// What an address takes that other nodes are to be told of: its entry, and what is written of it.
#[cfg(feature = "net")]
pub(crate) const FORGED_ADDRESS_BYTES: usize = 96;
/// Forged tokens that block an address.
const MOST_FORGED: u32 = 13;

impl AddressLimiter {
    /// What an address costs.
    #[cfg(feature = "net")]
    pub(crate) const ENTRY_BYTES: usize = Allowances::<Address>::ENTRY_BYTES;

    /// An allowance of `per_minute` points for each address, 0: no limit; at most `capacity`
    /// addresses are remembered, 0: without a bound.
    #[must_use]
    pub(crate) fn new(per_minute: u32, capacity: usize) -> Self {
        Self {
            used: Allowances::new(per_minute, capacity),
            forged: BTreeMap::new(),
            most_forged: 0,
            untold: 0,
        }
    }

    /// The same from here on. What was used before drains at the pace that it was charged at; who
    /// is beyond `capacity` goes with the next that comes.
    pub(crate) fn set_allowance(&mut self, per_minute: u32, capacity: usize) {
        self.used.set_allowance(per_minute, capacity);
    }

    /// May an attempt of `address` be looked at?
    ///
    /// # Errors
    /// The door is shut: for how long yet.
    pub(crate) fn look(&mut self, now: Instant, address: Address) -> Result<(), Duration> {
        let excess = self.used.excess(now, address);
        if excess.is_zero() { Ok(()) } else { Err(excess) }
    }

    /// Charges an attempt that was looked at. True: it was within the allowance. If not, only a
    /// good one is let in.
    pub(crate) fn charge(&mut self, now: Instant, address: Address, evidence: Evidence) -> bool {
        match evidence {
            Evidence::Honest => self.used.charge(now, address, 1).is_ok(),
            Evidence::Forged => {
                if self.forged.len() < self.most_forged || self.forged.contains_key(&address) {
                    *self.forged.entry(address).or_default() += 1;
                } else if self.most_forged > 0 {
                    self.untold += 1;
                }
                self.charge_forged(now, address)
            }
        }
    }

    fn charge_forged(&mut self, now: Instant, address: Address) -> bool {
        let is_within = self.used.charge(now, address, FORGED_COST).is_ok();
        if !is_within {
            // Attempts that were looked at together cost what they would one by one.
            self.used.force(now, address, FORGED_COST, FORGED_COST);
        }
        is_within
    }

    /// Other nodes are told of forged tokens from now on, of at most so many addresses at once; 0: there
    /// are none.
    pub(crate) fn share(&mut self, most: usize) {
        self.most_forged = most;
    }

    /// Forged tokens that were charged here only, as those were of too many addresses.
    pub(crate) fn untold(&self) -> u64 {
        self.untold
    }

    /// Is there something to be told?
    pub(crate) fn has_forged(&self) -> bool {
        !self.forged.is_empty()
    }

    /// What other nodes are to be told: addresses as numbers, and how many forged tokens came from each.
    pub(crate) fn take_forged(&mut self) -> Vec<(u64, u32)> {
        let forged = std::mem::take(&mut self.forged);
        forged.into_iter().map(|(address, count)| (address.to_bits(), count)).collect()
    }

    /// Another node had forged tokens of this address.
    pub(crate) fn charge_elsewhere(&mut self, now: Instant, (address, count): (u64, u32)) {
        for _ in 0..count.min(MOST_FORGED) {
            self.charge_forged(now, Address(address));
        }
    }

    /// Addresses of which something is remembered.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.used.len()
    }

    /// How many addresses were forgotten before they had drained because the table was full.
    #[must_use]
    pub(crate) fn evictions(&self) -> u64 {
        self.used.evictions()
    }
}

#[cfg(test)]
mod tests;
