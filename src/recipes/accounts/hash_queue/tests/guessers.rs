//! Worlds in which passwords are guessed, through a day of virtual time, and what must hold in them.
//!
//! Several times a day an attack goes on for some minutes: a net of addresses guesses one account, an
//! address guesses many, a user guesses between sign-ins of its own, somebody signs up without end. All
//! users sign in meanwhile, at home and elsewhere. The checkers:
//!
//! * No account and no address has more guesses verified, in any window, than its allowance.
//! * Who knows the password, at an address that did before, is never refused.
//! * Other users get in soon from wherever they are, and so does the owner of the account that is
//!   guessed, unless an attacker has a new address for each guess.
//! * No user's address is forgotten for an attacker's. All tables are bounded, and are empty after a quiet hour.
//!
//! `VESTIBULE_SIM_SEED=7 cargo test --lib guess` runs one world.

mod ledger;
mod tables;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;

use self::ledger::{Guess, GuessCounts, Ledger};
use super::*;
use crate::id::Rng;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const SECOND: Duration = Duration::from_secs(1);

/// Users with an account. Each has an address of its own, with the same number. The account of the first
/// one is guessed by a net.
const USERS: u32 = 10;
/// Addresses of the net, of the others who attack, and those that are used once.
const NET: std::ops::Range<u32> = 1_000..1_040;
const SPRAYERS: std::ops::Range<u32> = 2_000..2_008;
const INSIDER: u32 = 3_001;
const SIGNER_UP: u32 = 3_002;
const FIRST_NEW_HOST: u32 = 10_000;
/// Accounts that only attackers have, or nobody.
const MADE_UP: std::ops::Range<u32> = 100..400;

/// How the net guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Net {
    /// From the same addresses, as fast as it can.
    Greedy,
    /// From the same addresses, as seldom as it is told to.
    Patient,
    /// From a new address each time.
    Renewed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum GuessEvent {
    /// A hash is there.
    Done(usize),
    /// An address attacks, and goes on until then.
    Attack(u32, Instant),
    /// A user tries to sign in.
    Try(usize),
}

/// A sign-in of a user, until it has succeeded.
#[derive(Clone, Copy, Debug)]
struct Visit {
    user: u32,
    host: u32,
    begun: Instant,
    /// Wrong passwords that the user types first.
    typos: u32,
    refusals: u32,
}

/// One world.
struct GuessWorld {
    queue: HashQueue<usize>,
    hashing: SeededState,
    net: Net,
    /// The tables are so small that attackers fill them.
    is_small: bool,
    rng: Rng,
    now: Instant,
    agenda: BinaryHeap<Reverse<(Instant, GuessEvent)>>,
    asked: Vec<Guess>,
    running: BTreeMap<usize, Running>,
    free: usize,
    visits: Vec<Visit>,
    new_hosts: u32,
    ledger: Ledger,
}

impl GuessWorld {
    fn new(seed: u64, fault: Option<Planted>) -> Self {
        let is_small = seed % 4 == 3;
        let accounts = config::Accounts {
            remembered: if is_small { 48 } else { 384 },
            ..config::Accounts::default()
        };
        let mut queue = HashQueue::new(&accounts, &Seed::predictable(seed));
        queue.fault.planted = fault;
        let net = [Net::Greedy, Net::Patient, Net::Renewed, Net::Greedy][seed as usize % 4];
        Self {
            queue,
            hashing: SeededState::new(&Seed::predictable(seed + 1)),
            net,
            is_small,
            rng: Rng::new(seed ^ 0x9_0e55),
            now: Instant::START,
            agenda: BinaryHeap::new(),
            asked: Vec::new(),
            running: BTreeMap::new(),
            free: accounts.hashes,
            visits: Vec::new(),
            new_hosts: FIRST_NEW_HOST,
            ledger: Ledger::new(accounts),
        }
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// What did not hold.
    fn run(mut self) -> Result<GuessCounts, String> {
        self.draw_the_day();
        let mut steps = 0_u64;
        while let Some(Reverse((at, event))) = self.agenda.pop() {
            self.now = self.now.max(at);
            steps += 1;
            let hours = self.now.as_micros() as f64 / 3.6e9;
            self.step(event).map_err(|what| format!("step {steps}, {hours:.3} h: {what}"))?;
            if steps.is_multiple_of(64) {
                self.check_tables()?;
            }
        }
        self.check_quiet()?;
        Ok(self.ledger.counts)
    }

    /// Everybody signs in at home; then come attacks, with visits meanwhile and between them.
    fn draw_the_day(&mut self) {
        for user in 0..USERS {
            self.visit(Instant::START + HOUR / 2 * user / USERS, user, user);
        }
        for _ in 0..4 {
            let begin = Instant::START + HOUR + self.below(DAY - HOUR * 2);
            let end = begin + SECOND * 40 + self.below(SECOND * 100);
            for host in NET.chain(SPRAYERS).chain([INSIDER, SIGNER_UP]) {
                let first = begin + self.below(SECOND);
                self.agenda.push(Reverse((first, GuessEvent::Attack(host, end))));
            }
            for user in (0..USERS).chain([0, 0, 0]) {
                let host = if self.rng.below(2) == 0 { user } else { self.new_host() };
                let at = begin + self.below(end.since(begin));
                self.visit(at, user, host);
            }
        }
        for _ in 0..20 {
            let (user, at) = (self.rng.below(USERS.into()) as u32, self.below(DAY));
            self.visit(Instant::START + HOUR + at, user, user);
        }
    }

    fn visit(&mut self, begun: Instant, user: u32, host: u32) {
        // The owner elsewhere has one guess in 10 minutes.
        let is_careful = user == 0 && host != user;
        let typos = if is_careful { 0 } else { u32::from(self.rng.below(5) == 0) };
        self.agenda.push(Reverse((begun, GuessEvent::Try(self.visits.len()))));
        self.visits.push(Visit { user, host, begun, typos, refusals: 0 });
    }

    fn below(&mut self, time: Duration) -> Duration {
        Duration::from_micros(self.rng.below(time.as_micros() as u64))
    }

    fn new_host(&mut self) -> u32 {
        self.new_hosts += 1;
        self.new_hosts
    }

    fn step(&mut self, event: GuessEvent) -> Result<(), String> {
        match event {
            GuessEvent::Done(job) => self.done(job)?,
            GuessEvent::Attack(host, end) => self.attack(host, end)?,
            GuessEvent::Try(visit) => self.try_in(visit)?,
        }
        while self.free > 0
            && let Some(Next { job, turn }) = self.queue.pop()
        {
            match turn {
                Ok(running) => self.begin(job, running)?,
                Err(refusal) => self.refused(job, refusal)?,
            }
        }
        Ok(())
    }

    fn attack(&mut self, host: u32, end: Instant) -> Result<(), String> {
        let is_of_net = NET.contains(&host);
        let count = match self.rng.below(60) {
            0 if SPRAYERS.contains(&host) => 130,
            0 if is_of_net => 6,
            _ => 1,
        };
        for _ in 0..count {
            let guess = self.draw_guess(host);
            self.push(guess)?;
        }
        let pause = match (self.net, is_of_net) {
            (Net::Patient, true) => SECOND * 6 + self.below(SECOND * 12),
            (Net::Renewed | Net::Greedy, true) => SECOND / 5 + self.below(SECOND * 2),
            _ => SECOND / 10 + self.below(SECOND),
        };
        if self.now + pause < end {
            self.agenda.push(Reverse((self.now + pause, GuessEvent::Attack(host, end))));
        }
        Ok(())
    }

    fn draw_guess(&mut self, host: u32) -> Guess {
        let guess = |kind, account, is_right| Guess { kind, account, host, is_right, visit: None };
        let made_up = MADE_UP.start + self.rng.below(MADE_UP.len() as u64) as u32;
        match (host, self.rng.below(3)) {
            (INSIDER, 0) => guess("sign in", 0, false),
            (INSIDER, _) => guess("sign in", INSIDER, true),
            (SIGNER_UP, 0) => guess("sign up", 0, false),
            (SIGNER_UP, _) => {
                let account = self.new_host();
                guess("sign up", account, true)
            }
            (host, 0) if SPRAYERS.contains(&host) => {
                guess("sign in", 1 + self.rng.below(u64::from(USERS) - 1) as u32, false)
            }
            (host, _) if SPRAYERS.contains(&host) => guess("sign in", made_up, false),
            _ if self.net == Net::Renewed => {
                Guess { host: self.new_host(), ..guess("sign in", 0, false) }
            }
            _ => guess("sign in", 0, false),
        }
    }

    fn try_in(&mut self, number: usize) -> Result<(), String> {
        let Visit { user, host, typos, .. } = self.visits[number];
        let visit = Some(number);
        let is_right = typos == 0;
        self.push(Guess { kind: "sign in", account: user, host, is_right, visit })
    }

    fn push(&mut self, guess: Guess) -> Result<(), String> {
        let (job, attempt) = (self.asked.len(), self.attempt(&guess));
        let start = StartFlag::default();
        let pushed = self.queue.push(self.now, attempt, start.clone(), job);
        self.asked.push(guess);
        self.ledger.came();
        if guess.visit.is_none() && self.rng.below(20) == 0 {
            // Nobody waits for its answer any more.
            start.withdraw();
        }
        pushed.or_else(|refusal| self.refused(job, refusal))
    }

    fn attempt(&self, guess: &Guess) -> Attempt {
        let address = Address::from(IpAddr::from(Ipv4Addr::from(0x0a00_0000 + guess.host)));
        let email = format!("user{}@example.com", guess.account);
        Attempt::new(&self.hashing, guess.kind, &email, address)
    }

    fn begin(&mut self, job: usize, running: Running) -> Result<(), String> {
        self.ledger.begun(self.now, &self.asked[job])?;
        self.running.insert(job, running);
        self.free -= 1;
        // At times the host is busy.
        let most = if self.rng.below(200) == 0 { SECOND } else { HASH };
        let took = HASH / 2 + self.below(most);
        self.agenda.push(Reverse((self.now + took, GuessEvent::Done(job))));
        Ok(())
    }

    fn done(&mut self, job: usize) -> Result<(), String> {
        self.free += 1;
        let Some(running) = self.running.remove(&job) else { return Ok(()) };
        let guess = self.asked[job];
        let outcome = match (guess.kind, guess.is_right) {
            ("sign up", true) => HashOutcome::Created,
            (_, true) => HashOutcome::Right,
            ("sign up", false) => HashOutcome::Wrong(None),
            _ => HashOutcome::Wrong(Some(format!("user{}", guess.account))),
        };
        self.queue.finish(running, outcome);
        self.ledger.done(&guess);
        let Some(number) = guess.visit else { return Ok(()) };
        if !guess.is_right {
            self.visits[number].typos -= 1;
            self.agenda.push(Reverse((self.now + SECOND * 3, GuessEvent::Try(number))));
            return Ok(());
        }
        self.judge_visit(self.visits[number])
    }

    /// Whether the user got in soon enough.
    fn judge_visit(&mut self, visit: Visit) -> Result<(), String> {
        let Visit { user, host, begun, .. } = visit;
        let waited = self.now.since(begun);
        let is_away = user != host;
        self.ledger.got_in(user == 0, is_away, waited);
        let most = match (user == 0 && is_away, self.net) {
            (false, _) => SECOND * 10,
            // A table of all that the net has tried is needed to tell the owner from it. The insider has one guess
            // like an owner, too.
            (true, Net::Greedy) if !self.is_small => SECOND * 20,
            _ => return Ok(()),
        };
        if waited > most {
            let place = if is_away { "elsewhere" } else { "at home" };
            return Err(format!("user {user} had to wait {place} for {waited:?}"));
        }
        Ok(())
    }

    fn refused(&mut self, job: usize, refusal: HashRefusal) -> Result<(), String> {
        let guess = self.asked[job];
        let Some(number) = guess.visit else { return Ok(()) };
        let visit = &mut self.visits[number];
        visit.refusals += 1;
        if visit.user == visit.host && visit.begun > Instant::START + HOUR {
            return Err(format!("user {} was refused at home: {refusal:?}", visit.user));
        }
        let wait = Duration::from_secs(refusal.retry_seconds().unwrap_or(1));
        if visit.refusals > 60 {
            return Err(format!("user {} is locked out", visit.user));
        }
        self.agenda.push(Reverse((self.now + wait, GuessEvent::Try(number))));
        Ok(())
    }
}

fn run_guesses(seed: u64, fault: Option<Planted>) -> Result<GuessCounts, String> {
    GuessWorld::new(seed, fault).run().map_err(|what| format!("seed {seed}, {what}"))
}

#[test]
fn guessed_accounts_stay_open_to_their_owners() {
    let seeds = match std::env::var("VESTIBULE_SIM_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..16).collect(),
    };
    let counts: Result<Vec<_>, _> = seeds.iter().map(|&seed| run_guesses(seed, None)).collect();
    let counts = counts.unwrap().into_iter().fold(GuessCounts::default(), GuessCounts::and);
    if seeds.len() == 1 {
        eprintln!("{counts:?}");
    } else {
        assert!(counts.are_many(), "{counts:?}");
    }
}

/// The fault is found, and this is said of it.
fn assert_fault_is_found(fault: Planted, what: &str) {
    let found = (0..4).filter_map(|seed| run_guesses(seed, Some(fault)).err());
    let found: Vec<String> = found.collect();
    assert!(found.iter().any(|found| found.contains(what)), "{fault:?}: {found:?}");
}

#[test]
fn faults_in_the_limits_of_guesses_are_found() {
    assert_fault_is_found(Planted::GuessesByAddress, "guesses of account 0");
    assert_fault_is_found(Planted::GuessesRefunded, "guesses of account 0");
    assert_fault_is_found(Planted::GuessesChargedLate, "guesses");
    assert_fault_is_found(Planted::AccountBlocked, "user 0 was refused at home");
    assert_fault_is_found(Planted::LastGuessForAll, "user 0 had to wait elsewhere");
    assert_fault_is_found(Planted::OldestAddressForgotten, "is forgotten");
}

#[test]
fn table_that_forgets_who_guessed_most_is_found() {
    let mut world = GuessWorld::new(3, None);
    world.queue.guesses_by_account.plant_forgets_heaviest();
    let found = world.run().map(drop).unwrap_err();
    assert!(found.contains("guesses of account 0"), "{found}");
}
