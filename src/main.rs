//! The `vestibule` binary.

fn main() {}
