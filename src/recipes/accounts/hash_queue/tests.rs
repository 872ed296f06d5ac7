//! Attackers that keep to every limit, in virtual time.

mod guessers;

use std::net::IpAddr;

use super::*;
use crate::shares::rivalry::{self, RivalQueue, Rivalry};

/// What a hash takes of a thread.
const HASH: Duration = Duration::from_millis(50);

/// Threads that hash, and a clock.
struct Threads {
    queue: HashQueue<u32>,
    now: Instant,
}

fn caller(host: u16, account: u64) -> Attempt {
    let [high, low] = host.to_be_bytes();
    let address = Address::from(IpAddr::from([198, 51, high, low]));
    Attempt { address, account, pair: u64::from(host) << 32 | account }
}

impl Threads {
    fn new(set: impl FnOnce(&mut config::Accounts)) -> Self {
        let mut accounts = config::Accounts::default();
        set(&mut accounts);
        let queue = HashQueue::new(&accounts, &Seed::predictable(1));
        Self { queue, now: Instant::START + Duration::from_secs(1_000) }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    fn push(&mut self, caller: Attempt) -> Result<(), HashRefusal> {
        self.queue.push(self.now, caller, StartFlag::default(), u32::from(caller.account as u16))
    }

    /// Hashes one password, with this outcome. Says whose it was; `None`: it was refused.
    fn hash(&mut self, verdict: &HashOutcome) -> Option<u32> {
        let Next { job, turn } = self.queue.pop()?;
        let running = turn.ok()?;
        self.pass(HASH);
        self.queue.finish(running, verdict.clone());
        Some(job)
    }

    /// One attempt with nobody else there: was it hashed?
    fn attempt(&mut self, caller: Attempt, verdict: &HashOutcome) -> bool {
        self.push(caller).is_ok() && self.hash(verdict).is_some()
    }
}

fn wrong() -> HashOutcome {
    HashOutcome::Wrong(Some("user".to_owned()))
}

#[test]
fn burst_of_130_guesses_is_hashed_12_times() {
    let mut threads = Threads::new(|_| {});
    let queued = (0..130).filter(|&n| threads.push(caller(1, n)).is_ok()).count();
    assert_eq!(queued, 128, "the queue");
    let mut hashed = 0;
    while let Some(next) = threads.queue.pop() {
        // None of them has ended before the last has begun.
        hashed += u32::from(next.turn.is_ok());
    }
    assert_eq!(hashed, 12);
    let refused = threads.push(caller(1, 500));
    assert_eq!(refused, Err(HashRefusal::TooMany(Duration::from_secs(5))), "no debt");
    assert_eq!(threads.queue.counts().guesses_per_ip, 116 + 1);
    threads.pass(Duration::from_secs(5));
    assert_eq!(threads.push(caller(1, 500)), Ok(()));
}

#[test]
fn forty_addresses_guess_one_account_12_times() {
    let mut threads = Threads::new(|_| {});
    let end = threads.now + Duration::from_secs(12);
    let mut hashed = 0;
    while threads.now < end {
        hashed += (0..40).filter(|&host| threads.attempt(caller(host, 7), &wrong())).count();
        threads.pass(HASH);
    }
    assert!((11..=12).contains(&hashed), "10 at once, then one in 6 seconds: {hashed}");
    assert!(threads.queue.counts().guesses_per_account > 1_000);
    assert_eq!(threads.queue.last_guessed.as_deref(), Some("user"));
}

#[test]
fn known_address_gets_in_while_others_guess() {
    let mut threads = Threads::new(|_| {});
    let owner = caller(900, 7);
    assert!(threads.attempt(owner, &HashOutcome::Right));
    for _ in 0..20 {
        for host in 0..40 {
            threads.attempt(caller(host, 7), &wrong());
        }
        assert!(threads.attempt(owner, &HashOutcome::Right));
        threads.pass(Duration::from_secs(3));
    }
    // Nor does the queue's bound for an account keep the owner out.
    threads.pass(Duration::from_secs(60));
    assert_eq!([1, 2, 3].map(|host| threads.push(caller(host, 7)).is_ok()), [true, true, false]);
    assert_eq!(threads.push(owner), Ok(()));
}

/// How long the owner waits at a new address while these addresses guess as fast as they can, and the
/// owner tries as often as it is told to.
fn wait_of_owner(threads: &mut Threads, hosts: std::ops::Range<u16>, owner: u16) -> Duration {
    let begin = threads.now;
    let mut next_try = begin;
    loop {
        assert!(threads.now.since(begin) < Duration::from_secs(60), "the owner waits");
        for host in hosts.clone() {
            threads.attempt(caller(host, 7), &wrong());
        }
        if threads.now >= next_try {
            match threads.push(caller(owner, 7)) {
                Ok(()) => {
                    assert!(threads.hash(&HashOutcome::Right).is_some());
                    return threads.now.since(begin);
                }
                Err(refusal) => {
                    let wait = refusal.retry_seconds().unwrap();
                    next_try = threads.now + Duration::from_secs(wait);
                }
            }
        }
        threads.pass(HASH * 2);
    }
}

#[test]
fn owner_at_a_new_address_gets_in_while_40_guess() {
    let mut threads = Threads::new(|_| {});
    // At the start nobody has tried before.
    let wait = wait_of_owner(&mut threads, 1..41, 900);
    assert!(wait < Duration::from_secs(8), "{wait:?}");
    for owner in 901..910 {
        let wait = wait_of_owner(&mut threads, 1..41, owner);
        assert!(wait < Duration::from_secs(1), "{owner}: {wait:?}");
        threads.pass(Duration::from_millis(700));
    }
    // Those that guess have what the others leave: one in 6 seconds.
    let (begin, before) = (threads.now, threads.queue.counts().wrong_passwords);
    while threads.now < begin + Duration::from_secs(120) {
        for host in 1..41 {
            threads.attempt(caller(host, 7), &wrong());
        }
        threads.pass(HASH * 10);
    }
    let guesses = threads.queue.counts().wrong_passwords - before;
    assert!((19..=21).contains(&guesses), "{guesses}");
}

#[test]
fn new_addresses_guess_an_account_no_faster() {
    let mut threads = Threads::new(|_| {});
    let end = threads.now + Duration::from_secs(12);
    let mut host = 0;
    while threads.now < end {
        host += 1;
        threads.attempt(caller(host, 7), &wrong());
        threads.pass(HASH);
    }
    let hashed = threads.queue.counts().wrong_passwords;
    assert!((11..=12).contains(&hashed) && host > 200, "{hashed} from {host} addresses");
}

#[test]
fn impatient_owner_stays_a_newcomer() {
    let mut threads = Threads::new(|_| {});
    (1..11).for_each(|host| assert!(threads.attempt(caller(host, 7), &wrong())));
    let owner = caller(900, 7);
    assert_eq!((0..5).filter(|_| threads.push(owner).is_err()).count(), 5);
    threads.pass(Duration::from_secs(6));
    assert!(!threads.attempt(caller(3, 7), &wrong()), "the last one is kept");
    assert!(threads.attempt(owner, &HashOutcome::Failed), "and a failure of ours leaves it");
    assert!(threads.attempt(owner, &wrong()));
    threads.pass(Duration::from_secs(6));
    assert!(!threads.attempt(owner, &wrong()), "it has guessed");
    threads.pass(Duration::from_secs(6));
    assert!(threads.attempt(owner, &HashOutcome::Right));
}

#[test]
fn stranger_to_an_account_waits_a_minute_at_most() {
    let mut threads = Threads::new(|accounts| accounts.guesses_per_minute_per_account = 1);
    assert!(threads.attempt(caller(1, 7), &wrong()));
    let Err(HashRefusal::TooMany(wait)) = threads.push(caller(2, 7)) else { panic!("refused") };
    assert!(wait <= Duration::from_secs(60));
    threads.pass(wait);
    assert!(threads.attempt(caller(2, 7), &HashOutcome::Right));
}

/// One account with the right password asks as fast as it can, and 30 others sign in.
#[test]
fn busy_account_delays_others_by_one_hash_each() {
    let mut threads = Threads::new(|_| {});
    let tyrant = caller(1, 1);
    for n in 2..32 {
        for _ in 0..20 {
            let _ = threads.push(tyrant);
        }
        assert_eq!(threads.push(caller(n as u16, n)), Ok(()));
        let served: Vec<_> = (0..2).filter_map(|_| threads.hash(&HashOutcome::Right)).collect();
        assert!(served.contains(&(n as u32)), "{served:?}");
    }
    let counts = threads.queue.counts();
    assert!(counts.queue_per_account > 500 && counts.queue == 0);
}

/// One address with many made-up emails fills the queue.
#[test]
fn flood_from_one_address_delays_others_by_one_hash() {
    let mut threads = Threads::new(|accounts| accounts.guesses_per_minute_per_ip = 0);
    let mut email = 1_000;
    for n in 1..40 {
        while threads.push(caller(500, email)).is_ok() {
            email += 1;
        }
        assert_eq!(threads.push(caller(n as u16, n)), Ok(()));
        let served: Vec<_> = (0..3).filter_map(|_| threads.hash(&HashOutcome::Right)).collect();
        assert!(served.contains(&(n as u32)), "{n}: {served:?}");
        threads.pass(Duration::from_secs(1));
    }
}

#[test]
fn office_of_100_signs_in_within_a_minute() {
    let mut threads = Threads::new(|_| {});
    let begin = threads.now;
    let mut waiting: Vec<u64> = (0..100).collect();
    let mut served = 0;
    let mut stranger = 1_000;
    while served < 100 {
        // Somebody else waits at all times; the office's people come again after a second.
        stranger += 1;
        let _ = threads.push(caller(stranger as u16, stranger));
        waiting.retain(|&person| threads.push(caller(1, person)).is_err());
        let second = threads.now + Duration::from_secs(1);
        while threads.now < second
            && let Some(job) = threads.hash(&HashOutcome::Right)
        {
            served += u32::from(job < 100);
        }
        threads.now = threads.now.max(second);
    }
    assert!(threads.now.since(begin) < Duration::from_secs(60), "{:?}", threads.now.since(begin));
}

#[test]
fn full_queue_drops_the_newest_of_the_heaviest() {
    let mut threads = Threads::new(|accounts| accounts.queue = 8);
    for n in 0..8 {
        assert_eq!(threads.push(caller(1, n)), Ok(()));
    }
    assert_eq!(
        threads.push(caller(1, 8)),
        Err(HashRefusal::Busy),
        "its own address is the heaviest"
    );
    assert_eq!(threads.push(caller(2, 9)), Ok(()));
    let Next { job, turn } = threads.queue.pop().unwrap();
    assert_eq!((job, turn.err()), (7, Some(TOO_MANY_WAIT)), "its client is told");
    assert_eq!(threads.queue.counts().queue, 2);
    while threads.hash(&HashOutcome::Right).is_some() {}
    assert!(threads.queue.open.is_empty());
}

#[test]
fn right_passwords_are_no_guesses_but_cost_hashes() {
    let mut threads = Threads::new(|_| {});
    let attempts = |threads: &mut Threads| {
        (0..100).take_while(|_| threads.attempt(caller(1, 1), &HashOutcome::Right)).count()
    };
    let hashed = attempts(&mut threads);
    assert!((30..35).contains(&hashed), "{hashed}");
    assert_eq!(threads.queue.counts().hashes_per_account, 1);
    assert!(threads.attempt(caller(1, 2), &HashOutcome::Right));
}

#[test]
fn failure_of_ours_is_no_guess() {
    let mut threads = Threads::new(|_| {});
    assert_eq!(
        (0..20).filter(|&n| threads.attempt(caller(1, n), &HashOutcome::Failed)).count(),
        20
    );
}

#[test]
fn request_that_nobody_waits_for_is_not_charged() {
    let mut threads = Threads::new(|_| {});
    for n in 0..100 {
        let start = StartFlag::default();
        assert_eq!(threads.queue.push(threads.now, caller(1, n), start.clone(), 0), Ok(()));
        assert!(start.withdraw());
    }
    assert!(threads.queue.pop().is_none() && threads.queue.open.is_empty());
    assert_eq!(threads.queue.counts(), Counts::default());
}

/// Attempts of rivals: users are addresses, and jobs are numbers.
struct RivalScene {
    queue: HashQueue<usize>,
    running: BTreeMap<usize, Running>,
    refused: Vec<usize>,
}

impl RivalQueue for RivalScene {
    fn push(&mut self, now: Instant, user: usize, job: usize) {
        // Each attempt is for an account of its own.
        let attempt = caller(user as u16, job as u64);
        if self.queue.push(now, attempt, StartFlag::default(), job).is_err() {
            self.refused.push(job);
        }
    }

    fn pop(&mut self, _: Instant) -> Option<usize> {
        loop {
            let Next { job, turn } = self.queue.pop()?;
            match turn {
                Ok(running) => {
                    self.running.insert(job, running);
                    return Some(job);
                }
                Err(_) => self.refused.push(job),
            }
        }
    }

    fn dropped(&mut self) -> Option<usize> {
        self.refused.pop()
    }

    fn done(&mut self, _: Instant, job: usize, _: Duration) {
        self.queue.finish(self.running.remove(&job).unwrap(), HashOutcome::Right);
    }
}

const RIVALRY: Rivalry = Rivalry { rivals: 5, servers: 2, differs_in_cost: false };

fn new_scene(is_first_come: bool) -> RivalScene {
    let accounts = config::Accounts {
        queue: 64,
        queue_per_ip: 64,
        hashes_per_minute_per_ip: 0,
        guesses_per_minute_per_ip: 0,
        ..config::Accounts::default()
    };
    let mut queue = HashQueue::new(&accounts, &Seed::predictable(1));
    if is_first_come {
        queue.waiting.plant_first_come();
    }
    RivalScene { queue, running: BTreeMap::new(), refused: Vec::new() }
}

#[test]
fn rival_has_twice_its_part_of_the_hashes_at_most() {
    rivalry::check(RIVALRY, new_scene);
}

#[cfg(feature = "sim")]
#[test]
fn rivals_share_the_hashes_of_a_whole_node() {
    crate::sim::check_in_a_node(RIVALRY, new_scene);
}
