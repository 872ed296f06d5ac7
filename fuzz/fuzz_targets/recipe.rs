//! The recipe chat: pasted texts, and a conversation.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::recipe::recipe(data));
