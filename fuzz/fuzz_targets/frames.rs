//! Our frame decoder beside tungstenite's.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::frames::frames(data));
