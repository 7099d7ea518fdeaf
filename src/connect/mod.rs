//! From a URI to an open connection: name, addresses, socket, TLS, opening handshake, redirects.
//! `Plan::new` says what is to be done, or why not; `open` does it.
//!
//! Knows nothing of frames and of Python.
#![forbid(unsafe_code)]

mod deadline;
mod dial;
mod endpoint;
mod error;
mod follow;
mod lookup;
mod open;
mod options;
mod plan;
mod proxy;
mod redirect;
mod refusal;
mod resolve;
mod tls;
mod transport;
mod upgrade;
mod uri;

pub use dial::{Dialling, Family};
pub use endpoint::{Endpoint, HostName};
pub use error::{OpenError, OpenErrorKind};
pub use open::{Opened, open};
pub use options::{Options, TlsChoice};
pub use plan::Plan;
pub use proxy::{ProxyChoice, ProxyOptions, ProxyTable, ProxyUrl};
pub use redirect::Redirect;
pub use tls::{Environment, TlsOptions, TlsVersion};
pub use uri::{Uri, redacted};
