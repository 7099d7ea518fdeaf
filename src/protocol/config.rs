//! What is decided about a connection before it opens.

use std::time::Duration;

use super::deflate::Deflate;
use super::inbox::Overflow;

#[derive(Clone, Debug)]
pub struct Config {
    /// The largest message accepted, in bytes over all its fragments.
    pub max_size: u64,
    /// How many bytes of whole messages may wait, and what happens beyond.
    pub max_buffered: usize,
    pub overflow: Overflow,
    /// How long closing may take altogether, from the first Close on; `None`: as long as it takes.
    pub close_timeout: Option<Duration>,
    /// A Ping goes out this often; None: never.
    pub ping_interval: Option<Duration>,
    /// How long its Pong may take until the connection is failed; None: for ever.
    pub ping_timeout: Option<Duration>,
    /// What was agreed on of permessage-deflate; None without it.
    pub deflate: Option<Deflate>,
    /// Whether each frame is reported as an event, for a log.
    pub trace: bool,
}
