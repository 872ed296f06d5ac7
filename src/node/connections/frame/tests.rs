use super::*;
use crate::testing::frame;

/// Everything that `chunks` say, as text; the refusal last.
fn decode_all<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, max: usize) -> Vec<String> {
    let mut decoder = Decoder::default();
    let mut seen = Vec::new();
    for chunk in chunks {
        let mut bytes = decoder.take_kept();
        bytes.extend(chunk);
        let mut at = 0;
        loop {
            match decoder.next(&mut bytes, &mut at, max) {
                Ok(Some(message)) => seen.push(format!("{message:?}")),
                Ok(None) => break,
                Err(reason) => {
                    seen.push(format!("{reason:?}"));
                    return seen;
                }
            }
        }
        bytes.drain(..at);
        decoder.keep(bytes);
    }
    seen
}

fn decode(bytes: &[u8]) -> Vec<String> {
    let whole = decode_all([bytes], 1_000);
    assert_eq!(decode_all(bytes.chunks(1), 1_000), whole, "cut into single bytes");
    whole
}

#[test]
fn a_text_is_unmasked_in_place() {
    assert_eq!(decode(&frame(0x81, b"hello")), [r#"Text("hello")"#]);
    assert_eq!(decode(&frame(0x82, b"\x00\xff")), ["Binary([0, 255])"]);
}

#[test]
fn fragments_join_into_one_message_around_a_ping() {
    let bytes = [
        frame(0x01, "grü".as_bytes()),
        frame(0x89, b"p"),
        frame(0x00, &"ß".as_bytes()[..1]),
        frame(0x80, &"ß".as_bytes()[1..]),
        frame(0x81, b"next"),
    ]
    .concat();
    assert_eq!(decode(&bytes), ["Ping([112])", r#"Text("grüß")"#, r#"Text("next")"#]);
}

#[test]
fn what_no_client_may_send_has_its_own_reason() {
    let cases: [(&[u8], &str); 12] = [
        (&[0x81, 0x05], "UnmaskedFrame"),
        (&[0xc1, 0x80], "ReservedBits"),
        (&[0x83, 0x80], "ReservedOpcode"),
        (&[0x8b, 0x80], "ReservedOpcode"),
        (&[0x09, 0x80], "FragmentedControl"),
        (&[0x89, 0xfe], "OversizedControl"),
        (&[0x81, 0xfe, 0, 125, 1, 2, 3, 4], "InvalidLength"),
        (&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4], "InvalidLength"),
        (&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], "InvalidLength"),
        (&frame(0x80, b"x"), "UnexpectedContinuation"),
        (&[frame(0x01, b"x"), frame(0x81, b"y")].concat(), "ExpectedContinuation"),
        (&frame(0x81, b"\xff"), "InvalidUtf8"),
    ];
    for (bytes, reason) in cases {
        assert_eq!(decode(bytes), [reason], "{bytes:?}");
    }
}

#[test]
fn invalid_utf8_is_refused_at_the_faulty_fragment() {
    let bytes = [frame(0x01, b"ok \xc3"), frame(0x00, b"\x28")].concat();
    assert_eq!(decode(&bytes), ["InvalidUtf8"]);
    let unfinished = [frame(0x01, b"\xe2\x82"), frame(0x80, b"")].concat();
    assert_eq!(decode(&unfinished), ["InvalidUtf8"]);
}

#[test]
fn close_frames_are_judged() {
    assert_eq!(decode(&frame(0x88, b"")), ["Close(None)"]);
    assert_eq!(decode(&frame(0x88, b"\x03\xe8bye")), ["Close(Some(1000))"]);
    for code in [1000_u16, 1001, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999] {
        assert_eq!(decode(&frame(0x88, &code.to_be_bytes())), [format!("Close(Some({code}))")]);
    }
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        assert_eq!(decode(&frame(0x88, &code.to_be_bytes())), ["InvalidClose"], "{code}");
    }
    assert_eq!(decode(&frame(0x88, b"\x03")), ["InvalidClose"]);
    assert_eq!(decode(&frame(0x88, b"\x03\xe8\xff")), ["InvalidUtf8"]);
}

#[test]
fn a_message_over_the_bound_is_refused_by_its_header() {
    let large = frame(0x81, &[b'x'; 1_001]);
    assert_eq!(decode_all([&large[..8]], 1_000), ["MessageTooLarge"]);
    let fragments = [frame(0x01, &[b'x'; 600]), frame(0x80, &[b'x'; 401])].concat();
    assert_eq!(decode(&fragments), ["MessageTooLarge"]);
    assert_eq!(decode(&frame(0x81, &[b'x'; 1_000])).len(), 1);
}

#[test]
fn nothing_is_kept_when_nothing_is_unfinished() {
    let mut decoder = Decoder::default();
    let mut bytes = [frame(0x01, b"a"), frame(0x80, b"b")].concat();
    let mut at = 0;
    assert!(matches!(decoder.next(&mut bytes, &mut at, 100), Ok(Some(Frame::Text("ab")))));
    assert_eq!(decoder.next(&mut bytes, &mut at, 100), Ok(None));
    decoder.keep(bytes[at..].to_vec());
    assert!(decoder.partial.is_none());
    assert_eq!(size_of::<Decoder>(), 8);
}

#[test]
fn the_servers_frames_have_the_shortest_header() {
    let mut encoder = Encoder::default();
    for (length, header) in [
        (5, vec![0x81, 5]),
        (126, vec![0x81, 126, 0, 126]),
        (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let frame = encoder.text(|buffer| buffer.extend(vec![b'x'; length]));
        assert_eq!(frame[..header.len()], header);
        assert_eq!(frame.len(), header.len() + length);
    }
    assert_eq!(*encoder.close(CloseReason::Normal), [0x88, 2, 3, 0xe8]);
    assert_eq!(*encoder.close_echo(None), [0x88, 0]);
    assert_eq!(*encoder.pong(b"x"), [0x8a, 1, b'x']);
}
