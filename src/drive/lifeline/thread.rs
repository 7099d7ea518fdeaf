//! A thread of the lifeline's with a tokio runtime of its own. Whether it can be had is an `io::Error`, and
//! never a panic of tokio's.

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::drive::threads;

pub(super) struct Thread {
    handle: Handle,
    end: oneshot::Sender<()>,
    ended: Receiver<()>,
}

impl Thread {
    pub(super) fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, over) = oneshot::channel();
        let (tell, ended) = mpsc::channel();
        threads::spawn(name, move || {
            // An error says that whoever could end it is gone.
            let _told = runtime.block_on(over);
            runtime.shutdown_background();
            drop(tell);
        })?;
        Ok(Self { handle, end, ended })
    }

    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends it: what is under way is dropped. Waits for that as long as `patience`.
    pub(super) fn stop(self, patience: Duration) {
        let _already_over = self.end.send(());
        let _hung_up = self.ended.recv_timeout(patience);
    }
}
