//! Our frame path and tungstenite's, over the same bytes: the same messages, or the same refusal.
//!
//! Where the two are meant to differ, [`Known`] says how and why, and a test here shows it.

use std::collections::BTreeMap;

use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};
use vestibule::id::Rng;
use vestibule::node::Encoder;
use vestibule::protocol::CloseReason;
use vestibule::testing::{Form, frame, frame_in_form};

use crate::targets::frames::{Known, Wire, compare};

const CASES: u64 = 30_000;

/// A mask that is not zero.
const MASK: Option<u32> = Some(0x5a01_fe80);

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.below(from.len() as u64) as usize]
}

fn one_in(rng: &mut Rng, n: u64) -> bool {
    rng.below(n) == 0
}

/// Text of about this many bytes, with code points of every length.
fn text(rng: &mut Rng, bytes: usize) -> Vec<u8> {
    let mut text = String::new();
    while text.len() < bytes {
        text.push(pick(rng, &['a', 'z', '\0', 'é', '€', '\u{ffff}', '😀', '\u{10ffff}']));
    }
    text.into_bytes()
}

fn payload_bytes(rng: &mut Rng, max_bytes: usize) -> usize {
    let edges = [0, 1, 7, 8, 9, 124, 125, 126, 127, max_bytes - 1, max_bytes, max_bytes + 1];
    match rng.below(8) {
        0 => pick(rng, &edges),
        1 if max_bytes > 0xffff => pick(rng, &[65_534, 65_535, 65_536, 65_537]),
        _ => rng.below(40) as usize,
    }
}

/// One message: a frame or fragments, with control frames between, mostly as it should be.
fn message(rng: &mut Rng, max_bytes: usize, out: &mut Vec<u8>) {
    let is_text = !one_in(rng, 3);
    let length = payload_bytes(rng, max_bytes);
    let mut payload = if is_text { text(rng, length) } else { vec![0xc3; length] };
    if one_in(rng, 12) && !payload.is_empty() {
        let place = rng.below(payload.len() as u64) as usize;
        payload[place] = pick(rng, &[0xff, 0x80, 0xc0, 0xed, 0xf4, 0xe2]);
    }
    if one_in(rng, 12) {
        payload.truncate(payload.len().saturating_sub(1));
    }
    let mut opcode = if is_text { 1 } else { 2 };
    while one_in(rng, 2) {
        let cut = rng.below(payload.len() as u64 + 1) as usize;
        let rest = payload.split_off(cut);
        out.extend(frame(opcode, &payload));
        (payload, opcode) = (rest, 0);
        if one_in(rng, 3) {
            control(rng, out);
        }
    }
    out.extend(frame(0x80 | opcode, &payload));
}

fn control(rng: &mut Rng, out: &mut Vec<u8>) {
    let length = pick(rng, &[0, 1, 5, 124, 125]);
    let opcode = pick(rng, &[0x89, 0x8a]);
    out.extend(frame(opcode, &vec![0xee; length]));
}

fn close(rng: &mut Rng, out: &mut Vec<u8>) {
    let code = match rng.below(4) {
        0 => rng.below(0x1_0000) as u16,
        1 => pick(rng, &[0, 999, 2_999, 3_000, 3_999, 4_000, 4_999, 5_000, 65_535]),
        _ => 1_000 + rng.below(20) as u16,
    };
    let length = rng.below(60) as usize;
    let mut payload = [code.to_be_bytes().to_vec(), text(rng, length)].concat();
    if one_in(rng, 6) {
        payload.push(0xe2);
    }
    if one_in(rng, 4) {
        payload.truncate(rng.below(3) as usize);
    }
    out.extend(frame(0x88, &payload));
}

/// A frame of any form: most of these no client may send.
fn any_frame(rng: &mut Rng, max_bytes: usize, out: &mut Vec<u8>) {
    let first = match rng.below(3) {
        0 => rng.next_u64() as u8,
        _ => pick(rng, &[0, 1, 2, 3, 7, 8, 9, 0xa, 0xb, 0xf]) | pick(rng, &[0, 0x80, 0xc0, 0x90]),
    };
    let form = pick(rng, &[Form::Shortest, Form::Shortest, Form::Bits16, Form::Bits64]);
    let payload = vec![b'x'; payload_bytes(rng, max_bytes)];
    let mask = MASK.filter(|_| !one_in(rng, 4));
    out.extend(frame_in_form(first, &payload, form, mask));
}

/// What a client sends in one connection.
fn stream(rng: &mut Rng, max_bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..=rng.below(8) {
        match rng.below(16) {
            0 => any_frame(rng, max_bytes, &mut out),
            1 => close(rng, &mut out),
            2 => out.extend((0..rng.below(20)).map(|_| rng.next_u64() as u8)),
            3..6 => control(rng, &mut out),
            _ => message(rng, max_bytes, &mut out),
        }
    }
    if one_in(rng, 10) {
        out.truncate(rng.below(out.len() as u64 + 1) as usize);
    }
    if one_in(rng, 10) && !out.is_empty() {
        let place = rng.below(out.len() as u64) as usize;
        out[place] ^= 1 << rng.below(8);
    }
    out
}

/// Cuts `bytes` at random places: often small pieces, sometimes none at all.
fn pieces<'a>(rng: &mut Rng, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let most = pick(rng, &[1, 3, 20, 200, u64::MAX]).min(bytes.len() as u64).max(1);
    let mut pieces = Vec::new();
    // A large message is not worth a step for each byte.
    let least = if bytes.len() > 10_000 { 1_000 } else { 1 };
    while !bytes.is_empty() {
        let cut = (least + rng.below(most) as usize).min(bytes.len());
        let (piece, rest) = bytes.split_at(cut);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

#[test]
fn both_see_the_same_messages_or_the_same_refusal() {
    let mut met = BTreeMap::new();
    for seed in 0..CASES {
        let mut rng = Rng::new(seed);
        let max_bytes = if one_in(&mut rng, 50) { 70_000 } else { 200 };
        let bytes = stream(&mut rng, max_bytes);
        match compare(pieces(&mut rng, &bytes), max_bytes) {
            Ok(known) => *met.entry(known).or_insert(0) += 1,
            Err(difference) => panic!("seed {seed}: {difference}"),
        }
    }
    // The cases reach every known difference, and are not made of them.
    for known in [
        Known::ByTheHeaderAlone,
        Known::LengthInALongerForm,
        Known::ForbiddenAndTooLarge,
        Known::BadGatewayIsACode,
        Known::BadCodeAndBadText,
    ] {
        assert!(met.contains_key(&Some(known)), "{met:?}");
    }
    assert!(met[&None] > CASES / 2, "{met:?}");
}

#[track_caller]
fn differs(bytes: &[u8], known: Known) {
    assert_eq!(compare([bytes], 200), Ok(Some(known)), "{bytes:?}");
    assert_eq!(compare(bytes.chunks(1), 200).map(|known| known.is_some()), Ok(true));
}

#[test]
fn we_refuse_by_the_header_before_the_payload() {
    for first in [0xc1, 0x09, 0x80] {
        differs(&frame(first, b"not here yet")[..8], Known::ByTheHeaderAlone);
    }
    differs(&frame(0x83, b"")[..2], Known::ByTheHeaderAlone);
    differs(&frame_in_form(0x81, b"unmasked", Form::Shortest, None)[..4], Known::ByTheHeaderAlone);
    let fragments = [frame(0x01, &[b'x'; 150]), frame(0x80, &[b'x'; 51])[..6].to_vec()].concat();
    differs(&fragments, Known::ByTheHeaderAlone);
}

#[test]
fn we_refuse_a_length_in_a_longer_form_than_needed() {
    differs(&frame_in_form(0x81, b"short", Form::Bits16, MASK), Known::LengthInALongerForm);
    differs(&frame_in_form(0x81, b"short", Form::Bits64, MASK), Known::LengthInALongerForm);
    differs(&frame_in_form(0x89, b"ping", Form::Bits16, MASK), Known::LengthInALongerForm);
    differs(&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], Known::LengthInALongerForm);
}

#[test]
fn we_name_what_is_forbidden_before_what_is_too_large() {
    for first in [0xc1, 0x80] {
        differs(&frame(first, &[b'x'; 201]), Known::ForbiddenAndTooLarge);
    }
    let unmasked = frame_in_form(0x81, &[b'x'; 201], Form::Shortest, None);
    differs(&unmasked, Known::ForbiddenAndTooLarge);
}

#[test]
fn we_take_1014_as_a_close_code() {
    differs(&frame(0x88, &1_014_u16.to_be_bytes()), Known::BadGatewayIsACode);
}

#[test]
fn we_name_a_bad_close_code_before_its_bad_text() {
    differs(&frame(0x88, b"\x03\xed\xff"), Known::BadCodeAndBadText);
}

#[test]
fn every_close_code_is_judged_alike_but_1014() {
    for code in 0..=u16::MAX {
        let known = (code == 1_014).then_some(Known::BadGatewayIsACode);
        assert_eq!(compare([&frame(0x88, &code.to_be_bytes())[..]], 200), Ok(known), "{code}");
    }
}

#[test]
fn tungstenites_client_reads_what_our_encoder_writes() {
    let mut encoder = Encoder::default();
    let mut wire = Vec::new();
    let mut expected = Vec::new();
    let lengths = [0, 1, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 200_000];
    for (length, letter) in lengths.into_iter().zip("abcdefghijklmnop".chars()) {
        let text: String = std::iter::repeat_n(letter, length).collect();
        wire.extend_from_slice(&encoder.text(|buffer| buffer.extend_from_slice(text.as_bytes())));
        wire.extend_from_slice(&encoder.binary(text.as_bytes()));
        let payload = vec![length as u8; length.min(125)];
        wire.extend_from_slice(&encoder.pong(&payload));
        wire.extend_from_slice(&encoder.ping());
        expected.push(Message::text(text.clone()));
        expected.push(Message::binary(text.into_bytes()));
        expected.push(Message::Pong(payload.into()));
        expected.push(Message::Ping(Vec::new().into()));
    }
    for (seen, expected) in client_reads(wire, expected.len()).into_iter().zip(expected) {
        assert!(seen == expected, "{} bytes for {} bytes", seen.len(), expected.len());
    }
}

#[test]
fn tungstenite_reads_every_close_frame_of_ours() {
    let mut encoder = Encoder::default();
    for &reason in CloseReason::ALL {
        match &client_reads(encoder.close(reason).to_vec(), 1)[..] {
            [Message::Close(Some(close))] => {
                assert_eq!(u16::from(close.code), reason.code());
                assert_eq!(close.reason.as_str(), reason.text());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(client_reads(encoder.close_echo(None).to_vec(), 1), [Message::Close(None)]);
    match &client_reads(encoder.close_echo(Some(4_000)).to_vec(), 1)[..] {
        [Message::Close(Some(close))] => assert_eq!(u16::from(close.code), 4_000),
        other => panic!("{other:?}"),
    }
}

/// The first `count` messages that tungstenite's client sees in `wire`.
fn client_reads(wire: Vec<u8>, count: usize) -> Vec<Message> {
    let config = WebSocketConfig::default().read_buffer_size(4_096);
    let mut socket = WebSocket::from_raw_socket(Wire(wire.into()), Role::Client, Some(config));
    let seen = (0..count).map(|_| socket.read().unwrap()).collect();
    assert!(socket.get_ref().0.is_empty(), "something was left unread");
    seen
}
