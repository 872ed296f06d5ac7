//! Answers as the engine keeps them, for whoever sends the same message to another node.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::node::app::{Answer, Json, Moderation, Update};
use crate::node::work::publication::{PublishError, PublishTally, TargetBits};
use crate::protocol::{ErrorCode, UpdateSource};

/// What the sender of a message was answered. Fields that another version does not know are left out.
#[derive(Serialize, Deserialize)]
struct StoredAnswer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    content: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipe_data: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    by_model: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    refused: bool,
}

/// `answer` as JSON.
pub(crate) fn write(answer: &Answer) -> Box<[u8]> {
    let stored = match answer {
        Ok(update) => StoredAnswer {
            error: None,
            content: update.content.clone(),
            recipe_data: update.recipe_data.as_ref().map(|json| json.as_raw().to_owned()),
            by_model: update.source == Some(UpdateSource::Model),
            refused: update.moderation == Moderation::Refuse,
        },
        Err(code) => StoredAnswer {
            error: Some(code.as_str().into()),
            content: "".into(),
            recipe_data: None,
            by_model: false,
            refused: false,
        },
    };
    serde_json::to_vec(&stored).unwrap_or_default().into_boxed_slice()
}

/// The answer that was written as `text`. What it has changed was told by the node that asked, so it
/// is not told again. `None`: it is not one.
pub(crate) fn read(text: &[u8]) -> Option<Answer> {
    let stored: StoredAnswer = serde_json::from_slice(text).ok()?;
    if let Some(code) = stored.error {
        return Some(Err(code_of(&code)));
    }
    Some(Ok(Arc::new(Update {
        content: stored.content,
        recipe_data: stored.recipe_data.map(Json::from_raw),
        source: stored.by_model.then_some(UpdateSource::Model),
        moderation: if stored.refused { Moderation::Refuse } else { Moderation::Deliver },
        ..Update::default()
    })))
}

/// What became of a publication, for a call with the same idempotency key.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredTally {
    delivered: u32,
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'static, str>>,
    nodes: [u8; 2],
}

/// `tally` as JSON.
pub(crate) fn write_tally(tally: &PublishTally) -> Box<[u8]> {
    let stored = StoredTally {
        delivered: tally.delivered,
        failed: tally.failed.0,
        error: tally.error.map(|error| error.as_str().into()),
        nodes: [tally.confirmed, tally.nodes],
    };
    serde_json::to_vec(&stored).unwrap_or_default().into_boxed_slice()
}

/// The tally that was written as `text`; what cannot be read counts as 0.
pub(crate) fn read_tally(text: &[u8]) -> PublishTally {
    let stored: StoredTally = serde_json::from_slice(text).unwrap_or_default();
    let StoredTally { delivered, failed, error, nodes: [confirmed, nodes] } = stored;
    let error = error.map(|code| PublishError::of_code(&code));
    PublishTally { delivered, failed: TargetBits(failed), error, confirmed, nodes }
}

fn code_of(text: &str) -> ErrorCode {
    let known = ErrorCode::ALL.iter().find(|known| known.as_str() == text);
    known.copied().unwrap_or(ErrorCode::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let update = Update {
            content: "Doubled: 4 eggs.".into(),
            recipe_data: Json::parse(r#"{"title":"Crêpes"}"#.to_owned()).ok(),
            source: Some(UpdateSource::Model),
            broadcast: true,
            ..Update::default()
        };
        let told_once = Update { broadcast: false, ..update.clone() };
        assert_eq!(read(&write(&Ok(Arc::new(update)))), Some(Ok(Arc::new(told_once))));
        for &code in ErrorCode::ALL {
            assert_eq!(read(&write(&Err(code))), Some(Err(code)));
        }
        assert_eq!(read(b"{\"error\":\"newer\"}"), Some(Err(ErrorCode::Internal)));
        assert_eq!(read(b"not JSON"), None);
    }

    #[test]
    fn a_tally_is_read_as_it_was_written() {
        let timeout = ErrorCode::BackendTimeout.into();
        for error in [timeout, PublishError::NoSuchRoom, PublishError::InvalidData] {
            let error = Some(error);
            let tally =
                PublishTally { delivered: 7, failed: TargetBits(5), error, confirmed: 2, nodes: 3 };
            assert_eq!(read_tally(&write_tally(&tally)), tally);
        }
        assert_eq!(read_tally(b"?"), PublishTally::default());
    }
}
