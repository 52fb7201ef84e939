//! What is known about registries before the first request: kinds, clouds, settings. Pure.

pub mod address;
pub mod cloud;
pub mod kind;
pub mod profile;
pub mod settings;
