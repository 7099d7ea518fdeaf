//! Two doors and those who came in by them, on one thread and one epoll: a connection costs an
//! `accept4` and an `epoll_ctl`, an echo an `epoll_wait`, a `read` and a `send`.

use crate::connection::{Connection, Room, Wants};
use bench_server::Tls;
use bench_server::stream::Stream;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with, listen, sockopt};
use rustls::{ServerConfig, ServerConnection};
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

const BACKLOG: i32 = 8192;
const EVENTS_AT_ONCE: usize = 256;

pub struct Server {
    epoll: OwnedFd,
    plain: TcpListener,
    tls: TcpListener,
    config: Arc<ServerConfig>,
    replays: PathBuf,
    connections: HashMap<u64, (Connection, Wants)>,
    room: Room,
}

impl Server {
    pub fn bind(config: Arc<ServerConfig>, replays: PathBuf) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let (plain, tls) = (door(&epoll)?, door(&epoll)?);
        let (connections, room) = (HashMap::new(), Room::default());
        Ok(Self { epoll, plain, tls, config, replays, connections, room })
    }

    /// Of the plain door and that with TLS.
    pub fn ports(&self) -> io::Result<[u16; 2]> {
        Ok([self.plain.local_addr()?.port(), self.tls.local_addr()?.port()])
    }

    pub fn serve(&mut self) -> io::Result<()> {
        let (plain, tls) = (name(&self.plain), name(&self.tls));
        let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
        loop {
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Err(Errno::INTR) => continue,
                waited => waited?,
            };
            for event in events.drain(..) {
                let (flags, who) = (event.flags, event.data.u64());
                if who == plain || who == tls {
                    self.admit(who == tls)?;
                } else {
                    self.turn(who, flags);
                }
            }
        }
    }

    fn admit(&mut self, with_tls: bool) -> io::Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let door = if with_tls { &self.tls } else { &self.plain };
        let socket: TcpStream = match accept_with(door, flags) {
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => return Ok(()),
            accepted => accepted?.into(),
        };
        let who = name(&socket);
        epoll::add(&self.epoll, &socket, EventData::new_u64(who), EventFlags::IN)?;
        let stream = if with_tls {
            let session = ServerConnection::new(self.config.clone()).map_err(io::Error::other)?;
            Stream::Tls(Box::new(Tls::new(session, socket)))
        } else {
            Stream::Plain(socket)
        };
        self.connections.insert(who, (Connection::new(stream), Wants::Input));
        Ok(())
    }

    /// Dropping a connection closes its socket, and with it what epoll knows of it.
    fn turn(&mut self, who: u64, flags: EventFlags) {
        let Some((connection, wanted)) = self.connections.get_mut(&who) else { return };
        let input = flags != EventFlags::OUT;
        let turned = connection.turn(input, &mut self.room, &self.replays).and_then(|wants| {
            if wants != *wanted && wants != Wants::Nothing {
                let socket = connection.stream.socket();
                epoll::modify(&self.epoll, socket, EventData::new_u64(who), interest(wants))?;
                *wanted = wants;
            }
            Ok(wants)
        });
        match turned {
            Ok(Wants::Input | Wants::InputAndOutput) => return,
            Ok(Wants::Nothing) => {}
            Err(error)
                if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
            Err(error) => eprintln!("a connection ended: {error}"),
        }
        self.connections.remove(&who);
    }
}

/// A socket that was accepted has the options of the one that listened.
fn door(epoll: &OwnedFd) -> io::Result<TcpListener> {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    sockopt::set_tcp_nodelay(&door, true)?;
    listen(&door, BACKLOG)?;
    door.set_nonblocking(true)?;
    epoll::add(epoll, &door, EventData::new_u64(name(&door)), EventFlags::IN)?;
    Ok(door)
}

/// What epoll calls a socket: no two that are open have the same number.
#[allow(clippy::cast_sign_loss, reason = "a descriptor is never negative")]
fn name(socket: &impl AsRawFd) -> u64 {
    socket.as_raw_fd() as u64
}

fn interest(wants: Wants) -> EventFlags {
    if wants == Wants::InputAndOutput { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN }
}
