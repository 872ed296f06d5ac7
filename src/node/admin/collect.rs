//! The counters for whoever collects them: the node's own, and what the world outside adds.
//!
//! The node's are written here, at once. The others come from a worker; if none is free, or it takes
//! longer than a second, the node's are told alone: that is when somebody needs them.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::id::ConnId;
use crate::node::Node;
use crate::node::admin::{exposition, stats};
use crate::node::http::message::Response;
use crate::node::observe::process_metrics::Reading;
use crate::node::work::port::{Completion, Outcome, Work};
use crate::node::work::questions::Kind;
use crate::time::Now;

/// How long the world outside may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The node's counters as they are written.
enum Counted {
    Text(String),
    Json(Map<String, Value>),
}

impl Counted {
    fn of(node: &Node, is_json: bool) -> Self {
        let families = node.families();
        if is_json {
            Self::Json(stats::write(&families))
        } else {
            Self::Text(exposition::write(&families))
        }
    }

    fn with(self, readings: &[Reading]) -> Response {
        match self {
            Self::Text(mut text) => {
                readings.iter().for_each(|reading| exposition::append(&mut text, reading));
                Response::new(200, exposition::MEDIA_TYPE, text.into_bytes())
            }
            Self::Json(mut map) => {
                map.extend(readings.iter().map(|it| (it.name.to_owned(), it.value.into())));
                Response::json(200, &map)
            }
        }
    }
}

impl Node {
    /// Collects the counters. `None`: the world outside is asked first.
    pub(crate) fn collect(&mut self, now: Now, index: usize, is_json: bool) -> Option<Response> {
        let counted = Counted::of(self, is_json);
        if self.admin.probes.is_empty() {
            return Some(counted.with(&[]));
        }
        let (probes, ticket) = (self.admin.probes.clone(), self.questions.issue());
        let work = Work::Request(Box::new(move || counted.with(&probes.read())));
        self.await_response(now, index, ticket, (Kind::Collect { is_json }, 0), Some(work));
        let answer_by = now.monotonic + PATIENCE.min(self.policy.answer_timeout);
        self.with_session(index, |session, _| session.ends_by(answer_by));
        None
    }

    /// The world outside has answered, or there was no worker to ask it.
    pub(crate) fn collected(&mut self, now: Now, asker: ConnId, is_json: bool, done: Completion) {
        if self.awaits_response(asker, done.ticket) {
            let response = match done.outcome {
                Outcome::Response(response) => response,
                _ => Counted::of(self, is_json).with(&[]),
            };
            self.write_response(now, asker.index(), &response);
            self.resume(now, asker.index(), true);
        }
    }
}
