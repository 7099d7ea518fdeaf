//! The engine of the Python package `aiowebsocket`: an RFC 6455 client in four layers, each of which
//! may use only the ones named before it.
//!
//! `protocol` (pure functions of bytes, commands and time), `drive` (one open connection and who calls
//! it), `connect` (from a URI to an open connection), `python` (the only folder that knows pyo3).
//! ARCHITECTURE.md tells the rest.

#[cfg_attr(not(feature = "net"), allow(dead_code, reason = "the layers above use it"))]
pub mod protocol;

#[cfg(feature = "net")]
pub mod connect;
#[cfg(feature = "net")]
pub mod drive;
#[cfg(feature = "python")]
mod python;
