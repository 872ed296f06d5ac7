//! A message that waits for the application's word on it.

use crate::protocol::{KeptJsonObject, Said};

/// A message that the application is asked about, and nobody has seen.
#[derive(Debug)]
pub(crate) struct HeldMessage {
    pub(crate) user: Box<str>,
    id: Box<str>,
    content: Box<str>,
    data: Option<KeptJsonObject>,
}

impl HeldMessage {
    pub(crate) fn new(user: &str, said: Said<'_>) -> Box<Self> {
        Box::new(Self {
            user: user.into(),
            id: said.id.into(),
            content: said.content.into(),
            data: said.data.map(KeptJsonObject::from),
        })
    }

    /// The bytes of its texts.
    pub(crate) fn text_bytes(&self) -> usize {
        let data = self.data.as_ref().map_or(0, |data| data.get().get().len());
        size_of::<Self>() + self.user.len() + self.id.len() + self.content.len() + data
    }

    pub(crate) fn said(&self) -> Said<'_> {
        let data = self.data.as_ref().map(KeptJsonObject::get);
        Said { id: &self.id, content: &self.content, data }
    }
}
