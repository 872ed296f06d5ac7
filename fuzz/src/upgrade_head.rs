//! The request head, as the node takes it: whole, and in pieces.

use std::io::IoSlice;

use vestibule::config::Config;
use vestibule::id::ConnId;
use vestibule::node::{Action, Hangup, Phase, REFUSAL_STATUSES, Usage};
use vestibule::time::{Instant, Now, UnixTime};
use vestibule::{Access, MemoryApp, Node};

/// A line end that makes any head whole.
const END: &[u8] = b"\r\n\r\n";

/// The first byte says where the input is cut; the rest is what a client sends.
///
/// # Panics
/// When the answer depends on the cuts, or is not one of the protocol's, or something is left.
pub fn upgrade_head(data: &[u8]) {
    let Some((cut, bytes)) = data.split_first() else { return };
    let mut whole = Peer::new();
    whole.send(bytes);
    let mut cut_up = Peer::new();
    bytes.chunks(1 + usize::from(*cut)).for_each(|piece| cut_up.send(piece));
    // What can never become a head is refused at once when it came in one piece, and by its end
    // when it came in several.
    if cut_up.output.is_empty() && !whole.output.is_empty() {
        cut_up.send(END);
    }
    assert_eq!(whole.text(), cut_up.text());
    whole.check();
    whole.hang_up();
    cut_up.hang_up();
}

struct Peer {
    node: Node,
    id: ConnId,
    output: Vec<u8>,
}

const NOW: Now = Now { monotonic: Instant::START, unix: UnixTime::from_millis(1_800_000_000_000) };

impl Peer {
    fn new() -> Self {
        let mut config = Config::default();
        config.auth.secret = "0123456789abcdef0123456789abcdef".to_owned();
        config.http.allowed_origins = vec!["https://a.example".into(), "*.example.org".into()];
        let app = MemoryApp::new(&config, Access::Open, 1);
        let node = Node::new(&config, 1, Box::new(app));
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

    /// Nothing yet, or one answer of the protocol's.
    fn check(&self) {
        let answer = self.text();
        let buffered = self.node.usage().buffered_bytes;
        if answer.is_empty() {
            assert_eq!(self.node.phase(self.id), Some(Phase::Handshaking));
            assert!(buffered <= Config::default().http.header_bytes.get(), "{buffered} bytes");
            return;
        }
        let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let upgraded = status == Some(101);
        let known = status.is_some_and(|status: u16| REFUSAL_STATUSES.contains(&status));
        assert!(upgraded || status == Some(200) || known, "{answer}");
        if !upgraded {
            assert_eq!((answer.matches("HTTP/1.1 ").count(), buffered), (1, 0), "{answer}");
            let length = answer.split("Content-Length: ").nth(1).and_then(|l| l.lines().next());
            let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.len().to_string());
            assert_eq!(length, body.as_deref(), "{answer}");
        }
    }

    fn hang_up(mut self) {
        self.node.handle_hangup(NOW, self.id, Hangup::Reset);
        while self.node.poll_action().is_some() {}
        assert_eq!(self.node.usage(), Usage::default());
    }
}
