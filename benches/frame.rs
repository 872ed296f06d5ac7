//! The frame path beside tungstenite's `WebSocket::read`, over the same bytes.
//!
//! * `decode`: one iteration reads a buffer of client's text frames (64 of 32 bytes or of 1 KiB, or
//!   one of 64 KiB), as a socket would give it, unmasks and checks each, and hands it out. Both copy
//!   the bytes once, out of the "socket". `multibyte` is 64 KiB of code points of all lengths.
//! * `encode`: one iteration makes one text frame, its payload's copy and the shared allocation
//!   included.
//! * `utf8`: one iteration checks 64 KiB of text, as the decoder does: how much of `decode` that is.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start must say so")]

pub mod support;

use std::hint::black_box;
use std::io::{self, Read, Write};

use criterion::{BenchmarkId, Criterion, Throughput};
use tungstenite::WebSocket;
use tungstenite::protocol::Role;
use vestibule::node::{Decoder, Encoder};

/// A socket that gives the same bytes for ever, and takes none.
struct Endless {
    wire: Vec<u8>,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = self.wire.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at = (self.at + taken) % self.wire.len();
        Ok(taken)
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn decode(c: &mut Criterion, name: &str, payload: &[u8], count: usize) {
    let wire = support::frame(0x81, payload).repeat(count);
    let mut group = c.benchmark_group("frame/decode");
    group.throughput(Throughput::Bytes((payload.len() * count) as u64));
    let mut shared = vec![0; wire.len()];
    let mut decoder = Decoder::default();
    group.bench_function(BenchmarkId::new("ours", name), |b| {
        b.iter(|| {
            shared.copy_from_slice(&wire);
            let mut at = 0;
            let mut messages = 0;
            while let Some(message) = decoder.next(&mut shared, &mut at, 1 << 20).unwrap() {
                black_box(message);
                messages += 1;
            }
            assert_eq!(messages, count);
        });
    });
    let endless = Endless { wire, at: 0 };
    let mut socket = WebSocket::from_raw_socket(endless, Role::Server, None);
    group.bench_function(BenchmarkId::new("tungstenite", name), |b| {
        b.iter(|| {
            for _ in 0..count {
                black_box(socket.read().unwrap());
            }
        });
    });
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame/encode");
    let mut encoder = Encoder::default();
    for size in [32, 1_024, 65_536] {
        let payload = vec![b'x'; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| encoder.text(|buffer| buffer.extend_from_slice(black_box(&payload))));
        });
    }
}

fn utf8(c: &mut Criterion, multibyte: &[u8]) {
    let mut group = c.benchmark_group("frame/utf8");
    for (name, text) in [("ascii", &vec![b'x'; multibyte.len()][..]), ("multibyte", multibyte)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| std::str::from_utf8(black_box(text)).is_ok()));
    }
}

fn main() {
    let mut c = Criterion::default().configure_from_args();
    let multibyte = "aé€😀xyz ".repeat(4_680).into_bytes();
    decode(&mut c, "32", &[b'x'; 32], 64);
    decode(&mut c, "1024", &[b'x'; 1_024], 64);
    decode(&mut c, "65536", &[b'x'; 65_536], 1);
    decode(&mut c, "multibyte", &multibyte, 1);
    encode(&mut c);
    utf8(&mut c, &multibyte);
    c.final_summary();
}
