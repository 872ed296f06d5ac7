//! The pass over plain messages beside the JSON parser.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::envelope::envelope(data));
