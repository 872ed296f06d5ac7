//! What goes wrong in the model.

use crate::bus::scripts::BusScript;

/// An error that every command gets from now on, as far as an engine in this state gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineError {
    Loading,
    Busy,
    OutOfMemory,
    /// It is a replica: new connections are told so, old ones when they write.
    ReadOnly,
    NoPermission,
}

/// What the engine's user may not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RefusedScripts {
    #[default]
    None,
    /// The script that reads logs.
    Logs,
    /// The script that reads revocations.
    Revocations,
}

/// What goes wrong until it is switched off, or used up.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelFaults {
    pub(crate) error: Option<EngineError>,
    pub(crate) refused: RefusedScripts,
    /// Nothing may be appended to this room's log.
    pub(crate) full_room: Option<String>,
    /// So many script calls are executed, and the connection is cut instead of the reply.
    pub(crate) lost_replies: u32,
    /// So many pushes of entries are not sent.
    pub(crate) lost_pushes: u32,
    /// Pushes are held back until this is off.
    pub(crate) holds_pushes: bool,
    /// Nothing is executed until this is off: the input waits.
    pub(crate) is_stopped: bool,
    /// A password that connections must say.
    pub(crate) password: Option<String>,
}

impl ModelFaults {
    pub(super) fn refuses(&self, script: BusScript) -> bool {
        match self.refused {
            RefusedScripts::None => false,
            RefusedScripts::Logs => script == BusScript::Read,
            RefusedScripts::Revocations => script == BusScript::Revocations,
        }
    }

    /// Is this key of the room to whose log nothing may be appended?
    pub(super) fn is_full(&self, key: &[u8]) -> bool {
        let room = self.full_room.as_ref();
        room.is_some_and(|room| memchr::memmem::find(key, room.as_bytes()).is_some())
    }
}
