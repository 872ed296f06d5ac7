//! The order of the entries: the stalest at the front, the freshest at the back.

use super::{DedupCache, MemberLog, NONE};

impl DedupCache {
    pub(super) fn link_back(&mut self, index: u32) {
        let previous = std::mem::replace(&mut self.back, index);
        let entry = self.entry(index);
        (entry.previous, entry.next) = (previous, NONE);
        if previous == NONE {
            self.front = index;
        } else {
            self.entry(previous).next = index;
        }
        self.by_user.linked_back(index);
    }

    pub(super) fn unlink(&mut self, index: u32) {
        let MemberLog { previous, next, .. } = *self.entry(index);
        if previous == NONE {
            self.front = next;
        } else {
            self.entry(previous).next = next;
        }
        if next == NONE {
            self.back = previous;
        } else {
            self.entry(next).previous = previous;
        }
        self.by_user.unlinked(index, next);
    }
}
