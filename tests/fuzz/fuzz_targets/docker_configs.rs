//! Files in which docker and podman keep credentials.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| registry::entry_points::docker_configs(data));
