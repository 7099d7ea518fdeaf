//! A WebSocket server for measuring clients, plain and TLS. `/echo` sends every message back.
//! `/flood?size=256&count=1000&kind=binary` answers each message with `count` messages of `size`
//! bytes, and `/replay/NAME?times=3` with the frames in the file of that name, as they are, `times`
//! over. `/sink?count=1000` takes `count` messages and says how many bytes their payloads were.
//!
//! It trusts its clients: the checks that RFC 6455 asks of a server would only blur what is
//! measured. It does not know how to compress: where messages are compressed, those who wrote the
//! file or count the bytes do.

mod certificate;
mod connection;
mod handshake;
mod jobs;
mod listening;

use listening::Server;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::io::{self, Write};
use std::path::PathBuf;
use std::{env, fs};

fn main() -> io::Result<()> {
    let Arguments { ca, replays } = Arguments::read()?;
    let made = certificate::make().map_err(io::Error::other)?;
    fs::write(ca, made.ca)?;
    let mut server = Server::bind(made.config, replays)?;
    allow_all_the_files_there_may_be()?;
    let [plain, tls] = server.ports()?;
    println!("ws://127.0.0.1:{plain} wss://127.0.0.1:{tls}");
    io::stdout().flush()?;
    server.serve()
}

struct Arguments {
    ca: PathBuf,
    replays: PathBuf,
}

impl Arguments {
    fn read() -> io::Result<Self> {
        let (mut ca, mut replays) = (None, PathBuf::new());
        let mut arguments = env::args_os().skip(1);
        while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
            match name.to_str() {
                Some("--ca") => ca = Some(value.into()),
                Some("--replays") => replays = value.into(),
                _ => return Err(usage()),
            }
        }
        Ok(Self { ca: ca.ok_or_else(usage)?, replays })
    }
}

fn usage() -> io::Error {
    io::Error::other("usage: bench-server --ca FILE [--replays DIRECTORY]")
}

fn allow_all_the_files_there_may_be() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
