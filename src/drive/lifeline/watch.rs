//! Watches sockets for their ends alone: errors and hang-ups, which epoll reports whatever was asked for.
//! Data that arrives costs nothing here, nor does what is sent.
//!
//! One epoll for all of them, and one task that hears of it: a registration and a task for each would take
//! half a KiB of every idle connection.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;

use super::{Ward, watches};

/// So many ends are heard of at once.
const EVENTS: usize = 64;
const WITHOUT_WAITING: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// The sockets that are watched.
#[derive(Debug)]
pub(super) struct Watches {
    epoll: OwnedFd,
    wards: Mutex<HashMap<u64, Weak<dyn Ward>>>,
    /// No descriptors as keys, for what is heard may be of one that has been closed and given anew.
    next_key: AtomicU64,
}

/// One of them; ends with its drop.
#[derive(Debug)]
pub(in crate::drive) struct Watch {
    watches: Arc<Watches>,
    key: u64,
    socket: Arc<TcpStream>,
    process: u32,
}

/// What the runtime listens to.
struct Ear(Arc<Watches>);

impl Watches {
    pub(super) fn start(runtime: &Handle) -> io::Result<Arc<Self>> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let watches =
            Arc::new(Self { epoll, wards: Mutex::default(), next_key: AtomicU64::new(0) });
        let entered = runtime.enter();
        let ear = register(Ear(Arc::clone(&watches)))?;
        drop(entered);
        runtime.spawn(listen(ear));
        Ok(watches)
    }

    /// Tells the wards whose sockets have ended. False if there were none.
    fn tell(&self) -> io::Result<bool> {
        let mut events = Vec::with_capacity(EVENTS);
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&WITHOUT_WAITING))?;
        let ended: Vec<_> = {
            let wards = self.wards();
            events.iter().filter_map(|event| wards.get(&event.data.u64()).cloned()).collect()
        };
        for ward in ended.iter().filter_map(Weak::upgrade) {
            ward.hang_up();
        }
        Ok(!events.is_empty())
    }

    fn wards(&self) -> MutexGuard<'_, HashMap<u64, Weak<dyn Ward>>> {
        self.wards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Tells the ward once, when the socket has hung up.
    pub(in crate::drive) fn start(
        ward: Weak<dyn Ward>,
        socket: Arc<TcpStream>,
    ) -> io::Result<Self> {
        let watches = watches()?;
        let key = watches.next_key.fetch_add(1, Ordering::Relaxed);
        watches.wards().insert(key, ward);
        // From here on the drop undoes what has been done.
        let watch = Self { watches, key, socket, process: std::process::id() };
        epoll::add(
            &watch.watches.epoll,
            &watch.socket,
            EventData::new_u64(key),
            EventFlags::ONESHOT,
        )?;
        Ok(watch)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A forked child shares its parent's epoll, and is not to end what that watches.
        if self.process == std::process::id() {
            let _never_added = epoll::delete(&self.watches.epoll, &self.socket);
            self.watches.wards().remove(&self.key);
        }
    }
}

impl AsRawFd for Ear {
    fn as_raw_fd(&self) -> RawFd {
        self.0.epoll.as_raw_fd()
    }
}

#[expect(deprecated, reason = "its successor is unsafe, for descriptors that others may close")]
fn register(ear: Ear) -> io::Result<AsyncFd<Ear>> {
    AsyncFd::with_interest(ear, Interest::READABLE)
}

/// Until the lifeline ends.
async fn listen(ear: AsyncFd<Ear>) {
    while let Ok(mut heard) = ear.readable().await {
        // What is not told now is when there is the next.
        if !ear.get_ref().0.tell().unwrap_or(false) {
            heard.clear_ready();
        }
    }
}
