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
