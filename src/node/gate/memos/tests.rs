use proptest::prelude::*;

use super::*;

const NOW: UnixTime = UnixTime::from_millis(1_800_000_000_000);
const TRUSTED: Duration = Duration::from_secs(600);

fn memos(secret: &str) -> Memos {
    let mut config = Config::default();
    config.resume.secret = secret.as_bytes().to_vec();
    Memos::new(&config, &Seed::predictable(1))
}

fn after(millis: u64) -> UnixTime {
    UnixTime::from_millis(NOW.as_millis() + millis)
}

fn admitted<'a>(room: &'a str, user: &'a str, claims: &'a ClaimsDigest) -> Admitted<'a> {
    Admitted { room, user, claims }
}

#[test]
fn memo_holds_for_its_token_user_and_room_only() {
    let (claims, others) = (digest_of(r#"{"role":"cook"}"#), digest_of(r#"{"role":"guest"}"#));
    let signature = SignatureDigest::of_text("a");
    let soup = admitted("soup", "alice", &claims);
    let memo = memos("a").give(NOW, Some(&signature), (soup, NOW));
    // Another process with the same secret reads it.
    let mut next = memos("a");
    assert!(next.knows_signature(after(1_000), &memo, &signature));
    assert!(!next.knows_signature(after(1_000), &memo, &SignatureDigest::of_text("b")));
    assert_eq!(next.admitted_at(after(1_000), &memo, soup, TRUSTED), Some(NOW));
    for other in [
        admitted("stew", "alice", &claims),
        admitted("soup", "bob", &claims),
        admitted("soup", "alice", &others),
        admitted("soupa", "lice", &claims),
    ] {
        assert_eq!(next.admitted_at(after(1_000), &memo, other, TRUSTED), None, "{other:?}");
    }
    let mut other = memos("b");
    assert!(!other.knows_signature(after(1_000), &memo, &signature));
    assert_eq!(other.admitted_at(after(1_000), &memo, soup, TRUSTED), None);
}

#[test]
fn memo_holds_for_three_hours_and_trust_for_its_time() {
    let claims = digest_of("{}");
    let (signature, soup) = (SignatureDigest::of_text("a"), admitted("soup", "alice", &claims));
    let mut memos = memos("a");
    let memo = memos.give(after(5_000), Some(&signature), (soup, NOW));
    // From the future.
    assert!(!memos.knows_signature(after(4_999), &memo, &signature));
    assert_eq!(memos.admitted_at(after(4_999), &memo, soup, TRUSTED), None);
    assert!(memos.knows_signature(after(5_000), &memo, &signature));
    // Trust is counted from the admission, whenever the memo was given.
    assert!(memos.admitted_at(after(599_999), &memo, soup, TRUSTED).is_some());
    assert_eq!(memos.admitted_at(after(600_000), &memo, soup, TRUSTED), None);
    let hour = HOUR_MS - NOW.as_millis() % HOUR_MS;
    assert!(memos.knows_signature(after(hour + 2 * HOUR_MS - 1), &memo, &signature));
    assert!(!memos.knows_signature(after(hour + 2 * HOUR_MS), &memo, &signature));
}

#[test]
fn memo_without_a_signature_shows_none() {
    let claims = digest_of("{}");
    let soup = admitted("soup", "alice", &claims);
    let mut memos = memos("a");
    let memo = memos.give(NOW, None, (soup, NOW));
    assert!(!memos.knows_signature(NOW, &memo, &SignatureDigest::of_text("a")));
    assert_eq!(memos.admitted_at(NOW, &memo, soup, TRUSTED), Some(NOW));
}

#[test]
fn claims_of_the_token_alone_do_not_count() {
    let first = digest_of(r#"{"exp":1,"iat":1,"jti":"a","nbf":0,"sub":"alice","role":"cook"}"#);
    let same = digest_of(r#"{"role":"cook","sub":"alice","exp":2}"#);
    assert_eq!(first, same);
    assert_ne!(first, digest_of(r#"{"role":"cook","sub":"alice","exp":2,"org":1}"#));
    assert_ne!(digest_of(r#"{"a":"b"}"#), digest_of(r#"{"a":"c"}"#));
}

#[test]
fn secret_that_changes_makes_memos_useless() {
    let claims = digest_of("{}");
    let soup = admitted("soup", "alice", &claims);
    let mut memos = memos("a");
    let memo = memos.give(NOW, None, (soup, NOW));
    let mut config = Config::default();
    config.auth.secret = "a".to_owned();
    memos.reconfigure(&config);
    assert!(memos.admitted_at(NOW, &memo, soup, TRUSTED).is_some());
    config.auth.secret = "b".to_owned();
    memos.reconfigure(&config);
    assert_eq!(memos.admitted_at(NOW, &memo, soup, TRUSTED), None);
    assert_eq!(format!("{memos:?}"), "Memos { .. }");
}

proptest! {
    /// Whatever is changed in a memo, it says nothing any more.
    #[test]
    fn memo_with_other_bits_says_nothing(changed in 0..Memo::BYTES * 8, millis in 0_u64..9_000_000) {
        let claims = digest_of("{}");
        let (signature, soup) = (SignatureDigest::of_text("a"), admitted("soup", "alice", &claims));
        let mut memos = memos("a");
        let good = memos.give(NOW, Some(&signature), (soup, NOW));
        let mut memo = good;
        memo.0[changed / 8] ^= 1 << (changed % 8);
        let now = after(millis);
        let is_of_the_signature = (16..32).contains(&(changed / 8));
        let is_of_the_join = changed / 8 >= 32 || (8..16).contains(&(changed / 8));
        let same = |memos: &mut Memos, memo: &Memo| {
            (memos.knows_signature(now, memo, &signature), memos.admitted_at(now, memo, soup, TRUSTED))
        };
        let (known, at) = same(&mut memos, &good);
        let expected = match (is_of_the_signature, is_of_the_join) {
            (true, _) => (false, at),
            (_, true) => (known, None),
            _ => (false, None),
        };
        prop_assert_eq!(same(&mut memos, &memo), expected);
    }
}
