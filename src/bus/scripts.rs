//! The scripts, and their names in an engine.

/// A script. It runs whole or not at all, also when it is copied to a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BusScript {
    Publish,
    Read,
    Break,
    Claim,
    Answer,
    Release,
    TakeKey,
    Revoke,
    Revocations,
    Lease,
    Probe,
    Rights,
}

impl BusScript {
    pub(super) const ALL: [Self; 12] = [
        Self::Publish,
        Self::Read,
        Self::Break,
        Self::Claim,
        Self::Answer,
        Self::Release,
        Self::TakeKey,
        Self::Revoke,
        Self::Revocations,
        Self::Lease,
        Self::Probe,
        Self::Rights,
    ];

    pub(super) const fn source(self) -> &'static str {
        match self {
            Self::Publish => {
                concat!(include_str!("scripts/append.lua"), include_str!("scripts/publish.lua"))
            }
            Self::Read => include_str!("scripts/read.lua"),
            Self::Break => {
                concat!(include_str!("scripts/append.lua"), include_str!("scripts/break.lua"))
            }
            Self::Claim => include_str!("scripts/claim.lua"),
            Self::Answer => include_str!("scripts/answer.lua"),
            Self::Release => include_str!("scripts/release.lua"),
            Self::TakeKey => include_str!("scripts/key.lua"),
            Self::Revoke => include_str!("scripts/revoke.lua"),
            Self::Revocations => include_str!("scripts/revocations.lua"),
            Self::Lease => include_str!("scripts/lease.lua"),
            Self::Probe => include_str!("scripts/probe.lua"),
            Self::Rights => include_str!("scripts/rights.lua"),
        }
    }
}

/// How an engine calls the scripts that it was given: by 40 hexadecimal digits.
#[derive(Clone, Debug)]
pub(super) struct ScriptNames([[u8; 40]; BusScript::ALL.len()]);

impl ScriptNames {
    /// No engine was asked yet.
    pub(super) const fn unknown() -> Self {
        Self([[b'0'; 40]; BusScript::ALL.len()])
    }

    pub(super) fn of(&self, script: BusScript) -> &[u8] {
        self.0.get(script as usize).map_or(&[], |name| name.as_slice())
    }

    /// Takes a name as an engine gave it: is it one?
    pub(super) fn set(&mut self, script: BusScript, name: &[u8]) -> bool {
        match (self.0.get_mut(script as usize), name.try_into()) {
            (Some(place), Ok(name)) => {
                *place = name;
                true
            }
            _ => false,
        }
    }
}
