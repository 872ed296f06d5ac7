//! JWK sets and PEM texts.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::keys::keys(data));
