//! Finds secrets in text: those that are known, whole or in part and however they are written, and
//! whatever looks like one.
//!
//! Known secrets are found by pieces of 16 bytes, so that one number is compared at each place of
//! the text, however many there are. A token is found by its signature's first and last piece and by
//! its claims' last one; each also as base64 with every alignment and as hexadecimal. A text with
//! percent signs is looked at as it is and decoded.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Bytes of a piece.
const PIECE: usize = 16;
/// What is shorter is guessed faster than read, and found in every other word.
const SHORTEST: usize = 12;
/// A run of so many letters and digits, mixed as no word is, is no word.
const RANDOM: usize = 24;

/// Lines that tell of handshakes: they are searched for what is known, and not judged by their looks.
/// Only programs that embed the server and ask for them have them.
const RANDOM_BY_NATURE: &str = "[TRACE] rustls::";
/// A type of rustls, which it names at debug when a server asks for a certificate. It has as many turns
/// as what is random.
const RANDOM_NAME: &str = "CertificateRequestPayloadTls13";

/// What is looked for.
#[derive(Default)]
pub(crate) struct Search {
    pieces: HashMap<u128, String>,
    /// One bit for the hash of each piece: most places are told from all of them by it.
    filter: Vec<u64>,
    short: Vec<String>,
}

const FILTER_BITS: usize = 1 << 22;

impl Search {
    /// For these, each on a line of its own.
    pub(crate) fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        let mut search = Self { filter: vec![0; FILTER_BITS / 64], ..Self::default() };
        for secret in secrets {
            search.add(secret);
        }
        search
    }

    fn add(&mut self, secret: &str) {
        let parts: Vec<&str> = secret.split('.').collect();
        match parts[..] {
            // A header is everybody's.
            [header, claims, signature] if header.starts_with("eyJ") => {
                self.add_piece(last(claims), secret);
                self.add_piece(first(signature), secret);
                self.add_piece(last(signature), secret);
            }
            _ if secret.len() >= PIECE => {
                self.add_piece(first(secret), secret);
                self.add_piece(last(secret), secret);
            }
            _ if secret.len() >= SHORTEST => self.short.push(secret.to_owned()),
            _ => {}
        }
    }

    fn add_piece(&mut self, piece: Option<&str>, of: &str) {
        let Some(piece) = piece else { return };
        let hex = |upper: bool| -> String {
            let digit = |byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
            piece.bytes().take(PIECE / 2).map(digit).collect()
        };
        let mut written = vec![piece.to_owned(), hex(false), hex(true)];
        for before in 0..3 {
            let bytes = [&vec![0; before][..], piece.as_bytes()].concat();
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                // What begins inside the bytes before it is theirs, too.
                let text = engine.encode(&bytes)[(before * 8).div_ceil(6)..].to_owned();
                written.extend(first(&text).map(str::to_owned));
            }
        }
        for text in written {
            let Some(number) = number(text.as_bytes()) else { continue };
            let bit = hash(number);
            self.filter[bit / 64] |= 1 << (bit % 64);
            self.pieces.entry(number).or_insert_with(|| of.to_owned());
        }
    }

    /// What there is in `text`, in words: a line each, at most ten.
    pub(crate) fn find(&self, text: &str) -> Vec<String> {
        let mut found = self.find_as_it_is(text);
        if text.contains('%') {
            found.extend(self.find_as_it_is(&percent_decoded(text)));
        }
        found.truncate(10);
        found
    }

    fn find_as_it_is(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut window = 0_u128;
        for (at, byte) in text.bytes().enumerate() {
            window = window << 8 | u128::from(byte);
            let bit = hash(window);
            if self.filter[bit / 64] >> (bit % 64) & 1 == 1
                && let Some(secret) = self.pieces.get(&window)
            {
                found.push(told(&format!("a piece of {secret}"), text, at));
            }
        }
        for secret in &self.short {
            found.extend(text.find(secret.as_str()).map(|at| told(secret, text, at)));
        }
        for line in text.lines().filter(|line| !line.contains(RANDOM_BY_NATURE)) {
            let what = runs(line).filter(|run| *run != RANDOM_NAME).find_map(looks_like);
            found.extend(what.map(|what| told(what, line, 0)));
        }
        found
    }
}

/// What a run of letters and digits seems to be.
fn looks_like(run: &str) -> Option<&'static str> {
    let count = |is: fn(&char) -> bool| run.chars().filter(is).count();
    if run.len() >= 20 && ["eyJ", "ZXlK"].iter().any(|start| run.starts_with(start)) {
        // base64 of `{"`, and of that again: JSON, as in a token's header and claims.
        return Some("what begins like a token");
    }
    let turns = run.as_bytes().windows(2).filter(|two| {
        let kind = |byte: u8| (byte.is_ascii_uppercase(), byte.is_ascii_digit());
        kind(two[0]) != kind(two[1])
    });
    let is_mixed = count(char::is_ascii_uppercase) >= 3
        && count(char::is_ascii_lowercase) >= 3
        && count(char::is_ascii_digit) >= 2;
    (run.len() >= RANDOM && is_mixed && turns.count() * 4 >= run.len())
        .then_some("what looks random")
}

/// The runs of characters of base64.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let is_of_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+');
    text.split(move |c| !is_of_one(c)).filter(|run| run.len() >= 20)
}

/// The finding and its line, cut.
fn told(what: &str, text: &str, at: usize) -> String {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line: String = text[start..].lines().next().unwrap_or_default().chars().take(300).collect();
    format!("{what}: {line}")
}

fn first(text: &str) -> Option<&str> {
    text.get(..PIECE)
}

fn last(text: &str) -> Option<&str> {
    text.get(text.len().checked_sub(PIECE)?..)
}

fn number(bytes: &[u8]) -> Option<u128> {
    bytes.try_into().ok().map(u128::from_be_bytes)
}

fn hash(window: u128) -> usize {
    let folded = (window ^ window >> 64) as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 42) as usize
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let digits = rest.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value.filter(|_| *byte == b'%') {
            Some(value) => {
                decoded.push(value);
                rest = &tail[2..];
            }
            None => {
                decoded.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MX0\
                         .Zm9yZ2VkIGJ5IG5vYm9keSBhdCBhbGwsIDMyIGJ5dGU";
    const SECRET: &str = "correct horse battery staple";

    fn logged(said: &str) -> String {
        format!("2026-11-22T10:00:00.000Z [DEBUG] one\n[DEBUG] two {said} three\n[DEBUG] four\n")
    }

    fn percent(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_known_token_is_found_however_it_is_written() {
        let search = Search::new([TOKEN].into_iter());
        let signature = TOKEN.rsplit('.').next().unwrap();
        let mut planted = vec![
            TOKEN.to_owned(),
            percent(TOKEN),
            hex(TOKEN),
            hex(TOKEN).to_uppercase(),
            signature.to_owned(),
            signature[..16].to_owned(),
            percent(&signature[..16]),
            TOKEN[..20 + 1 + 35].to_owned(),
        ];
        for before in ["", "a", "ab", "abc"] {
            planted.push(STANDARD_NO_PAD.encode(format!("{before}{TOKEN}{before}")));
            planted.push(URL_SAFE_NO_PAD.encode(format!("{before}{signature}{before}")));
        }
        for said in planted {
            assert!(!search.find(&logged(&said)).is_empty(), "{said}");
        }
    }

    #[test]
    fn unknown_token_is_found_by_its_looks() {
        let search = Search::new([].into_iter());
        let signature = TOKEN.rsplit('.').next().unwrap();
        let claims = TOKEN.split('.').nth(1).unwrap();
        let planted = [
            TOKEN.to_owned(),
            percent(TOKEN),
            STANDARD_NO_PAD.encode(TOKEN),
            claims.to_owned(),
            TOKEN[..20].to_owned(),
            format!("token={signature}&x"),
            format!("Bearer {}", &signature[..24]),
        ];
        for said in planted {
            assert!(!search.find(&logged(&said)).is_empty(), "{said}");
        }
    }

    #[test]
    fn other_secrets_are_found_when_they_are_known() {
        let search = Search::new([SECRET, "correct mule", "wrong"].into_iter());
        for said in [
            SECRET.to_owned(),
            SECRET[..16].to_owned(),
            percent(SECRET),
            STANDARD_NO_PAD.encode(SECRET),
            hex(SECRET),
            "correct mule".to_owned(),
        ] {
            assert!(!search.find(&logged(&said)).is_empty(), "{said}");
        }
        // What is that short is a word like any other.
        assert!(search.find(&logged("wrong correct horse mule")).is_empty());
    }

    #[test]
    fn what_is_no_secret_is_not_found() {
        let search = Search::new([TOKEN, SECRET].into_iter());
        for said in [
            "00000001-000000: closed: 1008 Re-authentication timeout, 100% of them",
            "vestibule-loopback-12345-7/vestibule-data/signing.key limits.auth_per_minute_per_ip",
            "VESTIBULE_LIMITS__AUTH_PER_MINUTE_PER_IP Sec-WebSocket-Protocol TooManyAuthAttempts",
            "0197f5a2-7b1c-7def-8a3b-1234567890ab 0123456789012345678901234567890123456789",
            "eyJ %zz %4",
            "Got CertificateRequest CertificateRequestPayloadTls13 { context: , .. }",
        ] {
            assert_eq!(search.find(&logged(said)), Vec::<String>::new(), "{said}");
        }
    }
}
