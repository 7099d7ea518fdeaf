//! The way to one server through one proxy: what can be found out, or refused, before anybody is asked.

use std::fmt;

use tokio_util::either::Either;

use super::choice::ProxyOptions;
use super::url::{Kind, ProxyUrl};
use super::{socks, tunnel};
use crate::connect::deadline::{Deadline, Progress, Step};
use crate::connect::dial::Dialling;
use crate::connect::endpoint::Place;
use crate::connect::error::OpenError;
use crate::connect::tls::Tls;
use crate::connect::transport::Wire;
use crate::connect::uri::Uri;
use crate::connect::{dial, resolve};
use crate::protocol::handshake::Request;

pub(in crate::connect) struct Via {
    proxy: ProxyUrl,
    tls: Option<Tls>,
    /// To one that speaks HTTP.
    request: Option<Request>,
    /// The server.
    place: Place,
}

impl Via {
    /// None where the server is asked directly.
    pub(in crate::connect) fn new(
        options: &ProxyOptions,
        uri: &Uri,
        place: Place,
        secure: bool,
    ) -> Result<Option<Self>, OpenError> {
        options.check()?;
        let Some(proxy) = options.choice.proxy_for(uri, secure)? else { return Ok(None) };
        let name = options.server_hostname.as_deref();
        let tls =
            if proxy.is_secure() { Some(Tls::to_proxy(&options.tls, &proxy, name)?) } else { None };
        let request = if proxy.is_http() {
            let (target, fields) = (place.as_asked_for(), options.http_fields());
            let request = Request::connect(&target, proxy.credentials(), &fields);
            Some(request.map_err(|error| OpenError::unsendable(&error))?)
        } else {
            None
        };
        Ok(Some(Self { proxy, tls, request, place }))
    }

    /// A stream that ends at the server, which messages know as `address`.
    pub(in crate::connect) async fn reach(
        &self,
        address: &str,
        dialling: &Dialling,
        progress: &mut Progress,
        deadline: Deadline,
    ) -> Result<Wire, OpenError> {
        let Self { proxy, place, .. } = self;
        let shown = self.to_string();
        progress.enter(Step::Resolve);
        progress.narrow(&shown, &[]);
        let authority = &proxy.authority;
        let peers =
            resolve::resolve(&authority.host, authority.zone.as_deref(), proxy.port).await?;
        progress.enter(Step::Connect);
        progress.narrow(&shown, &peers);
        let socket = dial::dial(&shown, peers, dialling).await?;
        let _ = socket.set_nodelay(true);
        let mut wire: Wire = match &self.tls {
            None => Either::Left(socket),
            Some(tls) => {
                progress.enter(Step::TlsHandshake);
                Either::Right(Box::new(tls.handshake(socket, &shown).await?))
            }
        };
        progress.enter(Step::Proxy(address.to_owned()));
        match &self.request {
            Some(request) => {
                tunnel::open(&mut wire, request, &shown, address, deadline).await?;
                Ok(wire)
            }
            None => socks::open(wire, proxy, place, address).await,
        }
    }
}

/// As messages name it.
impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {}", self.proxy)
    }
}

impl Kind {
    /// Whether the proxy finds the address of a name, and not this machine.
    pub(super) const fn resolves(self) -> bool {
        !matches!(self, Self::Socks4 | Self::Socks5)
    }
}
