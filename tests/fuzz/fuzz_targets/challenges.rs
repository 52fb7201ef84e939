//! `WWW-Authenticate` headers of registries.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| registry::entry_points::challenges(data));
