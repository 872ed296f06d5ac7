//! The counters for a program that collects them: the node's own, and those of the process.
//!
//! The node's are written at once. The others come from a worker; if none is free, or it takes longer
//! than a second, the node's are told alone: that is when somebody needs them.

use serde_json::{Map, Value};

use super::{exposition, stats};
use crate::node::{Family, Reading, Response};

/// The node's counters as they are written.
pub(super) enum Counters {
    Text(String),
    Json(Map<String, Value>),
}

impl Counters {
    pub(super) fn of(families: &[Family<'_>], is_json: bool) -> Self {
        if is_json {
            Self::Json(stats::write(families))
        } else {
            Self::Text(exposition::write(families))
        }
    }

    pub(super) fn with(self, readings: &[Reading]) -> Response {
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
