//! The counters for a program that collects them: the node's own, and those of the process.
//!
//! The node's are written at once. The others come from a worker; if none is free, or it takes longer
//! than a second, the node's are told alone: that is when somebody needs them.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::node::admin::{exposition, stats};
use crate::node::http::message::Response;
use crate::node::observe::process_metrics::Reading;
use crate::node::observe::view::View;

/// How long the process may take to be asked.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The node's counters as they are written.
pub(crate) enum Counters {
    Text(String),
    Json(Map<String, Value>),
}

impl Counters {
    pub(crate) fn of(node: View<'_>, is_json: bool) -> Self {
        let families = node.families();
        if is_json {
            Self::Json(stats::write(&families))
        } else {
            Self::Text(exposition::write(&families))
        }
    }

    pub(crate) fn with(self, readings: &[Reading]) -> Response {
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
