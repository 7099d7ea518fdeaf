//! What the server and the native client share: frames on the wire, and the stream that carries them.

pub mod frames;
pub mod stream;
mod tls;

pub use tls::Tls;
