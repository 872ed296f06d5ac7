use proptest::prelude::*;

use super::*;

const PROXY: &str = "10.0.0.1:5000";

/// Who a request with these header lines is from, when it comes from `peer`.
fn client_from(peer: &str, lines: &[(&str, &str)]) -> String {
    let headers: Vec<_> =
        lines.iter().map(|&(name, value)| Header { name, value: value.as_bytes() }).collect();
    let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let client = client(&headers, peer.parse().unwrap(), &trusted);
    if client.port() == 0 { client.ip().to_string() } else { client.to_string() }
}

fn listed(value: &str) -> String {
    client_from(PROXY, &[("X-Forwarded-For", value)])
}

fn forwarded(value: &str) -> String {
    client_from(PROXY, &[("forwarded", value)])
}

#[test]
fn a_trusted_proxy_is_believed_and_nobody_else() {
    let lines = [("X-Forwarded-For", "192.0.2.1")];
    assert_eq!(client_from(PROXY, &lines), "192.0.2.1");
    assert_eq!(client_from("[::ffff:10.0.0.1]:5000", &lines), "192.0.2.1");
    assert_eq!(client_from("198.51.100.1:5000", &lines), "198.51.100.1:5000");
    assert_eq!(client_from("198.51.100.1:5000", &[("Forwarded", "for=x")]), "198.51.100.1:5000");
    assert_eq!(client_from(PROXY, &[]), PROXY);
}

#[test]
fn the_walk_goes_from_the_right_over_trusted_proxies() {
    assert_eq!(listed("1.1.1.1, 192.0.2.1"), "192.0.2.1");
    assert_eq!(listed("1.1.1.1, 192.0.2.1, 10.9.9.9,10.0.0.2"), "192.0.2.1");
    assert_eq!(listed("10.0.0.3, 10.0.0.2"), "10.0.0.3");
    assert_eq!(forwarded("for=1.1.1.1, for=192.0.2.1;proto=https, for=10.0.0.2"), "192.0.2.1");
    let lines = [("X-Forwarded-For", "1.1.1.1"), ("x-forwarded-for", "192.0.2.1, 10.0.0.2")];
    assert_eq!(client_from(PROXY, &lines), "192.0.2.1");
}

#[test]
fn what_is_no_address_ends_the_walk() {
    for bad in ["", "unknown", "_hidden", "1.1.1", "1.1.1.1.1", "for=1.1.1.1", "[::1", "1.1.1.1:x"]
    {
        assert_eq!(listed(&format!("1.1.1.1, {bad}")), PROXY, "{bad}");
        assert_eq!(listed(&format!("1.1.1.1, {bad}, 10.0.0.2")), "10.0.0.2", "{bad}");
        assert_eq!(listed(&format!("{bad}, 192.0.2.1")), "192.0.2.1", "{bad}");
    }
    for bad in
        ["for=unknown", "for=_x", "by=1.1.1.1", "for", "for=1.1.1.1;for=2.2.2.2", "for=\"1.1.1.1"]
    {
        assert_eq!(forwarded(&format!("for=1.1.1.1, {bad}")), PROXY, "{bad}");
    }
}

#[test]
fn addresses_are_read_in_every_form_that_is_written() {
    assert_eq!(listed("192.0.2.1:4711"), "192.0.2.1:4711");
    assert_eq!(listed("2001:db8::1"), "2001:db8::1");
    assert_eq!(listed("[2001:db8::1]"), "2001:db8::1");
    assert_eq!(listed("::ffff:192.0.2.1"), "192.0.2.1");
    assert_eq!(forwarded("For=\"[2001:db8::1]:4711\""), "[2001:db8::1]:4711");
    assert_eq!(forwarded("proto=http; FOR=192.0.2.1 ;by=10.0.0.1"), "192.0.2.1");
}

#[test]
fn client_quotes_cannot_swallow_a_proxys_address() {
    assert_eq!(forwarded("for=\", for=192.0.2.1"), "192.0.2.1");
    assert_eq!(forwarded("for=\", for=\"[2001:db8::1]\""), "2001:db8::1");
    // A host that a client chose, quoted by the proxy as it should be.
    assert_eq!(forwarded(r#"for=192.0.2.1;host="x\", for=1.1.1.1;a=\"""#), "192.0.2.1");
}

#[test]
fn headers_that_disagree_are_not_believed() {
    let both = |one, other| client_from(PROXY, &[("Forwarded", one), ("X-Forwarded-For", other)]);
    assert_eq!(both("for=192.0.2.1", "192.0.2.1"), "192.0.2.1");
    assert_eq!(both("for=1.1.1.1", "192.0.2.1"), PROXY);
    assert_eq!(both("for=\"", "192.0.2.1"), PROXY);
}

proptest! {
    #[test]
    fn no_header_panics_or_moves_what_a_proxy_appends(junk in "[\\x20-\\x7e\\x80-\\xff]{0,60}") {
        forwarded(&junk);
        listed(&junk);
        prop_assert_eq!(listed(&format!("{junk},192.0.2.1")), "192.0.2.1");
        prop_assert_eq!(forwarded(&format!("{junk},for=192.0.2.1")), "192.0.2.1");
        prop_assert_eq!(forwarded(&format!("{junk}, for=\"[2001:db8::1]\"")), "2001:db8::1");
        let spoofed = [("X-Forwarded-For", junk.as_str()), ("Forwarded", junk.as_str())];
        prop_assert_eq!(client_from("192.0.2.1:9", &spoofed), "192.0.2.1:9");
    }
}
