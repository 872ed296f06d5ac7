//! Both ends of TLS in memory: rustls' client, and our session.

mod handshakes;
mod tickets;

use std::io::{IoSlice, Read as _, Write as _};
use std::sync::Arc;

use proptest::prelude::*;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, Error, HandshakeKind, RootCertStore,
    SupportedProtocolVersion,
};

use super::session::{End, MAX_PLAIN_BYTES, Scratch, TlsSession};
use super::*;
use crate::config::Tls;
use crate::driver::Written;

fn files(name: &str) -> Tls {
    let at = |name: String| format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    Tls { cert_file: at(format!("{name}.pem")), key_file: at(format!("{name}.key.pem")) }
}

fn acceptor() -> Acceptor {
    Acceptor::load(&files("p256")).unwrap().unwrap()
}

/// A client configuration, which keeps the session tickets.
fn offers(name: &str, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(files(name).cert_file).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(8);
    Arc::new(config)
}

struct Pair {
    client: ClientConnection,
    session: TlsSession,
    scratch: Scratch,
    /// The data that the session has decrypted.
    heard: Vec<u8>,
    /// How the session ended.
    end: Option<End>,
}

impl Pair {
    fn new(acceptor: &Acceptor, offers: &Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        Self {
            client: ClientConnection::new(Arc::clone(offers), name).unwrap(),
            session: TlsSession::new(acceptor).unwrap(),
            scratch: Scratch::default(),
            heard: Vec::new(),
            end: None,
        }
    }

    /// Passes the client's bytes to the session in pieces of `cut` bytes.
    fn client_to_session(&mut self, cut: usize) {
        let mut wire = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut wire).unwrap();
        }
        self.feed(&wire, cut);
    }

    fn feed(&mut self, wire: &[u8], cut: usize) {
        let mut buffer = vec![0; 64 * 1_024];
        for piece in wire.chunks(cut) {
            let kept = self.session.restore(&mut buffer);
            buffer[kept..kept + piece.len()].copy_from_slice(piece);
            let bytes = &mut buffer[..kept + piece.len()];
            let mut said = std::mem::take(&mut self.scratch.sealed);
            let (_, opened) = self.session.open(bytes, &mut self.scratch);
            self.heard.extend_from_slice(&self.scratch.plain);
            said.append(&mut self.scratch.sealed);
            self.scratch.sealed = said;
            if let Err(end) = opened {
                self.end = Some(end);
                return;
            }
        }
    }

    fn session_to_client(&mut self) -> Result<(), Error> {
        let mut wire = &self.scratch.sealed[..];
        while !wire.is_empty() {
            self.client.read_tls(&mut wire).unwrap();
            self.client.process_new_packets()?;
        }
        self.scratch.sealed.clear();
        Ok(())
    }

    /// Completes the handshake and receives the tickets.
    fn shake(mut self, cut: usize) -> Self {
        while self.client.is_handshaking() || self.session.is_handshaking() {
            self.client_to_session(cut);
            self.session_to_client().unwrap();
        }
        self
    }

    fn say(&mut self, text: &[u8], cut: usize) {
        self.client.writer().write_all(text).unwrap();
        self.client_to_session(cut);
    }

    fn answer(&mut self, text: &[u8]) -> Vec<u8> {
        for piece in text.chunks(MAX_PLAIN_BYTES) {
            assert!(self.session.seal(piece, &mut self.scratch.sealed));
        }
        self.session_to_client().unwrap();
        let mut heard = Vec::new();
        // Without a `close_notify` the client's reader would wait for more.
        let _ = self.client.reader().read_to_end(&mut heard);
        heard
    }
}

#[test]
fn both_versions_are_spoken_however_the_bytes_are_cut() {
    let acceptor = acceptor();
    for version in [&TLS12, &TLS13] {
        for cut in [1, 7, 100, 48 * 1_024] {
            let mut pair = Pair::new(&acceptor, &offers("p256", &[version])).shake(cut);
            assert_eq!(pair.client.protocol_version(), Some(version.version));
            pair.say(b"hello", cut);
            assert_eq!(pair.heard, b"hello");
            assert_eq!(pair.answer(b"and to you"), b"and to you");
        }
    }
}

#[test]
fn what_is_longer_than_a_record_arrives_whole() {
    let mut pair = Pair::new(&acceptor(), &offers("p256", &[&TLS13])).shake(4_096);
    let long: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    for piece in long.chunks(10_000) {
        pair.say(piece, 1_500);
    }
    assert!(pair.heard == long);
    for piece in long.chunks(MAX_PLAIN_BYTES) {
        assert!(pair.answer(piece) == piece);
    }
}

/// The head and the body of an answer, a frame of no bytes, and another one.
#[test]
fn output_in_slices_is_sealed_until_kernel_is_full() {
    let mut pair = Pair::new(&acceptor(), &offers("p256", &[&TLS13])).shake(4_096);
    let body: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    let texts = [&b"head"[..], &body, b"", b"end"];
    let (slices, all) = (texts.map(IoSlice::new), texts.concat());
    let mut records = Vec::new();
    let Pair { session, scratch, .. } = &mut pair;
    let written = session.write_sealed(&slices, scratch, |sealed| {
        records.push(sealed.to_vec());
        Ok(sealed.len())
    });
    assert_eq!(
        written.unwrap(),
        Written::Out(all.len()),
        "nothing is left for a reader that keeps up"
    );
    assert_eq!(records.len(), all.len().div_ceil(MAX_PLAIN_BYTES));
    // The kernel takes a record and a part of the next one.
    let mut sizes = [usize::MAX, 100].into_iter();
    let mut taken = Vec::new();
    let written = session.write_sealed(&slices, scratch, |sealed| {
        let length = sizes.next().unwrap().min(sealed.len());
        taken.extend_from_slice(&sealed[..length]);
        Ok(length)
    });
    let full = Written::Full { out: MAX_PLAIN_BYTES, held: MAX_PLAIN_BYTES };
    assert_eq!(written.unwrap(), full);
    taken.extend_from_slice(session.unsent());
    let mut heard = Vec::new();
    for record in records.iter().chain([&taken]) {
        pair.scratch.sealed.clone_from(record);
        pair.session_to_client().unwrap();
        let _ = pair.client.reader().read_to_end(&mut heard);
    }
    assert!(heard == [&all, &all[..2 * MAX_PLAIN_BYTES]].concat());
}

#[test]
fn an_idle_session_keeps_no_buffer() {
    let mut pair = Pair::new(&acceptor(), &offers("p256", &[&TLS13])).shake(100);
    pair.say(&[b'x'; 5_000], 1_000);
    pair.answer(&[b'y'; 5_000]);
    assert_eq!(pair.session.buffered_capacity(), 0);
}

#[test]
fn tls_session_resumes_even_after_a_new_certificate() {
    let acceptor = acceptor();
    for version in [&TLS12, &TLS13] {
        let offers = offers("p256", &[version]);
        let first = Pair::new(&acceptor, &offers).shake(1_024);
        assert_eq!(first.client.handshake_kind(), Some(HandshakeKind::Full));
        assert!(!first.session.is_resumed());
        // Also with a new certificate in place of the old one.
        let renewed = Acceptor::load(&files("other")).unwrap().unwrap().replacing(&acceptor);
        for acceptor in [&acceptor, &renewed] {
            let again = Pair::new(acceptor, &offers).shake(1_024);
            assert_eq!(again.client.handshake_kind(), Some(HandshakeKind::Resumed));
            assert!(again.session.is_resumed());
        }
    }
}

#[test]
fn nothing_is_taken_before_the_handshake_is_over() {
    let acceptor = acceptor();
    let mut config = Arc::unwrap_or_clone(offers("p256", &[&TLS13]));
    config.enable_early_data = true;
    let offers = Arc::new(config);
    drop(Pair::new(&acceptor, &offers).shake(1_024));
    let mut again = Pair::new(&acceptor, &offers);
    assert!(again.client.early_data().is_none(), "no ticket of ours permits early data");
    again.client_to_session(1_024);
    assert!(again.heard.is_empty());
}

#[test]
fn http_1_1_is_what_is_spoken_inside() {
    let acceptor = acceptor();
    let asking = |protocols: &[&[u8]]| {
        let mut config = Arc::unwrap_or_clone(offers("p256", &[&TLS12, &TLS13]));
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Pair::new(&acceptor, &Arc::new(config))
    };
    let both = asking(&[b"h2", b"http/1.1"]).shake(1_024);
    assert_eq!(both.client.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut other = asking(&[b"h2"]);
    other.client_to_session(1_024);
    assert!(matches!(other.end, Some(End::Failed(Error::NoApplicationProtocol))));
    let told = other.session_to_client().unwrap_err();
    assert_eq!(told, Error::AlertReceived(AlertDescription::NoApplicationProtocol));
}

#[test]
fn each_side_can_say_that_it_has_said_everything() {
    let mut pair = Pair::new(&acceptor(), &offers("p256", &[&TLS13])).shake(1_024);
    pair.client.writer().write_all(b"the last word").unwrap();
    pair.client.send_close_notify();
    pair.client_to_session(9);
    assert_eq!(pair.heard, b"the last word");
    assert!(matches!(pair.end, Some(End::Eof)));
    assert_eq!(pair.answer(b"and ours"), b"and ours");
    pair.session.close(&mut pair.scratch.sealed);
    pair.session_to_client().unwrap();
    assert_eq!(pair.client.reader().read(&mut [0; 9]).unwrap(), 0);
    assert!(!pair.session.seal(b"more", &mut pair.scratch.sealed));
    assert!(pair.scratch.sealed.is_empty());
}

#[test]
fn a_client_may_change_its_keys_at_any_time() {
    let mut pair = Pair::new(&acceptor(), &offers("p256", &[&TLS13])).shake(1_024);
    for round in 0..3 {
        pair.client.refresh_traffic_keys().unwrap();
        pair.say(b"with new keys;", 1);
        assert_eq!(pair.heard.len(), (round + 1) * 14);
        assert_eq!(pair.answer(b"ours are new, too"), b"ours are new, too");
    }
}

#[test]
fn only_tls_records_without_data_are_bounded() {
    let shaken = || Pair::new(&acceptor(), &offers("p256", &[&TLS13])).shake(1_024);
    let mut pair = shaken();
    for round in 1..=40 {
        pair.client.refresh_traffic_keys().unwrap();
        (0..32).for_each(|_| pair.say(b"x", 4_096));
        assert!(pair.end.is_none(), "{round}");
    }
    let mut pair = shaken();
    let mut rounds = 0;
    while pair.end.is_none() {
        rounds += 1;
        pair.client.refresh_traffic_keys().unwrap();
        pair.say(b"x", 4_096);
    }
    assert!((64..80).contains(&rounds), "{rounds}");
}

#[test]
fn what_is_said_after_our_last_word_is_passed_over() {
    let mut pair = Pair::new(&acceptor(), &offers("p256", &[&TLS13])).shake(1_024);
    pair.session.close(&mut pair.scratch.sealed);
    for _ in 0..20 {
        pair.say(&[b'x'; 10_000], 4_096);
        assert!(pair.end.is_none());
    }
    assert_eq!((pair.heard.len(), pair.session.buffered_capacity()), (0, 0));
}

#[test]
fn what_is_not_tls_is_told_so_and_ends() {
    for bytes in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], &[0; 40], b"\x16\x03\x01\xff\xff"] {
        let mut pair = Pair::new(&acceptor(), &offers("p256", &[&TLS13]));
        pair.feed(bytes, 3);
        assert!(matches!(pair.end, Some(End::Failed(_))), "{bytes:?}");
        assert_eq!(pair.scratch.sealed.first(), Some(&21), "an alert: {bytes:?}");
        assert!(!pair.session.seal(b"x", &mut pair.scratch.sealed));
    }
}

#[test]
fn unfinished_handshake_message_fails_within_20_kib() {
    // A ClientHello that claims 60,000 bytes, in records of 4,096.
    let mut pair = Pair::new(&acceptor(), &offers("p256", &[&TLS13]));
    let mut record = vec![22, 3, 1, 16, 0, 1, 0, 0xea, 0x60];
    record.resize(5 + 4_096, 0);
    let mut most = 0;
    while pair.end.is_none() {
        pair.feed(&record, 1_000);
        most = most.max(pair.session.buffered_capacity());
        record[5..9].fill(0);
    }
    assert!(matches!(pair.end, Some(End::Failed(_))));
    assert!(most <= 20 * 1_024, "{most} bytes were kept");
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let fault = |tls: &Tls| Acceptor::load(tls).unwrap_err().to_string();
    let good = files("p256");
    let missing = Tls { cert_file: "nowhere.pem".to_owned(), ..good.clone() };
    assert!(fault(&missing).starts_with("tls.cert_file nowhere.pem: No such file"));
    let swapped = Tls { cert_file: good.key_file.clone(), ..good.clone() };
    assert!(fault(&swapped).contains(": no certificate in it: "));
    let no_key = Tls { key_file: good.cert_file.clone(), ..good.clone() };
    assert!(
        fault(&no_key).starts_with("tls.key_file ") && fault(&no_key).contains("no private key")
    );
    let strange = Tls { key_file: files("other").key_file, ..good.clone() };
    assert!(
        fault(&strange).contains(": not the key of the certificate in "),
        "{}",
        fault(&strange)
    );
    assert!(Acceptor::load(&Tls::default()).unwrap().is_none());
}

#[test]
fn a_certificate_with_an_rsa_key_is_served() {
    let rsa = Acceptor::load(&files("rsa")).unwrap().unwrap();
    drop(Pair::new(&rsa, &offers("rsa", &[&TLS12])).shake(1_024));
}

#[test]
fn no_key_is_in_the_debug_form() {
    let acceptor = acceptor();
    assert_eq!(format!("{acceptor:?}"), "Acceptor { .. }");
    assert_eq!(format!("{:?}", acceptor.config().ticketer), "Tickets { .. }");
    assert_eq!(format!("{:?}", TlsSession::new(&acceptor).unwrap()), "TlsSession { .. }");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Changed bytes of a client end the session or wait for more. They never cause a panic, and
    /// never more than one record is kept.
    #[test]
    fn no_bytes_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in 1_usize..600,
        late in any::<bool>(),
    ) {
        let acceptor = acceptor();
        let mut pair = Pair::new(&acceptor, &offers("p256", &[&TLS12, &TLS13]));
        if late {
            pair = pair.shake(1_024);
            pair.client.writer().write_all(&[b'x'; 500]).unwrap();
        }
        let mut wire = Vec::new();
        pair.client.write_tls(&mut wire).unwrap();
        for (at, byte) in changes {
            let at = at.index(wire.len());
            wire[at] = byte;
        }
        pair.feed(&wire, cut);
        pair.session.close(&mut pair.scratch.sealed);
        prop_assert!(pair.session.buffered_capacity() <= 20 * 1_024);
    }
}
