//! A node whose application the others ask.

use std::sync::Mutex;

use super::*;
use crate::admin::tests::{post, split};
use crate::node::app::{OrderKind, OrderResult, UserOrder};
use crate::node::{AppEvent, Completion, Outcome, Ticket};
use crate::time::UnixTime;

/// Sessions that were ordered to end, up to when.
type EndedSessions = Arc<Mutex<Vec<(String, Option<UnixTime>)>>>;

/// Notes which sessions are ended.
struct OwnerApp(EndedSessions);

impl App for OwnerApp {
    fn is_owner(&self) -> bool {
        true
    }

    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("yes")))
    }

    fn on_order(&mut self, order: &UserOrder<'_>) -> Reply<OrderResult> {
        assert_eq!(order.kind, OrderKind::Disconnect);
        self.0.lock().unwrap().push((order.user.to_owned(), order.up_to));
        Reply::Now(Ok(()))
    }
}

/// Leaves requests to whoever has their tickets.
struct EditedApp(Arc<Mutex<Vec<Ticket>>>);

impl App for EditedApp {
    fn on_message(&mut self, _: &Incoming<'_>) -> Reply<Answer> {
        Reply::Now(Ok(Update::text("yes")))
    }

    fn serves(&self, path: &str) -> bool {
        path == "/edit"
    }

    fn on_request(&mut self, request: &Request<'_>) -> Reply<Response> {
        self.0.lock().unwrap().push(request.ticket);
        Reply::Held
    }
}

impl ClusterWorld {
    fn add_owner(&mut self) -> (usize, EndedSessions) {
        let ended = EndedSessions::default();
        let apps = Arc::clone(&ended);
        let owner = self.add_with(|_| {}, move || Box::new(OwnerApp(Arc::clone(&apps))));
        self.seconds(1);
        (owner, ended)
    }

    fn happens(&mut self, node: usize, event: AppEvent) {
        let world = &mut self.nodes[node];
        let (ticket, outcome) = (Ticket::UNASKED, Outcome::Event(event));
        world.node.handle_completion(world.now, Completion { ticket, outcome });
        world.settle();
        self.pump();
    }

    fn has_second_owner(&self, node: usize) -> bool {
        let world = &self.nodes[node];
        let faults = world.node.dependencies(world.now).into_iter().flat_map(|it| it.faults);
        faults.map(|fault| fault.code).any(|code| code == "cluster_second_owner")
    }
}

#[test]
fn order_of_another_node_reaches_the_application() {
    let mut cluster = ClusterWorld::new(1);
    let (owner, ended) = cluster.add_owner();
    let order = |cluster: &mut ClusterWorld, node: usize| {
        let world = &mut cluster.nodes[node];
        let at = world.now.unix;
        world.node.order(world.now, OrderKind::Disconnect, "ann", |_| {});
        world.settle();
        cluster.pump();
        at
    };
    let at = order(&mut cluster, 0);
    assert_eq!(*ended.lock().unwrap(), [("ann".to_owned(), Some(at))]);
    // Its own orders end all sessions, and it is told of them once.
    order(&mut cluster, owner);
    assert_eq!(ended.lock().unwrap().get(1..), Some(&[("ann".to_owned(), None)][..]));
    // What was ordered while it was away it finds with the revocations.
    cluster.cut(owner);
    cluster.seconds(1);
    let at = order(&mut cluster, 0);
    cluster.mend(owner);
    cluster.seconds(10);
    assert_eq!(ended.lock().unwrap().last(), Some(&("ann".to_owned(), Some(at))));
}

#[test]
fn two_owners_find_each_other() {
    let mut cluster = ClusterWorld::new(1);
    let (first, _) = cluster.add_owner();
    cluster.seconds(10);
    assert!(!cluster.has_second_owner(first) && !cluster.has_second_owner(0));
    let (second, _) = cluster.add_owner();
    cluster.seconds(10);
    assert!(cluster.has_second_owner(first) && cluster.has_second_owner(second));
    assert!(!cluster.has_second_owner(0), "it is none");
    // One that ends without a word counts until it is due.
    cluster.cut(second);
    cluster.seconds(15);
    assert!(!cluster.has_second_owner(first));
}

#[test]
fn orders_that_the_engine_missed_are_made_up_for() {
    let mut cluster = ClusterWorld::new(1);
    let (owner, _) = cluster.add_owner();
    let ann = cluster.connected(0, "soup", "ann");
    let removal = || AppEvent::MemberRemoved { room: "soup".to_owned(), user: "bob".to_owned() };
    cluster.happens(owner, removal());
    cluster.seconds(20);
    assert_eq!(cluster.see(0, ann), [] as [Value; 0]);
    cluster.cut(owner);
    cluster.seconds(1);
    cluster.happens(owner, removal());
    cluster.seconds(20);
    cluster.mend(owner);
    cluster.seconds(10);
    let asked = cluster.see(0, ann).pop().unwrap();
    assert_eq!(asked["type"], "auth_required", "{asked}");
}

#[test]
fn recipes_are_published_where_they_are_kept() {
    let mut cluster = ClusterWorld::new(1);
    let call = |cluster: &mut ClusterWorld, node: usize, body: &str| {
        cluster.nodes[node].call(&post("/v1/rooms/soup/publish", "", body))
    };
    let (text, recipe) =
        (r#"{"content":"hello"}"#, r#"{"content":"hello","recipe_data":{"title":"Stew"}}"#);
    assert!(!call(&mut cluster, 0, recipe).contains("recipe_kept_elsewhere"), "there is no owner");
    let (owner, _) = cluster.add_owner();
    cluster.seconds(10);
    let (status, body) = split(&call(&mut cluster, 0, recipe));
    assert_eq!((status, &body["error"]), (409, &json!("recipe_kept_elsewhere")));
    let name = cluster.nodes[0].node.cluster.as_ref().and_then(|it| it.owner_elsewhere().cloned());
    assert!(name.is_some_and(|name| body["message"].as_str().unwrap().contains(&*name)), "{body}");
    for (node, body) in [(0, text), (owner, recipe), (owner, text)] {
        assert!(!call(&mut cluster, node, body).contains("recipe_kept_elsewhere"));
    }
    // Also while the owner is away.
    cluster.cut(owner);
    cluster.seconds(30);
    let (status, body) = split(&call(&mut cluster, 0, recipe));
    assert_eq!((status, &body["error"]), (409, &json!("recipe_kept_elsewhere")));
}

#[test]
fn edit_pays_for_what_rooms_of_all_nodes_are_told() {
    let mut cluster = ClusterWorld::new(1);
    let asked = Arc::<Mutex<Vec<Ticket>>>::default();
    let apps = Arc::clone(&asked);
    let change = |config: &mut Config| config.limits.requests_per_minute_per_user = 60;
    let editor = cluster.add_with(change, move || Box::new(EditedApp(Arc::clone(&apps))));
    cluster.seconds(1);
    let bob = cluster.connected(0, "soup", "bob");
    let token = cluster.nodes[editor].token("mallory", 900);
    let edits = (0..10).filter(|_| {
        let world = &mut cluster.nodes[editor];
        let id = world.accept();
        let head =
            format!("GET /edit HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
        world.bytes(id, head.as_bytes());
        if let Some(ticket) = asked.lock().unwrap().pop() {
            let content = "x".repeat(10 << 10).into();
            let update = Arc::new(Update { content, ..Update::default() });
            let told = AppEvent::RecipeChanged { room: "soup".to_owned(), update };
            let answer = Outcome::Response(Response::json(200, &json!({})));
            for outcome in [Outcome::Event(told), answer] {
                world.node.handle_completion(world.now, Completion { ticket, outcome });
                world.settle();
            }
        }
        let is_done = world.raw(id).starts_with("HTTP/1.1 200 ");
        cluster.pump();
        is_done
    });
    // Each costs 11 points, of which the last uses some in advance.
    assert_eq!(edits.count(), 6);
    assert_eq!(cluster.see(0, bob).len(), 6);
}
