//! The engine, its connections, or a node fails while 200 clients or two dozen chat.

use std::time::Duration;

use rustix::process::Signal;

use crate::crowd::{Crowd, FEW, MANY, Visitor};
use crate::engine::Engine;
use crate::history::Report;
use crate::nodes::Nodes;
use crate::pause;

const SECOND: Duration = Duration::from_secs(1);

/// The engine has forgotten nothing. On a busy machine it may be away for longer than joins wait for it,
/// and then a client is told that it may have missed something.
fn assert_rarely_told(reports: &[Report]) {
    let resumed: usize = reports.iter().map(|it| it.resumed).sum();
    let told: usize = reports.iter().map(Report::told).sum();
    assert!(resumed > 4 * told, "went on {resumed} times, but told {told} times");
}

/// For 30 s; the engine appends to its file, so it forgets nothing.
#[test]
fn engine_killed_each_second_loses_nothing() {
    let mut engine = Engine::lasting();
    let nodes = Nodes::on(&engine);
    let visitor = Visitor::new(&nodes, "mallory");
    let crowd = Crowd::start(&nodes, &MANY, true);
    crowd.chat(200);
    for round in 0..30 {
        engine.kill();
        engine.start_again();
        if round == 15 {
            visitor.revoke(&nodes);
        }
        pause(SECOND);
    }
    crowd.chat(100);
    let reports = crowd.finish("engine killed each second");
    assert_rarely_told(&reports);
    visitor.assert_gone(&nodes);
}

/// It keeps nothing at all, so those who may miss something are told.
#[test]
fn wiped_engine_is_announced() {
    let mut engine = Engine::start();
    let nodes = Nodes::on(&engine);
    let crowd = Crowd::start(&nodes, &FEW, false);
    for _ in 0..5 {
        crowd.chat(60);
        engine.kill();
        engine.start_again();
    }
    crowd.chat(60);
    crowd.finish("engine wiped 5 times");
}

#[test]
fn connections_that_the_engine_cuts_lose_nothing() {
    let engine = Engine::lasting();
    let nodes = Nodes::on(&engine);
    let visitor = Visitor::new(&nodes, "mallory");
    let crowd = Crowd::start(&nodes, &FEW, true);
    for round in 0..10 {
        crowd.chat(20);
        engine.ask(&["CLIENT", "KILL", "TYPE", if round % 2 == 0 { "normal" } else { "pubsub" }]);
        if round == 5 {
            visitor.revoke(&nodes);
        }
    }
    crowd.chat(60);
    let reports = crowd.finish("connections killed");
    assert_rarely_told(&reports);
    visitor.assert_gone(&nodes);
}

#[test]
fn engine_that_sleeps_loses_nothing() {
    let engine = Engine::lasting();
    let nodes = Nodes::on(&engine);
    let visitor = Visitor::new(&nodes, "mallory");
    let crowd = Crowd::start(&nodes, &FEW, true);
    crowd.chat(60);
    engine.ask(&["DEBUG", "SLEEP", "3"]);
    visitor.revoke(&nodes);
    crowd.chat(60);
    // Without an answer for longer than the link waits for one.
    engine.signal(Signal::STOP);
    pause(8 * SECOND);
    engine.signal(Signal::CONT);
    crowd.chat(60);
    crowd.finish("engine asleep");
    visitor.assert_gone(&nodes);
}

#[test]
fn clients_of_a_killed_node_resume_elsewhere() {
    let engine = Engine::lasting();
    let mut nodes = Nodes::on(&engine);
    let visitor = Visitor::new(&nodes, "mallory");
    let crowd = Crowd::start(&nodes, &FEW, true);
    crowd.chat(60);
    nodes.kill(0, SECOND);
    visitor.revoke(&nodes);
    crowd.chat(60);
    nodes.kill(2, SECOND);
    crowd.chat(60);
    let reports = crowd.finish("nodes killed");
    assert_rarely_told(&reports);
    visitor.assert_gone(&nodes);
}
