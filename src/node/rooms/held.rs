//! Messages that are kept until they are delivered, or published.

use crate::node::work::ticket::StartFlag;
use crate::protocol::{KeptJsonObject, Said};

/// A message in a cluster.
#[derive(Debug)]
pub(crate) struct SharedMessage {
    /// What names it on every node.
    pub(crate) id: [u8; 16],
    /// The message itself, until the application is asked about it.
    pub(crate) unpublished: Option<Box<Unpublished>>,
}

/// A message that is published, or whose id is taken, and about which the application is asked then.
#[derive(Debug)]
pub(crate) struct Unpublished {
    pub(crate) held: Box<HeldMessage>,
    pub(crate) claims: Option<Box<str>>,
    pub(crate) start: StartFlag,
    /// What tells it from another message with the same id.
    pub(crate) content: u64,
    /// As the others get it, without its position; empty when they have it. `None`: they get it when
    /// the application has answered, and only its id is taken before.
    pub(crate) text: Option<Box<[u8]>>,
}

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
