//! Runs the servers of the comparison in turn.

fn main() {}
