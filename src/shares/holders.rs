//! Who holds how much of a table, and who holds most.

use std::collections::{BTreeMap, BTreeSet};

/// How much each holder has of a bounded table. O(log holders) a call.
///
/// The table asks for the [`heaviest`](Self::heaviest) when it is full, and evicts that holder's
/// oldest entry. So whoever fills a table does it at its own cost.
#[derive(Debug, Default)]
pub(crate) struct Holders<K> {
    held: BTreeMap<K, usize>,
    order: BTreeSet<(usize, K)>,
}

impl<K: Ord + Clone> Holders<K> {
    /// A holder, and its place in the order, at some 32 bytes each with the trees' slack.
    pub(crate) const ENTRY_BYTES: usize = 64;

    /// No holder has anything.
    pub(crate) fn new() -> Self {
        Self { held: BTreeMap::new(), order: BTreeSet::new() }
    }

    /// `holder` has so much more.
    pub(crate) fn add(&mut self, holder: &K, weight: usize) {
        self.set(holder, self.held_by(holder).saturating_add(weight));
    }

    /// `holder` has so much less. Who has nothing is forgotten.
    pub(crate) fn remove(&mut self, holder: &K, weight: usize) {
        self.set(holder, self.held_by(holder).saturating_sub(weight));
    }

    /// How much `holder` has.
    pub(crate) fn held_by(&self, holder: &K) -> usize {
        self.held.get(holder).copied().unwrap_or(0)
    }

    /// Who has most, and how much. Of equals the greatest key.
    pub(crate) fn heaviest(&self) -> Option<(&K, usize)> {
        self.order.last().map(|(weight, holder)| (holder, *weight))
    }

    /// Whose entry goes so that `holder` can have one more: whoever has most, and `holder` itself
    /// where nobody has more.
    pub(crate) fn victim(&self, holder: &K) -> K {
        match self.heaviest() {
            Some((heaviest, weight)) if weight > self.held_by(holder) => heaviest.clone(),
            _ => holder.clone(),
        }
    }

    /// Holders that have something.
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    fn set(&mut self, holder: &K, weight: usize) {
        let before = if weight == 0 {
            self.held.remove(holder)
        } else {
            self.held.insert(holder.clone(), weight)
        };
        if let Some(before) = before {
            self.order.remove(&(before, holder.clone()));
        }
        if weight > 0 {
            self.order.insert((weight, holder.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_holder_gives_way() {
        let mut holders = Holders::new();
        for holder in ['a', 'b', 'b', 'b', 'c'] {
            holders.add(&holder, 1);
        }
        assert_eq!(holders.heaviest(), Some((&'b', 3)));
        assert_eq!(holders.victim(&'a'), 'b');
        assert_eq!(holders.victim(&'z'), 'b');
        holders.remove(&'b', 2);
        assert_eq!(holders.victim(&'a'), 'a', "nobody has more");
        holders.remove(&'b', 1);
        assert_eq!((holders.len(), holders.held_by(&'b')), (2, 0));
    }
}
