//! The address of one end of a socket.

use std::net::SocketAddr;

use socket2::{SockAddr, SockRef};

use super::stream::Stream;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Ip(SocketAddr),
    /// A path; on Linux behind a NUL an abstract name; empty where the socket has no name.
    Unix(Box<[u8]>),
}

impl Address {
    #[must_use]
    pub fn local(stream: &Stream) -> Option<Self> {
        Self::read(&SockRef::from(stream.socket()).local_addr().ok()?)
    }

    #[must_use]
    pub fn remote(stream: &Stream) -> Option<Self> {
        Self::read(&SockRef::from(stream.socket()).peer_addr().ok()?)
    }

    fn read(address: &SockAddr) -> Option<Self> {
        if let Some(address) = address.as_socket() {
            return Some(Self::Ip(address));
        }
        address.is_unix().then(|| Self::Unix(name(address).into()))
    }
}

#[cfg(unix)]
fn name(address: &SockAddr) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;

    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_namespace() {
        return [&[0], name].concat();
    }
    address.as_pathname().map_or_else(Vec::new, |path| path.as_os_str().as_bytes().to_vec())
}

#[cfg(not(unix))]
fn name(_address: &SockAddr) -> Vec<u8> {
    Vec::new()
}
