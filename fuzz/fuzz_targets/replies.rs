//! What an engine sends, through the bus's decoder and its link.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::replies::replies(data));
