//! The admin listener, as far as it is the node's: who has a place there, how its calls are read, and
//! what waits for the layer above, [`crate::admin`], which knows what can be called.

use std::collections::VecDeque;
use std::net::SocketAddr;

use httparse::Header;

use crate::config::{Origins, Page};
use crate::id::ConnId;
use crate::node::app::{OrderFault, OrderKind};
use crate::node::cluster::lists::ClusterList;
use crate::node::connections::connection::ConnectionKind;
use crate::node::gate::head;
use crate::node::gate::headers::{bearer_of, body_length, elements, has_token, single, values};
use crate::node::gate::places::Places;
use crate::node::http::message::Response;
use crate::node::http::refusal::Refusal;
use crate::node::observe::MinuteThrottle;
use crate::node::observe::dependency::DependencyChecks;
use crate::node::observe::process_metrics::Probes;
use crate::node::work::orders::{ConfirmedBy, NotShared};
use crate::node::work::publication::Published;
use crate::node::work::questions::CollectedForm;

/// What the node keeps for its admin listener.
#[derive(Default)]
pub(crate) struct OperatorState {
    pub(crate) places: Places,
    /// The same of the listener for metrics: nobody there takes a place from an operator.
    pub(crate) collector_places: Places,
    pub(crate) denials: MinuteThrottle,
    pub(crate) probes: Probes,
    pub(crate) checks: DependencyChecks,
    /// For the layer above: each with the connection that is to be answered.
    pub(crate) events: VecDeque<(ConnId, OperatorEvent)>,
}

impl OperatorState {
    /// The places of the admin listener, or of that for metrics.
    pub(crate) fn places_of(&mut self, kind: ConnectionKind) -> &mut Places {
        match kind {
            ConnectionKind::Collector => &mut self.collector_places,
            ConnectionKind::Operator | ConnectionKind::Client | ConnectionKind::Request => {
                &mut self.places
            }
        }
    }
}

/// What a connection of the admin listener is to be answered.
pub(crate) enum OperatorEvent {
    /// A call. `None`: its body is not there, and may be refused before it is.
    Call(Box<OperatorCall>, Option<Vec<u8>>),
    /// What came of a publication.
    Published(Published),
    /// An order was carried out, or failed.
    Ordered(OrderKind, Result<usize, OrderFault>, Option<ConfirmedBy>),
    /// An order was not carried out in time.
    OrderOverdue {
        /// The application has done its part: only the store has not.
        is_in_force: bool,
    },
    /// A call was carried out on nodes of the cluster, for so many connections.
    Confirmed { noun: &'static str, count: usize, by: ConfirmedBy },
    /// A call was carried out on this node, and on no other node of the cluster.
    NotShared(NotShared),
    /// A page of a list over all nodes of the cluster.
    Listed(Box<ClusterList>),
    /// The counters, those of the process among them. `None`: it could not be asked.
    Collected { form: CollectedForm, response: Option<Response> },
}

/// A call, as far as its head tells.
pub(crate) struct OperatorCall {
    pub(crate) peer: SocketAddr,
    /// It came to the listener for metrics.
    pub(crate) is_of_collector: bool,
    pub(crate) method: String,
    /// As it was sent: percent-encoded, without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) bearer: Option<Vec<u8>>,
    /// It names this host as nobody else can have it named, or names none. One that names none does
    /// not come from a browser, and so from no page that was made to lead here.
    pub(crate) is_for_loopback: bool,
    /// A page in a browser makes it.
    pub(crate) is_of_page: bool,
    /// It has a body or a content type, and that is not JSON.
    pub(crate) is_of_other_type: bool,
    /// It is from a collector that rather reads OpenMetrics than Prometheus' text.
    pub(crate) wants_open_metrics: bool,
    /// Judged behind the path, so that a path where nothing is says so whatever is sent to it.
    pub(crate) body_length: Result<usize, Refusal>,
    /// Is it of a version that may ask for that?
    pub(crate) version: Result<(), Refusal>,
    /// The client waits for a word before it sends the body (RFC 9110, section 10.1.1).
    pub(crate) expects_continue: bool,
}

impl OperatorCall {
    /// Reads a call's head; with it comes the head's length. `None`: it is not whole yet.
    pub(crate) fn parse(
        bytes: &[u8],
        peer: SocketAddr,
        max_bytes: usize,
        max_body_bytes: usize,
    ) -> Result<Option<(Self, usize)>, Refusal> {
        head::read(bytes, max_bytes, |lines, length| {
            let headers = lines.headers;
            let body_length = match body_length(headers) {
                Ok(length) if length > max_body_bytes => Err(Refusal::BodyTooLarge),
                length => length,
            };
            let call = Self {
                peer,
                is_of_collector: false,
                method: lines.method.to_owned(),
                path: lines.target.path.to_owned(),
                query: lines.target.query.to_owned(),
                bearer: single(headers, "authorization").and_then(bearer_of).map(<[u8]>::to_vec),
                is_for_loopback: lines.host.is_none_or(|host| host.is_loopback()),
                is_of_page: Origins::NONE.judge(values(headers, "origin")) != Page::None,
                is_of_other_type: is_of_other_type(headers, matches!(body_length, Ok(1..))),
                wants_open_metrics: prefers_open_metrics(headers),
                body_length,
                version: lines.check_version(),
                expects_continue: has_token(headers, "expect", "100-continue"),
            };
            (call, length)
        })
    }
}

fn is_of_other_type(headers: &[Header<'_>], has_body: bool) -> bool {
    let mut types = values(headers, "content-type");
    let Some(first) = types.next() else { return has_body };
    let essence = first.split(|&byte| byte == b';').next().unwrap_or_default();
    types.next().is_some() || !essence.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// Does `Accept` (RFC 9110, section 12.5.1) name OpenMetrics 1, with a weight that is no smaller than
/// that of text? Prometheus names both; a browser and curl name neither.
fn prefers_open_metrics(headers: &[Header<'_>]) -> bool {
    let mut weights = [0.0_f32; 2];
    for range in values(headers, "accept").flat_map(elements) {
        let mut parts = range.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_open = media == b"application/openmetrics-text";
        let (mut weight, mut is_known) = (1.0, is_open || media == b"text/plain");
        for parameter in parts {
            match std::str::from_utf8(parameter).ok().and_then(|it| it.split_once('=')) {
                Some(("q", text)) => weight = text.parse().unwrap_or(0.0),
                Some(("version", text)) if is_open => {
                    is_known = text.trim_matches('"').starts_with("1.");
                }
                _ => {}
            }
        }
        let [open, text] = &mut weights;
        let best = if is_open { open } else { text };
        *best = best.max(if is_known { weight } else { 0.0 });
    }
    let [open, text] = weights;
    open > 0.0 && open >= text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_those_who_prefer_it() {
        let prefers = |accept: &str| {
            let text = format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n");
            let peer = "127.0.0.1:9".parse().unwrap();
            let parsed = OperatorCall::parse(text.as_bytes(), peer, 8_192, 1_000);
            parsed.unwrap().unwrap().0.wants_open_metrics
        };
        let open = "application/openmetrics-text";
        for accept in [
            &format!("{open};version=1.0.0,{open};version=0.0.1;q=0.75,text/plain;q=0.5,*/*;q=0.1"),
            &format!("text/plain;q=0.3, {open};q=0.4"),
            open,
        ] {
            assert!(prefers(accept), "{accept}");
        }
        for accept in [
            "*/*",
            "text/html",
            &format!("{open};q=0"),
            &format!("{open};version=2.0.0"),
            &format!("{open};q=0.2, text/plain;version=0.0.4;q=0.3"),
            &format!("{open};q=x"),
        ] {
            assert!(!prefers(accept), "{accept}");
        }
    }

    #[test]
    fn a_body_is_json_and_says_so() {
        let is_other = |lines: &str| {
            let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            let peer = "127.0.0.1:9".parse().unwrap();
            let parsed = OperatorCall::parse(text.as_bytes(), peer, 8_192, 1_000);
            parsed.unwrap().unwrap().0.is_of_other_type
        };
        assert!(!is_other(""));
        assert!(!is_other(
            "Content-Length: 2\r\nContent-Type: Application/JSON; charset=utf-8\r\n"
        ));
        assert!(is_other("Content-Length: 2\r\n"));
        assert!(is_other("Content-Type: application/x-www-form-urlencoded\r\n"));
        assert!(is_other("Content-Type: application/json\r\nContent-Type: text/plain\r\n"));
    }
}
