//! The request, as the node takes it, whole and in pieces: of a client, of an old client, behind a
//! proxy that adds headers, and behind one that speaks the PROXY protocol; with a body, too.

use std::io::IoSlice;

use vestibule::config::{AuthMode, Config};
use vestibule::id::{ConnId, Seed};
use vestibule::node::{Action, Hangup, Phase, REFUSAL_STATUSES, Usage};
use vestibule::time::{Instant, Now, UnixTime};
use vestibule::{Answer, App, Incoming, Node, Reply, Request, Response, Update};

/// A line end that makes any head whole.
const END: &[u8] = b"\r\n\r\n";

/// What a client may be told before the answer.
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// The first byte says where the input is cut (its low six bits) and how the node is configured; the
/// rest is what a client sends.
///
/// # Panics
/// When the answer depends on the cuts, or is not one of the protocol's, or something is left.
pub fn upgrade_head(data: &[u8]) {
    let Some((cut, bytes)) = data.split_first() else { return };
    let mut whole = Peer::new(cut >> 6);
    whole.send(bytes);
    let mut cut_up = Peer::new(cut >> 6);
    bytes.chunks(1 + usize::from(cut & 0x3f)).for_each(|piece| cut_up.send(piece));
    // What can never become a head is refused at once when it came in one piece, and by its end
    // when it came in several.
    if cut_up.output.is_empty() && !whole.output.is_empty() {
        cut_up.send(END);
    }
    // A client whose body is there already is not told to go on, and of the pings of one read the
    // last one is answered.
    assert_eq!(whole.without_pongs(), cut_up.without_pongs());
    whole.check();
    whole.hang_up();
    cut_up.hang_up();
}

/// Serves some paths, and says how long a body was.
struct Desk;

impl App for Desk {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("")))
    }

    fn serves(&self, path: &str) -> bool {
        path.starts_with("/v1/recipes")
    }

    fn on_request(&mut self, request: &Request<'_>) -> Reply<Response> {
        Reply::Now(Response::json(200, &request.body.len()))
    }
}

struct Peer {
    node: Node,
    id: ConnId,
    output: Vec<u8>,
}

const NOW: Now = Now { monotonic: Instant::START, unix: UnixTime::from_millis(1_800_000_000_000) };

impl Peer {
    fn new(kind: u8) -> Self {
        let mut config = Config::default();
        match kind {
            1 => config.auth.mode = AuthMode::Both,
            2 | 3 => {
                config.http.trusted_proxies = "127.0.0.0/8".parse().into_iter().collect();
                config.http.proxy_protocol = kind == 3;
            }
            _ => {}
        }
        config.auth.secret = "0123456789abcdef0123456789abcdef".to_owned();
        config.http.allowed_origins = vec!["https://a.example".into(), "*.example.org".into()];
        let node = Node::new(&config, &Seed::predictable(1), Box::new(Desk));
        let mut node = node.unwrap_or_else(|fault| unreachable!("{fault}"));
        let id = node.handle_accept(NOW, ([127, 0, 0, 1], 9).into());
        let id = id.unwrap_or_else(|_| unreachable!("an empty node takes a connection"));
        Self { node, id, output: Vec::new() }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.node.handle_bytes(NOW, self.id, &mut bytes.to_vec());
        while let Some(action) = self.node.poll_action() {
            if !matches!(action, Action::Flush(_)) {
                continue;
            }
            loop {
                let mut slices = [IoSlice::new(&[]); 2];
                let filled = self.node.pending_output(self.id, &mut slices);
                let before = self.output.len();
                for slice in slices.iter().take(filled) {
                    self.output.extend_from_slice(slice);
                }
                let written = self.output.len() - before;
                if written == 0 {
                    break;
                }
                self.node.consume_output(NOW, self.id, written);
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// The answer without what depends on how the bytes were cut.
    fn without_pongs(&self) -> String {
        let head_end = self.output.windows(4).position(|four| four == b"\r\n\r\n");
        let is_upgraded = self.output.starts_with(b"HTTP/1.1 101 ");
        let at = head_end.filter(|_| is_upgraded).map_or(self.output.len(), |at| at + 4);
        let (head, mut frames) = self.output.split_at(at);
        let mut kept = head.to_vec();
        // Nobody is authenticated here, so all frames are control frames: 2 bytes and a short payload.
        while let [first, length, rest @ ..] = frames {
            let (payload, next) = rest.split_at(usize::from(*length).min(rest.len()));
            if *first != 0x8a {
                kept.extend([*first, *length]);
                kept.extend_from_slice(payload);
            }
            frames = next;
        }
        String::from_utf8_lossy(&kept).replacen(CONTINUE, "", 1)
    }

    /// Nothing yet, or one answer of the protocol's.
    fn check(&self) {
        let answer = self.text().replacen(CONTINUE, "", 1);
        let buffered = self.node.usage().buffered_bytes;
        if answer.is_empty() {
            // Gone without a word is who does not speak the PROXY protocol where it must.
            let phase = self.node.phase(self.id);
            assert!(matches!(phase, Some(Phase::Handshaking) | None), "{phase:?}");
            let http = Config::default().http;
            let most = http.header_bytes.get() + http.body_bytes.get();
            assert!(buffered <= most, "{buffered} bytes");
            return;
        }
        let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let upgraded = status == Some(101);
        let known = status.is_some_and(|status: u16| REFUSAL_STATUSES.contains(&status));
        let served = matches!(status, Some(200 | 204));
        assert!(upgraded || served || known, "{answer}");
        if !upgraded {
            assert_eq!((answer.matches("HTTP/1.1 ").count(), buffered), (1, 0), "{answer}");
            let length = answer.split("Content-Length: ").nth(1).and_then(|l| l.lines().next());
            let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            // To a HEAD, and with a 204, there is none.
            let fits = length.is_none_or(|length| length == body.len().to_string());
            assert!(fits || body.is_empty(), "{answer}");
        }
    }

    fn hang_up(mut self) {
        self.node.handle_hangup(NOW, self.id, Hangup::Reset);
        while self.node.poll_action().is_some() {}
        // What a token cost its address is remembered.
        assert_eq!(Usage { addresses: 0, ..self.node.usage() }, Usage::default());
    }
}
