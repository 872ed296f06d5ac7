//! What the server under test used between two moments; nothing, where no --pid is given.

use std::time::Duration;

use super::proc::Process;

/// Looks at the server's process, and at this one.
#[derive(Debug)]
pub(super) struct Probe {
    server: Option<Process>,
    /// Resident bytes before the first connect.
    baseline: u64,
}

/// CPU time: so far, or between two moments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cpu {
    /// Of the server, where its process is known.
    pub(super) server: Option<Duration>,
    /// Of this process, where the system tells.
    pub(super) own: Option<Duration>,
}

impl Probe {
    /// Takes the memory's baseline.
    pub(super) fn new(pid: Option<u32>) -> Result<Self, String> {
        let server = pid.map(Process);
        let baseline = server.map(Process::resident).transpose()?.unwrap_or_default();
        Ok(Self { server, baseline })
    }

    /// CPU time so far.
    pub(super) fn cpu(&self) -> Result<Cpu, String> {
        let own = Process(std::process::id()).cpu().ok();
        Ok(Cpu { server: self.server.map(Process::cpu).transpose()?, own })
    }

    /// CPU time since then.
    pub(super) fn cpu_since(&self, before: Cpu) -> Result<Cpu, String> {
        let now = self.cpu()?;
        let since = |now: Option<Duration>, before| {
            now.zip(before).map(|(now, before)| now.saturating_sub(before))
        };
        Ok(Cpu { server: since(now.server, before.server), own: since(now.own, before.own) })
    }

    /// Resident bytes gained since the baseline, with the connections they are for.
    pub(super) fn growth(&self, connections: u32) -> Result<Option<(u64, u64)>, String> {
        let now = self.server.map(Process::resident).transpose()?;
        Ok(now.map(|now| (now.saturating_sub(self.baseline), connections.into())))
    }
}
