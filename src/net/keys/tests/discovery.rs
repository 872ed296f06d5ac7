//! Fetches that begin at a discovery document.

use super::*;

/// A listener on this address of loopback, its address, and what it hears.
fn listener(ip: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn document(jwks_uri: &str) -> Vec<u8> {
    let text = json!({"issuer": "https://i", "jwks_uri": jwks_uri}).to_string();
    ok("Cache-Control: max-age=60\r\n", &text)
}

const PLACE: &str = "/.well-known/openid-configuration";

#[test]
fn discovery_document_leads_to_the_keys() {
    let (listener, address) = listener("127.0.0.1");
    let document = document(&format!("http://{address}/keys"));
    let fresh = ok("Cache-Control: max-age=900\r\n", &keys());
    let told = serve_on(listener, vec![document.clone(), fresh.clone(), document, fresh]);
    let mut fetcher = fetcher_at(&format!("http://{address}{PLACE}"), TIMEOUT);
    assert_eq!(news(&mut fetcher), Some(keys()));
    assert_eq!(wait(&fetcher), 900);
    assert!(told.recv().unwrap().starts_with(&format!("GET {PLACE} ")));
    assert!(told.recv().unwrap().starts_with("GET /keys "));
    assert_eq!(news(&mut fetcher), None, "the same again is no news");
}

#[test]
fn discovery_document_is_followed_once() {
    let (listener, address) = listener("127.0.0.1");
    let document = document(&format!("http://{address}/keys"));
    let _told = serve_on(listener, vec![document.clone(), document]);
    let mut fetcher = fetcher_at(&format!("http://{address}{PLACE}"), TIMEOUT);
    let fault = fetcher.look(NOW).unwrap().unwrap_err().to_string();
    assert!(fault.contains("another discovery document"), "{fault}");
    assert!(wait(&fetcher) <= 2);
}

#[test]
fn other_hosts_need_to_be_named() {
    let (listener, address) = listener("127.0.0.1");
    let (other, other_address) = self::listener("127.0.0.2");
    let document = document(&format!("http://{other_address}/keys"));
    let _told = serve_on(listener, vec![document.clone(), document]);
    let _other = serve_on(other, vec![ok("", &keys())]);
    let jwks_url = format!("http://{address}{PLACE}");
    let mut fetcher = fetcher_at(&jwks_url, TIMEOUT);
    let fault = fetcher.look(NOW).unwrap().unwrap_err().to_string();
    assert!(fault.contains("127.0.0.2") && fault.contains("auth.jwks_hosts"), "{fault}");
    let auth = Auth { jwks_url, jwks_hosts: vec!["127.0.0.2".to_owned()], ..Auth::default() };
    let mut fetcher = Fetcher::with_timeout(&auth, Rng::new(1), TIMEOUT).unwrap();
    assert_eq!(news(&mut fetcher), Some(keys()));
}

#[test]
fn text_without_keys_or_their_place_is_a_fault() {
    let (address, _told) = serve(vec![ok("", "{\"issuer\":\"https://i\"}")]);
    let algorithms = Algorithms::new(&["EdDSA".to_owned()]).unwrap();
    let mut reader = KeyReader::new("a test".to_owned(), algorithms, JwksFrom::Url);
    let found = fetcher(address).look(NOW).unwrap();
    assert!(reader.take(NOW, found).is_none());
    assert!(reader.fault.is_some());
}
