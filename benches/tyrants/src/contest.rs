//! A contest: victims do the same without an attacker, with one at another server on this host, and with
//! one at theirs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::arrival::measure;
use crate::client::{Fault, Outcome};
use crate::idle;

/// How long an attacker that was refused waits before it goes on.
const PAUSE: Duration = Duration::from_millis(50);

/// How long attackers begin before victims are watched.
const LEAD: Duration = Duration::from_millis(300);

/// How long a server has between two phases, for what an attack has left behind.
const SETTLING: Duration = Duration::from_millis(200);

/// One operation of one side, done again and again.
type Step<'a> = Box<dyn FnMut() -> Outcome + Send + 'a>;

/// A client that should notice nothing.
pub(crate) struct Victim<'a> {
    /// What it does, as the table says it. Victims of one kind make one line.
    kind: &'static str,
    /// How often it does that in a phase, at even distances.
    times: u32,
    step: Step<'a>,
}

impl<'a> Victim<'a> {
    pub(crate) fn new(
        kind: &'static str,
        times: u32,
        step: impl FnMut() -> Outcome + Send + 'a,
    ) -> Self {
        Self { kind, times, step: Box::new(step) }
    }
}

/// A client that does as much as it may.
pub(crate) struct Attacker<'a>(Step<'a>);

impl<'a> Attacker<'a> {
    pub(crate) fn new(step: impl FnMut() -> Outcome + Send + 'a) -> Self {
        Self(Box::new(step))
    }
}

/// Those who attack one server.
pub(crate) struct Attack<'a> {
    attackers: Vec<Attacker<'a>>,
    /// Ends their waiting.
    stop: Arc<AtomicBool>,
}

impl<'a> Attack<'a> {
    pub(crate) fn new(attackers: Vec<Attacker<'a>>, stop: Arc<AtomicBool>) -> Self {
        Self { attackers, stop }
    }
}

/// What attackers did.
#[derive(Debug, Default)]
struct Deeds {
    done: AtomicU64,
    refused: AtomicU64,
    /// Attackers that take the cores from others.
    busy: AtomicU64,
}

/// What victims of one kind met in one phase.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    /// How long each operation took that was not refused.
    pub(crate) times: Vec<Duration>,
    /// Operations whose time ran out.
    pub(crate) late: u64,
    pub(crate) refused: u64,
    /// The first refusal.
    pub(crate) why: Option<String>,
}

impl Samples {
    fn add(&mut self, time: Duration, outcome: Outcome) {
        match outcome {
            Ok(()) => self.times.push(time),
            Err(Fault::Late) => {
                self.times.push(time);
                self.late += 1;
            }
            Err(fault) => {
                self.refused += 1;
                self.why.get_or_insert_with(|| fault.to_string());
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.times.extend(other.times);
        self.late += other.late;
        self.refused += other.refused;
        self.why = self.why.take().or(other.why);
    }

    /// The value that this share of the operations did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        sorted.get((last as f64 * share).round() as usize).copied()
    }
}

/// The samples of each kind, in the order of their names.
pub(crate) type ByKind = BTreeMap<&'static str, Samples>;

/// The result of all phases.
#[derive(Default)]
pub(crate) struct Contest {
    pub(crate) without: ByKind,
    /// With the attack at another server.
    pub(crate) elsewhere: ByKind,
    pub(crate) with: ByKind,
    /// What the attackers of the victims' server did.
    pub(crate) attack: String,
}

/// Has victims do their steps for `phase` without attackers, for another with those of the other server,
/// and for a third with their own, each time once the attack has taken what it can. The other server's
/// attack is the first of the two.
pub(crate) fn contest(
    phase: Duration,
    victims: Vec<Victim<'_>>,
    attacks: [Attack<'_>; 2],
) -> Contest {
    // No longer: allowances have an end.
    contest_after((phase / 4).min(LEAD), phase, victims, attacks)
}

/// The same, with the attack's first moments: that of an allowance that is used up in them.
pub(crate) fn contest_from_the_start(
    phase: Duration,
    victims: Vec<Victim<'_>>,
    attacks: [Attack<'_>; 2],
) -> Contest {
    contest_after(Duration::ZERO, phase, victims, attacks)
}

fn contest_after(
    lead: Duration,
    phase: Duration,
    mut victims: Vec<Victim<'_>>,
    attacks: [Attack<'_>; 2],
) -> Contest {
    let without = watch(phase, &mut victims);
    let [(elsewhere, _), (with, attack)] =
        attacks.map(|attack| attacked(lead, phase, &mut victims, attack));
    Contest { without, elsewhere, with, attack }
}

/// One phase with an attack: what victims met, and what the attackers did.
fn attacked(
    lead: Duration,
    phase: Duration,
    victims: &mut [Victim<'_>],
    attack: Attack<'_>,
) -> (ByKind, String) {
    let Attack { mut attackers, stop } = attack;
    let (deeds, ready) = (Deeds::default(), Barrier::new(attackers.len() + 1));
    let (met, began) = thread::scope(|scope| {
        for attacker in &mut attackers {
            scope.spawn(|| {
                deeds.busy.fetch_add(u64::from(!idle::yield_to_all()), Ordering::Relaxed);
                ready.wait();
                run(attacker, &deeds, &stop);
            });
        }
        ready.wait();
        let began = Instant::now();
        thread::sleep(lead);
        let met = watch(phase, victims);
        stop.store(true, Ordering::Relaxed);
        (met, began)
    });
    let Deeds { done, refused, busy } = deeds;
    let (done, refused, busy) = (done.into_inner(), refused.into_inner(), busy.into_inner());
    let rate = done as f64 / began.elapsed().as_secs_f64();
    let mut text = format!("{done} done ({rate:.0}/s), {refused} refused or late");
    if busy > 0 {
        text.push_str("; not at the lowest priority");
    }
    drop(attackers);
    thread::sleep(SETTLING);
    (met, text)
}

/// One attacker, until it is stopped.
fn run(attacker: &mut Attacker<'_>, deeds: &Deeds, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        match (attacker.0)() {
            Ok(()) => deeds.done.fetch_add(1, Ordering::Relaxed),
            Err(_) => {
                thread::sleep(PAUSE);
                deeds.refused.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

/// One phase: each victim on a thread of its own.
fn watch(phase: Duration, victims: &mut [Victim<'_>]) -> ByKind {
    let mut all = ByKind::new();
    let count = u32::try_from(victims.len()).unwrap_or(u32::MAX).max(1);
    thread::scope(|scope| {
        let began = Instant::now();
        let running: Vec<_> = (0..count)
            .zip(victims)
            .map(|(index, victim)| {
                let distance = phase / victim.times.max(1);
                // Not all at the same moments.
                let first = began + distance * index / count;
                scope.spawn(move || (victim.kind, repeat(victim, first, distance, began + phase)))
            })
            .collect();
        for thread in running {
            if let Ok((kind, samples)) = thread.join() {
                all.entry(kind).or_default().merge(samples);
            }
        }
    });
    all
}

fn repeat(victim: &mut Victim<'_>, first: Instant, distance: Duration, end: Instant) -> Samples {
    let mut samples = Samples::default();
    for time in 0..victim.times {
        thread::sleep((first + distance * time).saturating_duration_since(Instant::now()));
        if Instant::now() >= end {
            break;
        }
        let (outcome, time) = measure(&mut victim.step);
        samples.add(time, outcome);
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_times() {
        let times = [5, 1, 4, 2, 3].map(Duration::from_millis).to_vec();
        let samples = Samples { times, ..Samples::default() };
        assert_eq!(samples.quantile(0.5), Some(Duration::from_millis(3)));
        assert_eq!(samples.quantile(0.99), Some(Duration::from_millis(5)));
        assert_eq!(Samples::default().quantile(0.5), None);
    }

    #[test]
    fn what_is_late_has_a_time_and_is_not_refused() {
        let mut samples = Samples::default();
        samples.add(Duration::from_secs(5), Err(Fault::Late));
        samples.add(Duration::from_secs(1), Err(Fault::Refused("full".to_owned())));
        assert_eq!((samples.times.len(), samples.late, samples.refused), (1, 1, 1));
    }

    #[test]
    fn all_phases_are_watched_and_attackers_stop() {
        let victims = vec![Victim::new("a", 3, || Ok(())), Victim::new("b", 2, || Ok(()))];
        let stops: [Arc<AtomicBool>; 2] = Default::default();
        let attack = |stop: &Arc<_>| Attack::new(vec![Attacker::new(|| Ok(()))], Arc::clone(stop));
        let attacks = [attack(&stops[0]), attack(&stops[1])];
        let contest = contest(Duration::from_millis(1), victims, attacks);
        let phases = [&contest.without, &contest.elsewhere, &contest.with];
        assert!(phases.iter().all(|it| it.contains_key("a") && it.contains_key("b")));
        assert!(stops.iter().all(|stop| stop.load(Ordering::Relaxed)));
    }
}
