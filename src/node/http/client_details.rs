//! What a request for a WebSocket says of its client: kept until the application is asked for the room,
//! and only where it is a [backend](crate::config::Backend) that is asked.

use std::fmt;
use std::net::IpAddr;

use crate::node::app::JoinClient;
use crate::protocol::SUBPROTOCOL;

/// What the details of a pending connection take beside their texts: line ends, and the place beside the
/// room's name.
#[cfg(feature = "net")]
pub(crate) const CLIENT_DETAILS_BYTES: usize = 64;

/// What the request of a pending connection says, in one allocation of at most
/// `backend.client_bytes` and four bytes more.
///
/// Four lines: whether our subprotocol was offered, `Origin`, `User-Agent`, and the query without what
/// looks like a credential. No line of a head has a line end in it.
#[derive(PartialEq, Eq)]
pub(crate) struct ClientDetails(Box<str>);

impl ClientDetails {
    /// Keeps what fits into `most` bytes: the origin first, then the client's name, then one parameter
    /// of the query after the other. What does not fit is left out whole: half of it could mean
    /// something else. `None`: nothing is kept.
    pub(crate) fn new(
        subprotocol: bool,
        [origin, user_agent]: [Option<&[u8]>; 2],
        query: &str,
        most: usize,
    ) -> Option<Self> {
        if most == 0 {
            return None;
        }
        let mut left = most;
        let mut fitting = |value: Option<&[u8]>| {
            let text = value.and_then(|value| std::str::from_utf8(value).ok());
            let text = text.filter(|text| text.len() <= left && !text.contains('\n'));
            let text = text.unwrap_or_default().to_owned();
            left -= text.len();
            text
        };
        let (origin, user_agent) = (fitting(origin), fitting(user_agent));
        let query = without_credentials(query, left);
        let offered = if subprotocol { SUBPROTOCOL } else { "" };
        let texts = [offered, &origin, &user_agent, &query];
        let is_empty = texts.iter().all(|text| text.is_empty());
        let mark = if subprotocol { "2" } else { "" };
        (!is_empty)
            .then(|| Self(format!("{mark}\n{origin}\n{user_agent}\n{query}").into_boxed_str()))
    }

    /// Bytes that are kept.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.0.len()
    }

    /// What is said of a client at `address`, and what its request said, if that is kept.
    pub(crate) fn client(address: IpAddr, kept: Option<&Self>) -> JoinClient<'_> {
        let mut lines = kept.map_or("", |kept| &*kept.0).split('\n').map(Some);
        let mut line = || lines.next().flatten().filter(|line| !line.is_empty());
        JoinClient {
            address,
            subprotocol: line().map(|_| SUBPROTOCOL),
            origin: line(),
            user_agent: line(),
            query: line(),
        }
    }
}

/// What a client says of itself is not for the log.
impl fmt::Debug for ClientDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientDetails").field("bytes", &self.0.len()).finish_non_exhaustive()
    }
}

/// The parameters of a query as they were sent, up to `most` bytes of them, but for those that look
/// like a credential.
fn without_credentials(query: &str, most: usize) -> String {
    let mut kept = String::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let separator = usize::from(!kept.is_empty());
        let fits = kept.len() + separator + parameter.len() <= most;
        // Some read `;` as a separator, too.
        if fits && !parameter.contains('\n') && !parameter.split(';').any(is_credential) {
            if separator == 1 {
                kept.push('&');
            }
            kept.push_str(parameter);
        }
    }
    kept
}

/// Names of parameters that hold a credential, in small letters and without anything between them:
/// these anywhere in the name.
const CREDENTIAL_PARTS: [&str; 14] = [
    "token",
    "jwt",
    "secret",
    "passw",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "session",
    "signature",
    "bearer",
    "authorization",
    "assertion",
    "cookie",
];
/// The same, for the whole name.
const CREDENTIAL_NAMES: [&str; 11] =
    ["auth", "key", "sid", "sig", "pwd", "pass", "pin", "otp", "code", "ticket", "nonce"];

/// Does a parameter look like a credential, by its name or its value? One that cannot be decoded may
/// hide one.
fn is_credential(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    // A name without a value may be a token itself. Twice, as some libraries encode twice.
    let decoded = |text: &str| {
        let once = decode(text)?;
        let twice = if once.contains('%') { decode(&once) } else { None };
        Some([once.clone(), twice.unwrap_or(once)])
    };
    let (Some(names), Some(values)) = (decoded(name), decoded(value)) else { return true };
    names.iter().any(|name| names_credential(name))
        || names.iter().chain(&values).any(|text| holds_jwt(text))
}

fn names_credential(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    CREDENTIAL_PARTS.iter().any(|part| name.contains(part))
        || CREDENTIAL_NAMES.contains(&name.as_str())
}

/// Is something in `text` shaped like a JWT (RFC 7519, section 3): three parts or more in base64url, the
/// first of which is a JSON object?
fn holds_jwt(text: &str) -> bool {
    let is_of_jwt = |letter: char| letter.is_ascii_alphanumeric() || "-_.=".contains(letter);
    text.split(|letter| !is_of_jwt(letter)).any(|word| {
        let mut parts = word.split('.');
        // `{"` is `ey` in base64, and the least header has 12 letters more.
        let is_header = |part: &str| part.len() >= 10 && part.starts_with("ey");
        parts.by_ref().any(is_header) && parts.count() >= 2
    })
}

/// A text of a query, decoded.
fn decode(text: &str) -> Option<String> {
    let hex = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => (hex(bytes.next()?)? << 4) | hex(bytes.next()?)?,
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

    fn kept(origin: &str, agent: &str, query: &str, most: usize) -> Option<ClientDetails> {
        ClientDetails::new(true, [Some(origin.as_bytes()), Some(agent.as_bytes())], query, most)
    }

    #[test]
    fn details_come_out_as_they_went_in() {
        let details = kept("https://a.example", "Browser/1 (x; y)", "lang=fr&v=2", 100).unwrap();
        let client = ClientDetails::client(HOST, Some(&details));
        assert_eq!(client.address, HOST);
        assert_eq!(client.subprotocol, Some(SUBPROTOCOL));
        assert_eq!(client.origin, Some("https://a.example"));
        assert_eq!(client.user_agent, Some("Browser/1 (x; y)"));
        assert_eq!(client.query, Some("lang=fr&v=2"));
        assert_eq!(ClientDetails::client(HOST, None), JoinClient::at(HOST));
        assert!(!format!("{details:?}").contains("Browser"));
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let all = ("https://a.example", "Browser/1", "a=1&b=22222222&c=3");
        for most in 0..50 {
            let details = kept(all.0, all.1, all.2, most);
            assert!(details.as_ref().map_or(0, |it| it.kept_bytes()) <= most + 4, "{most}");
            let client = ClientDetails::client(HOST, details.as_ref());
            assert!(client.origin.is_none_or(|it| it == all.0));
            assert!(client.user_agent.is_none_or(|it| it == all.1));
            let query = client.query.unwrap_or_default();
            assert!(query.split('&').all(|it| it.is_empty() || all.2.contains(it)), "{query}");
        }
        let details = kept(all.0, all.1, all.2, 17 + 9 + 7).unwrap();
        assert_eq!(ClientDetails::client(HOST, Some(&details)).query, Some("a=1&c=3"));
        assert_eq!(kept(all.0, all.1, all.2, 0), None);
        assert_eq!(ClientDetails::new(false, [None, None], "", 100), None);
        assert_eq!(ClientDetails::new(false, [Some(b"\xff"), None], "token=x", 100), None);
    }

    #[test]
    fn no_credential_of_a_query_is_kept() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln";
        for query in [
            "token=x",
            "access_token=x",
            "Access-Token=x",
            "idToken=x",
            "jwt=x",
            "%74oken=x",
            "%2574oken=x",
            "api_key=x",
            "x-api-key=x",
            "key=x",
            "code=x",
            "sid=x",
            "a=1;token=x",
            "bad=%zz",
            "bad=%ff",
            jwt,
            &format!("q={jwt}"),
            &format!("q=Bearer+{jwt}"),
            &format!("q=%5B%22{jwt}%22%5D"),
            &format!("q=x.{jwt}"),
            &format!("q={}", jwt.replace('.', "%2E")),
            &format!("q={}", jwt.replace('.', "%252e")),
            &format!("q={jwt}.a.b"),
        ] {
            assert_eq!(without_credentials(query, 1_000), "", "{query}");
            let between = format!("lang=fr&{query}&embed=1");
            assert_eq!(without_credentials(&between, 1_000), "lang=fr&embed=1", "{query}");
        }
        for query in ["lang=fr", "author=eve", "monkey=1", "v=1.2.3", "q=a%20b", "flag", "e=100%25"]
        {
            assert_eq!(without_credentials(query, 1_000), query);
        }
    }
}
