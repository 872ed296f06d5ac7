//! The request head, whole and in pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::upgrade_head::upgrade_head(data));
