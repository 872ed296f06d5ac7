//! The cluster: its engine, and what this node shares over it.

use std::time::Duration;

use crate::bus::BusFault;
use crate::node::cluster::ClusterMember;
use crate::node::cluster::owner::second_owner;
use crate::node::observe::dependency::Dependency;
use crate::node::observe::family::{Family, counter, gauge, level, total};
use crate::node::observe::metrics::Metrics;
use crate::time::Instant;

/// What a node of a cluster shows beside the others.
pub(super) fn families<'a>(
    now: Instant,
    metrics: &Metrics,
    cluster: &ClusterMember,
    (users, presence_bytes): (usize, usize),
) -> Vec<Family<'a>> {
    let mut families = engine(cluster);
    families.extend([
        level(
            "vestibule_cluster_users",
            "Users of this node who are connected to other nodes, too.",
            users as u64,
        ),
        level(
            "vestibule_cluster_presence_bytes",
            "Memory of the lists of users that other nodes have reported for presence.",
            presence_bytes as u64,
        ),
        level(
            "vestibule_cluster_nodes",
            "Nodes whose lease has not ended, this one among them.",
            cluster.nodes.live(now).count() as u64,
        ),
        level(
            "vestibule_cluster_rooms",
            "Rooms that this node follows in the engine.",
            cluster.rooms.len() as u64,
        ),
        total(
            "vestibule_cluster_unpublished_total",
            "Messages and updates that could not be published.",
            metrics.cluster_unpublished,
        ),
        total(
            "vestibule_cluster_gaps_total",
            "Announcements before which one was missing, so that the room was read.",
            metrics.cluster_gaps,
        ),
        total(
            "vestibule_cluster_breaks_total",
            "Rooms whose clients were told that messages may be missing.",
            metrics.cluster_breaks,
        ),
        total(
            "vestibule_cluster_refused_total",
            "Connections that were refused because revocations were not read yet.",
            metrics.cluster_refused,
        ),
        counter(
            "vestibule_cluster_forgotten_total",
            "What waited for the engine and was forgotten, as too much waited.",
            &["what"],
            vec![
                (vec!["answer".into()], cluster.unkept.forgotten() as f64),
                (vec!["key".into()], cluster.owed_keys.forgotten() as f64),
            ],
        ),
    ]);
    families
}

/// The link to the engine.
fn engine<'a>(cluster: &ClusterMember) -> Vec<Family<'a>> {
    let counts = cluster.link.counts();
    let faults = BusFault::LABELS.iter().zip(counts.faults);
    let faults = faults.map(|(&reason, count)| (vec![reason.into()], count as f64));
    let seconds = |name: &'static str, text: &'static str, length: Option<Duration>| {
        let value = length.unwrap_or_default().as_secs_f64();
        gauge(name, text, &[], vec![(Vec::new(), value)])
    };
    let (open, open_bytes) = cluster.link.in_flight();
    vec![
        level(
            "vestibule_cluster_up",
            "1 while the cluster's engine answers this node.",
            u64::from(cluster.link.is_up()),
        ),
        total("vestibule_cluster_commands_total", "Commands to the engine.", counts.commands),
        total(
            "vestibule_cluster_retries_total",
            "Commands that were sent again after a cut, or because the engine was busy.",
            counts.retries,
        ),
        counter(
            "vestibule_cluster_faults_total",
            "Commands that the engine has not carried out, by the reason.",
            &["reason"],
            faults.collect(),
        ),
        total(
            "vestibule_cluster_pushes_total",
            "Entries and words of other nodes that the engine has announced.",
            counts.pushes,
        ),
        total(
            "vestibule_cluster_connects_total",
            "How often the engine was reached.",
            counts.connects,
        ),
        seconds(
            "vestibule_cluster_round_trip_seconds",
            "From the last command to its answer.",
            counts.round_trip,
        ),
        seconds(
            "vestibule_cluster_probe_seconds",
            "From the last probe to its announcement: the way that messages take.",
            counts.probe,
        ),
        level(
            "vestibule_cluster_commands_open",
            "Commands without an answer at this moment; 4,096 at most.",
            open as u64,
        ),
        level(
            "vestibule_cluster_commands_open_bytes",
            "What they take; 4 MiB at most.",
            open_bytes as u64,
        ),
    ]
}

/// How the engine is.
pub(crate) fn dependency(cluster: &ClusterMember, now: Instant) -> Dependency {
    let mut dependency = Dependency::working("cluster");
    let reason = &cluster.down_reason;
    match (cluster.has_revocations, cluster.link.is_up()) {
        (true, true) => {}
        (true, false) => {
            let what = format!(
                "The cluster's engine cannot be reached: connections stay, and messages are refused. \
                 The reason: {reason}"
            );
            dependency = dependency.degraded("cluster_unreachable", what);
        }
        (false, is_up) => {
            let mut what =
                "The revocations were not read from the cluster's engine yet, so nobody is \
                            admitted"
                    .to_owned();
            if !is_up {
                what = format!("{what}. The engine cannot be reached: {reason}");
            }
            dependency = dependency.failed("cluster_not_read", what);
        }
    }
    if cluster.nodes.has_twin() {
        dependency = dependency.degraded(
            "cluster_name_taken",
            "Another node has the name of this one: give each its own cluster.name",
        );
    }
    if let Some(other) = cluster.other_owner(now) {
        dependency = dependency.failed("cluster_second_owner", second_owner(other));
    }
    dependency
}
