//! JSON text of an application, known to be well-formed.

use serde_json::value::RawValue;

/// A JSON value as text, known to be well-formed.
#[derive(Clone, Debug)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Serialises `value`.
    ///
    /// # Errors
    /// When `value` refuses, as a map does whose keys are not text.
    pub fn new(value: &impl serde::Serialize) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// Takes text that somebody else wrote.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    pub(crate) fn from_raw(raw: Box<RawValue>) -> Self {
        Self(raw)
    }

    pub(crate) fn as_raw(&self) -> &RawValue {
        &self.0
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}
