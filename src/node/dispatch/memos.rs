//! Clients that bring a memo along: what was done for them is not done again.

use crate::auth::{IssueTime, Principal, SignatureCheck, Signed};
use crate::id::{ConnId, Slot};
use crate::node::Node;
use crate::node::app::Admission;
use crate::node::connections::waiting::PendingResume;
use crate::node::gate::memos::{Admitted, digest_of};
use crate::node::planted::Planted;
use crate::node::work::port::Outcome;
use crate::protocol::{CloseReason, Memo};

impl Node {
    /// The claims of a token whose signature was checked before, as a memo shows; else its check is
    /// remembered for the next memo.
    pub(crate) fn known_signature(&mut self, slot: Slot, check: &SignatureCheck) -> Option<Signed> {
        let Self { cx, connections, gate, .. } = self;
        let connection = connections.get_mut(slot)?;
        if !connection.session.supports_resume() {
            return None;
        }
        let digest = check.digest();
        let pending = connection.waiting.get_or_insert_default().resume.get_or_insert_default();
        pending.signature = Some(digest);
        let memo = pending.memo?;
        let signed =
            gate.memos.knows_signature(cx.now.unix, &memo, &digest).then(|| check.done_before());
        let signed = signed?.ok()?;
        cx.metrics.known_signatures += 1;
        Some(signed)
    }

    /// Notes for the next memo what the token of `slot` says. Returns whether the application need not be
    /// asked about this user again, because it has admitted it to this room a moment ago.
    pub(crate) fn note_return(&mut self, slot: Slot, principal: &Principal) -> bool {
        let Self { cx, connections, rooms, gate, .. } = self;
        let room = connections.wanted_name(slot).cloned();
        let Some(connection) = connections.get_mut(slot) else { return false };
        if !connection.session.supports_resume() {
            return false;
        }
        let is_first = !connection.session.phase().is_authenticated();
        let pending = connection.waiting.get_or_insert_default().resume.get_or_insert_default();
        let trusted = cx.policy.trust_join;
        if trusted.is_zero() {
            return false;
        }
        pending.claims = digest_of(&principal.claims);
        let PendingResume { seen: Some(seen), memo: Some(memo), claims, .. } = &**pending else {
            return false;
        };
        let Some(room) = room.filter(|_| is_first) else { return false };
        let admitted = Admitted { room: &room, user: &principal.user, claims };
        let Some(at) = gate.memos.admitted_at(cx.now.unix, memo, admitted, trusted) else {
            return false;
        };
        let user = cx.hash(&[&principal.user]);
        // With leeway: the memo may be another server's that has the same secret, and the moment by its clock.
        let is_revoked = gate.tokens.revocations.check(user, IssueTime::Elsewhere(at)).is_err()
            && !cx.fault.is(Planted::MemoOutlivesDisconnect);
        let holds = !is_revoked
            && rooms.logs.knows(&room, *seen)
            && rooms.rooms.count(&room) < cx.policy.room_members;
        pending.trusted_since = Some(at).filter(|_| holds);
        holds
    }

    /// The memo for `slot`, which is admitted.
    pub(crate) fn memo_for(&mut self, slot: Slot) -> Option<Memo> {
        let Self { cx, connections, rooms, gate, .. } = self;
        let connection = connections.get(slot).filter(|it| it.session.supports_resume())?;
        let pending = connection.waiting.as_ref()?.resume.as_ref()?;
        let room = connections.wanted_name(slot).or_else(|| rooms.rooms.name_of(slot))?;
        let user = rooms.users.name_of(slot)?;
        let admitted = Admitted { room, user, claims: &pending.claims };
        let at = pending.trusted_since.unwrap_or(cx.now.unix);
        Some(gate.memos.give(cx.now.unix, pending.signature.as_ref(), (admitted, at)))
    }

    /// The application has heard of a client that came back. It may refuse it still.
    pub(crate) fn return_judged(&mut self, asker: ConnId, outcome: &Outcome) {
        let Outcome::Join(admission) = outcome else { return };
        let reason = match admission {
            Admission::Deny => CloseReason::AccessDenied,
            Admission::Revoked => CloseReason::SessionRevoked,
            // It is as it is with those who are in: the application cannot be asked.
            Admission::Admit(_) | Admission::Unavailable => return,
        };
        if self.connections.find(asker).is_some() {
            self.cx.metrics.refused_returns += 1;
            self.close(asker.slot(), reason);
        }
    }
}
