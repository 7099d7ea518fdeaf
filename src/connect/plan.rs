//! What is settled before anybody is asked: the request, and whom to trust. Whatever can be refused is
//! refused here; no socket is opened and no thread is needed.

use std::fmt;
use std::net::TcpStream;

use rand::TryRng as _;
use rand::rngs::SysRng;

use super::error::{OpenError, OpenErrorKind};
use super::options::{Options, TlsChoice};
use super::proxy::Via;
use super::tls::Tls;
use crate::protocol::handshake::Request;

/// One opening handshake that may be tried. What is large is boxed, for the future that opens a connection
/// has a plan in several places.
pub struct Plan {
    pub(super) options: Box<Options>,
    pub(super) request: Request,
    pub(super) tls: Option<Tls>,
    /// The proxy that leads to the server.
    pub(super) via: Option<Box<Via>>,
}

impl Plan {
    /// Reads the certificates that the options name, unless it knows them.
    ///
    /// # Errors
    /// If the options do not go together, or what they ask for must not be sent.
    pub fn new(options: Options) -> Result<Self, OpenError> {
        let tls = tls(&options)?;
        let uri = &options.uri;
        let request = Request::new(
            &uri.authority(tls.is_some()),
            uri.resource(),
            uri.credentials(),
            &options.wanted,
            nonce()?,
        )
        .map_err(|error| OpenError::unsendable(&error))?;
        let place = options.endpoint.place(uri, tls.is_some());
        let via = match place {
            Ok(place) => Via::new(&options.proxy, uri, place, tls.is_some())?,
            // Nobody is asked for the way to a Unix socket.
            Err(_) => None,
        };
        let (options, via) = (Box::new(options), via.map(Box::new));
        Ok(Self { options, request, tls, via })
    }

    /// Has it tried out on this socket, which is owned from here on.
    pub fn use_socket(&mut self, socket: TcpStream) {
        self.options.socket = Some(socket);
    }

    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Host and port, as messages name them.
    pub(super) fn address(&self) -> String {
        self.options.uri.address(self.is_secure())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("options", &self.options)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

fn tls(options: &Options) -> Result<Option<Tls>, OpenError> {
    let name = options.server_hostname.as_deref();
    match &options.tls {
        TlsChoice::On(tls) => Tls::new(tls, &options.uri, name).map(Some),
        TlsChoice::ByScheme(tls) if options.uri.is_secure() => {
            Tls::new(tls, &options.uri, name).map(Some)
        }
        TlsChoice::Off if options.uri.is_secure() => {
            Err(OpenError::argument(format!("{} needs TLS, but TLS is switched off", options.uri)))
        }
        TlsChoice::ByScheme(_) | TlsChoice::Off if name.is_some() => {
            Err(OpenError::argument("server_hostname has no meaning without TLS"))
        }
        TlsChoice::ByScheme(_) | TlsChoice::Off => Ok(None),
    }
}

/// "The nonce MUST be selected randomly for each connection" (RFC 6455 4.1): from the system itself,
/// which a forked child does not share a state with.
fn nonce() -> Result<[u8; 16], OpenError> {
    let mut nonce = [0; 16];
    SysRng.try_fill_bytes(&mut nonce).map_err(|error| {
        let sentence = format!("the system gave no random bytes for the handshake key: {error}");
        OpenError::new(OpenErrorKind::Network, sentence)
    })?;
    Ok(nonce)
}
