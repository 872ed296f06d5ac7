//! What the crate `redis-protocol` writes, read by the bus.

use redis_protocol::resp3::encode::complete::encode;
use redis_protocol::resp3::types::{OwnedFrame, Resp3Frame as _, VerbatimStringFormat};
use vestibule::id::Rng;
use vestibule::testing::bus::decode_replies;

use crate::targets::replies::compare;

const CASES: u64 = 5_000;

fn bytes(rng: &mut Rng) -> Vec<u8> {
    let length = if rng.below(20) == 0 { 9_000 } else { rng.below(30) };
    (0..length).map(|_| rng.next_u64() as u8).collect()
}

/// Letters, of which a line is made.
fn line(rng: &mut Rng) -> Vec<u8> {
    (0..rng.below(30)).map(|_| b'a' + rng.below(26) as u8).collect()
}

/// A frame that nests this deep at most.
fn frame(rng: &mut Rng, depth: u64) -> OwnedFrame {
    let attributes = None;
    let kinds = if depth == 0 { 9 } else { 12 };
    let children = rng.below(5);
    match rng.below(kinds) {
        0 => OwnedFrame::BlobString { data: bytes(rng), attributes },
        1 => OwnedFrame::BlobError { data: bytes(rng), attributes },
        2 => OwnedFrame::SimpleString { data: line(rng), attributes },
        3 => {
            let data = String::from_utf8(line(rng)).unwrap();
            OwnedFrame::SimpleError { data, attributes }
        }
        4 => OwnedFrame::Boolean { data: rng.below(2) == 0, attributes },
        5 => OwnedFrame::Null,
        6 => OwnedFrame::Number { data: rng.next_u64() as i64, attributes },
        7 => {
            let numbers = [0.0, -1.5, 1e300, f64::INFINITY, f64::NEG_INFINITY, 0.1];
            let data = numbers[rng.below(6) as usize];
            OwnedFrame::Double { data, attributes }
        }
        8 => {
            let format = VerbatimStringFormat::Text;
            OwnedFrame::VerbatimString { data: bytes(rng), format, attributes }
        }
        9 => {
            let data = (0..children).map(|_| frame(rng, depth - 1)).collect();
            OwnedFrame::Array { data, attributes }
        }
        10 => {
            let data = (0..children).map(|_| (key(rng), frame(rng, depth - 1))).collect();
            OwnedFrame::Map { data, attributes }
        }
        _ => {
            let data = (0..children).map(|_| key(rng)).collect();
            OwnedFrame::Set { data, attributes }
        }
    }
}

fn key(rng: &mut Rng) -> OwnedFrame {
    OwnedFrame::SimpleString { data: line(rng), attributes: None }
}

#[test]
fn frames_that_redis_protocol_writes_are_read() {
    let mut rng = Rng::new(1);
    for case in 0..CASES {
        let mut frames = vec![frame(&mut rng, 5)];
        if rng.below(3) == 0 {
            let data = (0..rng.below(4)).map(|_| frame(&mut rng, 3)).collect();
            frames.push(OwnedFrame::Push { data, attributes: None });
        }
        let mut written = Vec::new();
        for frame in &frames {
            let mut buffer = vec![0; frame.encode_len(false)];
            let length = encode(&mut buffer, frame, false).unwrap();
            written.extend_from_slice(&buffer[..length]);
        }
        let piece = 1 + rng.below(200) as usize;
        let (read, is_refused) = decode_replies(&written, piece, 64 << 20);
        assert!(!is_refused && read.len() == frames.len(), "case {case}: {frames:?}");
        compare(&written, &read);
    }
}
