//! The floor that clients for Python are measured against: `native-client URI CA JOB SIZE COUNT` does
//! what an event loop does, on one thread and with the same system calls, without any Python. The
//! jobs are `echo`, `flood`, `sink` and `connect`. Each is done twice over one connection, the first
//! time to warm up, and for the second it says how many seconds and how many of CPU it took.

mod jobs;
mod opening;
mod wire;

use opening::Peer;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;
use std::{env, io, path::Path};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [uri, ca, job, size, count] = arguments.as_slice() else { return Err(usage()) };
    let size = size.parse().map_err(|_| usage())?;
    let count = count.parse().map_err(|_| usage())?;
    let peer = Peer::new(uri, Path::new(ca))?;
    let mut job = jobs::named(job, peer, size, count)?.ok_or_else(usage)?;
    job()?;
    let (began, cpu_began) = (now(ClockId::Monotonic)?, now(ClockId::ProcessCPUTime)?);
    job()?;
    let (ended, cpu_ended) = (now(ClockId::Monotonic)?, now(ClockId::ProcessCPUTime)?);
    println!("{:.9} {:.9}", ended - began, cpu_ended - cpu_began);
    Ok(())
}

fn usage() -> io::Error {
    io::Error::other("usage: native-client URI CA echo|flood|sink|connect SIZE COUNT")
}

fn now(clock: ClockId) -> io::Result<f64> {
    let time = Duration::try_from(clock_gettime(clock)).map_err(io::Error::other)?;
    Ok(time.as_secs_f64())
}
