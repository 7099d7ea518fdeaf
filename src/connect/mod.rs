//! From a URI to an open connection: name, addresses, socket, TLS, opening handshake. `open` is the
//! door.
//!
//! Knows nothing of frames and of Python. The socket it opens lives in the future that `open`
//! returns: dropping that closes it.
#![forbid(unsafe_code)]

mod deadline;
mod dial;
mod error;
mod resolve;
mod tls;
mod transport;
mod upgrade;
mod uri;

use std::fmt;
use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;
use tokio::net::TcpStream;

pub use error::{OpenError, OpenErrorKind};
pub use tls::{TlsOptions, TlsVersion};
pub use uri::{Uri, redacted};

use crate::drive::Stream;
use crate::protocol::handshake::{Agreement, HandshakeError, Request, Response, Wanted, judge};
use deadline::{Deadline, Progress, Step};
use error::fault;
use tls::Tls;
use transport::Transport;
use upgrade::Answer;

#[derive(Debug)]
pub struct Options {
    pub uri: Uri,
    pub wanted: Wanted,
    pub tls: TlsChoice,
    /// The name to ask for and to check in TLS, where it is not the URI's host.
    pub server_hostname: Option<String>,
    /// An already connected socket, in place of a new one.
    pub socket: Option<std::net::TcpStream>,
    /// For everything together; None is for ever.
    pub timeout: Option<Duration>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TlsChoice {
    /// With wss and https.
    #[default]
    ByScheme,
    Off,
    On(TlsOptions),
}

pub struct Opened {
    pub stream: Stream,
    /// The bytes behind the 101 response: frames already.
    pub early: Vec<u8>,
    pub request: Request,
    pub response: Response,
    pub agreement: Agreement,
}

/// Everything that can be refused before a socket is opened is, at the first poll.
pub async fn open(options: Options) -> Result<Opened, OpenError> {
    let deadline = Deadline::after(options.timeout);
    let plan = Plan::new(&options)?;
    let mut progress = Progress::new(plan.address());
    let (mut transport, answer) =
        match deadline.limit(plan.carry_out(options.socket, &mut progress)).await {
            Some(outcome) => outcome?,
            None => return Err(deadline.passed(&progress)),
        };
    match judge(&plan.request, &answer.response) {
        Ok(agreement) => plan.opened(transport, answer, agreement),
        Err(refusal @ HandshakeError::Status { .. }) => {
            let body = upgrade::refusal_body(&mut transport, &answer, deadline).await;
            let response = Response { body, ..answer.response };
            Err(OpenError::unanswered(&plan.address(), refusal, Some(response)))
        }
        Err(error) => Err(OpenError::unanswered(&plan.address(), error, Some(answer.response))),
    }
}

/// What is settled before anybody is asked.
struct Plan {
    uri: Uri,
    secure: bool,
    request: Request,
    tls: Option<Tls>,
}

impl Plan {
    fn new(options: &Options) -> Result<Self, OpenError> {
        let uri = options.uri.clone();
        let tls = tls(options)?;
        let secure = tls.is_some();
        let request = Request::new(
            &uri.authority(secure),
            uri.resource(),
            uri.credentials(),
            &options.wanted,
            nonce()?,
        )
        .map_err(|error| OpenError::unsendable(&error))?;
        Ok(Self { uri, secure, request, tls })
    }

    /// Host and port, as messages name them.
    fn address(&self) -> String {
        format!("{}:{}", self.uri.host(), self.uri.port(self.secure))
    }

    async fn carry_out(
        &self,
        socket: Option<std::net::TcpStream>,
        progress: &mut Progress,
    ) -> Result<(Transport, Answer), OpenError> {
        let address = self.address();
        let socket = match socket {
            Some(socket) => adopt(socket)?,
            None => self.reach(&address, progress).await?,
        };
        // A frame is written whole: to hold it back for a fuller segment only delays it. A socket
        // that knows no such option delays nothing.
        let _ = socket.set_nodelay(true);
        progress.narrow(&address, socket.peer_addr().ok().as_slice());
        let mut transport = match &self.tls {
            Some(tls) => {
                progress.enter(Step::TlsHandshake);
                Transport::Tls(Box::new(tls.handshake(socket, &address).await?))
            }
            None => Transport::Plain(socket),
        };
        progress.enter(Step::OpeningHandshake);
        let answer = upgrade::exchange(&mut transport, &self.request, &address).await?;
        Ok((transport, answer))
    }

    async fn reach(&self, address: &str, progress: &mut Progress) -> Result<TcpStream, OpenError> {
        let peers = resolve::resolve(self.uri.host(), self.uri.port(self.secure)).await?;
        progress.enter(Step::Connect);
        progress.narrow(address, &peers);
        dial::dial(address, peers).await
    }

    fn opened(
        self,
        transport: Transport,
        answer: Answer,
        agreement: Agreement,
    ) -> Result<Opened, OpenError> {
        let Answer { response, behind: mut early } = answer;
        let stream = transport.into_stream(&mut early).map_err(|error| {
            let sentence = format!("the connection to {} broke: {}", self.address(), fault(&error));
            OpenError::from_io(OpenErrorKind::Network, sentence, &error)
        })?;
        Ok(Opened { stream, early, request: self.request, response, agreement })
    }
}

fn tls(options: &Options) -> Result<Option<Tls>, OpenError> {
    let name = options.server_hostname.as_deref();
    match &options.tls {
        TlsChoice::On(tls) => Tls::new(tls, &options.uri, name).map(Some),
        TlsChoice::ByScheme if options.uri.is_secure() => {
            Tls::new(&TlsOptions::default(), &options.uri, name).map(Some)
        }
        TlsChoice::Off if options.uri.is_secure() => {
            Err(OpenError::argument(format!("{} needs TLS, but TLS is switched off", options.uri)))
        }
        TlsChoice::ByScheme | TlsChoice::Off if name.is_some() => {
            Err(OpenError::argument("server_hostname has no meaning without TLS"))
        }
        TlsChoice::ByScheme | TlsChoice::Off => Ok(None),
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

fn adopt(socket: std::net::TcpStream) -> Result<TcpStream, OpenError> {
    socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket)).map_err(|error| {
        let sentence = format!("the socket handed in cannot be used: {}", fault(&error));
        OpenError::from_io(OpenErrorKind::Network, sentence, &error)
    })
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("early", &self.early.len())
            .field("request", &self.request)
            .field("response", &self.response)
            .field("agreement", &self.agreement)
            .finish_non_exhaustive()
    }
}
