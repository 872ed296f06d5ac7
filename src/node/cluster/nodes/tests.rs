use super::*;
use crate::node::cluster::lists::ListKind;

fn question(node: &str, round: u64) -> ListQuestion {
    let list = ListKind::Rooms;
    ListQuestion { round, node: node.into(), list, after: None, limit: 1 }
}

#[test]
fn a_node_that_asks_much_leaves_others_room() {
    let mut nodes = Nodes::new(Duration::from_secs(15), 0);
    for round in 0..100 {
        nodes.asked_for_list(question("n1", round), Instant::START);
    }
    nodes.asked_for_list(question("n2", 1), Instant::START);
    let asked = nodes.scans.iter().map(|scan| (&*scan.question.node, scan.question.round));
    let expected = (0..8).map(|round| ("n1", round)).chain([("n2", 1)]);
    assert!(asked.eq(expected), "{:?}", nodes.scans);
}

/// Another process of this name had given an order before it was killed.
#[test]
fn a_late_confirmation_is_for_its_own_process() {
    let start = Instant::START;
    let begun = |drawn| {
        let mut nodes = Nodes::new(Duration::from_secs(15), drawn);
        let lease =
            |name: &str| NodeLease { name: name.into(), info: Box::default(), remaining_ms: 1 };
        nodes.set_live((start, start), ["n0", "n1"].map(lease).to_vec(), false);
        let purpose = RoundPurpose::Call { asker: ConnId::from_bits(1), noun: "closed" };
        let number = nodes.begin_round(start, (&"n0".into(), 1), purpose);
        nodes.round_published(number);
        (nodes, number)
    };
    let ((_, earlier), (mut nodes, number)) = (begun(u64::MAX), begun(1 << 40));
    nodes.confirmed(earlier, "n1", 3);
    assert!(nodes.take_ended(start).is_none());
    nodes.confirmed(number, "n1", 2);
    let (round, of) = nodes.take_ended(start).unwrap();
    assert_eq!((round.count, round.confirmed, of), (3, 2, 2));
}
