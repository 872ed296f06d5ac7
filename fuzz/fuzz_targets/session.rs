//! A whole node under a script of events.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::session::session(data));
