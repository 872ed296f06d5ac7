//! The timer wheel beside `BTreeMap<(Instant, usize), ()>`, which is the usual way to keep
//! deadlines in order, with 1,000, 100,000 and 1,000,000 entries armed.
//!
//! * `arm`: one iteration moves the deadline of one entry to another moment of the next 5 s.
//! * `cancel`: one iteration disarms one entry and arms it again.
//! * `expire`: one iteration arms every entry within the next 5 s, lets 6 s pass in steps of 8 ms,
//!   and takes out what is due; the rate is in entries.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use vestibule::id::Rng;
use vestibule::node::{TICK_MICROS, Wheel};
use vestibule::time::Instant;

const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];
const HORIZON_MICROS: u64 = 5_000_000;

/// What both can do.
trait Deadlines {
    fn new() -> Self;
    fn arm(&mut self, index: usize, deadline: Instant);
    fn cancel(&mut self, index: usize);
    fn pop_due(&mut self, now: Instant) -> Option<usize>;
}

impl Deadlines for Wheel {
    fn new() -> Self {
        Self::new()
    }

    fn arm(&mut self, index: usize, deadline: Instant) {
        self.arm(index, deadline);
    }

    fn cancel(&mut self, index: usize) {
        self.cancel(index);
    }

    fn pop_due(&mut self, now: Instant) -> Option<usize> {
        self.pop_due(now)
    }
}

/// The map, and where each entry is in it.
struct Tree {
    map: BTreeMap<(Instant, usize), ()>,
    armed: Vec<Option<Instant>>,
}

impl Deadlines for Tree {
    fn new() -> Self {
        Self { map: BTreeMap::new(), armed: Vec::new() }
    }

    fn arm(&mut self, index: usize, deadline: Instant) {
        self.cancel(index);
        if self.armed.len() <= index {
            self.armed.resize(index + 1, None);
        }
        if let Some(armed) = self.armed.get_mut(index) {
            *armed = Some(deadline);
        }
        self.map.insert((deadline, index), ());
    }

    fn cancel(&mut self, index: usize) {
        if let Some(deadline) = self.armed.get_mut(index).and_then(Option::take) {
            self.map.remove(&(deadline, index));
        }
    }

    fn pop_due(&mut self, now: Instant) -> Option<usize> {
        let entry = self.map.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((_, index), ()) = entry.remove_entry();
        if let Some(armed) = self.armed.get_mut(index) {
            *armed = None;
        }
        Some(index)
    }
}

fn soon(rng: &mut Rng, now: Instant) -> Instant {
    now + Duration::from_micros(rng.below(HORIZON_MICROS))
}

fn filled<D: Deadlines>(rng: &mut Rng, size: usize) -> D {
    let mut deadlines = D::new();
    for index in 0..size {
        deadlines.arm(index, soon(rng, Instant::START));
    }
    deadlines
}

fn measure<D: Deadlines>(c: &mut Criterion, name: &str) {
    for size in SIZES {
        let bench = |group: &str| (format!("wheel/{group}"), BenchmarkId::new(name, size));
        let mut rng = Rng::new(1);
        let mut deadlines: D = filled(&mut rng, size);
        let (group, id) = bench("arm");
        c.benchmark_group(group).bench_function(id, |b| {
            b.iter(|| {
                let index = rng.below(size as u64) as usize;
                deadlines.arm(black_box(index), soon(&mut rng, Instant::START));
            });
        });
        let (group, id) = bench("cancel");
        c.benchmark_group(group).bench_function(id, |b| {
            b.iter(|| {
                let index = rng.below(size as u64) as usize;
                deadlines.cancel(black_box(index));
                deadlines.arm(index, soon(&mut rng, Instant::START));
            });
        });
        let (group, id) = bench("expire");
        expire::<D>(&mut c.benchmark_group(group), id, size);
    }
}

fn expire<D: Deadlines>(group: &mut BenchmarkGroup<'_, WallTime>, id: BenchmarkId, size: usize) {
    let mut rng = Rng::new(1);
    let mut deadlines = D::new();
    let mut now = Instant::START;
    group.throughput(Throughput::Elements(size as u64)).sample_size(10);
    group.bench_function(id, |b| {
        b.iter(|| {
            for index in 0..size {
                deadlines.arm(index, soon(&mut rng, now));
            }
            let end = now + Duration::from_secs(6);
            let mut popped = 0;
            while now < end {
                now = now + Duration::from_micros(TICK_MICROS);
                popped += std::iter::from_fn(|| deadlines.pop_due(now)).count();
            }
            assert_eq!(popped, size);
        });
    });
}

fn main() {
    let mut c = Criterion::default().configure_from_args();
    measure::<Wheel>(&mut c, "wheel");
    measure::<Tree>(&mut c, "btree_map");
    c.final_summary();
}
