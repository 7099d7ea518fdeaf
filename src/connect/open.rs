//! From a plan to an open connection: name, addresses, socket, TLS, opening handshake, and again where a
//! redirect leads.
//!
//! The socket lives in the future that `open` returns: dropping that closes it.

use std::fmt;
use std::net;
use std::pin::pin;

use tokio::net::TcpStream;

use super::deadline::{Deadline, Progress, Step};
use super::error::{OpenError, OpenErrorKind, fault};
use super::follow::{self, Asked};
use super::plan::Plan;
use super::redirect::Redirect;
use super::transport::{Transport, Wire};
use super::upgrade::{self, Answer};
use super::{dial, resolve};
use crate::drive::Stream;
use crate::protocol::handshake::{Agreement, HandshakeError, Request, Response, judge};

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

pub async fn open(mut plan: Plan) -> Result<Opened, OpenError> {
    let deadline = Deadline::after(plan.options.timeout);
    let (mut redirects, mut sender) = (Vec::new(), String::new());
    loop {
        let address = plan.address();
        match plan.try_out(redirects.len(), deadline).await {
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
    SentOn(Box<Plan>, Redirect),
}

impl Plan {
    /// One opening handshake, on a connection of its own.
    async fn try_out(mut self, redirects: usize, deadline: Deadline) -> Result<Outcome, OpenError> {
        let socket = self.options.socket.take();
        let on_given_socket = socket.is_some();
        let asked = Asked { secure: self.is_secure(), on_given_socket, redirects };
        let mut progress = Progress::new(self.address());
        let within = {
            let work = pin!(self.carry_out(socket, &mut progress, deadline));
            deadline.limit(work).await
        };
        let Some(outcome) = within else { return Err(deadline.passed(&progress)) };
        let (transport, answer) = outcome?;
        match judge(&self.request, &answer.response) {
            Ok(agreement) => self
                .opened(transport, answer, agreement)
                .map(|opened| Outcome::Opened(Box::new(opened))),
            Err(HandshakeError::Status { .. }) => {
                let unfollowed = match self.followed(asked, &answer.response) {
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

    /// Where the response sends us; None if nowhere, an error if there is no going there.
    fn followed(&self, asked: Asked, response: &Response) -> Result<Option<Outcome>, String> {
        let Some(next) = follow::next(&self.options, asked, response).transpose()? else {
            return Ok(None);
        };
        let redirect = Redirect { status: response.status, to: next.uri.to_string() };
        let plan = Self::new(next).map_err(|error| error.message)?;
        Ok(Some(Outcome::SentOn(Box::new(plan), redirect)))
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
        socket: Option<net::TcpStream>,
        progress: &mut Progress,
        deadline: Deadline,
    ) -> Result<(Transport, Answer), OpenError> {
        let address = self.address();
        let wire = match (socket, &self.via) {
            (Some(socket), _) => self.on_socket(adopt(socket)?, progress),
            (None, Some(via)) => {
                // Boxed, or an opening without a proxy would be as large.
                let reaching = via.reach(&address, &self.options.dialling, progress, deadline);
                let wire = Box::pin(reaching).await?;
                progress.narrow(&format!("{address} through {via}"), &[]);
                wire
            }
            (None, None) => self.on_socket(self.reach(progress).await?, progress),
        };
        let mut transport = match &self.tls {
            Some(tls) => {
                progress.enter(Step::TlsHandshake);
                Transport::Tls(Box::new(tls.handshake(wire, &address).await?))
            }
            None => Transport::Plain(wire),
        };
        progress.enter(Step::OpeningHandshake);
        let answer = upgrade::exchange(&mut transport, &self.request, &address).await?;
        Ok((transport, answer))
    }

    fn on_socket(&self, socket: TcpStream, progress: &mut Progress) -> Wire {
        // A frame is written whole: to hold it back for a fuller segment only delays it. A socket
        // that knows no such option delays nothing.
        let _ = socket.set_nodelay(true);
        progress.narrow(&self.address(), socket.peer_addr().ok().as_slice());
        Wire::Left(socket)
    }

    async fn reach(&self, progress: &mut Progress) -> Result<TcpStream, OpenError> {
        let place = match self.options.endpoint.place(&self.options.uri, self.is_secure()) {
            Ok(place) => place,
            Err(path) => {
                progress.enter(Step::Connect);
                progress.narrow(&dial::shown(path), &[]);
                return dial::dial_path(path).await;
            }
        };
        let address = place.to_string();
        progress.narrow(&address, &[]);
        let peers = resolve::resolve(&place.host, place.zone.as_deref(), place.port).await?;
        progress.enter(Step::Connect);
        progress.narrow(&address, &peers);
        dial::dial(&address, peers, &self.options.dialling).await
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

fn adopt(socket: net::TcpStream) -> Result<TcpStream, OpenError> {
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
