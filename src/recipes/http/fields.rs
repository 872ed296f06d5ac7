//! The fields of a JSON body.

use serde_json::{Map, Value};

use super::bad_field;
use crate::node::Response;

/// A JSON object. Fields that nobody takes are ignored.
///
/// It has no `Debug`: passwords and tokens are in there.
pub(in crate::recipes) struct Fields(Map<String, Value>);

impl Fields {
    /// # Errors
    /// 400 when the body is no JSON object.
    pub(in crate::recipes) fn parse(body: &[u8]) -> Result<Self, Response> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(bad_field("body", "must be a JSON object")),
        }
    }

    /// Takes the text of this name.
    ///
    /// # Errors
    /// 400 that names the field when it is not there, or no text.
    pub(in crate::recipes) fn text(&mut self, name: &str) -> Result<String, Response> {
        match self.0.remove(name) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(bad_field(name, "must be a text")),
            None => Err(bad_field(name, "must be there")),
        }
    }
}
