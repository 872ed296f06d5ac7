use super::*;

#[test]
fn a_second_check_has_its_own_time() {
    let (user, node) = (SmolStr::new("ann"), SmolStr::new("n1"));
    let at = |millis| Instant::START + Duration::from_millis(millis);
    let mut users = UsersElsewhere::default();
    users.begin(at(0), &SmolStr::new("n0"));
    users.hear(at(0), (&node, 1), &UserWord::about(&user, 3, Vec::new()));
    users.check(at(0), &user, 1);
    users.check(at(900), &user, 2);
    assert_eq!(users.next_overdue(at(1_000), false), None);
    assert_eq!(users.count("ann"), 3);
    assert_eq!(users.next_overdue(at(1_900), false), Some(user));
    assert_eq!(users.count("ann"), 0);
}

#[test]
fn a_late_answer_needs_no_other_check() {
    let (user, node) = (SmolStr::new("ann"), SmolStr::new("n1"));
    let at = |millis| Instant::START + Duration::from_millis(millis);
    let mut users = UsersElsewhere::default();
    users.begin(at(0), &SmolStr::new("n0"));
    let report = UserWord::about(&user, 3, Vec::new());
    users.hear(at(0), (&node, 1), &report);
    users.check(at(0), &user, 1);
    assert_eq!(users.next_overdue(at(1_000), false), Some(user.clone()));
    users.end_check(&user);
    let other = UserWord { answers: Some(7), ..report.clone() };
    users.hear(at(1_010), (&node, 1), &other);
    assert_eq!(users.check_state("ann"), CheckState::None);
    users.hear(at(1_020), (&node, 1), &UserWord { answers: Some(1), ..report });
    assert_eq!((users.check_state("ann"), users.count("ann")), (CheckState::Done, 3));
    assert_eq!(users.checked_for("ann"), 1);
}
