//! The client's messages beside their trees.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::messages::messages(data));
