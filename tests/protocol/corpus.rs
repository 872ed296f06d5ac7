//! The fuzzers' corpus, and seeded mutations of it, through the fuzzers' own targets.

use std::fs;
use std::path::Path;

use vestibule::id::Rng;

use crate::targets::{TARGETS, Target};

/// Mutations of each file.
const MUTATIONS: u64 = 300;

/// The files of a target's corpus, in a fixed order.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().flat_map(fs::read).collect()
}

/// Shows an input that a target did not survive.
struct Shown<'a>(&'a str, &'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("{}: \"{}\"\n", self.0, self.1.escape_ascii()).as_bytes(),
            );
        }
    }
}

fn try_one(name: &str, target: Target, data: &[u8]) {
    let _shown = Shown(name, data);
    target(data);
}

/// A place in `data`, its end included.
fn place(rng: &mut Rng, data: &[u8]) -> usize {
    rng.below(data.len() as u64 + 1) as usize
}

/// A few random changes: what a fuzzer does, without its feedback.
fn mutate(rng: &mut Rng, data: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=rng.below(4) {
        let at = place(rng, data);
        match rng.below(6) {
            0 => data.insert(at, rng.next_u64() as u8),
            1 => data.truncate(at),
            2 => drop(data.drain(at..(at + rng.below(8) as usize).min(data.len()))),
            3 => {
                let from = place(rng, other);
                let rest = other.get(from..).unwrap_or_default();
                let length = rest.len().min(rng.below(64) as usize);
                data.splice(at..at, rest.iter().take(length).copied());
            }
            4 => {
                let tail = data.split_off(at);
                data.splice(0..0, tail);
            }
            _ => {
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
        }
    }
}

fn replay(name: &str) {
    let files = corpus(name);
    assert!(files.len() >= 5, "{name} has a corpus");
    let Some((_, target)) = TARGETS.iter().find(|(known, _)| *known == name) else { return };
    let mut rng = Rng::new(1);
    for file in &files {
        try_one(name, *target, file);
        for _ in 0..MUTATIONS {
            let other = files.get(rng.below(files.len() as u64) as usize);
            let mut data = file.clone();
            mutate(&mut rng, &mut data, other.map_or(&[], Vec::as_slice));
            try_one(name, *target, &data);
        }
    }
}

#[test]
fn corpus_frames_are_read_as_by_tungstenite() {
    replay("frames");
}

#[test]
fn corpus_messages_are_judged_as_their_trees() {
    replay("messages");
}

#[test]
fn corpus_envelopes_are_read_as_by_serde() {
    replay("envelope");
}

#[test]
fn sessions_of_the_corpus_leave_nothing_behind() {
    replay("session");
}

#[test]
fn corpus_key_sets_account_for_every_entry() {
    replay("keys");
}

#[test]
fn corpus_heads_are_answered_alike_however_cut() {
    replay("upgrade_head");
}

#[test]
fn conversations_of_the_corpus_keep_the_recipe_whole() {
    replay("recipe");
}

#[test]
fn corpus_replies_are_read_as_by_redis_protocol() {
    replay("replies");
}
