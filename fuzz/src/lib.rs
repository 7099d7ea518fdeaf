//! What the fuzz targets share. Each target is one file of `fuzz_targets`: from bytes to a run of the
//! code, and what must hold of it.

pub mod compression;
pub mod conversation;
pub mod cuts;
pub mod effort;
pub mod script;
pub mod wire;
