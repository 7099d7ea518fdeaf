//! Opening a connection from Python: options in, an asyncio future out, and what there is to know of the
//! opening.

mod proxies;
mod settings;

use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::connect::{self, Options, Plan, Redirect, TlsChoice, Uri};
use crate::drive::{Address, Stream};
use crate::protocol::deflate::Agreed;
use crate::protocol::handshake::{Agreement, Fields, Request, Response, Wanted};
use crate::python::asyncio::{self, Descriptor};
use crate::python::values::{errors, handshake};

pub(crate) use settings::{Most, Settings, Timeout};

/// Opens a connection and returns a future of it; cancelling the future closes the socket. What can be
/// refused is refused by the call itself, which then opens no socket and starts no thread.
///
/// `headers` are the caller's own, in order; mandatory ones that are missing are added, `defaults`
/// where the caller has none of that name. A socket among the options is owned from here on, unless
/// something is refused.
#[pyfunction]
#[pyo3(signature = (
    uri, options, *, request_line = None, headers = Vec::new(), defaults = Vec::new(),
    default_origin = false
))]
pub(crate) fn open_connection<'py>(
    py: Python<'py>,
    uri: String,
    options: Settings<'py>,
    request_line: Option<String>,
    headers: Fields,
    defaults: Fields,
    default_origin: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let parsed = Uri::parse(&uri).map_err(|error| errors::open_error(py, &uri, error))?;
    let tls = options.tls(py, parsed.is_secure())?;
    let secure = parsed.is_secure() || matches!(tls, TlsChoice::On(_));
    let (server_hostname, deflate) = (options.server_hostname()?, options.deflate_offer()?);
    let proxy = options.proxy_options(py)?;
    let proxy = proxy.map_err(|error| errors::open_error(py, &uri, error))?;
    let endpoint = options.endpoint().map_err(|error| errors::open_error(py, &uri, error))?;
    let dialling = options.dialling()?;
    let (timeout, max_redirects) = (options.timeout(), options.redirects());
    let subprotocols = options.subprotocols;
    let mut wanted = Wanted { request_line, fields: headers, subprotocols, deflate };
    let origin = default_origin.then(|| ("Origin".to_owned(), parsed.origin(secure)));
    for (name, value) in origin.into_iter().chain(defaults) {
        if !wanted.fields.iter().any(|(given, _)| given.eq_ignore_ascii_case(&name)) {
            wanted.fields.push((name, value));
        }
    }
    let socket = None;
    let wanted = Options {
        uri: parsed,
        wanted,
        tls,
        server_hostname,
        endpoint,
        dialling,
        proxy,
        socket,
        timeout,
        max_redirects,
    };
    // Certificates may have to be read.
    let plan = py.detach(|| Plan::new(wanted));
    let mut plan = plan.map_err(|error| errors::open_error(py, &uri, error))?;
    if let Some(sock) = options.sock {
        // Until everything has been found good the socket is its caller's.
        plan.use_socket(detached(&sock)?);
    }
    asyncio::future_of(py, connect::open(plan), move |py, opened| match opened {
        Ok(opened) => Ok(Py::new(py, Opened::from(opened))?.into_any()),
        Err(error) => Err(errors::open_error(py, &uri, error)),
    })
}

/// The socket itself, of which the object knows no more from here on.
fn detached(sock: &Bound<'_, PyAny>) -> PyResult<TcpStream> {
    let number: i64 = sock.call_method0(intern!(sock.py(), "detach"))?.extract()?;
    match Descriptor::try_from(number) {
        Ok(descriptor) if number >= 0 => Ok(own_socket(descriptor)),
        // Another thread has closed it since it was looked at.
        _ => Err(PyValueError::new_err("sock is closed")),
    }
}

#[cfg(unix)]
fn own_socket(descriptor: Descriptor) -> TcpStream {
    use std::os::fd::FromRawFd;
    // SAFETY: the caller has detached the descriptor from its Python socket, so we are its only owner.
    unsafe { TcpStream::from_raw_fd(descriptor) }
}

#[cfg(windows)]
fn own_socket(descriptor: Descriptor) -> TcpStream {
    use std::os::windows::io::FromRawSocket;
    // SAFETY: the caller has detached the handle from its Python socket, so we are its only owner.
    unsafe { TcpStream::from_raw_socket(descriptor) }
}

/// An open connection that no event loop drives yet, and what there is to know of its opening.
#[pyclass(frozen, module = "aiowebsocket._core")]
pub(crate) struct Opened {
    undriven: Mutex<Option<Box<Undriven>>>,
    texts: Texts,
    status: u16,
    agreement: Agreement,
    local: Option<Address>,
    remote: Option<Address>,
    redirects: Box<[Redirect]>,
}

/// What whoever drives the connection takes: the stream, and the bytes that came behind the response.
type Undriven = (Stream, Vec<u8>);

impl From<connect::Opened> for Opened {
    fn from(opened: connect::Opened) -> Self {
        Self {
            local: Address::local(&opened.stream),
            remote: Address::remote(&opened.stream),
            undriven: Mutex::new(Some(Box::new((opened.stream, opened.early)))),
            texts: Texts::of(&opened.request, &opened.response),
            status: opened.response.status,
            agreement: opened.agreement,
            redirects: opened.redirects.into(),
        }
    }
}

/// What was sent and received, in one string: a connection keeps it for as long as it lives, for the few
/// who ask. Header fields are lines, for no name has a colon, and no value a line's end.
struct Texts {
    all: Box<str>,
    /// Where each ends but the last: the resource, the request's fields, the reason, the response's fields.
    ends: [usize; 3],
}

impl Texts {
    fn of(request: &Request, response: &Response) -> Self {
        let parts = [
            request.resource.len(),
            length_of_lines(&request.fields),
            response.reason.len(),
            length_of_lines(&response.fields),
        ];
        let mut all = String::with_capacity(parts.iter().sum());
        all.push_str(&request.resource);
        all.extend(lines(&request.fields));
        all.push_str(&response.reason);
        all.extend(lines(&response.fields));
        let [resource, fields, reason, _] = parts;
        Self { all: all.into(), ends: [resource, resource + fields, resource + fields + reason] }
    }

    fn resource(&self) -> &str {
        &self.all[..self.ends[0]]
    }

    fn request(&self) -> Fields {
        fields(&self.all[self.ends[0]..self.ends[1]])
    }

    fn reason(&self) -> &str {
        &self.all[self.ends[1]..self.ends[2]]
    }

    fn response(&self) -> Fields {
        fields(&self.all[self.ends[2]..])
    }
}

fn lines(fields: &Fields) -> impl Iterator<Item = &str> {
    fields.iter().flat_map(|(name, value)| [name, ":", value, "\n"])
}

fn length_of_lines(fields: &Fields) -> usize {
    lines(fields).map(str::len).sum()
}

fn fields(lines: &str) -> Fields {
    let fields = lines.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Opened {
    pub(crate) fn take(&self) -> PyResult<Undriven> {
        let taken = self.undriven.lock().unwrap_or_else(PoisonError::into_inner).take();
        let taken_before =
            || PyRuntimeError::new_err("this connection has been taken over already");
        taken.map(|undriven| *undriven).ok_or_else(taken_before)
    }

    pub(crate) const fn agreed(&self) -> Option<Agreed> {
        self.agreement.deflate
    }
}

#[pymethods]
impl Opened {
    /// The request sent, as an `aiowebsocket.handshake.Request`.
    #[getter]
    fn request<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        handshake::request(py, self.texts.resource(), &self.texts.request())
    }

    /// The response received, as an `aiowebsocket.handshake.Response`.
    #[getter]
    fn response<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fields = self.texts.response();
        let (status, reason, body) = (self.status, self.texts.reason().to_owned(), Vec::new());
        handshake::response(py, Some(&Response { status, reason, fields, body }))
    }

    /// The subprotocol that the server chose, or None.
    #[getter]
    fn subprotocol(&self) -> Option<&str> {
        self.agreement.subprotocol.as_deref()
    }

    /// What was agreed on of permessage-deflate: the first four fields of a `PerMessageDeflate`; or None.
    #[getter]
    fn deflate(&self) -> Option<(bool, bool, u8, u8)> {
        self.agreed().map(|agreed| {
            (
                agreed.server_no_context_takeover,
                agreed.client_no_context_takeover,
                agreed.server_max_window_bits,
                agreed.client_max_window_bits,
            )
        })
    }

    /// Status and target of each redirect that led here, without user and password.
    #[getter]
    fn redirects<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        handshake::redirects(py, &self.redirects)
    }

    /// The socket's own address, as the socket module writes it.
    #[getter]
    fn local_address(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        handshake::address(py, self.local.as_ref())
    }

    #[getter]
    fn remote_address(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        handshake::address(py, self.remote.as_ref())
    }
}

#[cfg(unix)]
pub(crate) fn descriptor(stream: &Stream) -> Descriptor {
    std::os::fd::AsRawFd::as_raw_fd(stream.socket())
}

#[cfg(windows)]
pub(crate) fn descriptor(stream: &Stream) -> Descriptor {
    std::os::windows::io::AsRawSocket::as_raw_socket(stream.socket())
}
