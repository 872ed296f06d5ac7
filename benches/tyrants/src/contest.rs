//! A contest: victims do the same without an attacker, and then with one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Fault, Outcome};

/// How long an attacker that was refused waits before it goes on.
const PAUSE: Duration = Duration::from_millis(50);

/// How long attackers begin before victims are watched.
const LEAD: Duration = Duration::from_millis(300);

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

/// What attackers did.
#[derive(Debug, Default)]
struct Attack {
    done: AtomicU64,
    refused: AtomicU64,
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

/// The result of both phases.
pub(crate) struct Contest {
    pub(crate) without: ByKind,
    pub(crate) with: ByKind,
    /// What the attackers did.
    pub(crate) attack: String,
}

/// Has victims do their steps for `phase` without attackers, and for another with them, once the attack
/// has taken what it can. `stop` is what ends the attackers' waiting.
pub(crate) fn contest(
    phase: Duration,
    stop: &Arc<AtomicBool>,
    victims: Vec<Victim<'_>>,
    attackers: Vec<Attacker<'_>>,
) -> Contest {
    // No longer: allowances have an end.
    contest_after((phase / 4).min(LEAD), phase, stop, victims, attackers)
}

/// The same, with the attack's first moments: that of an allowance that is used up in them.
pub(crate) fn contest_from_the_start(
    phase: Duration,
    stop: &Arc<AtomicBool>,
    victims: Vec<Victim<'_>>,
    attackers: Vec<Attacker<'_>>,
) -> Contest {
    contest_after(Duration::ZERO, phase, stop, victims, attackers)
}

fn contest_after(
    lead: Duration,
    phase: Duration,
    stop: &Arc<AtomicBool>,
    mut victims: Vec<Victim<'_>>,
    mut attackers: Vec<Attacker<'_>>,
) -> Contest {
    let without = watch(phase, &mut victims);
    let (attack, began) = (Attack::default(), Instant::now());
    let with = thread::scope(|scope| {
        for attacker in &mut attackers {
            scope.spawn(|| run(attacker, &attack, stop));
        }
        thread::sleep(lead);
        let with = watch(phase, &mut victims);
        stop.store(true, Ordering::Relaxed);
        with
    });
    let (done, refused) = (attack.done.into_inner(), attack.refused.into_inner());
    let rate = done as f64 / began.elapsed().as_secs_f64();
    let attack = format!("{done} done ({rate:.0}/s), {refused} refused or late");
    Contest { without, with, attack }
}

/// One attacker, until it is stopped.
fn run(attacker: &mut Attacker<'_>, attack: &Attack, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        match (attacker.0)() {
            Ok(()) => attack.done.fetch_add(1, Ordering::Relaxed),
            Err(_) => {
                thread::sleep(PAUSE);
                attack.refused.fetch_add(1, Ordering::Relaxed)
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
        let began = Instant::now();
        if began >= end {
            break;
        }
        let outcome = (victim.step)();
        samples.add(began.elapsed(), outcome);
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
    fn both_phases_are_watched_and_attackers_stop() {
        let stop = Arc::new(AtomicBool::new(false));
        let victims = vec![Victim::new("a", 3, || Ok(())), Victim::new("b", 2, || Ok(()))];
        let attackers = vec![Attacker::new(|| Ok(()))];
        let contest = contest(Duration::from_millis(1), &stop, victims, attackers);
        assert!(contest.without.contains_key("a") && contest.with.contains_key("b"));
        assert!(stop.load(Ordering::Relaxed));
    }
}
