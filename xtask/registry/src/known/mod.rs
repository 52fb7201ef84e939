//! What is known about registries before the first request: kinds, clouds, and the settings that users
//! write. Pure data, without I/O. A new kind of registry is a row in `kind`.

pub mod address;
pub mod cloud;
pub mod kind;
pub mod recognise;
pub mod settings;
