use proptest::prelude::*;

use super::*;

fn address(text: &str) -> Address {
    text.parse::<IpAddr>().unwrap().into()
}

fn seconds(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

/// Looks at a token, if the door is open, and says what it is told: `None`: the door was shut.
fn attempt(
    limiter: &mut AddressLimiter,
    now: Instant,
    from: Address,
    evidence: Evidence,
) -> Option<bool> {
    limiter.look(now, from).ok().map(|()| limiter.charge(now, from, evidence))
}

#[test]
fn ipv6_64_is_one_address_and_mapped_ipv4_is_ipv4() {
    assert_eq!(address("2001:db8:0:1::1"), address("2001:db8:0:1:ffff::2"));
    assert_ne!(address("2001:db8:0:1::1"), address("2001:db8:0:2::1"));
    assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    // IPv6's own loopback shares its /64 with nothing that is mapped.
    assert_ne!(address("::1"), address("::ffff:0.0.0.1"));
}

/// Where a translator stands before a server with IPv6 only, all IPv4 has one /64.
#[test]
fn translated_ipv4_is_the_ipv4_address() {
    assert_eq!(address("64:ff9b::192.0.2.1"), address("192.0.2.1"));
    assert_ne!(address("64:ff9b::192.0.2.1"), address("64:ff9b::192.0.2.2"));
    assert_eq!(address("64:ff9b:0:0:1::1"), address("64:ff9b:0:0:2::2"), "not of that form");
    assert_eq!(address("64:ff9b:1::1"), address("64:ff9b:1::2"));
}

#[test]
fn thirteenth_forged_token_shuts_its_address_for_5s() {
    let mut limiter = AddressLimiter::new(120, 0);
    let forger = address("192.0.2.1");
    for _ in 0..12 {
        assert_eq!(attempt(&mut limiter, seconds(0), forger, Evidence::Forged), Some(true));
    }
    assert_eq!(attempt(&mut limiter, seconds(0), forger, Evidence::Forged), Some(false));
    assert_eq!(limiter.look(seconds(0), forger), Err(Duration::from_secs(5)));
    assert_eq!(limiter.look(seconds(4), forger), Err(Duration::from_secs(1)));
    assert_eq!(attempt(&mut limiter, seconds(5), forger, Evidence::Forged), Some(false));
    assert_eq!(
        attempt(&mut limiter, seconds(0), address("192.0.2.2"), Evidence::Forged),
        Some(true)
    );
}

#[test]
fn honest_tokens_over_the_allowance_shut_no_address() {
    let mut limiter = AddressLimiter::new(120, 0);
    let office = address("192.0.2.1");
    for _ in 0..120 {
        assert_eq!(attempt(&mut limiter, seconds(0), office, Evidence::Honest), Some(true));
    }
    for _ in 0..1_000 {
        assert_eq!(attempt(&mut limiter, seconds(0), office, Evidence::Honest), Some(false));
    }
    assert_eq!(attempt(&mut limiter, seconds(1), office, Evidence::Honest), Some(true));
}

#[test]
fn quiet_minute_restores_allowance_and_frees_entry() {
    let mut limiter = AddressLimiter::new(120, 0);
    let forger = address("192.0.2.1");
    while attempt(&mut limiter, seconds(0), forger, Evidence::Forged).is_some() {}
    assert_eq!(limiter.len(), 1);
    assert_eq!(limiter.look(seconds(65), forger), Ok(()));
    assert_eq!(limiter.len(), 0);
    assert_eq!(limiter.evictions(), 0);
}

#[test]
fn a_full_table_forgets_whom_the_least_is_known_of() {
    let mut limiter = AddressLimiter::new(120, 2);
    let [worst, middle, best] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(address);
    while attempt(&mut limiter, seconds(0), worst, Evidence::Forged).is_some() {}
    limiter.charge(seconds(0), middle, Evidence::Forged);
    limiter.charge(seconds(0), best, Evidence::Honest);
    assert_eq!((limiter.len(), limiter.evictions()), (2, 1));
    assert!(limiter.look(seconds(0), worst).is_err());
    limiter.charge(seconds(0), best, Evidence::Forged);
    limiter.charge(seconds(0), best, Evidence::Forged);
    assert_eq!((limiter.len(), limiter.evictions()), (2, 2));
    assert!(limiter.look(seconds(0), worst).is_err());
}

#[test]
fn a_limit_of_zero_is_none_and_remembers_nobody() {
    let mut limiter = AddressLimiter::new(0, 2);
    for _ in 0..1_000 {
        let said = attempt(&mut limiter, seconds(0), address("192.0.2.1"), Evidence::Forged);
        assert_eq!(said, Some(true));
    }
    assert_eq!(limiter.len(), 0);
}

/// The same by a bucket that leaks: how much is in it, and when that was so.
#[derive(Clone, Copy)]
struct Bucket {
    address: Address,
    level: u64,
    at: u64,
}

struct Model {
    per_minute: u64,
    capacity: usize,
    buckets: Vec<Bucket>,
    evictions: u64,
}

impl Model {
    /// Levels in microseconds of draining, so that both count in whole numbers.
    fn attempt(&mut self, now: u64, address: Address, evidence: Evidence) -> Option<bool> {
        let point = 60_000_000 / self.per_minute;
        for bucket in &mut self.buckets {
            bucket.level = bucket.level.saturating_sub(now - bucket.at);
            bucket.at = now;
        }
        self.buckets.retain(|bucket| bucket.level > 0);
        let place = self.buckets.iter().position(|bucket| bucket.address == address);
        let level = place.map_or(0, |place| self.buckets[place].level);
        if level > self.per_minute * point {
            return None;
        }
        let cost = if evidence == Evidence::Forged { 10 * point } else { point };
        let is_within = level + cost <= self.per_minute * point;
        if is_within || evidence == Evidence::Forged {
            self.buckets.retain(|bucket| bucket.address != address);
            self.buckets.push(Bucket { address, level: level + cost, at: now });
            if self.buckets.len() > self.capacity {
                self.buckets.sort_by_key(|bucket| (bucket.level, bucket.address));
                self.buckets.remove(0);
                self.evictions += 1;
            }
        }
        Some(is_within)
    }
}

/// How long after the one before, who, and what.
fn attempts() -> impl Strategy<Value = Vec<(u64, u8, bool)>> {
    let pause = prop_oneof![Just(0), 0..2_000_000_u64, 0..70_000_000_u64];
    prop::collection::vec((pause, 0..6_u8, any::<bool>()), 0..400)
}

fn evidence(is_forged: bool) -> Evidence {
    if is_forged { Evidence::Forged } else { Evidence::Honest }
}

proptest! {
    #[test]
    fn the_limiter_is_a_bucket_that_leaks(
        attempts in attempts(),
        per_minute in prop::sample::select(vec![1_u32, 10, 60, 120]),
        capacity in 1..6_usize,
    ) {
        let mut limiter = AddressLimiter::new(per_minute, capacity);
        let mut model =
            Model { per_minute: per_minute.into(), capacity, buckets: Vec::new(), evictions: 0 };
        let mut now = 0;
        for (pause, who, is_forged) in attempts {
            now += pause;
            let (moment, who) = (Instant::from_micros(now), Address(who.into()));
            let said = attempt(&mut limiter, moment, who, evidence(is_forged));
            prop_assert_eq!(said, model.attempt(now, who, evidence(is_forged)));
            prop_assert_eq!(limiter.len(), model.buckets.len());
            prop_assert_eq!(limiter.evictions(), model.evictions);
            prop_assert!(limiter.len() <= capacity);
        }
    }

    #[test]
    fn forger_gets_at_most_13_checks_plus_12_a_minute(attempts in attempts()) {
        let mut limiter = AddressLimiter::new(120, 0);
        let (mut now, mut looks) = (0, Vec::new());
        for (pause, _, is_forged) in attempts {
            now += pause;
            let moment = Instant::from_micros(now);
            let said = attempt(&mut limiter, moment, Address(0), evidence(is_forged));
            if is_forged && said.is_some() {
                looks.push(now);
            }
        }
        for (first, from) in looks.iter().enumerate() {
            for (count, until) in looks[first..].iter().enumerate() {
                let allowed = 13.0 + 12.0 * (until - from) as f64 / 60_000_000.0;
                prop_assert!((count + 1) as f64 <= allowed, "{} from {from} to {until}", count + 1);
            }
        }
    }
}

#[test]
fn other_nodes_are_told_of_so_many_addresses() {
    let mut limiter = AddressLimiter::new(120, 0);
    limiter.charge(Instant::START, Address(7), Evidence::Forged);
    assert!(!limiter.has_forged() && limiter.untold() == 0);
    limiter.share(2);
    for address in [1, 2, 3, 1, 3] {
        limiter.charge(Instant::START, Address(address), Evidence::Forged);
    }
    assert_eq!((limiter.take_forged(), limiter.untold()), (vec![(1, 2), (2, 1)], 2));
    // In the next message there is room for it.
    limiter.charge(Instant::START, Address(3), Evidence::Forged);
    assert_eq!((limiter.take_forged(), limiter.untold()), (vec![(3, 1)], 2));
}
