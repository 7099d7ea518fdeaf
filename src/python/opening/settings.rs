//! What the caller has chosen, as the engine takes it: the only place that reads Python's options.
//!
//! Python has checked them as they were written down (`options.py`): types and ranges are right here.
//! What is not an option but an argument of a call (a timeout, an amount) is checked here.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBool, PyFloat, PyInt};

use crate::connect::{
    Dialling, Endpoint, Environment, Family, HostName, OpenError, TlsChoice, TlsOptions, TlsVersion,
};
use crate::drive::Care;
use crate::drive::lifeline::LONGEST_SWEEP;
use crate::protocol::deflate::{Agreed, Deflate, Parameters, WindowBits};
use crate::protocol::handshake::Fields;
use crate::protocol::{Config, Overflow};
use crate::python::asyncio;
use crate::python::values::imports;

/// However short ping_timeout is, a loop has this long for its own work.
const SHORTEST_SWEEP: Duration = Duration::from_millis(50);
/// Python's level for a log of everything.
const DEBUG: u8 = 10;
/// As `options.FOR_EVER`: longer is as good as for ever.
const FOR_EVER: u32 = 1_000_000_000;

/// The options of either face, by their names there.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Settings<'py> {
    pub(crate) subprotocols: Vec<String>,
    server_hostname: Option<String>,
    open_timeout: Option<Seconds>,
    max_redirects: u64,
    pub(crate) sock: Option<Bound<'py, PyAny>>,
    ssl: Bound<'py, PyAny>,
    host: Option<String>,
    port: Option<u16>,
    local_addr: Option<(String, u16)>,
    family: u8,
    happy_eyeballs_delay: Option<Seconds>,
    interleave: u64,
    path: Option<Vec<u8>>,
    pub(super) proxy: Bound<'py, PyAny>,
    pub(super) proxy_ssl: Bound<'py, PyAny>,
    pub(super) proxy_server_hostname: Option<String>,
    pub(super) proxy_headers: Fields,
    pub(super) user_agent_header: Option<String>,
    compression: Option<Bound<'py, PyAny>>,
    max_size: Option<u64>,
    max_buffered: u64,
    overflow: PyBackedStr,
    close_timeout: Option<Seconds>,
    ping_interval: Option<Seconds>,
    ping_timeout: Option<Seconds>,
    app_stall_timeout: Option<Seconds>,
    write_limit: u64,
    coalesce: bool,
    busy_poll: u64,
    driver: PyBackedStr,
    deflate: Bound<'py, PyAny>,
    logger: Bound<'py, PyAny>,
}

impl Settings<'_> {
    pub(crate) fn config(&self, agreed: Option<Agreed>) -> PyResult<Config> {
        Ok(Config {
            max_size: self.max_size.unwrap_or(u64::MAX),
            max_buffered: amount(self.max_buffered),
            overflow: match &*self.overflow {
                "drop_oldest" => Overflow::DropOldest,
                "drop_newest" => Overflow::DropNewest,
                "close" => Overflow::Close,
                _ => Overflow::Block,
            },
            close_timeout: duration(self.close_timeout),
            ping_interval: duration(self.ping_interval),
            ping_timeout: duration(self.ping_timeout),
            deflate: agreed.map(|agreed| self.deflate(agreed)).transpose()?,
            trace: self.logger.call_method1("isEnabledFor", (DEBUG,))?.is_truthy()?,
        })
    }

    /// A loop is looked after early enough for the peer, and keepalive, to hear in time.
    pub(crate) fn care(&self) -> Care {
        let pong = duration(self.ping_timeout).filter(|_| self.ping_interval.is_some());
        let sweep = pong.map_or(LONGEST_SWEEP, |pong| LONGEST_SWEEP.min(pong / 4));
        Care {
            write_limit: amount(self.write_limit),
            sweep: sweep.max(SHORTEST_SWEEP),
            app_stall_timeout: duration(self.app_stall_timeout),
        }
    }

    pub(crate) fn driver(&self) -> asyncio::Options {
        asyncio::Options {
            logger: asyncio::Logger::new(&self.logger),
            coalesces: self.coalesce,
            patience: Duration::from_micros(self.busy_poll),
            by_lifeline: match &*self.driver {
                "loop" => Some(false),
                "lifeline" => Some(true),
                _ => None,
            },
        }
    }

    /// Where the connection is made to.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, OpenError> {
        if let Some(path) = &self.path {
            return Ok(Endpoint::Unix(path_of(path)));
        }
        let host = self.host.as_deref().map(HostName::parse).transpose()?;
        Ok(match (host, self.port) {
            (None, None) => Endpoint::Uri,
            (host, port) => Endpoint::Tcp { host, port },
        })
    }

    pub(crate) fn dialling(&self) -> PyResult<Dialling> {
        let local = self.local_addr.as_ref().map(|(host, port)| {
            let address: Result<IpAddr, _> = host.parse();
            let wrong = |_| PyValueError::new_err(format!("local_addr: {host:?} is no IP address"));
            address.map(|address| SocketAddr::new(address, *port)).map_err(wrong)
        });
        Ok(Dialling {
            family: match self.family {
                4 => Some(Family::V4),
                6 => Some(Family::V6),
                _ => None,
            },
            local: local.transpose()?,
            delay: duration(self.happy_eyeballs_delay),
            interleave: amount(self.interleave),
        })
    }

    /// What was agreed on, and what the caller says of our own messages.
    fn deflate(&self, agreed: Agreed) -> PyResult<Deflate> {
        let of = |name| self.deflate.getattr(name);
        Ok(Deflate {
            agreed,
            level: of("level")?.extract()?,
            mem_level: of("mem_level")?.extract()?,
            threshold: of("threshold")?.extract()?,
        })
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        duration(self.open_timeout)
    }

    pub(crate) fn redirects(&self) -> usize {
        amount(self.max_redirects)
    }

    /// What the server is asked for; None is no compression.
    pub(crate) fn deflate_offer(&self) -> PyResult<Option<Parameters>> {
        self.compression.as_ref().map(deflate_offer).transpose()
    }

    /// `secure` is what the URI says.
    pub(crate) fn tls(&self, py: Python<'_>, secure: bool) -> PyResult<TlsChoice> {
        let default = || -> PyResult<TlsOptions> {
            Ok(TlsOptions { environment: environment(py)?, ..TlsOptions::default() })
        };
        if self.ssl.is_none() {
            let choice = if secure { TlsChoice::On } else { TlsChoice::ByScheme };
            return default().map(choice);
        }
        match self.ssl.cast::<PyBool>() {
            Ok(on) if on.is_true() => default().map(TlsChoice::On),
            Ok(_) => Ok(TlsChoice::Off),
            Err(_) => Ok(TlsChoice::On(tls_options(&self.ssl)?)),
        }
    }

    /// The name for TLS to ask for and to check, where it is not the URI's host.
    pub(crate) fn server_hostname(&self) -> PyResult<Option<String>> {
        let is_config = !self.ssl.is_none() && !self.ssl.is_instance_of::<PyBool>();
        match &self.server_hostname {
            None if is_config => self.ssl.getattr("server_hostname")?.extract(),
            name => Ok(name.clone()),
        }
    }
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

fn deflate_offer(options: &Bound<'_, PyAny>) -> PyResult<Parameters> {
    let py = options.py();
    let client_bits = options.getattr(intern!(py, "client_max_window_bits"))?;
    let client_max_window_bits = match client_bits.extract::<bool>() {
        Ok(true) => WindowBits::Any,
        Ok(false) => WindowBits::Unsaid,
        Err(_) => {
            client_bits.extract::<Option<u8>>()?.map_or(WindowBits::Unsaid, WindowBits::AtMost)
        }
    };
    let set = |name| -> PyResult<bool> { options.getattr(name)?.extract() };
    Ok(Parameters {
        server_no_context_takeover: set(intern!(py, "server_no_context_takeover"))?,
        client_no_context_takeover: set(intern!(py, "client_no_context_takeover"))?,
        server_max_window_bits: options
            .getattr(intern!(py, "server_max_window_bits"))?
            .extract()?,
        client_max_window_bits,
    })
}

pub(super) fn tls_options(config: &Bound<'_, PyAny>) -> PyResult<TlsOptions> {
    let py = config.py();
    let path = |name| -> PyResult<Option<PathBuf>> { config.getattr(name)?.extract() };
    let min_version: Option<String> = config.getattr(intern!(py, "min_version"))?.extract()?;
    Ok(TlsOptions {
        ca_file: path(intern!(py, "ca_file"))?,
        ca_data: config.getattr(intern!(py, "ca_data"))?.extract()?,
        cert_file: path(intern!(py, "cert_file"))?,
        key_file: path(intern!(py, "key_file"))?,
        verify: config.getattr(intern!(py, "verify"))?.extract()?,
        min_version: min_version.map(|version| match version.as_str() {
            "TLSv1.3" => TlsVersion::Tls13,
            _ => TlsVersion::Tls12,
        }),
        environment: environment(py)?,
    })
}

/// Read from Python's own environment, and by nobody below: C's may change whenever the GIL is let go.
pub(super) fn environment(py: Python<'_>) -> PyResult<Environment> {
    let environ = imports::ENVIRON.get(py)?;
    let value = |name| -> PyResult<Option<OsString>> {
        let value: Option<OsString> =
            environ.call_method1(intern!(py, "get"), (name,))?.extract()?;
        Ok(value.filter(|value| !value.is_empty()))
    };
    let directories = value(intern!(py, "SSL_CERT_DIR"))?.unwrap_or_default();
    Ok(Environment {
        cert_file: value(intern!(py, "SSL_CERT_FILE"))?.map(PathBuf::from),
        cert_dirs: std::env::split_paths(&directories)
            .filter(|directory| !directory.as_os_str().is_empty())
            .collect(),
    })
}

/// An option in seconds, which has been checked.
#[derive(Clone, Copy)]
struct Seconds(Duration);

impl FromPyObject<'_, '_> for Seconds {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let seconds: f64 = object.extract()?;
        let duration = Duration::try_from_secs_f64(seconds);
        duration.map(Self).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

fn duration(seconds: Option<Seconds>) -> Option<Duration> {
    seconds.map(|Seconds(duration)| duration)
}

/// Where memory ends sooner, so does every limit.
fn amount(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The `timeout` of one call, in seconds; None where it is as good as for ever.
pub(crate) struct Timeout(pub(crate) Option<f64>);

impl FromPyObject<'_, '_> for Timeout {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if !is_number(&object) && !object.is_instance_of::<PyFloat>() {
            let kind = object.get_type().name()?;
            let message = format!("timeout is a number of seconds or None, not {kind}");
            return Err(PyTypeError::new_err(message));
        }
        if !object.ge(0)? {
            let message = format!("timeout is {}; it is at least 0 seconds", object.repr()?);
            return Err(PyValueError::new_err(message));
        }
        if object.ge(FOR_EVER)? {
            return Ok(Self(None));
        }
        Ok(Self(Some(object.extract()?)))
    }
}

/// The `max` of one call: how many messages at most.
pub(crate) struct Most(pub(crate) usize);

impl FromPyObject<'_, '_> for Most {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if !is_number(&object) {
            let kind = object.get_type().name()?;
            return Err(PyTypeError::new_err(format!("max is an int or None, not {kind}")));
        }
        if !object.ge(1)? {
            let max = object.repr()?;
            return Err(PyValueError::new_err(format!("max is {max}, and at least 1")));
        }
        // More than can be counted is no limit.
        Ok(Self(object.extract().unwrap_or(usize::MAX)))
    }
}

/// True and False are ints to Python, but nobody means a number by them.
fn is_number(object: &Bound<'_, PyAny>) -> bool {
    object.is_instance_of::<PyInt>() && !object.is_instance_of::<PyBool>()
}
