//! Which proxy leads to a server, and the way through it.
//!
//! `choice` decides by what the caller and the environment say, `bypass` reads NO_PROXY; `tunnel` is the
//! way through an HTTP proxy (RFC 9110 9.3.6), `socks` through one that speaks SOCKS (RFC 1928, RFC 1929).

mod bypass;
mod choice;
mod socks;
mod tunnel;
mod url;
mod via;

pub use choice::{ProxyChoice, ProxyOptions, ProxyTable};
pub use url::ProxyUrl;
pub(super) use via::Via;
