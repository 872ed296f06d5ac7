//! Who is served, in which order, and what is forgotten.

use super::*;

/// Serves `count` items, each of which costs what it says, and sums the cost by user.
fn serve(queue: &mut FairQueue<char, u64>, count: usize) -> BTreeMap<char, u64> {
    let mut served = BTreeMap::new();
    for _ in 0..count {
        let Some((user, cost)) = queue.pop() else { break };
        queue.charge(&user, cost);
        *served.entry(user).or_default() += cost;
    }
    served
}

#[test]
fn users_share_by_cost_and_not_by_count() {
    let mut queue = FairQueue::new(u64::MAX);
    for _ in 0..1_000 {
        queue.push('a', 20);
        queue.push('b', 1);
        queue.push('c', 5);
    }
    let served = serve(&mut queue, 500);
    let (least, most) = (served.values().min().unwrap(), served.values().max().unwrap());
    assert!(most - least <= 20, "{served:?}");
}

#[test]
fn newcomer_waits_for_one_item_at_most() {
    let mut queue = FairQueue::new(u64::MAX);
    for user in ['a', 'b', 'c', 'd'] {
        for _ in 0..100 {
            queue.push(user, 10);
        }
    }
    serve(&mut queue, 17);
    queue.push('z', 1);
    let users: Vec<char> =
        std::iter::from_fn(|| queue.pop().map(|(user, _)| user)).take(4).collect();
    assert!(users.contains(&'z'), "{users:?}");
}

#[test]
fn one_item_at_a_time_is_charged_too() {
    let mut queue = FairQueue::new(u64::MAX);
    for _ in 0..1_000 {
        queue.push('b', 1);
    }
    // 'a' never has more than one item in the queue, and each costs as much as 50 of b's.
    let mut served = BTreeMap::new();
    queue.push('a', 50);
    for _ in 0..400 {
        let (user, cost) = queue.pop().unwrap();
        queue.charge(&user, cost);
        *served.entry(user).or_insert(0) += cost;
        if user == 'a' {
            queue.push('a', 50);
        }
    }
    assert!(served[&'a'].abs_diff(served[&'b']) <= 50, "{served:?}");
}

#[test]
fn a_pause_saves_nothing_up() {
    let mut queue = FairQueue::new(u64::MAX);
    for _ in 0..500 {
        queue.push('a', 10);
    }
    queue.push('b', 10);
    serve(&mut queue, 300);
    for _ in 0..100 {
        queue.push('b', 10);
    }
    let served = serve(&mut queue, 20);
    assert_eq!(served, BTreeMap::from([('a', 100), ('b', 100)]));
}

#[test]
fn debt_is_capped_and_forgiven_when_nobody_waits() {
    let mut queue = FairQueue::new(100);
    queue.push('a', 1_000_000);
    queue.push('b', 1);
    queue.push('b', 1);
    serve(&mut queue, 2);
    for _ in 0..1_000 {
        queue.push('b', 1);
    }
    queue.push('a', 1);
    let turn = (0..1_000).position(|_| serve(&mut queue, 1).contains_key(&'a'));
    assert!(turn.is_some_and(|turn| (90..=110).contains(&turn)), "{turn:?}");
    while queue.pop().is_some() {}
    assert!(queue.flows.is_empty() && queue.ahead.is_empty() && queue.lengths.is_empty());
}

#[test]
fn users_who_come_once_are_not_kept() {
    let mut queue = FairQueue::new(u64::MAX);
    for user in 0..10_000_u32 {
        queue.push(user, 1);
        let (user, cost) = queue.pop().unwrap();
        queue.charge(&user, cost);
    }
    assert_eq!((queue.flows.len(), queue.ahead.len()), (1, 1));
    for user in 0..10_000 {
        queue.push(user, 1);
    }
    while let Some((user, cost)) = queue.pop() {
        queue.charge(&user, cost);
    }
    assert!(queue.flows.len() <= MOST_AHEAD + 1, "{}", queue.flows.len());
}

#[test]
fn full_queue_sheds_the_newest_of_the_heaviest() {
    let mut queue = FairQueue::new(u64::MAX);
    for item in 0..5 {
        queue.push('a', item);
    }
    queue.push('b', 10);
    assert_eq!(queue.shed(&'b'), Some(('a', 4)));
    assert_eq!(queue.shed(&'a'), None, "nobody has more");
    assert_eq!((queue.len(), queue.len_of(&'a'), queue.len_of(&'b')), (5, 4, 1));
}

#[test]
fn items_that_are_over_are_taken_out() {
    let mut queue = FairQueue::new(u64::MAX);
    for item in 0..6 {
        queue.push('a', item);
    }
    queue.push('b', 7);
    queue.push('c', 8);
    assert_eq!(queue.extract(|item| item % 2 == 1), [7, 1, 3, 5]);
    assert_eq!(queue.heaviest(), Some(&'a'));
    assert_eq!(queue.pop_newest(&'a'), Some(4));
    assert_eq!((queue.len(), queue.len_of(&'a'), queue.len_of(&'b')), (3, 2, 0));
    let order: Vec<u64> = std::iter::from_fn(|| queue.pop().map(|(_, item)| item)).collect();
    assert_eq!(order, [8, 0, 2]);
}

#[test]
fn first_item_that_may_not_go_keeps_its_place() {
    let mut queue = FairQueue::new(u64::MAX);
    for user in ['a', 'b'] {
        queue.push(user, 1);
        queue.push(user, 2);
    }
    assert_eq!(queue.pop_if(|user, _| *user != 'a'), Some(('b', 1)));
    assert_eq!(queue.pop_if(|_, _| true), Some(('a', 1)));
    assert_eq!(queue.pop_if(|_, _| false), None);
    assert_eq!(queue.len(), 2);
}
