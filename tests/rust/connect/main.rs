//! `connect::open` against servers that do what a test tells them, byte by byte.
#![allow(clippy::unwrap_used)]

mod certificates;
mod peer;
mod plain;
mod redirect;
mod refusal;
mod secure;
mod trust;
mod uri;
