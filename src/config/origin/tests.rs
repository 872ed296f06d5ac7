//! Which pages may call, and which may have something changed.

use super::*;

fn judge<'a>(entries: &[&str], lines: &[&'a str]) -> Page<'a> {
    let entries: Vec<_> = entries.iter().map(|&entry| entry.to_owned()).collect();
    Origins::new(&entries).judge(lines.iter().map(|line| line.as_bytes()))
}

#[track_caller]
fn assert_allowed(entries: &[&str], origins: &[&str]) {
    for &origin in origins {
        assert_eq!(judge(entries, &[origin]), Page::Listed(origin), "{origin}");
    }
}

#[track_caller]
fn assert_refused(entries: &[&str], origins: &[&str]) {
    for &origin in origins {
        assert_eq!(judge(entries, &[origin]), Page::Refused, "{origin}");
    }
}

#[test]
fn a_host_below_a_domain_is_parsed_first() {
    let entries = ["*.example.com"];
    assert_allowed(
        &entries,
        &[
            "https://a.example.com",
            "http://a.b.example.com",
            "HTTPS://A.Example.COM",
            "https://xn--caf-dma.example.com",
            "https://a-1.example.com",
            "app+x://a.example.com",
        ],
    );
    assert_refused(
        &entries,
        &[
            "https://evil.example#.example.com",
            "https://evil.example?.example.com",
            "https://evil.example\\.example.com",
            "https://evil.example/.example.com",
            "https://evil.example@a.example.com",
            "https://a@evil.example.example.com",
            "https://user:pass@a.example.com",
            "https://evil.example:443.example.com",
            "https://evil.example:.example.com",
            "https://..example.com",
            "https://.example.com",
            "https://a..example.com",
            "https://example.com",
            "https://a.example.com.",
            "https://evil-example.com",
            "https://a.example.com.evil.example",
            "https://a_b.example.com",
            "https://a%2eevil.example.com",
            "https://*.example.com",
            "https://[::1].example.com",
            "https://[::1]",
            "https://a.example.com:8443",
            "https://a.example.com:443",
            "https://a.example.com/",
            "https://a.example.com ",
            "https://evil.example .example.com",
            "https://evil.example,https://a.example.com",
            "https://é.example.com",
            "https://a.example\u{3002}com",
            "https://a.example.com\u{0}",
            "://a.example.com",
            "1https://a.example.com",
            "https:a.example.com",
            "a.example.com",
            "https://https://a.example.com",
            "null",
            "NULL",
            "",
        ],
    );
    let long = format!("https://{}.example.com", "a".repeat(64));
    let longest = format!("https://{}example.com", "a.".repeat(122));
    assert_refused(&entries, &[&long, &longest]);
}

#[test]
fn an_exact_entry_is_one_origin() {
    let entries = ["https://app.example.com", "http://localhost:3000", "http://[::1]:8080"];
    assert_allowed(
        &entries,
        &[
            "https://app.example.com",
            "HTTPS://App.Example.com",
            "http://localhost:3000",
            "http://[::1]:8080",
            "http://[0:0::1]:8080",
        ],
    );
    assert_refused(
        &entries,
        &[
            "http://app.example.com",
            "https://app.example.com:443",
            "https://app.example.com:8443",
            "https://app.example.com.",
            "https://app.example.com#",
            "https://app.example.com/",
            "https://user@app.example.com",
            "https://x.app.example.com",
            "http://localhost",
            "http://localhost:03000",
            "http://localhost:3000:3000",
            "http://[::1]",
            "http://[::1]x:8080",
            "http://[::1%25lo]:8080",
            "http://::1:8080",
            "http://[::1",
            "http://[127.0.0.1]:8080",
            "null",
        ],
    );
}

#[test]
fn two_origins_of_a_request_are_refused() {
    let one = "https://a.example.com";
    assert_eq!(judge(&["*.example.com"], &[one, one]), Page::Refused);
    assert_eq!(judge(&["*.example.com"], &[]), Page::None);
    assert_eq!(judge(&["*.example.com"], &["https://a.example.com https://b"]), Page::Refused);
}

#[test]
fn a_list_without_a_good_entry_allows_no_page() {
    let page = judge(&[], &["https://a.example"]);
    assert_eq!(page, Page::Unlisted(Some("https://a.example")));
    assert_eq!(judge(&[], &["null"]), Page::Unlisted(None));
    assert_eq!(judge(&["nonsense"], &["https://a.example"]), Page::Refused);
    assert_eq!(Origins::NONE.judge(std::iter::once(&b"null"[..])), Page::Refused);
    assert_eq!(Origins::NONE.judge(std::iter::empty()), Page::None);
}

#[test]
fn an_entry_is_written_as_browsers_send_it() {
    for good in [
        "https://example.com",
        "http://localhost:3000",
        "http://127.0.0.1:3000",
        "http://[::1]:8080",
        "http://[::1]",
        "https://my_host.example",
        "*.example.com",
        "app+x://host",
        "http://example.com:443",
    ] {
        assert_eq!(problem(good), None, "{good}");
    }
    for bad in [
        "",
        "*",
        "*.",
        "null",
        "example.com",
        "https://",
        "https://Example.com",
        "https://example.com/",
        "https://example.com#",
        "https://example.com?",
        "https://example.com.",
        "https://a..example.com",
        "https://*.example.com",
        "https://example.com:0",
        "https://example.com:080",
        "https://example.com:70000",
        "https://example.com:",
        "https://example.com:443",
        "http://example.com:80",
        "https://user@example.com",
        "https://exämple.com",
        "http://[::1",
        "*.Example.com",
        "*.example.com.",
        "*..example.com",
        "*.*.example.com",
        "*.example.com:8443",
        "*.ex_ample.com",
        "*.0.0.1",
        "*.[::1]",
        " https://example.com",
    ] {
        assert!(problem(bad).is_some(), "{bad}");
    }
}

#[test]
fn only_an_own_page_changes_without_a_list() {
    let may = |origin, host, is_same| judge(&[], &[origin]).may_change(host, is_same);
    for (origin, host) in [
        ("https://chat.example.com", "chat.example.com"),
        ("http://LOCALHOST:8080", "localhost:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
    ] {
        assert!(may(origin, Some(host), false), "{origin}");
    }
    for (origin, host) in [
        ("https://chat.example.com", "example.com"),
        ("http://localhost:3000", "localhost:8080"),
        ("https://evil.example#chat.example.com", "chat.example.com"),
        ("null", "null"),
        ("", ""),
    ] {
        assert!(!may(origin, Some(host), false) && !may(origin, None, false), "{origin}");
        // Behind a proxy that changes the host's name, the browser's word is enough.
        assert!(may(origin, Some(host), true), "{origin}");
    }
    assert!(judge(&[], &[]).may_change(None, false), "not a page");
    let listed = ["https://app.example.com"];
    assert!(judge(&listed, &listed).may_change(Some("chat.example.com"), false));
    assert!(!judge(&listed, &["https://a.example"]).may_change(Some("a.example"), true));
}
