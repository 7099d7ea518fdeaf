//! The one deadline of an opening, and what was under way when it passed.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::error::{OpenError, OpenErrorKind};

#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    timeout: Option<Duration>,
    at: Option<Instant>,
}

impl Deadline {
    pub(super) fn after(timeout: Option<Duration>) -> Self {
        // A timeout beyond what the clock can say is none.
        Self { timeout, at: timeout.and_then(|timeout| Instant::now().checked_add(timeout)) }
    }

    /// The deadline, but not later than `patience` from now.
    pub(super) fn or_sooner(self, patience: Duration) -> Instant {
        let soon = Instant::now() + patience;
        self.at.map_or(soon, |at| at.min(soon))
    }

    /// None at the deadline.
    pub(super) async fn limit<T>(self, work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match self.at {
            Some(at) => timeout_at(at, work).await.ok(),
            None => Some(work.await),
        }
    }

    pub(super) fn passed(self, progress: &Progress) -> OpenError {
        let timeout = self.timeout.unwrap_or_default();
        let sentence = format!("timed out after {} s {progress}", timeout.as_secs_f64());
        OpenError::new(OpenErrorKind::Timeout, sentence)
    }
}

/// The step under way and whom it is with.
#[derive(Debug)]
pub(super) struct Progress {
    step: Step,
    address: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Resolve,
    Connect,
    TlsHandshake,
    /// The proxy is to lead to that address.
    Proxy(String),
    OpeningHandshake,
}

impl Progress {
    pub(super) fn new(address: String) -> Self {
        Self { step: Step::Resolve, address }
    }

    /// Adds the addresses behind a name, once they are known.
    pub(super) fn narrow(&mut self, address: &str, peers: &[SocketAddr]) {
        let peers: Vec<String> = peers
            .iter()
            .map(|peer| peer.ip().to_string())
            .filter(|ip| !address.contains(ip))
            .collect();
        address.clone_into(&mut self.address);
        if !peers.is_empty() {
            self.address = format!("{address} ({})", peers.join(", "));
        }
    }

    pub(super) fn enter(&mut self, step: Step) {
        self.step = step;
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let step = match &self.step {
            Step::Resolve => "while resolving",
            Step::Connect => "while connecting to",
            Step::TlsHandshake => "during the TLS handshake with",
            Step::Proxy(server) => {
                return write!(f, "while {} was to lead to {server}", self.address);
            }
            Step::OpeningHandshake => "during the opening handshake with",
        };
        write!(f, "{step} {}", self.address)
    }
}
