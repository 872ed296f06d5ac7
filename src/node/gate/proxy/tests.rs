use proptest::prelude::*;

use super::*;

fn found(bytes: &[u8]) -> Option<String> {
    parse(bytes).unwrap().unwrap().client.map(|client| client.to_string())
}

fn version_2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, body].concat()
}

const IPV4: &[u8] = &[192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x67, 0x01, 0xbb];

fn ipv6() -> Vec<u8> {
    let ip = "2001:db8::1".parse::<Ipv6Addr>().unwrap().octets();
    [&ip[..], &[0; 16], &[0x12, 0x67, 0x01, 0xbb]].concat()
}

/// Good headers, each with the client that it names.
fn good() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let with_extensions = [IPV4, &[0x04, 0, 3, 1, 2, 3]].concat();
    vec![
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n".to_vec(), Some("192.0.2.1:4711")),
        (b"PROXY TCP6 2001:db8::1 ::1 4711 443\r\n".to_vec(), Some("[2001:db8::1]:4711")),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n".to_vec(), None),
        (version_2(0x21, 0x11, IPV4), Some("192.0.2.1:4711")),
        (version_2(0x21, 0x11, &with_extensions), Some("192.0.2.1:4711")),
        (version_2(0x21, 0x21, &ipv6()), Some("[2001:db8::1]:4711")),
        (version_2(0x21, 0x00, &[]), None),
        (version_2(0x21, 0x31, &[0; 216]), None),
        (version_2(0x20, 0x00, &[]), None),
        (version_2(0x20, 0x11, IPV4), None),
        (version_2(0x21, 0x11, &[IPV4, &[0; 508]].concat()), Some("192.0.2.1:4711")),
    ]
}

#[test]
fn both_versions_name_the_client_however_they_are_cut() {
    for (header, client) in good() {
        assert_eq!(found(&header).as_deref(), client, "{header:?}");
        for cut in 0..header.len() {
            assert_eq!(parse(&header[..cut]), Ok(None), "{cut} of {header:?}");
        }
        let length = header.len();
        let followed = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(parse(&followed).unwrap().unwrap().length, length);
        assert!(length <= MAX_BYTES);
    }
}

#[test]
fn what_is_no_header_is_known_at_its_first_wrong_byte() {
    for start in ["G", "\r\n\r\n\0\r\nQUIX", "PROXX", "PROXY\t", "\n", "\0", "proxy "] {
        assert_eq!(parse(start.as_bytes()), Err(Malformed), "{start:?}");
    }
    for line in [
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 4711\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 4711 443 1\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 +1 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1  443\r\n",
        "PROXY TCP4 2001:db8::1 ::1 4711 443\r\n",
        "PROXY TCP6 192.0.2.1 10.0.0.1 4711 443\r\n",
        "PROXY TCP5 192.0.2.1 10.0.0.1 4711 443\r\n",
        "PROXY TCP4 192.0.2.256 10.0.0.1 4711 443\r\n",
    ] {
        assert_eq!(parse(line.as_bytes()), Err(Malformed), "{line:?}");
    }
    for header in [
        version_2(0x11, 0x11, IPV4),
        version_2(0x22, 0x11, IPV4),
        version_2(0x21, 0x41, IPV4),
        version_2(0x21, 0x13, IPV4),
        version_2(0x21, 0x11, &IPV4[..11]),
        version_2(0x21, 0x21, &ipv6()[..35]),
    ] {
        assert_eq!(parse(&header), Err(Malformed), "{header:?}");
    }
}

#[test]
fn a_header_that_never_ends_is_refused_at_its_bound() {
    let line = [b"PROXY ".as_slice(), &[b'x'; 200]].concat();
    assert_eq!(parse(&line[..106]), Ok(None));
    assert_eq!(parse(&line[..107]), Err(Malformed));
    let long = version_2(0x21, 0x11, &[0; 521]);
    assert_eq!(parse(&long[..15]), Ok(None));
    assert_eq!(parse(&long[..16]), Err(Malformed));
}

proptest! {
    #[test]
    fn no_bytes_panic_and_a_verdict_is_final(
        which in 0..12_usize,
        flips in prop::collection::vec((0..80_usize, any::<u8>()), 0..4),
        more in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let (mut bytes, _) = good().swap_remove(which);
        for (at, byte) in flips {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.extend(more);
        let mut verdict = None;
        for cut in 0..=bytes.len() {
            let here = parse(&bytes[..cut]);
            prop_assert!(here != Ok(None) || cut < MAX_BYTES);
            match verdict {
                None if here != Ok(None) => verdict = Some(here),
                None => {}
                Some(first) => prop_assert_eq!(here, first),
            }
        }
    }
}
