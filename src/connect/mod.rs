//! From a URI to an open connection: name, addresses, socket, TLS, opening handshake, redirects.
//! `open` is the door.
//!
//! Knows nothing of frames and of Python. The socket it opens lives in the future that `open`
//! returns: dropping that closes it.
#![forbid(unsafe_code)]

mod deadline;
mod dial;
mod error;
mod lookup;
mod redirect;
mod refusal;
mod resolve;
mod tls;
mod transport;
mod upgrade;
mod uri;

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;
use tokio::net::TcpStream;

pub use error::{OpenError, OpenErrorKind};
pub use redirect::Redirect;
pub use tls::{Environment, TlsOptions, TlsVersion};
pub use uri::{Uri, redacted};

use crate::drive::Stream;
use crate::protocol::handshake::{Agreement, HandshakeError, Request, Response, Wanted, judge};
use deadline::{Deadline, Progress, Step};
use error::fault;
use redirect::Asked;
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
    /// How many redirects to follow; with 0 one is a refusal like any other.
    pub max_redirects: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsChoice {
    /// With wss and https.
    ByScheme(TlsOptions),
    Off,
    On(TlsOptions),
}

impl Default for TlsChoice {
    fn default() -> Self {
        Self::ByScheme(TlsOptions::default())
    }
}

pub struct Opened {
    pub stream: Stream,
    /// The bytes behind the 101 response: frames already.
    pub early: Vec<u8>,
    pub request: Request,
    pub response: Response,
    pub agreement: Agreement,
    /// The redirects that led to this server.
    pub redirects: Vec<Redirect>,
}

/// Refuses what `open` would refuse before it opens a socket.
pub fn check(options: &Options) -> Result<(), OpenError> {
    Plan::new(options).map(drop)
}

/// Everything that can be refused before a socket is opened is, at the first poll.
pub async fn open(mut options: Options) -> Result<Opened, OpenError> {
    let deadline = Deadline::after(options.timeout);
    let mut plan = Plan::new(&options)?;
    let (mut redirects, mut sender) = (Vec::new(), String::new());
    loop {
        let address = plan.address();
        match plan.try_out(&mut options, redirects.len(), deadline).await {
            Ok(Outcome::Opened(opened)) => return Ok(Opened { redirects, ..*opened }),
            Ok(Outcome::SentOn(next, redirect)) => {
                plan = *next;
                sender = address;
                redirects.push(redirect);
            }
            Err(error) => return Err(error.after(redirects, &sender)),
        }
    }
}

enum Outcome {
    Opened(Box<Opened>),
    /// By a redirect, which the options now follow.
    SentOn(Box<Plan>, Redirect),
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
        self.uri.address(self.secure)
    }

    /// One opening handshake, on a connection of its own.
    async fn try_out(
        self,
        options: &mut Options,
        redirects: usize,
        deadline: Deadline,
    ) -> Result<Outcome, OpenError> {
        let socket = options.socket.take();
        let on_given_socket = socket.is_some();
        let asked = Asked { secure: self.secure, on_given_socket, redirects };
        let mut progress = Progress::new(self.address());
        let within = {
            let work = pin!(self.carry_out(socket, &mut progress));
            deadline.limit(work).await
        };
        let Some(outcome) = within else { return Err(deadline.passed(&progress)) };
        let (transport, answer) = outcome?;
        match judge(&self.request, &answer.response) {
            Ok(agreement) => self
                .opened(transport, answer, agreement)
                .map(|opened| Outcome::Opened(Box::new(opened))),
            Err(HandshakeError::Status { .. }) => {
                let unfollowed = match follow(options, asked, &answer.response) {
                    Ok(Some(onward)) => return Ok(onward),
                    Ok(None) => None,
                    Err(fault) => Some(fault),
                };
                // Boxed, or every opening would be as large.
                Err(Box::pin(self.refused(transport, answer, deadline, unfollowed)).await)
            }
            Err(error) => Err(OpenError::unanswered(&self.address(), error, Some(answer.response))),
        }
    }

    async fn refused(
        &self,
        mut transport: Transport,
        answer: Answer,
        deadline: Deadline,
        unfollowed: Option<String>,
    ) -> OpenError {
        let body = upgrade::refusal_body(&mut transport, &answer, deadline).await;
        let response = Response { body, ..answer.response };
        OpenError::refused(&self.address(), &self.request, response, unfollowed)
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
        let peers = resolve::resolve(&self.uri, self.uri.port(self.secure)).await?;
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
        let redirects = Vec::new();
        Ok(Opened { stream, early, request: self.request, response, agreement, redirects })
    }
}

/// Where the response sends us; None if nowhere, an error if there is no going there.
fn follow(
    options: &mut Options,
    asked: Asked,
    response: &Response,
) -> Result<Option<Outcome>, String> {
    let Some(next) = redirect::next(options, asked, response).transpose()? else {
        return Ok(None);
    };
    let plan = Plan::new(&next).map_err(|error| error.message)?;
    let redirect = Redirect { status: response.status, to: next.uri.to_string() };
    *options = next;
    Ok(Some(Outcome::SentOn(Box::new(plan), redirect)))
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
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}
