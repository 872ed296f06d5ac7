//! The counters for a program that collects them: the node's own, and those of the process.
//!
//! The node's are written at once. The others come from a worker; if none is free, or it takes longer
//! than a second, the node's are told alone: that is when somebody needs them.

use serde_json::{Map, Value};

use super::{exposition, stats};
use crate::node::{CollectedForm, Family, Reading, Response};

/// The node's counters as they are written.
pub(super) enum Counters {
    Text { text: String, is_open: bool },
    Json(Map<String, Value>),
}

impl Counters {
    pub(super) fn of(families: &[Family<'_>], form: CollectedForm) -> Self {
        let text = |is_open| Self::Text { text: exposition::write(families, is_open), is_open };
        match form {
            CollectedForm::Text => text(false),
            CollectedForm::OpenMetrics => text(true),
            CollectedForm::Json => Self::Json(stats::write(families)),
        }
    }

    pub(super) fn with(self, readings: &[Reading]) -> Response {
        let families = readings.iter().map(|reading| &reading.0);
        match self {
            Self::Text { mut text, is_open } => {
                families.for_each(|family| exposition::append(&mut text, family, is_open));
                let media_type = if is_open {
                    text.push_str(exposition::END);
                    exposition::OPEN_METRICS
                } else {
                    exposition::TEXT
                };
                Response::new(200, media_type, text.into_bytes()).with("Vary", "Accept")
            }
            Self::Json(mut map) => {
                map.extend(families.map(stats::entry));
                Response::json(200, &map)
            }
        }
    }
}
