//! Reading a paste of 256 KiB: the texts that cost each reader most.
//!
//! Every reader is given each pattern, repeated behind what its format begins with, and then only the
//! pattern that cost it most is measured. One iteration reads the whole text. The time is the
//! thread's, so that a busy machine does not change it.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use rustix::time::{ClockId, clock_gettime};
use vestibule::recipes::read;
use vestibule::testing::READER_PATTERNS;

/// As much as a client can post.
const PASTE_BYTES: usize = 256 << 10;

/// What a text begins with, by the reader that takes it.
const READERS: [(&str, &str); 11] = [
    ("text", ""),
    ("ingredients", "Soup\n\nIngredients:\n"),
    ("steps", "Soup\n\nIngredients:\n1 leek\n\nMethod:\n"),
    ("recipe_md", "# A\n\n---\n\n- *1* a\n"),
    ("cooklang", ">> title: a\n"),
    ("front_matter", "---\ntitle: Soup\n"),
    ("html", "<html><body>"),
    ("mastercook", "* Exported from MasterCook *\n"),
    ("meal_master", "MMMMM----- Recipe via Meal-Master (tm)\n"),
    ("rezkonv", "===== REZKONV\n"),
    ("json_ld", "{\"@type\":\"Recipe\",\"name\":\"Soup\",\"recipeInstructions\":\""),
];

fn paste(head: &str, pattern: &str) -> String {
    let count = (PASTE_BYTES - head.len()) / pattern.len();
    let end = if head.starts_with('{') { "\"}" } else { "" };
    format!("{head}{}{end}", pattern.repeat(count))
}

/// The time that this thread was on a processor.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn cost(text: &str) -> Duration {
    let began = cpu_time();
    let _ = black_box(read(black_box(text)));
    cpu_time() - began
}

fn main() {
    let mut c = Criterion::default().configure_from_args();
    let mut group = c.benchmark_group("read");
    group.sample_size(10);
    for (reader, head) in READERS {
        let mut costs: Vec<_> =
            READER_PATTERNS.iter().map(|pattern| (cost(&paste(head, pattern)), pattern)).collect();
        costs.sort_unstable_by(|one, other| other.cmp(one));
        let Some((_, worst)) = costs.first() else { continue };
        let text = paste(head, worst);
        group.throughput(Throughput::Bytes(text.len() as u64));
        let id = BenchmarkId::new(reader, worst.escape_debug());
        group.bench_with_input(id, &text, |b, text| {
            b.iter_custom(|count| (0..count).map(|_| cost(text)).sum());
        });
    }
    group.finish();
    c.final_summary();
}
